#include "policyd/table.h"

#include <stdlib.h>
#include <string.h>

#include "policyd/limits.h"
#include "util/clock.h"
#include "util/strmap.h"

/* Transactions that wait equally long: so the oldest is the first to go. */
struct policyd_queue {
	int64_t patience_ms;
	struct policyd_txn *first, *last;
};

enum { QUEUE_OVER, QUEUE_PARTED, QUEUE_IDLE, QUEUES }; /* in the order in which they are given up when it is full */

struct policyd_table {
	int64_t since_ms; /* immutable */
	pthread_mutex_t lock;
	/* under lock */
	struct strmap *txns;
	struct policyd_queue queues[QUEUES];
};

struct policyd_table *policyd_table_new(int64_t idle_ms, int64_t grace_ms)
{
	struct policyd_table *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->since_ms = clock_mono_ms();
	t->txns = strmap_new();
	if (t->txns == NULL || pthread_mutex_init(&t->lock, NULL) != 0) {
		strmap_free(&t->txns);
		free(t);
		return NULL;
	}
	t->queues[QUEUE_OVER].patience_ms = POLICYD_OVER_MS;
	t->queues[QUEUE_PARTED].patience_ms = grace_ms;
	t->queues[QUEUE_IDLE].patience_ms = idle_ms;
	return t;
}

/* ---- Queues; under the lock ---- */

static void enqueue(struct policyd_queue *q, struct policyd_txn *x, int64_t now_ms)
{
	x->queue = q;
	x->expires_ms = now_ms + q->patience_ms;
	x->next = NULL;
	x->prev = q->last;
	if (q->last != NULL)
		q->last->next = x;
	else
		q->first = x;
	q->last = x;
}

static void dequeue(struct policyd_txn *x)
{
	struct policyd_queue *q = x->queue;

	if (q == NULL)
		return;
	if (x->prev != NULL)
		x->prev->next = x->next;
	else
		q->first = x->next;
	if (x->next != NULL)
		x->next->prev = x->prev;
	else
		q->last = x->prev;
	x->prev = x->next = NULL;
	x->queue = NULL;
}

/* Where it waits, by what may come. */
static void wait_on(struct policyd_table *t, struct policyd_txn *x)
{
	unsigned q = x->over ? QUEUE_OVER : x->conn == NULL ? QUEUE_PARTED : QUEUE_IDLE;

	enqueue(&t->queues[q], x, clock_coarse_ms());
}

static void unbind(struct policyd_txn *x)
{
	if (x->conn != NULL)
		x->conn->txn = NULL;
	x->conn = NULL;
}

/* Moves one that nobody has from the table to a list. */
static void expel(struct policyd_table *t, struct policyd_txn *x, struct policyd_txn **list)
{
	strmap_remove(t->txns, x->key, x->key_n);
	dequeue(x);
	unbind(x);
	x->next = *list;
	*list = x;
}

/* ---- Taking ---- */

static struct policyd_txn *txn_new(const char *key, size_t key_n)
{
	struct policyd_txn *x = calloc(1, sizeof *x);

	if (x == NULL)
		return NULL;
	x->key = malloc(key_n);
	if (x->key == NULL || pthread_mutex_init(&x->lock, NULL) != 0) {
		free(x->key);
		free(x);
		return NULL;
	}
	memcpy(x->key, key, key_n);
	x->key_n = key_n;
	return x;
}

/* Makes room for one more.  False when all are being worked on. */
static bool make_room(struct policyd_table *t, struct policyd_txn **ended)
{
	if (strmap_count(t->txns) < POLICYD_TXNS_MAX)
		return true;
	for (unsigned q = 0; q < QUEUES; q++) {
		if (t->queues[q].first != NULL) {
			expel(t, t->queues[q].first, ended);
			return true;
		}
	}
	return false;
}

static struct policyd_txn *add(struct policyd_table *t, const char *key, size_t key_n, struct policyd_txn **ended)
{
	struct policyd_txn *x = make_room(t, ended) ? txn_new(key, key_n) : NULL;

	if (x != NULL && strmap_set(t->txns, key, key_n, x) != 0) {
		policyd_txn_end(x);
		x = NULL;
	}
	if (x != NULL)
		x->since_ms = t->since_ms;
	return x;
}

static void bind(struct policyd_txn *x, struct policyd_conn *c)
{
	if (x->conn == c)
		return;
	unbind(x);
	x->conn = c;
	c->txn = x;
}

/* A connection is one smtpd process's, which works on one transaction at a time: the former one is over. */
static void leave(struct policyd_table *t, struct policyd_txn *x, struct policyd_txn **ended)
{
	if (x->takers == 0)
		expel(t, x, ended);
	else
		unbind(x); /* a question that came by another connection is still being answered */
}

struct policyd_txn *policyd_table_take(struct policyd_table *t, const char *key, size_t key_n, struct policyd_conn *c,
				       struct policyd_txn **ended)
{
	struct policyd_txn *x;

	*ended = NULL;
	pthread_mutex_lock(&t->lock);
	x = strmap_get(t->txns, key, key_n, NULL);
	if (c->txn != NULL && c->txn != x)
		leave(t, c->txn, ended);
	if (x == NULL)
		x = add(t, key, key_n, ended);
	if (x != NULL) {
		dequeue(x);
		bind(x, c);
		x->takers++;
	}
	pthread_mutex_unlock(&t->lock);
	return x;
}

void policyd_table_put(struct policyd_table *t, struct policyd_txn *x, bool over)
{
	pthread_mutex_lock(&t->lock);
	x->over |= over;
	if (--x->takers == 0)
		wait_on(t, x);
	pthread_mutex_unlock(&t->lock);
}

void policyd_table_part(struct policyd_table *t, struct policyd_conn *c)
{
	struct policyd_txn *x;

	pthread_mutex_lock(&t->lock);
	x = c->txn;
	if (x != NULL) {
		unbind(x);
		if (x->takers == 0) {
			dequeue(x);
			wait_on(t, x);
		}
	}
	pthread_mutex_unlock(&t->lock);
}

/* ---- Forgetting ---- */

struct policyd_txn *policyd_table_sweep(struct policyd_table *t, int64_t now_ms)
{
	struct policyd_txn *ended = NULL;

	pthread_mutex_lock(&t->lock);
	for (unsigned q = 0; q < QUEUES; q++)
		while (t->queues[q].first != NULL && t->queues[q].first->expires_ms <= now_ms)
			expel(t, t->queues[q].first, &ended);
	pthread_mutex_unlock(&t->lock);
	return ended;
}

struct policyd_txn *policyd_table_free(struct policyd_table **tp)
{
	struct policyd_table *t = *tp;
	struct policyd_txn *ended = NULL;

	*tp = NULL;
	if (t == NULL)
		return NULL;
	for (unsigned q = 0; q < QUEUES; q++)
		while (t->queues[q].first != NULL)
			expel(t, t->queues[q].first, &ended);
	strmap_free(&t->txns);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return ended;
}
