/*
 * A snapshot: one configuration, read, checked and compiled.  Immutable after snapshot_load() but for the state that
 * checks keep behind their own locks; shared by all threads; counted, so that a session keeps the one it began with
 * while a reload swaps another in.
 */
#ifndef MILLGATE_ENGINE_SNAPSHOT_H
#define MILLGATE_ENGINE_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/engine.h"
#include "engine/settings.h"
#include "mail/addr.h"
#include "mail/check.h"
#include "mail/finisher.h"
#include "mime/header.h"
#include "rules/rules.h"
#include "util/arena.h"
#include "util/error.h"

struct loop;

/* A check in force. */
struct snapshot_check {
	const struct check *def;
	void *state;          /* NULL: not configured */
	section_mask section; /* its built-in rules' section */
};

/* What is read in one kind of session, and by whom. */
struct snapshot_use {
	fact_mask never; /* what nobody will tell there */
	fact_mask facts; /* that somebody reads */
	enum stage last; /* the last stage that the MTA asks at */
	unsigned stages; /* bits 1 << stage: where a refusal is possible */
	struct snapshot_reads {
		fact_mask wanted;     /* what consumers read of the check; 0: it never runs */
		section_mask readers; /* the sections whose rules read it, through other checks too */
	} checks[TXN_MAX_CHECKS];
};

/* Whether the check has a say in Authentication-Results. */
static inline bool snapshot_stamps(const struct snapshot_check *k)
{
	return k->state != NULL && k->def->authres != NULL && (k->def->stamps == NULL || k->def->stamps(k->state));
}

enum { SNAPSHOT_NO_CHECK = -1, SNAPSHOT_FINISHERS = 8 };

struct snapshot_finisher {
	const struct finisher *def;
	void *state; /* NULL: not configured */
};

struct snapshot {
	atomic_uint refs;
	struct arena *arena;
	struct engine_settings set;
	const struct conf_node *root;
	const char *hostname;
	const char *journal_key, *journal_keep; /* its stream, and how many entries it keeps */
	int64_t deadline_ms;

	struct addr_list *trusted, *relays;
	struct mime_charsets charsets;

	struct snapshot_check checks[TXN_MAX_CHECKS];
	unsigned n_checks;
	int provider[FACT_COUNT]; /* index into checks, or SNAPSHOT_NO_CHECK */

	struct snapshot_finisher finishers[SNAPSHOT_FINISHERS];
	unsigned n_finishers;
	bool authres;     /* inbound mail is stamped */
	bool all_headers; /* every field's value is kept */

	struct rules *rules;
	struct snapshot_use whole;    /* of sessions in which the message is seen */
	struct snapshot_use envelope; /* of those that are told of the envelope alone */
	const char **keep;            /* the header fields whose values are kept, besides our own marks */
	unsigned n_keep;
	struct engine_needs needs;

	struct loop *loop; /* NULL until the engine runs */
};

/* Reads and compiles; NULL with errors added.  The caller holds the first reference. */
struct snapshot *snapshot_load(const char *path, struct error_list *errors);

struct snapshot *snapshot_ref(struct snapshot *s);
/* Drops a reference, freeing with the last one.  Clears *s; tolerates NULL. */
void snapshot_unref(struct snapshot **s);

/* engine/facts.c: the facts that need no check. */
fact_mask facts_of_engine(void);

/* engine/untold.c: of `envelope`, what follows from where Postfix asks: never, last, stages. */
void untold_compute(struct snapshot *s);

/* The facts that nobody tells where `last` is the last stage that Postfix asks at. */
fact_mask untold_facts(const struct snapshot *s, enum stage last);

/* engine/unsaid.c: warns of what of the rules comes to nothing over the policy protocol, when it is served. */
void unsaid_warn(const struct snapshot *s, struct error_list *errors);

/* engine/needs.c: works out what the MTA must send, and which header fields are kept.  0, or -1 when out of memory. */
int needs_compute(struct snapshot *s);

/* engine/who.c: the built-in rules for who is who, as text of the rule language. */
void who_rules(const struct snapshot *s, struct sbuf *out);

#endif
