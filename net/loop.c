#include "net/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/dns_ask.h"
#include "net/limits.h"
#include "net/op.h"
#include "net/redis_conn.h"
#include "util/clock.h"

enum { MS_PER_S = 1000, US_PER_MS = 1000 };

/* ---- The queue ---- */

static void post(struct net *n, struct net_tasks *tasks, bool later)
{
	static const uint64_t one = 1;
	bool wake;

	pthread_mutex_lock(&n->lock);
	net_tasks_move(&n->queue, tasks);
	n->late += later;
	wake = n->asleep && !(later && n->soon && n->late < LOOP_MAX_LATE);
	if (wake)
		n->asleep = false;
	pthread_mutex_unlock(&n->lock);
	if (!wake)
		return;
	net_count(&n->stats.wakeups);
	/* The counter is never read back, so it could only refuse after 2^64 writes; EINTR is not among its errors. */
	if (write(n->wake_fd, &one, sizeof(one)) < 0)
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

struct call {
	struct net_task task;
	void (*run)(void *arg);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
};

static void run_call(struct net *n, struct net_task *t)
{
	struct call *c = (struct call *)t;

	(void)n;
	c->run(c->arg);
	pthread_mutex_lock(&c->lock);
	c->done = true;
	pthread_cond_signal(&c->cond); /* under the lock: c ends with the caller's stack frame */
	pthread_mutex_unlock(&c->lock);
}

void net_call(struct net *n, void (*run)(void *arg), void *arg)
{
	struct call c = { .task.run = run_call, .run = run, .arg = arg };
	struct net_tasks one = { 0 };

	pthread_mutex_init(&c.lock, NULL);
	pthread_cond_init(&c.cond, NULL);
	net_tasks_add(&one, &c.task);
	net_post(n, &one);
	pthread_mutex_lock(&c.lock);
	while (!c.done)
		pthread_cond_wait(&c.cond, &c.lock);
	pthread_mutex_unlock(&c.lock);
	pthread_mutex_destroy(&c.lock);
	pthread_cond_destroy(&c.cond);
}

/* Runs some of the tasks: one session with very many must not keep the answers of others waiting. */
static void run_tasks(struct net *n, struct net_tasks *tasks)
{
	for (unsigned i = 0; i < LOOP_MAX_TASKS && tasks->first != NULL; i++) {
		struct net_task *t = tasks->first;

		tasks->first = t->next;
		if (tasks->first == NULL)
			tasks->last = NULL;
		t->run(n, t); /* may free it */
	}
}

/*
 * Takes what is queued.  With nothing there the loop is marked asleep under the same lock, so that whoever adds a task
 * from now on writes to wake_fd.  False: time to leave.
 */
static bool take_tasks(struct net *n, struct net_tasks *tasks)
{
	bool stay;

	pthread_mutex_lock(&n->lock);
	net_tasks_move(tasks, &n->queue);
	n->late = 0;
	n->asleep = tasks->first == NULL;
	n->soon = n->lingering;
	stay = !n->stopping || tasks->first != NULL || redis_is_telling(n->redis);
	pthread_mutex_unlock(&n->lock);
	return stay;
}

/* ---- The thread ---- */

static void lingered(evutil_socket_t fd, short what, void *arg)
{
	struct net *n = arg;

	(void)fd;
	(void)what;
	n->lingering = false;
}

/* Who was busy does not sleep for good at once: what has time may come, and need not wake it. */
static void linger(struct net *n)
{
	if (n->lingering || !n->worked)
		return;
	n->worked = false;
	n->lingering = net_timer_add(n->linger, LOOP_LINGER_MS) == 0;
}

static void *loop_main(void *arg)
{
	struct net *n = arg;
	struct net_tasks tasks = { 0 };

	for (linger(n); take_tasks(n, &tasks); linger(n)) {
		event_base_loop(n->base, tasks.first == NULL ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
		if (tasks.first == NULL)
			(void)take_tasks(n, &tasks);
		n->now_ms = clock_mono_ms();
		n->worked = n->worked || tasks.first != NULL;
		run_tasks(n, &tasks);
		redis_push(n->redis);
		wait_wake_all(n);
	}
	n->closing = true;
	dns_close(n->dns);
	redis_close(n->redis);
	wait_wake_all(n);
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

/* No signal is for the loop thread: libmilter's own thread waits for them. */
static int start_thread(struct net *n)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&n->thread, NULL, loop_main, n);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		(void)pthread_setname_np(n->thread, "loop"); /* for top -H and gdb */
	return rc;
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

static int open_loop(struct net *n)
{
	n->base = new_base();
	if (n->base == NULL)
		return -1;
	n->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (n->wake_fd < 0)
		return -1;
	n->wake_event = event_new(n->base, n->wake_fd, EV_READ | EV_ET | EV_PERSIST, woken, NULL);
	if (n->wake_event == NULL)
		return -1;
	n->linger = event_new(n->base, -1, 0, lingered, n);
	if (n->linger == NULL)
		return -1;
	return event_add(n->wake_event, NULL);
}

static void free_all(struct net *n)
{
	dns_free(&n->dns);
	redis_free(&n->redis);
	if (n->linger != NULL)
		event_free(n->linger);
	if (n->wake_event != NULL)
		event_free(n->wake_event);
	if (n->wake_fd >= 0)
		close(n->wake_fd);
	if (n->base != NULL)
		event_base_free(n->base);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

struct net *net_start(const struct net_redis_options *redis, const struct net_dns_options *dns,
		      struct error_list *errors)
{
	struct net *n = calloc(1, sizeof(*n));
	int rc;

	if (n == NULL || pthread_mutex_init(&n->lock, NULL) != 0) {
		free(n);
		error_add(errors, NULL, 0, "out of memory");
		return NULL;
	}
	n->wake_fd = -1;
	n->now_ms = clock_mono_ms();
	if (open_loop(n) != 0) {
		error_add(errors, NULL, 0, "cannot set up the event loop: %s", strerror(errno));
		goto fail;
	}
	n->dns = dns_new(n, dns, errors);
	if (n->dns == NULL)
		goto fail;
	if (redis != NULL && redis->server != NULL) {
		n->redis = redis_new(n, redis, errors);
		if (n->redis == NULL)
			goto fail;
	}
	rc = start_thread(n);
	if (rc != 0) {
		error_add(errors, NULL, 0, "cannot start the event loop's thread: %s", strerror(rc));
		goto fail;
	}
	return n;
fail:
	free_all(n);
	return NULL;
}

static void nothing(struct net *n, struct net_task *t)
{
	(void)n;
	(void)t;
}

void net_stop(struct net **n)
{
	struct net_task last = { .run = nothing };
	struct net_tasks one = { 0 };

	if (*n == NULL)
		return;
	pthread_mutex_lock(&(*n)->lock);
	(*n)->stopping = true;
	pthread_mutex_unlock(&(*n)->lock);
	net_tasks_add(&one, &last);
	net_post(*n, &one);
	pthread_join((*n)->thread, NULL);
	free_all(*n);
	*n = NULL;
}

void net_counters(struct net *n, struct net_counters *out)
{
	*out = (struct net_counters){
		.dns_questions = atomic_load_explicit(&n->stats.dns_questions, memory_order_relaxed),
		.dns_failures = atomic_load_explicit(&n->stats.dns_failures, memory_order_relaxed),
		.dns_timeouts = atomic_load_explicit(&n->stats.dns_timeouts, memory_order_relaxed),
		.redis_commands = atomic_load_explicit(&n->stats.redis_commands, memory_order_relaxed),
		.redis_failures = atomic_load_explicit(&n->stats.redis_failures, memory_order_relaxed),
		.redis_timeouts = atomic_load_explicit(&n->stats.redis_timeouts, memory_order_relaxed),
		.redis_connects = atomic_load_explicit(&n->stats.redis_connects, memory_order_relaxed),
		.redis_errors = atomic_load_explicit(&n->stats.redis_errors, memory_order_relaxed),
		.wakeups = atomic_load_explicit(&n->stats.wakeups, memory_order_relaxed),
		.redis_up = n->redis != NULL && redis_is_up(n->redis),
		.redis_failing = n->redis != NULL && redis_is_failing(n->redis),
	};
}
