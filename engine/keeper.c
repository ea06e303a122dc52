#include "engine/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/loop.h"
#include "engine/session.h"
#include "util/clock.h"

enum {
	KEEPER_PERIOD_S = 1,
	KEEPER_DEADLINE_MS = 5000 /* of one check's call; a stop waits for it */
};

struct keeper {
	struct engine *engine;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	/* under lock */
	bool stopping, woken;
};

static bool is_stopping(struct keeper *k)
{
	bool stopping;

	pthread_mutex_lock(&k->lock);
	stopping = k->stopping;
	pthread_mutex_unlock(&k->lock);
	return stopping;
}

static void tick_all(struct keeper *keeper)
{
	struct snapshot *s = engine_snapshot(keeper->engine);
	struct net_wait *wait = NULL;

	for (unsigned i = 0; i < s->n_checks && !is_stopping(keeper); i++) {
		const struct snapshot_check *k = &s->checks[i];

		if (k->state == NULL || k->def->tick == NULL)
			continue;
		if (wait == NULL && (wait = net_wait_new(loop_net(s->loop))) == NULL)
			break; /* no memory: next time */
		k->def->tick(k->state, wait, clock_mono_ms() + KEEPER_DEADLINE_MS);
	}
	net_wait_free(&wait);
	snapshot_unref(&s);
}

/* False: it is to stop. */
static bool pause_keeper(struct keeper *k)
{
	struct timespec until;
	bool go_on;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += KEEPER_PERIOD_S;
	pthread_mutex_lock(&k->lock);
	while (!k->stopping && !k->woken && pthread_cond_timedwait(&k->more, &k->lock, &until) != ETIMEDOUT)
		continue;
	k->woken = false;
	go_on = !k->stopping;
	pthread_mutex_unlock(&k->lock);
	return go_on;
}

static void *keep(void *arg)
{
	struct keeper *k = arg;

	do
		tick_all(k);
	while (pause_keeper(k));
	return NULL;
}

struct keeper *keeper_start(struct engine *e, struct error_list *errors)
{
	struct keeper *k = calloc(1, sizeof *k);
	pthread_condattr_t attr;
	int rc = ENOMEM;

	if (k != NULL) {
		k->engine = e;
		pthread_mutex_init(&k->lock, NULL);
		pthread_condattr_init(&attr);
		pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
		pthread_cond_init(&k->more, &attr);
		pthread_condattr_destroy(&attr);
		rc = pthread_create(&k->thread, NULL, keep, k);
	}
	if (rc == 0) {
		(void)pthread_setname_np(k->thread, "keeper");
		return k;
	}
	error_add(errors, NULL, 0, "cannot start the keeper's thread: %s", strerror(rc));
	free(k);
	return NULL;
}

void keeper_wake(struct keeper *k)
{
	if (k == NULL)
		return;
	pthread_mutex_lock(&k->lock);
	k->woken = true;
	pthread_cond_signal(&k->more);
	pthread_mutex_unlock(&k->lock);
}

void keeper_stop(struct keeper **kp)
{
	struct keeper *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	pthread_mutex_lock(&k->lock);
	k->stopping = true;
	pthread_cond_signal(&k->more);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->more);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
