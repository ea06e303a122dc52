/*
 * The loop thread: what the parts of net/ share.  Only net/ includes this.
 *
 * A task is anything that another thread hands to the loop: questions, commands, a server's connections.  They run on
 * the loop thread in the order in which they were handed over.
 */
#ifndef MILLGATE_NET_LOOP_H
#define MILLGATE_NET_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <event2/event.h>

#include "net/net.h"

struct net_task {
	struct net_task *next;
	void (*run)(struct net *n, struct net_task *t);
};

struct net_tasks {
	struct net_task *first, *last;
};

static inline void net_tasks_add(struct net_tasks *q, struct net_task *t)
{
	t->next = NULL;
	if (q->last != NULL)
		q->last->next = t;
	else
		q->first = t;
	q->last = t;
}

/* Moves all of `from` behind `to`. */
static inline void net_tasks_move(struct net_tasks *to, struct net_tasks *from)
{
	if (from->first == NULL)
		return;
	if (to->last != NULL)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	from->first = from->last = NULL;
}

/* Counters: written with relaxed order, read by anybody. */
struct net_stats {
	atomic_uint_fast64_t dns_questions, dns_failures, dns_timeouts;
	atomic_uint_fast64_t redis_commands, redis_failures, redis_timeouts, redis_connects, redis_errors;
	atomic_uint_fast64_t wakeups;
};

struct dns;
struct redis;

struct net {
	/* immutable once the thread runs */
	struct event_base *base;
	struct event *wake_event;
	struct dns *dns;
	struct redis *redis; /* NULL: no Redis */
	pthread_t thread;
	int wake_fd;

	struct net_stats stats;

	/* under lock */
	pthread_mutex_t lock;
	struct net_tasks queue;
	bool asleep;   /* the loop may be about to block: whoever adds a task must write to wake_fd */
	bool soon;     /* asleep, but for no longer than LOOP_LINGER_MS: what has time need not wake it */
	unsigned late; /* tasks in the queue that did not */
	bool stopping; /* leave the loop once the queue is empty */

	/* owned by the loop thread */
	struct net_wait *to_wake; /* waits whose last answer came in this round */
	int64_t now_ms;           /* clock_mono_ms() at the start of this round */
	bool closing;             /* every new question is answered unavailable */
	struct event *linger;     /* ends a sleep, so that what did not wake the loop is seen */
	bool lingering;           /* it is pending */
	bool worked;              /* tasks were run since it was set */
};

static inline void net_count(atomic_uint_fast64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Hands tasks to the loop, from any thread.  One wake-up at the most. */
void net_post(struct net *n, struct net_tasks *tasks);

/* The same for what has time: under load it goes with the next that wakes the loop, at the latest after LOOP_LINGER_MS. */
void net_post_later(struct net *n, struct net_tasks *tasks);

/* Runs task on the loop thread and waits until it has run.  Not on the loop thread. */
void net_call(struct net *n, void (*run)(void *arg), void *arg);

/* ev_timer of libevent with milliseconds; 0 or -1.  Loop thread. */
int net_timer_add(struct event *timer, int64_t ms);

#endif
