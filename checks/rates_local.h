/*
 * The rates in the daemon's own memory, for as long as Redis is away: the same counting, for this daemon alone.  A
 * bounded table; what was not used for longest goes first.  Thread-safe.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_RATES_LOCAL_H
#define MILLGATE_CHECKS_RATES_LOCAL_H

#include <stddef.h>
#include <stdint.h>

#include "checks/rates_script.h"

struct rates_local;

/* An empty table of at most max_bytes.  NULL when out of memory. */
struct rates_local *rates_local_new(size_t max_bytes);
void rates_local_free(struct rates_local **l);

/* As the script does it; now_us is of a clock that never jumps.  FAILED when out of memory. */
struct rates_result rates_local_call(struct rates_local *l, const struct rates_question *q, enum rates_verb verb,
				     int64_t now_us);

/* What Redis says of a key that may be held: still for so long, or, with 0, not.  It counts while Redis is away. */
void rates_local_note_hold(struct rates_local *l, const struct rates_question *q, int64_t for_ms, int64_t now_us);

/* Forgets what has been worked off. */
void rates_local_sweep(struct rates_local *l, int64_t now_us);

size_t rates_local_count(struct rates_local *l);

#endif
