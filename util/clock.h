/*
 * Time as an input: tests set it.  Thread-safe.
 */
#ifndef MILLGATE_UTIL_CLOCK_H
#define MILLGATE_UTIL_CLOCK_H

#include <stdint.h>

/* Milliseconds of a clock that never jumps; for deadlines and durations. */
int64_t clock_mono_ms(void);

/* The same, up to some milliseconds late, for less; for deadlines of seconds. */
int64_t clock_coarse_ms(void);

/* Microseconds of the same clock; for timings. */
int64_t clock_mono_us(void);

/* Milliseconds since 1970-01-01 UTC. */
int64_t clock_wall_ms(void);

/* Tests only: the wall clock stands at ms (0: the real one again). */
void clock_set_wall_ms(int64_t ms);

#endif
