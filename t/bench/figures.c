#include "t/bench/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_clock(clockid_t clock)
{
	enum { US_PER_S = 1000000, NS_PER_US = 1000 };
	struct timespec t;

	return clock_gettime(clock, &t) == 0 ? (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / NS_PER_US : -1;
}

int64_t figures_now_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t figures_cpu_us(pid_t pid)
{
	clockid_t clock;

	return pid > 0 && clock_getcpuclockid(pid, &clock) == 0 ? read_clock(clock) : -1;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

void figures_print_latency(int64_t *latency_us, unsigned n)
{
	static const unsigned percentiles[] = { 50, 90, 99 };

	if (n == 0)
		return;
	qsort(latency_us, n, sizeof latency_us[0], by_number);
	for (size_t i = 0; i < sizeof percentiles / sizeof percentiles[0]; i++)
		printf("p%u_us %lld\n", percentiles[i], (long long)latency_us[(size_t)(n - 1) * percentiles[i] / 100]);
}
