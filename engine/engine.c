#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/keeper.h"
#include "engine/loop.h"
#include "engine/session.h"
#include "util/clock.h"
#include "util/log.h"

enum {
	DRAIN_TRIES = 50,
	DRAIN_PAUSE_MS = 20,
	SPARE_MAX = 64 /* sessions kept: as many as begin and end at a time, of some 40 kB each */
};

struct engine {
	/* immutable after engine_load() */
	char *path;
	struct connections *connections;
	int64_t started_ms;
	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t idle; /* signalled when the last open transaction ends */
	struct snapshot *current;
	struct keeper *keeper;
	struct loop *base;           /* the host of all others; serves the sockets, and knows no Redis */
	struct engine_session *open; /* all open transactions */
	unsigned n_open, n_parked;   /* how many of them a drain waits for, and the others */
	struct twins *twins;
	struct engine_session *spare; /* sessions to use again */
	unsigned n_spare;
	bool draining;
	/* one reload at a time */
	pthread_mutex_t reload_lock;
	/* atomic */
	atomic_ullong verdicts[VERDICT_QUARANTINE + 1];
	atomic_ullong reloads;
};

/* ---- Life ---- */

static int init_locks(struct engine *e)
{
	pthread_condattr_t attr;
	int rc;

	if (pthread_mutex_init(&e->lock, NULL) != 0 || pthread_mutex_init(&e->reload_lock, NULL) != 0 ||
	    pthread_condattr_init(&attr) != 0)
		return -1;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	rc = pthread_cond_init(&e->idle, &attr);
	pthread_condattr_destroy(&attr);
	return rc == 0 ? 0 : -1;
}

struct engine *engine_load(const char *path, struct error_list *errors)
{
	struct engine *e = calloc(1, sizeof *e);

	if (e == NULL || init_locks(e) != 0 || (e->path = strdup(path)) == NULL ||
	    (e->connections = connections_new()) == NULL || (e->twins = twins_new()) == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		if (e != NULL) {
			connections_free(&e->connections);
			free(e->path);
		}
		free(e);
		return NULL;
	}
	e->started_ms = clock_mono_ms();
	e->current = snapshot_load(path, errors);
	if (e->current == NULL)
		engine_free(&e);
	return e;
}

int engine_start(struct engine *e, struct error_list *errors)
{
	e->base = loop_start_bare(errors);
	if (e->base == NULL)
		return -1;
	e->current->loop = loop_start(&e->current->set, loop_net(e->base), errors);
	if (e->current->loop == NULL)
		return -1;
	e->keeper = keeper_start(e, errors);
	return e->keeper != NULL ? 0 : -1;
}

static void free_spare(struct engine *e)
{
	while (e->spare != NULL) {
		struct engine_session *s = e->spare;

		e->spare = s->spare;
		session_free(&s);
	}
}

void engine_free(struct engine **ep)
{
	struct engine *e = *ep;

	*ep = NULL;
	if (e == NULL)
		return;
	keeper_stop(&e->keeper);
	free_spare(e);
	snapshot_unref(&e->current);
	loop_unref(&e->base);
	connections_free(&e->connections);
	twins_free(&e->twins);
	pthread_cond_destroy(&e->idle);
	pthread_mutex_destroy(&e->lock);
	pthread_mutex_destroy(&e->reload_lock);
	free(e->path);
	free(e);
}

/* ---- Reload ---- */

static bool differs(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") != 0;
}

/* A change of these needs a restart: the sockets are bound, the log is open and the user is changed once. */
static void warn_of_fixed(const struct engine_settings *was, const struct engine_settings *is,
			  struct error_list *errors)
{
	if (differs(was->milter.listen, is->milter.listen) || was->milter.mode != is->milter.mode ||
	    differs(was->milter.group, is->milter.group))
		error_warn(errors, is->milter.where.file, is->milter.where.line,
			   "the milter's socket has changed: restart millgated to listen there");
	if (differs(was->policyd.listen, is->policyd.listen) || was->policyd.mode != is->policyd.mode ||
	    differs(was->policyd.group, is->policyd.group) || was->policyd.workers != is->policyd.workers)
		error_warn(errors, is->policyd.where.file, is->policyd.where.line,
			   "the policy server's socket has changed: restart millgated to listen there");
	if (settings_policyd_stages(&was->policyd) != settings_policyd_stages(&is->policyd))
		error_warn(errors, is->policyd.where.file, is->policyd.where.line,
			   "policyd.asked_at has changed: restart millgated");
	if (differs(was->control.listen, is->control.listen) || was->control.mode != is->control.mode ||
	    differs(was->control.group, is->control.group))
		error_warn(errors, is->control.where.file, is->control.where.line,
			   "the control socket has changed: restart millgated to listen there");
	if (differs(was->user, is->user) || differs(was->group, is->group))
		error_warn(errors, is->where.file, is->where.line, "user or group has changed: restart millgated");
	if (was->log.to != is->log.to)
		error_warn(errors, is->log.where.file, is->log.where.line, "log.to has changed: restart millgated");
}

static int reload(struct engine *e, struct error_list *errors)
{
	struct snapshot *fresh = snapshot_load(e->path, errors), *old;

	if (fresh == NULL)
		return -1;
	if (e->current->loop != NULL && loop_fits(e->current->loop, &fresh->set))
		fresh->loop = loop_ref(e->current->loop);
	else
		fresh->loop = loop_start(&fresh->set, loop_net(e->base), errors);
	if (fresh->loop == NULL) {
		snapshot_unref(&fresh);
		return -1;
	}
	warn_of_fixed(&e->current->set, &fresh->set, errors);
	pthread_mutex_lock(&e->lock);
	old = e->current;
	e->current = fresh;
	pthread_mutex_unlock(&e->lock);
	keeper_wake(e->keeper);
	log_set_level((enum log_level)fresh->set.log.level);
	snapshot_unref(&old);
	atomic_fetch_add(&e->reloads, 1);
	return 0;
}

int engine_reload(struct engine *e, struct error_list *errors)
{
	int rc;

	pthread_mutex_lock(&e->reload_lock);
	rc = reload(e, errors);
	pthread_mutex_unlock(&e->reload_lock);
	return rc;
}

/* ---- Open transactions, and draining ---- */

bool engine_txn_begin(struct engine_session *s)
{
	struct engine *e = s->engine;
	bool draining;

	pthread_mutex_lock(&e->lock);
	draining = e->draining;
	if (!draining) {
		s->prev = NULL;
		s->next = e->open;
		if (e->open != NULL)
			e->open->prev = s;
		e->open = s;
		e->n_open++;
		if (!s->envelope)
			twins_add(e->twins, s);
	}
	pthread_mutex_unlock(&e->lock);
	return !draining;
}

/* One transaction less is counted there; a drain waits for the last that it must wait for. */
static void leave_idle(struct engine *e, unsigned *count)
{
	--*count;
	if (e->n_open == 0)
		pthread_cond_broadcast(&e->idle);
}

void engine_txn_end(struct engine_session *s)
{
	struct engine *e = s->engine;

	pthread_mutex_lock(&e->lock);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		e->open = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	s->prev = s->next = NULL;
	if (!s->envelope)
		twins_remove(e->twins, s);
	leave_idle(e, s->parked ? &e->n_parked : &e->n_open);
	s->parked = false;
	pthread_mutex_unlock(&e->lock);
}

void engine_txn_park(struct engine_session *s, bool parked)
{
	struct engine *e = s->engine;

	pthread_mutex_lock(&e->lock);
	if (s->parked != parked) {
		++*(parked ? &e->n_parked : &e->n_open);
		leave_idle(e, parked ? &e->n_open : &e->n_parked);
		s->parked = parked;
	}
	pthread_mutex_unlock(&e->lock);
}

bool engine_has_twin(struct engine *e, const struct engine_connect *c, const char *sender_arg)
{
	bool found;

	pthread_mutex_lock(&e->lock);
	found = twins_find(e->twins, c, sender_arg);
	pthread_mutex_unlock(&e->lock);
	return found;
}

void engine_drain_begin(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	e->draining = true;
	pthread_mutex_unlock(&e->lock);
}

static struct timespec after(int64_t timeout_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += timeout_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	return until;
}

static void wait_idle(struct engine *e, int64_t timeout_ms)
{
	struct timespec until = after(timeout_ms);

	while (e->n_open > 0)
		if (pthread_cond_timedwait(&e->idle, &e->lock, &until) != 0)
			return;
}

/* Leaves events under way, which need the lock, time to end. */
static void let_others(struct engine *e)
{
	struct timespec until = after(DRAIN_PAUSE_MS);

	(void)pthread_cond_timedwait(&e->idle, &e->lock, &until);
}

unsigned engine_drain_wait(struct engine *e, int64_t timeout_ms)
{
	unsigned left;

	pthread_mutex_lock(&e->lock);
	wait_idle(e, timeout_ms);
	left = e->n_open;
	for (int i = 0; i < DRAIN_TRIES && e->open != NULL; i++) {
		unsigned busy = 0;

		for (struct engine_session *s = e->open; s != NULL; s = s->next)
			busy += !session_give_back(s);
		if (busy == 0)
			break;
		let_others(e);
	}
	pthread_mutex_unlock(&e->lock);
	return left;
}

/* ---- What others read ---- */

const struct engine_settings *engine_settings(const struct engine *e)
{
	return &e->current->set;
}

struct net *engine_net(struct engine *e)
{
	return e->base != NULL ? loop_net(e->base) : NULL;
}

struct connections *engine_connections(struct engine *e)
{
	return e->connections;
}

struct snapshot *engine_snapshot(struct engine *e)
{
	struct snapshot *s;

	pthread_mutex_lock(&e->lock);
	s = snapshot_ref(e->current);
	pthread_mutex_unlock(&e->lock);
	return s;
}

struct snapshot *engine_take(struct engine *e, struct engine_session **spare)
{
	struct snapshot *snap;

	pthread_mutex_lock(&e->lock);
	snap = snapshot_ref(e->current);
	*spare = e->spare;
	if (e->spare != NULL) {
		e->spare = e->spare->spare;
		e->n_spare--;
	}
	pthread_mutex_unlock(&e->lock);
	return snap;
}

bool engine_keep(struct engine_session *s)
{
	struct engine *e = s->engine;
	bool keep;

	pthread_mutex_lock(&e->lock);
	keep = e->n_spare < SPARE_MAX;
	if (keep) {
		s->spare = e->spare;
		e->spare = s;
		e->n_spare++;
	}
	pthread_mutex_unlock(&e->lock);
	return keep;
}

void engine_print_rules(struct engine *e, bool json, struct sbuf *out)
{
	struct snapshot *s = engine_snapshot(e);

	rules_print(s->rules, json, out);
	snapshot_unref(&s);
}

bool engine_print_check(struct engine *e, const char *name, struct sbuf *out)
{
	struct snapshot *s = engine_snapshot(e);
	bool found = false;

	for (unsigned i = 0; i < s->n_checks && !found; i++) {
		const struct snapshot_check *k = &s->checks[i];

		if (k->state == NULL || k->def->status == NULL || strcmp(k->def->name, name) != 0)
			continue;
		k->def->status(k->state, out);
		found = true;
	}
	snapshot_unref(&s);
	return found;
}

void engine_count(struct engine *e, enum verdict_kind kind)
{
	atomic_fetch_add_explicit(&e->verdicts[kind], 1, memory_order_relaxed);
}

void engine_print_status(struct engine *e, struct sbuf *out)
{
	struct snapshot *snap = engine_snapshot(e);
	struct net_counters n;
	unsigned open, parked;

	memset(&n, 0, sizeof n);
	if (snap->loop != NULL)
		net_counters(loop_net(snap->loop), &n);
	snapshot_unref(&snap);
	pthread_mutex_lock(&e->lock);
	open = e->n_open;
	parked = e->n_parked;
	pthread_mutex_unlock(&e->lock);
	sbuf_addf(out, "{\"uptime\":%lld,\"open\":%u,\"parked\":%u,\"reloads\":%llu,\"verdicts\":{",
		  (long long)(clock_mono_ms() - e->started_ms) / 1000, open, parked, atomic_load(&e->reloads));
	for (int k = 0; k <= VERDICT_QUARANTINE; k++)
		sbuf_addf(out, "%s\"%s\":%llu", k > 0 ? "," : "", k == VERDICT_NONE ? "aborted" : verdict_name(k),
			  atomic_load(&e->verdicts[k]));
	sbuf_addf(out,
		  "},\"redis\":{\"up\":%s,\"failing\":%s,\"commands\":%llu,\"failures\":%llu,"
		  "\"errors\":%llu,\"timeouts\":%llu,\"connects\":%llu},"
		  "\"dns\":{\"questions\":%llu,\"failures\":%llu,\"timeouts\":%llu},\"harvesting\":",
		  n.redis_up ? "true" : "false", n.redis_failing ? "true" : "false",
		  (unsigned long long)n.redis_commands, (unsigned long long)n.redis_failures,
		  (unsigned long long)n.redis_errors, (unsigned long long)n.redis_timeouts,
		  (unsigned long long)n.redis_connects, (unsigned long long)n.dns_questions,
		  (unsigned long long)n.dns_failures, (unsigned long long)n.dns_timeouts);
	if (!engine_print_check(e, "harvest", out))
		sbuf_add(out, "null");
	sbuf_addc(out, '}');
}
