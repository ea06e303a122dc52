/*
 * The front's life: its socket, its connections, and the thread that forgets.
 */
#include "policyd/policyd.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/settings.h"
#include "net/server.h"
#include "policyd/answer.h"
#include "policyd/limits.h"
#include "policyd/path.h"
#include "policyd/table.h"
#include "util/clock.h"
#include "util/log.h"

/* What is worth a line in the log, but not one for each request. */
enum complaint {
	COMPLAINT_MALFORMED,
	COMPLAINT_EARLY,
	COMPLAINT_STAGE,
	COMPLAINT_ENDLESS,
	COMPLAINT_FULL,
	COMPLAINT_HEADERS,
	COMPLAINT_RCPTS,
	COMPLAINT_DELETE,
	COMPLAINTS
};

struct policyd {
	/* immutable once it serves */
	struct engine *engine;
	struct policyd_asked asked;
	unsigned workers;
	struct listener *listener; /* until it serves */
	struct net_server *server; /* NULL: not yet */
	struct policyd_table *table;

	atomic_bool complained[COMPLAINTS];
	atomic_bool asked_last; /* Postfix has asked at the last stage that it was said to ask at */
	atomic_uint passed;     /* recipients let pass before it did */

	bool sweeping; /* the thread runs */
	pthread_t sweeper;
	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
};

/* ---- The log ---- */

/* The first time a warning, so that it is seen; from then on it is for whoever looks. */
static void complain(struct policyd *p, enum complaint what, const char *text, const struct policyd_request *r)
{
	enum { LINE_SIZE = 512 };
	char line[LINE_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, line, sizeof line);
	sbuf_addf(&b, "policyd: %s", text);
	if (r != NULL && r->v[POLICYD_instance] != NULL && r->v[POLICYD_instance][0] != '\0') {
		sbuf_add(&b, " (instance ");
		sbuf_add_safe(&b, r->v[POLICYD_instance], strlen(r->v[POLICYD_instance]));
		sbuf_add(&b, ")");
	}
	if (!atomic_exchange_explicit(&p->complained[what], true, memory_order_relaxed))
		log_warning("%s; further ones are logged as debug", b.p);
	else
		log_debug("%s", b.p);
}

static void complain_unsaid(struct policyd *p, unsigned unsaid, const struct policyd_request *r)
{
	if (unsaid & POLICYD_UNSAID_HEADERS)
		complain(p, COMPLAINT_HEADERS, "a header edit that the policy protocol cannot express was left out", r);
	if (unsaid & POLICYD_UNSAID_RCPTS)
		complain(p, COMPLAINT_RCPTS, "a move or copy that the policy protocol cannot express was left out", r);
	if (unsaid & POLICYD_UNSAID_DELETE)
		complain(p, COMPLAINT_DELETE, "a delete for some of the recipients was left out: delivered to all", r);
}

/* ---- Requests ---- */

/* `instance` is unique on one machine; with where the MTA listens, on several. */
static void make_key(struct sbuf *key, const struct policyd_request *r)
{
	sbuf_add(key, r->v[POLICYD_instance]);
	sbuf_addc(key, '\n');
	sbuf_add(key, r->v[POLICYD_server_address]);
	sbuf_addc(key, '\n');
	sbuf_add(key, r->v[POLICYD_server_port]);
}

/* Whether the milter is told of the same transaction: it decides. */
static bool has_twin(struct policyd *p, const struct policyd_request *r)
{
	char room[POLICYD_REQUEST_MAX];
	struct engine_connect c = policyd_txn_connect(r);
	struct sbuf path;

	sbuf_fixed(&path, room, sizeof room);
	policyd_path(&path, r->v[POLICYD_sender]);
	return engine_has_twin(p->engine, &c, path.p);
}

/* What ended transactions hold goes back before the next request is looked at, which may need it.  Their log lines are
 * written by the sweeper, many at a time. */
static void end_former(struct policyd *p, struct policyd_txn *ended)
{
	if (ended == NULL)
		return;
	(void)log_keep(true);
	policyd_txn_end(ended);
	if (log_keep(false) >= POLICYD_LOG_BATCH)
		pthread_cond_signal(&p->wake);
}

/* A request under way, with what it stands in while it is answered. */
struct policyd_begun {
	struct policyd_request r;
	struct policyd_question q;
	const char *wrong;     /* it cannot be read, and why */
	struct policyd_txn *x; /* taken; NULL: not yet, or it needs none */
	char text[];
};

/* NULL when out of memory. */
static struct policyd_begun *read_request(const char *request, size_t n)
{
	struct policyd_begun *b = malloc(sizeof *b + n);

	if (b == NULL)
		return NULL;
	memcpy(b->text, request, n);
	b->q = (struct policyd_question){ .r = &b->r };
	b->x = NULL;
	b->wrong = policyd_parse(&b->r, b->text, n);
	return b;
}

/* Whether it is one for the engine: else the answer is in `out`. */
static bool is_for_engine(struct policyd *p, const struct policyd_begun *b, struct sbuf *out)
{
	if (b->wrong != NULL) {
		/* A refusal may be what it should have been, so it is not DUNNO; nor for good, as it may not. */
		complain(p, COMPLAINT_MALFORMED, b->wrong, NULL);
		sbuf_add(out, "DEFER_IF_PERMIT 4.3.0 the policy request was not understood");
		return false;
	}
	if (b->r.stage == STAGE_CONNECT) {
		complain(p, COMPLAINT_EARLY,
			 "asked before the recipients are known, which is too early: check_policy_service belongs into "
			 "smtpd_recipient_restrictions",
			 NULL);
		sbuf_add(out, policyd_dunno);
		return false;
	}
	if (has_twin(p, &b->r)) {
		sbuf_add(out, policyd_dunno);
		return false;
	}
	return true;
}

static void take_txn(struct policyd *p, struct policyd_conn *c, struct policyd_begun *b)
{
	char room[POLICYD_REQUEST_MAX];
	struct policyd_txn *ended;
	struct sbuf key;

	sbuf_fixed(&key, room, sizeof room);
	make_key(&key, &b->r);
	b->x = policyd_table_take(p->table, key.p, key.len, c, &ended);
	end_former(p, ended);
}

/* When the last question never comes, nothing is ever committed: that is a line missing in main.cf. */
static void look_for_end(struct policyd *p, enum stage stage, const struct sbuf *out)
{
	if (stage == p->asked.last)
		atomic_store_explicit(&p->asked_last, true, memory_order_relaxed);
	if (atomic_load_explicit(&p->asked_last, memory_order_relaxed) || strcmp(out->p, policyd_dunno) != 0)
		return;
	if (atomic_fetch_add_explicit(&p->passed, 1, memory_order_relaxed) + 1 == POLICYD_ENDLESS)
		complain(p, COMPLAINT_ENDLESS,
			 "Postfix has not asked once at the last stage that policyd.asked_at names: nothing counts "
			 "until it does",
			 NULL);
}

/* Asks about the request's transaction, with its lock held; with the answer it is unlocked and put back.  False: it would
 * have to wait. */
static bool ask(struct policyd *p, struct policyd_begun *b, struct sbuf *out)
{
	bool over;

	if (!policyd_txn_ask(b->x, p->engine, &p->asked, &b->q, out))
		return false;
	over = b->x->closed;
	pthread_mutex_unlock(&b->x->lock);
	policyd_table_put(p->table, b->x, over);
	b->x = NULL;
	complain_unsaid(p, b->q.unsaid, &b->r);
	look_for_end(p, b->r.stage, out);
	return true;
}

/* Whether the engine is to be asked, about b->x then: else the answer is in `out`. */
static bool take(struct policyd *p, struct policyd_conn *c, struct policyd_begun *b, struct sbuf *out)
{
	if (b->x != NULL)
		return true;
	if (!is_for_engine(p, b, out))
		return false;
	if ((p->asked.stages & 1u << b->r.stage) == 0)
		complain(p, COMPLAINT_STAGE, "asked at a stage that policyd.asked_at does not name", &b->r);
	take_txn(p, c, b);
	if (b->x != NULL)
		return true;
	complain(p, COMPLAINT_FULL, "too many transactions, or out of memory", &b->r);
	sbuf_add(out, "DEFER_IF_PERMIT 4.3.2 too busy, try again later");
	return false;
}

static struct policyd_conn *conn_of(void **conn)
{
	if (*conn == NULL)
		*conn = calloc(1, sizeof(struct policyd_conn));
	return *conn;
}

/* The request under way on this connection.  NULL when out of memory. */
static struct policyd_begun *begun(struct policyd_conn *c, const char *request, size_t n)
{
	if (c->begun == NULL)
		c->begun = read_request(request, n);
	return c->begun;
}

/* It is answered. */
static void finish(struct policyd_conn *c, const struct sbuf *action, struct sbuf *out)
{
	policyd_txn_give_up(&c->begun->q);
	free(c->begun);
	c->begun = NULL;
	sbuf_add(out, "action=");
	sbuf_addn(out, action->p, action->len);
	sbuf_add(out, "\n\n");
}

static enum served attempt(void *ctx, void **conn, const char *request, size_t n, struct sbuf *out,
			   struct net_wait **wait)
{
	struct policyd *p = ctx;
	struct policyd_conn *c = conn_of(conn);
	struct policyd_begun *b = c != NULL ? begun(c, request, n) : NULL;
	char action[POLICYD_ACTION_MAX];
	struct sbuf told;

	if (b == NULL || log_is_behind()) /* a worker may wait until it is written */
		return SERVED_NOT;
	sbuf_fixed(&told, action, sizeof action);
	if (take(p, c, b, &told)) {
		if (pthread_mutex_trylock(&b->x->lock) != 0)
			return SERVED_NOT; /* a worker has it */
		if (!ask(p, b, &told)) {
			*wait = policyd_txn_waits_for(b->x, &b->q);
			pthread_mutex_unlock(&b->x->lock);
			return *wait != NULL ? SERVED_LATER : SERVED_NOT;
		}
	}
	finish(c, &told, out);
	return SERVED;
}

static bool serve(void *ctx, void **conn, const char *request, size_t n, struct sbuf *out)
{
	struct policyd *p = ctx;
	struct policyd_conn *c = conn_of(conn);
	struct policyd_begun *b = c != NULL ? begun(c, request, n) : NULL;
	char action[POLICYD_ACTION_MAX];
	struct sbuf told;

	if (b == NULL)
		return false;
	sbuf_fixed(&told, action, sizeof action);
	if (take(p, c, b, &told)) {
		b->q.may_wait = true;
		pthread_mutex_lock(&b->x->lock);
		(void)ask(p, b, &told);
	}
	finish(c, &told, out);
	return true;
}

static void closed(void *ctx, void *conn)
{
	struct policyd *p = ctx;

	policyd_table_part(p->table, conn);
	free(conn);
}

/* ---- The sweeper ---- */

/* Waits for the next round; p->lock is held. */
static void next_round(struct policyd *p)
{
	enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };
	int64_t at = clock_mono_ms() + POLICYD_SWEEP_MS;
	struct timespec until = { .tv_sec = (time_t)(at / MS_PER_S), .tv_nsec = at % MS_PER_S * NS_PER_MS };

	if (!p->stopping)
		(void)pthread_cond_timedwait(&p->wake, &p->lock, &until);
}

static unsigned length(const struct policyd_txn *list)
{
	unsigned n = 0;

	for (; list != NULL; list = list->next)
		n++;
	return n;
}

static void *sweep(void *arg)
{
	struct policyd *p = arg;
	struct policyd_txn *forgotten;
	unsigned gone = 0;
	int64_t swept_ms = 0, now;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping) {
		next_round(p);
		pthread_mutex_unlock(&p->lock);
		log_write_kept();
		now = clock_mono_ms();
		if (now - swept_ms >= POLICYD_SWEEP_MS) {
			swept_ms = now;
			forgotten = policyd_table_sweep(p->table, now);
			gone += length(forgotten);
			policyd_txn_end(forgotten);
		}
		if (gone >= POLICYD_TRIM) {
			gone = 0;
			(void)malloc_trim(0);
		}
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int start_sweeper(struct policyd *p)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&p->sweeper, NULL, sweep, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		(void)pthread_setname_np(p->sweeper, "policyd");
	p->sweeping = rc == 0;
	return rc;
}

static void stop_sweeper(struct policyd *p)
{
	if (!p->sweeping)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->sweeper, NULL);
	p->sweeping = false;
}

/* ---- The front's life ---- */

static int init_locks(struct policyd *p)
{
	pthread_condattr_t attr;
	int rc;

	if (pthread_condattr_init(&attr) != 0)
		return -1;
	rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 || pthread_cond_init(&p->wake, &attr) != 0;
	pthread_condattr_destroy(&attr);
	if (rc != 0)
		return -1;
	if (pthread_mutex_init(&p->lock, NULL) == 0)
		return 0;
	pthread_cond_destroy(&p->wake);
	return -1;
}

static struct policyd_asked asked_at(const struct policyd_settings *set)
{
	struct policyd_asked a = { .stages = settings_policyd_stages(set) };

	a.last = a.stages & 1u << STAGE_END ? STAGE_END : a.stages & 1u << STAGE_DATA ? STAGE_DATA : STAGE_RCPT;
	return a;
}

int policyd_open(struct engine *e, uid_t owner, struct policyd **pp, struct error_list *errors)
{
	const struct policyd_settings *set = &engine_settings(e)->policyd;
	struct policyd *p;

	*pp = NULL;
	if (set->listen == NULL || set->listen[0] == '\0')
		return 0;
	p = calloc(1, sizeof *p);
	if (p == NULL || init_locks(p) != 0) {
		error_add(errors, NULL, 0, "policyd: out of memory");
		free(p);
		return -1;
	}
	p->engine = e;
	p->asked = asked_at(set);
	p->workers = (unsigned)set->workers;
	p->table = policyd_table_new(p->asked.last == STAGE_RCPT ? POLICYD_IDLE_RCPT_MS : POLICYD_IDLE_END_MS,
				     POLICYD_GRACE_MS);
	if (p->table == NULL)
		error_add(errors, NULL, 0, "policyd: out of memory");
	else
		p->listener = net_listen(set->listen, (mode_t)set->mode, owner, set->group, errors);
	if (p->listener == NULL) {
		policyd_close(&p);
		return -1;
	}
	*pp = p;
	return 0;
}

int policyd_start(struct policyd *p, struct error_list *errors)
{
	struct net_server_options o = { .workers = 0,
					.max_request = POLICYD_REQUEST_MAX,
					.split = policyd_split,
					.serve = serve,
					.attempt = attempt,
					.closed = closed,
					.ctx = p };

	if (p == NULL)
		return 0;
	o.workers = p->workers;
	o.listener = p->listener;
	p->listener = NULL;
	if (start_sweeper(p) != 0) {
		net_unlisten(&o.listener);
		error_add(errors, NULL, 0, "policyd: cannot start a thread");
		return -1;
	}
	p->server = net_server_start(engine_net(p->engine), &o, errors);
	return p->server != NULL ? 0 : -1;
}

void policyd_close(struct policyd **pp)
{
	struct policyd *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	net_server_stop(&p->server);
	net_unlisten(&p->listener);
	stop_sweeper(p);
	log_write_kept();
	policyd_txn_end(policyd_table_free(&p->table));
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
