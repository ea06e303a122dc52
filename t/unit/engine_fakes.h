/*
 * Checks and finishers of a test's own in place of the real ones: they write down what the engine asks of them, and say
 * what the test tells them to.
 */
#ifndef MILLGATE_T_UNIT_ENGINE_FAKES_H
#define MILLGATE_T_UNIT_ENGINE_FAKES_H

#include <stdbool.h>

struct fakes {
	long long dnsbl_score; /* `list`: CONNECT, pure */
	const char *spf;       /* `spf`: MAIL, pure */
	bool spf_marks;        /* `spf` has a built-in rule that marks a fail; for the load */
	const char *rate;   /* `rate`: RCPT, an effect of recipients; "": absent; NULL: the same, and less is noted */
	const char *grey;   /* `grey`: the same, and reads what `origin`, MAIL, pure, finds */
	const char *volume; /* `volume`: END, an effect of the message, reads size; NULL: absent */
	int busy, busy_origin;  /* how often `rate` and `grey`, or `origin`, still have to be waited for when polled */
	const char *finish_not; /* the finisher that fails */
};
extern struct fakes fakes;

/* Back to: no score, spf none, grey pass, nothing else; nothing written down. */
void fakes_reset(void);

/*
 * What was asked since the last time, a line each: "start list", "finish spf", "ask grey bob@example.net", "commit grey
 * ...", "cancel grey ...", "teach alice@example.org to bob@example.net", "sign".  Answers a static buffer.
 */
const char *fakes_log(void);

#endif
