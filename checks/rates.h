/*
 * Rates: how much may come in a period, counted apart by any combination of values.  Their settings stand in the
 * section `limits` (limits.h).
 */
#ifndef MILLGATE_CHECKS_RATES_H
#define MILLGATE_CHECKS_RATES_H

#include "mail/check.h"

extern const struct check rates_check;  /* messages, recipients and networks, at RCPT: the fact `rate` */
extern const struct check volume_check; /* bytes, at the end of the message: the fact `volume` */

#endif
