#include "net/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/limits.h"
#include "net/op.h"
#include "net/redis_conn.h"
#include "util/clock.h"

enum { MS_PER_S = 1000, US_PER_MS = 1000 };

/* The loop of this thread; NULL: it is none. */
static _Thread_local const struct net_loop *here;

bool net_loop_is_here(const struct net_loop *l)
{
	return here == l;
}

/* ---- The queue ---- */

static void post(struct net *n, struct net_tasks *tasks, bool later)
{
	static const uint64_t one = 1;
	struct net_loop *l = n->loop;
	bool wake;

	pthread_mutex_lock(&l->lock);
	net_tasks_move(&l->queue, tasks);
	l->late += later;
	l->due = l->due || !later;
	wake = l->asleep && !net_loop_is_here(l) && !(later && l->soon && l->late < LOOP_MAX_LATE);
	if (wake) {
		l->asleep = false;
		net_count(&n->stats.wakeups); /* n may be gone as soon as the lock is */
	}
	pthread_mutex_unlock(&l->lock);
	/* The counter is never read back, so it could only refuse after 2^64 writes; EINTR is not among its errors. */
	if (wake && write(l->wake_fd, &one, sizeof(one)) < 0)
		abort();
}

void net_post(struct net *n, struct net_tasks *tasks)
{
	post(n, tasks, false);
}

void net_post_later(struct net *n, struct net_tasks *tasks)
{
	post(n, tasks, true);
}

void net_latch_init(struct net_latch *l)
{
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->cond, NULL);
	l->open = false;
}

void net_latch_open(struct net_latch *l)
{
	pthread_mutex_lock(&l->lock);
	l->open = true;
	pthread_cond_signal(&l->cond); /* under the lock: it ends with the waiter's stack frame */
	pthread_mutex_unlock(&l->lock);
}

void net_latch_wait(struct net_latch *l)
{
	pthread_mutex_lock(&l->lock);
	while (!l->open)
		pthread_cond_wait(&l->cond, &l->lock);
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->cond);
}

struct call {
	struct net_task task;
	void (*run)(void *arg);
	void *arg;
	struct net_latch done;
};

static void run_call(struct net *n, struct net_task *t)
{
	struct call *c = (struct call *)t;

	(void)n;
	c->run(c->arg);
	net_latch_open(&c->done);
}

void net_call(struct net *n, void (*run)(void *arg), void *arg)
{
	struct call c = { .task = { .net = n, .run = run_call }, .run = run, .arg = arg };
	struct net_tasks one = { 0 };

	if (net_loop_is_here(n->loop)) {
		run(arg);
		return;
	}
	net_latch_init(&c.done);
	net_tasks_add(&one, &c.task);
	net_post(n, &one);
	net_latch_wait(&c.done);
}

/* Runs some of the tasks: one session with very many must not keep the answers of others waiting. */
static void run_tasks(struct net_tasks *tasks)
{
	for (unsigned i = 0; i < LOOP_MAX_TASKS && tasks->first != NULL; i++) {
		struct net_task *t = tasks->first;

		tasks->first = t->next;
		if (tasks->first == NULL)
			tasks->last = NULL;
		t->run(t->net, t); /* may free it */
	}
}

/*
 * Whether there is nothing to do but to wait for events; what has time may wait for company, while the linger timer runs.
 * Then the loop is marked asleep under the same lock, so that whoever adds a task from now on writes to wake_fd.
 */
static bool may_sleep(struct net_loop *l, const struct net_tasks *tasks)
{
	bool sleep;

	pthread_mutex_lock(&l->lock);
	sleep = tasks->first == NULL && !l->due && (l->late == 0 || (l->lingering && l->late < LOOP_MAX_LATE));
	l->asleep = sleep;
	l->soon = l->lingering;
	pthread_mutex_unlock(&l->lock);
	return sleep;
}

/* Takes what is queued.  True: the thread is to stop, and behind what was taken nothing will be handed to it. */
static bool take_tasks(struct net_loop *l, struct net_tasks *tasks)
{
	bool stopping;

	pthread_mutex_lock(&l->lock);
	net_tasks_move(tasks, &l->queue);
	l->due = false;
	l->late = 0;
	l->asleep = false;
	stopping = l->stopping;
	pthread_mutex_unlock(&l->lock);
	return stopping;
}

/* ---- The thread ---- */

static void lingered(evutil_socket_t fd, short what, void *arg)
{
	struct net_loop *l = arg;

	(void)fd;
	(void)what;
	l->lingering = false;
}

/* Who was busy does not sleep for good at once: what has time may come, and need not wake it. */
static void linger(struct net_loop *l)
{
	if (l->lingering || !l->worked)
		return;
	l->worked = false;
	l->lingering = net_timer_add(l->linger, LOOP_LINGER_MS) == 0;
}

/* Something is left to do before the thread can end. */
static bool is_busy(struct net_loop *l, const struct net_tasks *tasks)
{
	bool queued;

	pthread_mutex_lock(&l->lock);
	queued = l->queue.first != NULL; /* by this thread itself */
	pthread_mutex_unlock(&l->lock);
	return queued || tasks->first != NULL || !l->nets->host || redis_is_telling(l->nets->redis);
}

static void push_all(struct net_loop *l)
{
	for (struct net *n = l->nets; n != NULL; n = n->next)
		redis_push(n->redis);
}

static void *loop_main(void *arg)
{
	struct net_loop *l = arg;
	struct net_tasks tasks = { 0 };
	bool stopping;

	here = l;
	do {
		linger(l);
		event_base_loop(l->base, may_sleep(l, &tasks) ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
		stopping = take_tasks(l, &tasks);
		l->now_ms = clock_mono_ms();
		l->worked = l->worked || tasks.first != NULL;
		run_tasks(&tasks);
		push_all(l);
		net_drop_leaving(l);
		wait_wake_all(l);
	} while (!stopping || is_busy(l, &tasks));
	net_close(l->nets);
	wait_wake_all(l);
	return NULL;
}

static void woken(evutil_socket_t fd, short what, void *arg)
{
	/* Nothing to do: waking was all, and the event is edge-triggered, so the counter need not be read. */
	(void)fd;
	(void)what;
	(void)arg;
}

int net_timer_add(struct event *timer, int64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / MS_PER_S), .tv_usec = (suseconds_t)(ms % MS_PER_S) * US_PER_MS };

	return event_add(timer, &tv);
}

/* ---- Starting and stopping ---- */

/* No signal is for the loop thread: libmilter's own thread waits for them. */
int net_loop_start(struct net_loop *l, struct error_list *errors)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&l->thread, NULL, loop_main, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		error_add(errors, NULL, 0, "cannot start the event loop's thread: %s", strerror(rc));
		return -1;
	}
	(void)pthread_setname_np(l->thread, "loop"); /* for top -H and gdb */
	return 0;
}

static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return NULL;
	/* One thread uses the base.  Edge triggering needs epoll, and libunbound and hiredis need descriptors. */
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) == 0 &&
	    event_config_require_features(config, EV_FEATURE_ET) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static int open_loop(struct net_loop *l)
{
	l->base = new_base();
	if (l->base == NULL)
		return -1;
	l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (l->wake_fd < 0)
		return -1;
	l->wake_event = event_new(l->base, l->wake_fd, EV_READ | EV_ET | EV_PERSIST, woken, NULL);
	if (l->wake_event == NULL)
		return -1;
	l->linger = event_new(l->base, -1, 0, lingered, l);
	if (l->linger == NULL)
		return -1;
	return event_add(l->wake_event, NULL);
}

struct net_loop *net_loop_new(struct error_list *errors)
{
	struct net_loop *l = calloc(1, sizeof(*l));

	if (l == NULL || pthread_mutex_init(&l->lock, NULL) != 0) {
		free(l);
		error_add(errors, NULL, 0, "out of memory");
		return NULL;
	}
	l->wake_fd = -1;
	l->now_ms = clock_mono_ms();
	if (open_loop(l) != 0) {
		error_add(errors, NULL, 0, "cannot set up the event loop: %s", strerror(errno));
		net_loop_free(&l);
	}
	return l;
}

static void nothing(struct net *n, struct net_task *t)
{
	(void)n;
	(void)t;
}

void net_loop_stop(struct net_loop *l, struct net *host)
{
	struct net_task last = { .net = host, .run = nothing };
	struct net_tasks one = { 0 };

	assert(!net_loop_is_here(l)); /* it would wait for itself */
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	pthread_mutex_unlock(&l->lock);
	net_tasks_add(&one, &last);
	net_post(host, &one);
	pthread_join(l->thread, NULL);
}

void net_loop_free(struct net_loop **lp)
{
	struct net_loop *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	if (l->linger != NULL)
		event_free(l->linger);
	if (l->wake_event != NULL)
		event_free(l->wake_event);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	if (l->base != NULL)
		event_base_free(l->base);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
