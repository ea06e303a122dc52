#include "util/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t fixed_wall_ms; /* tests only; 0: the real clock */

static int64_t read_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_coarse_ms(void)
{
	return read_us(CLOCK_MONOTONIC_COARSE) / 1000;
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
	int64_t fixed = atomic_load_explicit(&fixed_wall_ms, memory_order_relaxed);

	return fixed != 0 ? fixed : read_us(CLOCK_REALTIME) / 1000;
}

void clock_set_wall_ms(int64_t ms)
{
	atomic_store_explicit(&fixed_wall_ms, ms, memory_order_relaxed);
}
