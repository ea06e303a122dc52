/*
 * One SMTP session and its mail transactions, as data.  Used by one thread at a time (libmilter may change the thread
 * between callbacks).
 */
#ifndef MILLGATE_MAIL_TXN_H
#define MILLGATE_MAIL_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/fact.h"
#include "mail/stage.h"
#include "mail/verdict.h"
#include "util/arena.h"
#include "util/id.h"
#include "util/ip.h"

enum { TXN_MAX_CHECKS = 24 };

/* A header field as the MTA handed it over. */
struct txn_header {
	struct txn_header *next;
	const char *name;
	const char *value; /* with its leading space (SMFIP_HDR_LEADSPC), folded lines parted by LF */
	size_t value_n;
	unsigned nth;             /* 1-based among the fields of this name (case-blind) */
	struct txn_header *older; /* txn.c's own: the field before in the same bucket of names */
};

struct rcpt {
	struct rcpt *next;
	const char *arg;     /* the RCPT argument exactly as it came, with brackets */
	const char *address; /* addr_from_path() of it */
	struct fact_set facts;
	void *slots[TXN_MAX_CHECKS]; /* of the checks, by their index */
	bool accepted;               /* not refused at RCPT */
};

struct conn {
	struct arena *arena;
	struct ip ip; /* IP_NONE: not by a network (local submission) */
	const char *helo;
	bool unresolved; /* the MTA says that it could not resolve the client's names */
	struct fact_set facts;
	void *slots[TXN_MAX_CHECKS];
};

struct txn {
	struct arena *arena;
	struct conn *conn;
	char id[ID_SIZE];
	const char *queue_id; /* NULL until known */
	const char *sender_arg, *sender;
	int64_t started_ms; /* wall clock, at MAIL */
	int64_t size;       /* bytes seen so far, headers included, line ends as CRLF */
	struct fact_set facts;
	struct fact_value *header_facts; /* by fact_ref.slot */
	void *slots[TXN_MAX_CHECKS];
	struct rcpt *rcpts; /* those presented, in order; .accepted tells which count */
	struct rcpt *rcpts_last;
	unsigned n_rcpts;                          /* accepted ones */
	struct txn_header *headers, *headers_last; /* those that somebody needs */
	struct txn_header **header_names;          /* txn.c's own: the newest field of each bucket of names */
	enum stage stage;                          /* reached */
};

/* Whether a field has this name, in any case, also with the blanks before its colon that old mail may have (RFC 5322,
 * section 4.5).  prefix: whether its name begins so. */
bool txn_header_is(const char *name, const char *wanted);
bool txn_header_begins(const char *name, const char *prefix);

/* NULL when out of memory.  The arenas are their owners' (engine/). */
struct conn *conn_new(struct arena *a);
struct txn *txn_new(struct arena *a, struct conn *c);
/* Appends a recipient; `accepted` and n_rcpts are the caller's to set when the answer to RCPT is known. */
struct rcpt *txn_add_rcpt(struct txn *t, const char *arg);
/* Copies a field; counts nth over the fields kept of that name, so a name must be kept from the first on. */
struct txn_header *txn_add_header(struct txn *t, const char *name, const char *value, size_t n);

#endif
