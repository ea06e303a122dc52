/*
 * net/mail_out without a network: what was sent is kept.
 */
#ifndef MILLGATE_T_LIB_FAKE_MAIL_OUT_H
#define MILLGATE_T_LIB_FAKE_MAIL_OUT_H

#include "net/mail_out.h"

/* How many have been sent, and the last one's text; from any thread. */
unsigned fake_mail_out_sent(void);
void fake_mail_out_last(char *buf, size_t size);

#endif
