/*
 * The loop thread: what the parts of net/ share.  Only net/ includes this.
 *
 * A task is anything that is handed to the loop: questions, commands, a server's connections.  They run on the loop
 * thread in the order in which they were handed over.
 *
 * Several `struct net` may be on one thread: that of the host, which is there first and last, and those beside it.
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
	struct net *net; /* whose it is */
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

/* The thread. */
struct net_loop {
	/* immutable once the thread runs */
	struct event_base *base;
	struct event *wake_event;
	pthread_t thread;
	int wake_fd;

	/* under lock */
	pthread_mutex_t lock;
	struct net_tasks queue;
	bool due;      /* among them are such as have no time */
	unsigned late; /* how many of them have */
	bool asleep;   /* the loop may be about to block: whoever adds a task must write to wake_fd */
	bool soon;     /* asleep, but for no longer than LOOP_LINGER_MS: what has time need not wake it */
	bool stopping; /* leave the loop once the queue is empty */

	/* owned by the loop thread */
	struct net *nets;         /* all that are on it, the host last */
	struct net_wait *to_wake; /* waits whose last answer came in this round */
	int64_t now_ms;           /* clock_mono_ms() at the start of this round */
	struct event *linger;     /* ends a sleep, so that what did not wake the loop is seen */
	bool lingering;           /* it is pending */
	bool worked;              /* tasks were run since it was set */
};

/* What one thread waits for, and another lets happen, once. */
struct net_latch {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool open;
};
void net_latch_init(struct net_latch *l);
void net_latch_open(struct net_latch *l);
/* Waits, and destroys it. */
void net_latch_wait(struct net_latch *l);

/* One set of clients on a loop thread. */
struct net {
	/* immutable once it runs */
	struct net_loop *loop;
	bool host; /* the loop is its own */
	struct dns *dns;
	struct redis *redis; /* NULL: no Redis */

	struct net_stats stats;

	/* owned by the loop thread */
	struct net *next;
	bool closing; /* every new question is answered unavailable */
	bool leaving; /* it goes once what was told has left */

	struct net_task leave; /* tells the loop thread to let it go */
};

static inline void net_count(atomic_uint_fast64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Hands tasks to the loop, from any thread.  One wake-up at the most. */
void net_post(struct net *n, struct net_tasks *tasks);

/* The same for what has time: under load it goes with the next that wakes the loop, at the latest after LOOP_LINGER_MS. */
void net_post_later(struct net *n, struct net_tasks *tasks);

/* Runs `run` on the loop thread and waits until it has run; on that thread itself: runs it. */
void net_call(struct net *n, void (*run)(void *arg), void *arg);

/* ev_timer of libevent with milliseconds; 0 or -1.  Loop thread. */
int net_timer_add(struct event *timer, int64_t ms);

/* Whether the calling thread is this loop's. */
bool net_loop_is_here(const struct net_loop *l);

/* ---- Between loop.c and net.c ---- */

/* A loop that does not run yet; NULL with an error added. */
struct net_loop *net_loop_new(struct error_list *errors);
/* Starts the thread: 0, or -1 with an error added; and ends it, once the nets beside the host are gone, and nothing is
 * to be done any more. */
int net_loop_start(struct net_loop *l, struct error_list *errors);
void net_loop_stop(struct net_loop *l, struct net *host);
/* Of one that does not run (any more). */
void net_loop_free(struct net_loop **l);

/* Answers all that is open.  Loop thread. */
void net_close(struct net *n);
/* Drops those that are to leave and have nothing to tell any more.  Loop thread. */
void net_drop_leaving(struct net_loop *l);

#endif
