#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "net/server_conn.h"

/* The next one to be served; waits for it.  NULL: the end. */
static struct conn *take(struct pool *p)
{
	struct conn *c;

	pthread_mutex_lock(&p->lock);
	while (p->first == NULL && !p->stopping)
		pthread_cond_wait(&p->more, &p->lock);
	c = p->first;
	if (c != NULL)
		p->first = c->job_next;
	if (p->first == NULL)
		p->last = NULL;
	pthread_mutex_unlock(&p->lock);
	return c;
}

static void *work(void *arg)
{
	struct pool *p = arg;
	struct conn *c;

	while ((c = take(p)) != NULL)
		conn_serve(c);
	return NULL;
}

int pool_start(struct pool *p, unsigned n)
{
	sigset_t all, before;
	int rc = 0;

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
	pthread_mutex_lock(&p->lock);
	c->job_next = NULL;
	if (p->last != NULL)
		p->last->job_next = c;
	else
		p->first = c;
	p->last = c;
	pthread_mutex_unlock(&p->lock);
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
