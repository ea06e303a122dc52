#include "net/op.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };

struct net_wait {
	/* immutable */
	struct net *net;

	/* owned by the thread that uses the wait */
	struct net_tasks batch; /* submitted, not yet sent */
	unsigned batch_n;       /* how many of them will come back to this wait */

	atomic_uint refs; /* the owner, each question sent, the loop's to_wake */
	atomic_uint open; /* questions submitted, without an answer and not given up */

	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t all_done;
	size_t missing; /* answers the owner is blocked for */

	/* owned by the loop thread */
	struct net_wait *wake_next;
	bool waking;
	struct wait_then *then; /* to be called once nothing is open */
};

struct net_wait *net_wait_new(struct net *n)
{
	struct net_wait *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (w == NULL)
		return NULL;
	w->net = n;
	atomic_init(&w->refs, 1);
	if (pthread_condattr_init(&attr) != 0)
		goto fail_wait;
	if (pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 || pthread_cond_init(&w->all_done, &attr) != 0)
		goto fail_attr;
	if (pthread_mutex_init(&w->lock, NULL) != 0)
		goto fail_cond;
	pthread_condattr_destroy(&attr);
	return w;
fail_cond:
	pthread_cond_destroy(&w->all_done);
fail_attr:
	pthread_condattr_destroy(&attr);
fail_wait:
	free(w);
	return NULL;
}

static void wait_unref(struct net_wait *w)
{
	if (atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->all_done);
	free(w);
}

void net_wait_free(struct net_wait **w)
{
	if (*w == NULL)
		return;
	net_flush(*w); /* what was told must still arrive */
	wait_unref(*w);
	*w = NULL;
}

struct net *wait_net(const struct net_wait *w)
{
	return w->net;
}

void net_flush(struct net_wait *w)
{
	if (w->batch.first == NULL)
		return;
	atomic_fetch_add_explicit(&w->refs, w->batch_n, memory_order_relaxed);
	w->batch_n = 0;
	net_post(w->net, &w->batch);
}

void net_flush_later(struct net_wait *w)
{
	if (w->batch_n > 0) /* a question has no time */
		net_flush(w);
	else if (w->batch.first != NULL)
		net_post_later(w->net, &w->batch);
}

/* ---- Questions ---- */

struct net_op *op_new(struct net_wait *w, enum op_kind kind, size_t room_n, bool told)
{
	struct net_op *op;

	/* Answers share the room: leave some even when the question is short. */
	enum { ROOM_MIN = 192 };
	if (room_n < ROOM_MIN)
		room_n = ROOM_MIN;
	op = malloc(sizeof(*op) + room_n);
	if (op == NULL)
		return NULL;
	*op = (struct net_op){ .wait = told ? NULL : w, .kind = kind, .room_n = room_n };
	atomic_init(&op->refs, told ? 1 : 2);
	return op;
}

void op_submit(struct net_wait *w, struct net_op *op, void (*run)(struct net *n, struct net_task *t))
{
	op->task.run = run;
	op->task.net = w->net;
	net_tasks_add(&w->batch, &op->task);
	if (op->wait == NULL)
		return;
	w->batch_n++;
	atomic_fetch_add_explicit(&w->open, 1, memory_order_relaxed);
}

void op_answered(struct net_op *op)
{
	atomic_store_explicit(&op->done, true, memory_order_release);
	op_unref(op); /* the loop never sees it */
}

void op_unref(struct net_op *op)
{
	if (atomic_fetch_sub_explicit(&op->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(op->extra);
	free(op);
}

static void give_up(struct net_op *op);

void net_op_free(struct net_op **op)
{
	if (*op == NULL)
		return;
	if (!net_op_done(*op))
		give_up(*op);
	op_unref(*op);
	*op = NULL;
}

bool net_op_done(const struct net_op *op)
{
	return atomic_load_explicit(&op->done, memory_order_acquire);
}

void *op_answer_room(struct net_op *op, size_t n)
{
	assert(op->extra == NULL);
	if (n <= op->room_n)
		return op->room;
	op->extra = malloc(n);
	return op->extra;
}

void op_list_add(struct op_list *l, struct net_op *op)
{
	op->next = NULL;
	op->prev = l->last;
	if (l->last != NULL)
		l->last->next = op;
	else
		l->first = op;
	l->last = op;
	l->n++;
}

void op_list_remove(struct op_list *l, struct net_op *op)
{
	if (op->prev != NULL)
		op->prev->next = op->next;
	else
		l->first = op->next;
	if (op->next != NULL)
		op->next->prev = op->prev;
	else
		l->last = op->prev;
	op->prev = op->next = NULL;
	l->n--;
}

/* ---- Finishing (loop thread) and awaiting (owner) ---- */

/* Puts it on the list of those to be woken, with a share in it that is the caller's.  They are woken at the end of the
 * round: a thread that runs now would take the loop's core from those whose answers are next. */
static void wake_later(struct net_wait *w)
{
	struct net_loop *l = w->net->loop;

	if (w->waking) {
		wait_unref(w);
		return;
	}
	w->waking = true;
	w->wake_next = l->to_wake;
	l->to_wake = w;
}

/* One question less is open.  Whether somebody waits for just that. */
static bool count_down(struct net_wait *w)
{
	return atomic_fetch_sub_explicit(&w->open, 1, memory_order_relaxed) == 1 && w->then != NULL;
}

void op_finish(struct net *n, struct net_op *op)
{
	struct net_wait *w = op->wait;
	bool wake;

	(void)n;
	if (w == NULL) {
		atomic_store_explicit(&op->done, true, memory_order_release);
		return;
	}
	pthread_mutex_lock(&w->lock);
	atomic_store_explicit(&op->done, true, memory_order_release);
	wake = op->awaited && --w->missing == 0;
	pthread_mutex_unlock(&w->lock);
	if (!op->given_up && count_down(w))
		wake = true;
	if (wake)
		wake_later(w); /* the question's share passes on */
	else
		wait_unref(w);
}

/*
 * Who works on the loop thread is not kept waiting for what he has given up himself.  Elsewhere its answer may just be
 * coming in, so it stays counted until then.
 */
static void give_up(struct net_op *op)
{
	struct net_wait *w = op->wait;

	if (w == NULL || !net_loop_is_here(op->task.net->loop))
		return;
	op->given_up = true;
	if (!count_down(w))
		return;
	atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
	wake_later(w);
}

static void call_then(struct net_wait *w)
{
	struct wait_then *t = w->then;

	if (net_is_open(w))
		return;
	w->then = NULL;
	while (t != NULL) {
		struct wait_then *next = t->next;

		t->run(t->arg); /* may come again with it */
		t = next;
	}
}

void wait_wake_all(struct net_loop *l)
{
	while (l->to_wake != NULL) {
		struct net_wait *w = l->to_wake;

		l->to_wake = w->wake_next;
		w->waking = false;
		pthread_cond_signal(&w->all_done);
		call_then(w);
		wait_unref(w);
	}
}

bool net_is_open(struct net_wait *w)
{
	return atomic_load_explicit(&w->open, memory_order_relaxed) > 0;
}

void wait_then(struct net_wait *w, struct wait_then *t)
{
	assert(net_is_open(w) && net_loop_is_here(w->net->loop));
	t->next = w->then;
	w->then = t;
}

static struct timespec to_timespec(int64_t mono_ms)
{
	struct timespec ts = { 0 };

	if (mono_ms > 0) {
		ts.tv_sec = (time_t)(mono_ms / MS_PER_S);
		ts.tv_nsec = (long)(mono_ms % MS_PER_S) * NS_PER_MS;
	}
	return ts;
}

/* Counts the open ones, and marks them so that the loop counts down. */
static size_t mark_open(const struct net_wait *w, struct net_op *const *ops, size_t n, bool awaited)
{
	size_t open = 0;

	for (size_t i = 0; i < n; i++) {
		if (ops[i] == NULL || net_op_done(ops[i]))
			continue;
		assert(ops[i]->wait == w);
		open += ops[i]->awaited != awaited; /* one op may be named twice */
		ops[i]->awaited = awaited;
	}
	return open;
}

static bool all_done(struct net_op *const *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ops[i] != NULL && !net_op_done(ops[i]))
			return false;
	return true;
}

/* With the lock held. */
static void wait_until(struct net_wait *w, int64_t until_ms)
{
	struct timespec until = to_timespec(until_ms);

	while (w->missing > 0)
		if (pthread_cond_timedwait(&w->all_done, &w->lock, &until) == ETIMEDOUT)
			return;
}

bool net_await(struct net_wait *w, struct net_op *const *ops, size_t n, int64_t deadline_ms)
{
	net_flush(w);
	if (net_loop_is_here(w->net->loop)) {
		bool all = all_done(ops, n);

		assert(all); /* it would wait for itself: whoever works there asks net_is_open() first */
		return all;
	}
	pthread_mutex_lock(&w->lock);
	w->missing = mark_open(w, ops, n, true);
	wait_until(w, deadline_ms);
	if (w->missing > 0) {
		mark_open(w, ops, n, false);
		w->missing = 0;
		pthread_mutex_unlock(&w->lock);
		return false;
	}
	pthread_mutex_unlock(&w->lock);
	return true;
}
