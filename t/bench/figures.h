/*
 * What the loads measure, and how they print the latencies: one figure a line, `NAME VALUE`.
 */
#ifndef MILLGATE_T_BENCH_FIGURES_H
#define MILLGATE_T_BENCH_FIGURES_H

#include <stdint.h>
#include <sys/types.h>

/* A clock that only goes forward. */
int64_t figures_now_us(void);

/* User and system time of another process; -1 when it cannot be read. */
int64_t figures_cpu_us(pid_t pid);

/* Percentiles of the n latencies, which are sorted for that. */
void figures_print_latency(int64_t *latency_us, unsigned n);

#endif
