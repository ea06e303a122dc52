/*
 * One check with a configuration of its own and one session to try it on, as the engine would drive it.
 */
#ifndef MILLGATE_T_LIB_CHECK_FIXTURE_H
#define MILLGATE_T_LIB_CHECK_FIXTURE_H

#include "conf/conf.h"
#include "mail/check.h"
#include "util/error.h"

struct check_fixture {
	const struct check *def;
	struct arena *conf_arena, *arena;
	struct error_list errors;
	struct conf_node *root;
	void *state;
	struct conn *conn;
	struct txn *txn;
	struct rcpt *rcpt; /* the newest */
	struct net_wait *wait;
	int64_t deadline_ms;
};

/* Reads a configuration, the check's part of it.  0, or -1 with the errors kept. */
int fixture_load(struct check_fixture *f, const struct check *def, const char *conf);
void fixture_free(struct check_fixture *f);

/* The errors and warnings as "line: text\n". */
const char *fixture_errors(struct check_fixture *f);

/* The check's built-in rules; NULL when they are not even a configuration. */
const char *fixture_rules(struct check_fixture *f);
unsigned fixture_rule_count(struct check_fixture *f);

/* A new session (NULL: without an address), a new transaction in it, one more recipient of that. */
void fixture_client(struct check_fixture *f, const char *ip);
void fixture_mail(struct check_fixture *f, const char *sender, const char *auth_user);
struct rcpt *fixture_rcpt(struct check_fixture *f, const char *recipient);

struct check_call fixture_call(struct check_fixture *f, struct rcpt *rcpt);
/* PURE: start and finish.  And the end of what start began. */
void fixture_run(struct check_fixture *f);
/* From now on fixture_run() polls before it finishes, as a caller does that must not wait, and calls this after each poll
 * in vain; NULL: no more. */
void fixture_poll_with(void (*after)(void));
void fixture_drop(struct check_fixture *f);

/* A fact of the check's scope, as text: "allow", "5", "(absent)", "(unavailable: why)"; "(unknown)". */
const char *fixture_fact(struct check_fixture *f, enum fact_id id);
const struct fact_value *fixture_value(struct check_fixture *f, enum fact_id id);

#endif
