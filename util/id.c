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

void id_make(char buf[ID_SIZE])
{
	uint64_t chance;

	/* getentropy() fails only where the kernel has no random numbers at all; an id must still differ from the last. */
	if (getentropy(&chance, sizeof chance) != 0)
		chance = (uint64_t)clock_mono_us() * UINT64_C(0x9e3779b97f4a7c15) >> 16;
	put(buf, ID_TIME_DIGITS, (uint64_t)(clock_wall_ms() - ID_EPOCH_MS));
	put(buf + ID_TIME_DIGITS, ID_RANDOM_DIGITS, chance);
	buf[ID_SIZE - 1] = '\0';
}
