/*
 * A finisher: works on an accepted message at END, after the verdict and its header edits (signing).  One per file in
 * checks/ or greylist/; engine/checks.c lists them all.
 */
#ifndef MILLGATE_MAIL_FINISHER_H
#define MILLGATE_MAIL_FINISHER_H

#include <stdbool.h>
#include <stddef.h>

#include "mail/check.h"
#include "mail/spool.h"

/* A header field as it will leave: what the MTA has, with our edits. */
struct finish_field {
	const char *name;
	const char *value; /* with its leading space; folded lines parted by LF */
};

struct finish_call {
	const void *state; /* what prepare() made */
	const struct conn *conn;
	const struct txn *txn; /* facts: only those of the front end are known for certain */
	struct arena *arena;   /* of the transaction */
	struct spool *spool;   /* the body, lines ending in CRLF; NULL: begin() said no */
	const struct finish_field *fields;
	size_t n_fields;
	struct net_wait *wait;
	int64_t deadline_ms;
	/* Puts a field before all others; name and value (without leading space) are copied. */
	void (*insert)(void *ctx, const char *name, const char *value);
	void *ctx;
};

struct finisher {
	const char *name;
	const char *section;
	const struct conf_table *settings;
	fact_mask inputs; /* facts of the message that it reads: known, as far as they can be, before begin() */
	bool body;        /* it reads the body: kept when begin() says yes */
	bool all_headers; /* it reads every field, and is told what leaves in `fields` */
	const char *const
		*headers; /* else: the names of those that it reads in txn->headers, NULL at the end; or NULL */
	/* It also works on messages known by their envelope alone (policy protocol): then it waits for nothing, and its
	 * inputs are what the client and its MTA say. */
	bool envelope;
	/* As of struct check. *state NULL: not configured, never called. */
	int (*prepare)(const struct check_env *env, const void *settings, void **state, struct error_list *errors);
	void (*release)(void *state);
	/* At the end of the headers (txn->headers holds all): whether it will work on this message, so that the body is
	 * kept. */
	bool (*begin)(struct finish_call *c);
	/* At END, for an accepted message for which begin() said yes.  0; -1: the message must not leave like this (451). */
	int (*run)(struct finish_call *c);
};

#endif
