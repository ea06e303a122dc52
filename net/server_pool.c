#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "net/server_conn.h"

/* What a worker has taken: `todo` is before what is being done with all of them, `done` behind it. */
struct lead {
	struct pool *pool;
	struct jobs todo, done;
};

/* The thread's own; NULL: it leads nothing (any more). */
static _Thread_local struct lead *lead;

/* ---- Queues ---- */

static void add_last(struct jobs *j, struct conn *c)
{
	c->job_next = NULL;
	if (j->last != NULL)
		j->last->job_next = c;
	else
		j->first = c;
	j->last = c;
}

static struct conn *take_first(struct jobs *j)
{
	struct conn *c = j->first;

	if (c == NULL)
		return NULL;
	j->first = c->job_next;
	if (j->first == NULL)
		j->last = NULL;
	return c;
}

/* Puts all of `from` before all of `to`. */
static void move_first(struct jobs *to, struct jobs *from)
{
	if (from->first == NULL)
		return;
	from->last->job_next = to->first;
	if (to->last == NULL)
		to->last = from->last;
	to->first = from->first;
	*from = (struct jobs){ 0 };
}

/* ---- A worker ---- */

static bool may_take(const struct pool *p)
{
	return p->jobs.first != NULL && !p->leading;
}

/* Waits for work: all that there is, or one request.  False: the end. */
static bool take(struct pool *p, struct lead *l)
{
	bool got;

	pthread_mutex_lock(&p->lock);
	while (!may_take(p) && !(p->stopping && p->jobs.first == NULL))
		pthread_cond_wait(&p->more, &p->lock);
	p->called = false;
	got = p->jobs.first != NULL;
	if (got && p->leads) {
		l->todo = p->jobs;
		p->jobs = (struct jobs){ 0 };
		p->leading = true;
	} else if (got) {
		add_last(&l->todo, take_first(&p->jobs));
	}
	pthread_mutex_unlock(&p->lock);
	return got;
}

/* No leader is left: whoever waits may come, at the end all of them. */
static void resign(struct pool *p)
{
	bool wake, all;

	pthread_mutex_lock(&p->lock);
	p->leading = false;
	wake = p->jobs.first != NULL && !p->called;
	p->called = p->called || wake;
	all = p->stopping;
	pthread_mutex_unlock(&p->lock);
	if (all)
		pthread_cond_broadcast(&p->more);
	else if (wake)
		pthread_cond_signal(&p->more);
}

bool pool_leads(void)
{
	return lead != NULL;
}

void pool_hand_on(void)
{
	struct lead *l = lead;

	if (l == NULL)
		return;
	lead = NULL;
	pthread_mutex_lock(&l->pool->lock);
	move_first(&l->pool->jobs, &l->todo);
	move_first(&l->pool->jobs, &l->done);
	pthread_mutex_unlock(&l->pool->lock);
	resign(l->pool);
}

/* Does `what` with all.  False: the lead was handed on meanwhile. */
static bool each(struct lead *l, void (*what)(struct conn *c))
{
	struct conn *c;

	while ((c = take_first(&l->todo)) != NULL) {
		what(c);
		if (lead == NULL) {
			conn_serve(c); /* it alone was not handed on */
			return false;
		}
		add_last(&l->done, c);
	}
	move_first(&l->todo, &l->done);
	return true;
}

static void serve_led(struct pool *p, struct lead *l)
{
	struct conn *c;

	lead = l;
	if (!each(l, conn_begin) || !each(l, conn_prepare) || !each(l, conn_flush))
		return;
	while (lead != NULL && (c = take_first(&l->todo)) != NULL)
		conn_serve(c);
	if (lead == NULL)
		return;
	lead = NULL;
	resign(p);
}

static void *work(void *arg)
{
	struct pool *p = arg;
	struct lead l = { .pool = p };

	while (take(p, &l)) {
		if (p->leads)
			serve_led(p, &l);
		else
			conn_serve(take_first(&l.todo));
	}
	return NULL;
}

/* ---- Others ---- */

int pool_start(struct pool *p, unsigned n, bool leads)
{
	sigset_t all, before;
	int rc = 0;

	p->leads = leads;
	p->threads = calloc(n, sizeof(*p->threads));
	if (p->threads == NULL)
		return ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (rc == 0 && p->n < n) {
		rc = pthread_create(&p->threads[p->n], NULL, work, p);
		if (rc != 0)
			break;
		(void)pthread_setname_np(p->threads[p->n++], "worker");
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		pool_stop(p);
	return rc;
}

void pool_add(struct pool *p, struct conn *c)
{
	bool wake;

	pthread_mutex_lock(&p->lock);
	add_last(&p->jobs, c);
	wake = !p->leads || (!p->leading && !p->called);
	p->called = p->called || wake;
	pthread_mutex_unlock(&p->lock);
	if (wake)
		pthread_cond_signal(&p->more);
}

void pool_stop(struct pool *p)
{
	if (p->threads == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_mutex_unlock(&p->lock);
	pthread_cond_broadcast(&p->more);
	for (unsigned i = 0; i < p->n; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	p->threads = NULL;
	p->n = 0;
}
