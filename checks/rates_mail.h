/*
 * The mail of an alarm.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_RATES_MAIL_H
#define MILLGATE_CHECKS_RATES_MAIL_H

#include "checks/rates_alarm.h"

/* Sends it by the SMTP server `via`; blocks.  A failure is logged. */
void rates_mail_send(const char *to, const char *via, const char *hostname, const struct rates_hit *h);

#endif
