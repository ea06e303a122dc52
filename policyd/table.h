/*
 * The transactions that Postfix has begun to ask about, by their `instance`; which connection each one came by last; and
 * when each one is to be forgotten.  Only policyd/ includes this.
 *
 * A transaction that was taken belongs to its takers until all have put it back; they share it by its own lock.  One that
 * is answered in a list has left the table: it is the caller's, to be ended by policyd_txn_end().
 */
#ifndef MILLGATE_POLICYD_TABLE_H
#define MILLGATE_POLICYD_TABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/txn.h"

struct policyd_table;

struct policyd_begun;

/* One of Postfix's connections. */
struct policyd_conn {
	struct policyd_txn *txn;     /* what it asked about last; under the table's lock */
	struct policyd_begun *begun; /* the request under way; of the thread that has it */
};

/* idle_ms, grace_ms: how long a transaction is kept that has a connection, and one that has none any more. */
struct policyd_table *policyd_table_new(int64_t idle_ms, int64_t grace_ms);
/* Nothing is taken.  Answers what was left.  Clears *t; tolerates NULL. */
struct policyd_txn *policyd_table_free(struct policyd_table **t);

/*
 * The transaction of that key, a new one when it is not known, for a question that came by c.  *ended: a list of those
 * that are over thereby, the one that c asked about before among them.  NULL when out of memory, or full.
 */
struct policyd_txn *policyd_table_take(struct policyd_table *t, const char *key, size_t key_n, struct policyd_conn *c,
				       struct policyd_txn **ended);
/* over: it has been answered for the last time, and is kept for repeated questions alone. */
void policyd_table_put(struct policyd_table *t, struct policyd_txn *x, bool over);

/* The connection is gone. */
void policyd_table_part(struct policyd_table *t, struct policyd_conn *c);

/* Those whose time is over, at now_ms of clock_mono_ms(). */
struct policyd_txn *policyd_table_sweep(struct policyd_table *t, int64_t now_ms);

#endif
