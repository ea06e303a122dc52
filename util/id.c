#include "util/id.h"

#include <stdint.h>
#include <unistd.h>

#include "util/clock.h"

enum { ID_BASE = 31, ID_TIME_DIGITS = 8, ID_RANDOM_DIGITS = 5 };

/*
 * Eight digits of base 31 count milliseconds for 27 years.  Counted from 2026-01-01, ids sort by time until 2053; then
 * the count begins anew.
 */
#define ID_EPOCH_MS INT64_C(1767225600000)

static const char digits[] = "0123456789bcdfghjklmnpqrstvwxyz";
_Static_assert(sizeof digits - 1 == ID_BASE, "one character per digit");
_Static_assert(ID_SIZE == ID_TIME_DIGITS + ID_RANDOM_DIGITS + 1, "the digits fill the buffer");

static void put(char *p, int n, uint64_t value)
{
	while (n-- > 0) {
		p[n] = digits[value % ID_BASE];
		value /= ID_BASE;
	}
}

/* A number nobody can guess.  Asking the kernel costs more than all the rest of an id, so each thread asks for many. */
static uint32_t chance(void)
{
	enum { POOL = 64 }; /* as many as getentropy() gives at once */
	static _Thread_local struct {
		uint32_t numbers[POOL];
		unsigned left;
	} pool;

	if (pool.left == 0) {
		/* It fails only where the kernel has no random numbers at all; an id must still differ from the last. */
		if (getentropy(pool.numbers, sizeof pool.numbers) != 0)
			return (uint32_t)((uint64_t)clock_mono_us() * UINT64_C(0x9e3779b97f4a7c15) >> 16);
		pool.left = POOL;
	}
	return pool.numbers[--pool.left];
}

void id_make(char buf[ID_SIZE])
{
	put(buf, ID_TIME_DIGITS, (uint64_t)(clock_wall_ms() - ID_EPOCH_MS));
	put(buf + ID_TIME_DIGITS, ID_RANDOM_DIGITS, chance());
	buf[ID_SIZE - 1] = '\0';
}
