/*
 * A check: a provider of facts.  It decides nothing.  One per file in checks/ (and greylist/); engine/checks.c lists
 * them all.
 */
#ifndef MILLGATE_MAIL_CHECK_H
#define MILLGATE_MAIL_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/fact.h"
#include "mail/txn.h"
#include "util/arena.h"
#include "util/error.h"
#include "util/sbuf.h"

struct conf_table;
struct conf_node;
struct conf_strings;
struct net_wait;

/* What every check may know of the whole configuration; immutable. */
struct check_env {
	const char *hostname;
	const char *user, *group; /* whom the daemon becomes: who must be able to read what a reload reads */
	const char *redis_prefix; /* "millgate:" */
	const struct conf_strings *local_domains; /* NULL: not told */
	enum on_error dns_on_error; /* dns.on_error, redis.on_error: a section's own on_error goes first */
	enum on_error redis_on_error;
	int64_t dns_timeout_ms;
	struct arena *arena;          /* of the configuration: lives as long as the check's state */
	const struct conf_node *root; /* the whole file, for errors' places */
	void **shared;                /* of the checks that share a section: NULL until one of them leaves something */
};

/* One call of a check for one transaction. */
struct check_call {
	const void *state; /* what prepare() made */
	struct conn *conn;
	struct txn *txn;        /* NULL before MAIL */
	struct rcpt *rcpt;      /* NULL for what is not per recipient */
	struct arena *arena;    /* of the scope: what `slot` and facts point to */
	struct fact_set *facts; /* of the check's scope: where its facts go */
	void **slot;            /* the check's own, NULL at first; of its scope */
	void **txn_slot;        /* the same, of the transaction; NULL before MAIL */
	struct net_wait *wait;
	int64_t deadline_ms; /* clock_mono_ms() by which an answer must be there */
};

enum check_kind {
	CHECK_PURE,  /* may start early, may run in vain */
	CHECK_EFFECT /* writes: asked only when nothing before it can still decide */
};

struct check {
	const char *name; /* "dnsbl": also the section that `skip` and `shadow` name */
	const char
		*section; /* its configuration section; NULL: its settings stand at the top level of the file.  Checks
	                       * may share a section; then they share the table as well, and it is bound once. */
	const struct conf_table *settings;
	enum check_kind kind;
	enum fact_scope scope; /* of its facts */
	enum stage stage;      /* its inputs are known here: start() is called; EFFECT: the earliest ask() */
	fact_mask provides;
	fact_mask inputs; /* facts it reads; those of other checks are pulled before start() or ask() */
	/* Those of its inputs that this configuration has it read, so that the others are not had for it; NULL: all. */
	fact_mask (*reads)(const void *state);

	/*
	 * At load: settings (bound by `settings`) to immutable state.  0, or -1 with errors added.  *state NULL with 0: not
	 * configured; then its facts are absent and it has no rules.
	 */
	int (*prepare)(const struct check_env *env, const void *settings, void **state, struct error_list *errors);
	void (*release)(void *state); /* may be NULL */

	/* Its built-in rules, as text of the rule language: `rules = ( {...}, {...} );` */
	void (*rules)(const void *state, struct sbuf *out);

	/* PURE: submit questions, never block; may be NULL.  Then collect: wait until the deadline, set every fact. */
	void (*start)(struct check_call *c);
	void (*finish)(struct check_call *c);

	/*
	 * PURE, scope MESSAGE, for checks that read the message itself; then `stage` is HEADERS and the facts are known at
	 * END.  all_headers: every field is kept in txn->headers, in order, before start().  body: one piece of the body,
	 * lines ending in CRLF, as it comes; may be NULL.  Neither blocks.
	 */
	bool all_headers;
	void (*body)(struct check_call *c, const void *p, size_t n);

	/*
	 * For Authentication-Results (RFC 8601, section 2.2): one or more resinfo, each begun with ";\n\t", such as
	 * ";\n\tspf=pass smtp.mailfrom=example.org".  Called at END, after finish().  May be NULL.
	 */
	void (*authres)(struct check_call *c, struct sbuf *out);
	/* Whether, as configured, it has a say there; NULL: yes. */
	bool (*stamps)(const void *state);

	/* EFFECT: submit, which may be NULL, sends what ask will wait for, so that several checks share a round trip.  It is
	 * followed by ask, or, when an earlier check refused meanwhile, by cancel alone. */
	void (*submit)(struct check_call *c);

	/* Goes on without waiting: after submit() or start().  True when ask() or finish(), or cancel() in their place, would
	 * not wait any more.  NULL: nobody knows. */
	bool (*poll)(struct check_call *c);

	/* EFFECT: ask sets every fact (idempotent per transaction and recipient); then exactly one of commit and cancel
	 * (neither blocks).  peek sets the facts and writes nothing (`millgate explain`). */
	void (*ask)(struct check_call *c);
	void (*commit)(struct check_call *c);
	void (*cancel)(struct check_call *c);
	void (*peek)(struct check_call *c);

	/*
	 * SESSION: a recipient of an inbound session was refused by the MTA itself, with this reply ("5.1.1 ..."; from the
	 * MTA: it may quote the client).  May set its facts anew, and may hold the session up, for less than the deadline.
	 * An MTA reports them when the check's facts are wanted; not called while a rule skips the check's section.
	 */
	void (*refused)(struct check_call *c, const char *reply);

	/*
	 * Called when the configuration comes into force and about once a second from then on, by one thread, never for
	 * two at a time; may wait for answers until deadline_ms.  What it changes in the state is atomic or locked.
	 */
	void (*tick)(const void *state, struct net_wait *wait, int64_t deadline_ms);

	/* How it is doing, for the administrator: one JSON object, without keys or secrets.  Any thread. */
	void (*status)(const void *state, struct sbuf *out);

	/* The scope ends: give back what slot holds outside the arena (questions in flight).  May be NULL. */
	void (*drop)(struct check_call *c);
};

#endif
