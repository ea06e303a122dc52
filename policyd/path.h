/*
 * Addresses as the policy protocol has them, without quotes, to the argument of MAIL and RCPT.  Only policyd/ includes
 * this.
 */
#ifndef MILLGATE_POLICYD_PATH_H
#define MILLGATE_POLICYD_PATH_H

#include "util/sbuf.h"

/* "al ice@example.org" as <"al ice"@example.org>; "" as <>. */
void policyd_path(struct sbuf *out, const char *address);

#endif
