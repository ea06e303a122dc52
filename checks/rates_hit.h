/*
 * A rate is used up, for the first time in its period: who is told.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_RATES_HIT_H
#define MILLGATE_CHECKS_RATES_HIT_H

#include "checks/rates_grant.h"

/* A line in the log, a counter in Redis (PREFIXstats:YYYYMMDDHH, "limit:NAME"), and whom the settings name.  Waits for
 * nobody. */
void rates_hit_tell(const struct check_call *c, const struct rates_grant *g);

#endif
