/*
 * Mail that the daemon sends itself, by SMTP: blocks, so it is for a thread that may.  The one user of libcurl.
 */
#ifndef MILLGATE_NET_MAIL_OUT_H
#define MILLGATE_NET_MAIL_OUT_H

#include <stddef.h>
#include <stdint.h>

struct mail_out {
	const char *via;   /* "127.0.0.1:25", a host name or "[v6]:port" */
	const char *hello; /* the name for EHLO */
	const char *to;    /* one mailbox address */
	const char *text;  /* header and body, lines ending in CRLF; dots are doubled here */
	size_t text_n;
	int64_t timeout_ms; /* for all of it */
};

enum { MAIL_OUT_WHY_SIZE = 256 };

/* Whether `via` has a usable form: NULL, or what is expected (static). */
const char *mail_out_expected(const char *via);

/* Sends it with MAIL FROM:<>, so that nothing bounces back.  0; -1 with the reason in why.  Thread-safe. */
int mail_out_send(const struct mail_out *m, char why[MAIL_OUT_WHY_SIZE]);

#endif
