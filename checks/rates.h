/*
 * Rates: how many messages or recipients may come in a period, counted apart by any combination of values.  Their
 * settings stand in the section `limits` (limits.h).
 */
#ifndef MILLGATE_CHECKS_RATES_H
#define MILLGATE_CHECKS_RATES_H

#include "mail/check.h"

extern const struct check rates_check;

#endif
