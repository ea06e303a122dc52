/*
 * One transaction, as it is asked about: the engine's session for it, and the answers given so far, which are given
 * again when Postfix repeats a question.  Only policyd/ includes this.
 */
#ifndef MILLGATE_POLICYD_TXN_H
#define MILLGATE_POLICYD_TXN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "policyd/request.h"
#include "util/sbuf.h"

struct policyd_conn;
struct policyd_note;

struct policyd_txn {
	/* immutable */
	char *key;
	size_t key_n;
	int64_t since_ms; /* of clock_mono_ms(): nothing is known of what was asked before */

	/* under the table's lock */
	struct policyd_conn *conn; /* that it came by last; NULL: it is gone */
	unsigned takers;
	bool over;
	struct policyd_txn *prev, *next; /* in a queue, while nobody has it; next: in a list of ended ones */
	struct policyd_queue *queue;     /* NULL: in none */
	int64_t expires_ms;

	/* under `lock` */
	pthread_mutex_t lock;
	struct engine_session *session; /* NULL: not begun yet, or over */
	enum stage told;                /* the last stage that the engine was told of; CONNECT: none */
	bool closed;                    /* `closing` is the answer to whatever comes */
	struct policyd_note *notes, *notes_last;
	unsigned n_notes;
	unsigned n_rcpts;   /* recipients not refused */
	unsigned n_headers; /* header edits that were told, or given up, at DATA */
	char *closing;      /* NULL: DUNNO */
};

/* How Postfix asks: policyd.asked_at. */
struct policyd_asked {
	unsigned stages; /* bits 1 << stage */
	enum stage last; /* the last of them: there the verdict is given */
};

/* A question under way. */
struct policyd_question {
	const struct policyd_request *r;
	bool may_wait;
	bool tried;                /* without waiting, and in vain: the engine has begun to look for the answer */
	struct policyd_note *note; /* its own; NULL: none yet */
	unsigned unsaid;           /* what the action could not say (enum policyd_unsaid) */
};

/*
 * Answers a question, with x->lock held: the action goes to *out.  False, and only where it must not wait: it would have
 * to.  Then the same question is to be asked again, or given up.
 */
bool policyd_txn_ask(struct policyd_txn *x, struct engine *e, const struct policyd_asked *asked,
		     struct policyd_question *q, struct sbuf *out);
/* What a question in vain waits for; NULL: it has to be asked where it may wait. */
struct net_wait *policyd_txn_waits_for(const struct policyd_txn *x, const struct policyd_question *q);
/* Frees what a question holds that was given up; tolerates one that was answered. */
void policyd_txn_give_up(struct policyd_question *q);

/* What the engine is told of the client. */
struct engine_connect policyd_txn_connect(const struct policyd_request *r);

/* Ends a list of transactions, and frees them: what was not committed is given back. */
void policyd_txn_end(struct policyd_txn *list);

#endif
