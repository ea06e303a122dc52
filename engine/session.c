/*
 * A session's events up to HELO, and its end.
 */
#include "engine/session.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/events.h"
#include "engine/loop.h"
#include "util/bytes.h"
#include "util/clock.h"

enum { SESSION_MAGIC = 0x5e5510e5, CONN_ARENA_MAX = 8 << 20 };

static struct engine_session *make_session(struct engine *e)
{
	struct engine_session *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->engine = e;
	s->conn_arena = arena_new(CONN_ARENA_MAX);
	if (s->conn_arena == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
		arena_free(&s->conn_arena);
		free(s);
		return NULL;
	}
	return s;
}

void session_free(struct engine_session **sp)
{
	struct engine_session *s = *sp;

	*sp = NULL;
	net_wait_free(&s->wait);
	arena_free(&s->txn_arena);
	arena_free(&s->conn_arena);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Has the session wait on the loop of its configuration: after a reload that may be another than it had.  0 or -1. */
static int use_loop(struct engine_session *s)
{
	struct net *net = s->snap->loop != NULL ? loop_net(s->snap->loop) : NULL;

	if (s->net == net)
		return 0;
	net_wait_free(&s->wait);
	s->net = net;
	if (net == NULL)
		return 0;
	s->wait = net_wait_new(net);
	if (s->wait == NULL)
		s->net = NULL;
	return s->wait != NULL ? 0 : -1;
}

static struct engine_session *open_session(struct engine *e, bool envelope)
{
	struct engine_session *s = NULL;
	struct snapshot *snap = engine_take(e, &s);

	if (s == NULL && (s = make_session(e)) == NULL) {
		snapshot_unref(&snap);
		return NULL;
	}
	s->magic = SESSION_MAGIC;
	s->snap = snap;
	s->envelope = envelope;
	s->use = envelope ? &snap->envelope : &snap->whole;
	s->smtp = true;
	s->conn = conn_new(s->conn_arena);
	if (s->conn == NULL || use_loop(s) != 0) {
		snapshot_unref(&s->snap);
		session_free(&s);
	}
	return s;
}

struct engine_session *engine_open(struct engine *e)
{
	return open_session(e, false);
}

struct engine_session *engine_open_envelope(struct engine *e)
{
	return open_session(e, true);
}

const struct engine_needs *engine_session_needs(const struct engine_session *s)
{
	return &s->snap->needs;
}

void event_begin(struct engine_session *s)
{
	assert(s->magic == SESSION_MAGIC);
	pthread_mutex_lock(&s->lock);
	s->deadline_ms = clock_coarse_ms() + s->snap->deadline_ms;
	if (s->parked)
		engine_txn_park(s, false);
}

void event_end(struct engine_session *s)
{
	pthread_mutex_unlock(&s->lock);
}

void answer_from(const struct decision *d, struct answer *a)
{
	memset(a, 0, sizeof *a);
	if (d->kind == VERDICT_REJECT)
		a->kind = ANSWER_REJECT;
	else if (d->kind == VERDICT_DEFER)
		a->kind = ANSWER_DEFER;
	else
		return;
	a->reply = d->reply;
}

void answer_continue(struct answer *a)
{
	memset(a, 0, sizeof *a);
	a->kind = ANSWER_CONTINUE;
}

bool session_decides_at(const struct engine_session *s, enum stage stage)
{
	if ((s->use->stages & (1u << stage)) == 0)
		return false;
	return !s->envelope || (settings_policyd_stages(&s->snap->set.policyd) & (1u << STAGE_RCPT)) == 0;
}

/* ---- CONNECT ---- */

static void set_domain(struct engine_session *s, enum fact_id id, const char *name)
{
	struct fact_value *f = &s->conn->facts.v[id];
	size_t n = name != NULL ? strlen(name) : 0;

	if (n > 0 && name[n - 1] == '.')
		n--;
	if (n == 0)
		fact_set_absent(f);
	else
		fact_set_text(f, s->conn->arena, name, n);
}

/* What the MTA says of the client's names, where it says it: else the check asks DNS. */
static void set_names(struct engine_session *s, const struct engine_connect *c)
{
	struct fact_set *f = &s->conn->facts;
	const char *r = c->resolve;

	if (c->ptr != NULL && c->ptr[0] != '\0' && strcmp(c->ptr, "unknown") != 0)
		set_domain(s, FACT_CLIENT_PTR, c->ptr);
	if (r == NULL)
		return;
	if (strcmp(r, "OK") == 0 && c->name != NULL) {
		fact_set_word(&f->v[FACT_FCRDNS], "pass");
		set_domain(s, FACT_CLIENT_NAME, c->name);
	} else if (strcmp(r, "FORGED") == 0) {
		fact_set_word(&f->v[FACT_FCRDNS], "fail");
		fact_set_absent(&f->v[FACT_CLIENT_NAME]);
	} else if (strcmp(r, "FAIL") == 0) {
		fact_set_word(&f->v[FACT_FCRDNS], "none");
		fact_set_absent(&f->v[FACT_CLIENT_NAME]);
		fact_set_absent(&f->v[FACT_CLIENT_PTR]);
	} else if (strcmp(r, "TEMP") == 0) {
		s->conn->unresolved = true; /* the check knows what its settings say of a failure */
	}
}

static void set_who(struct engine_session *s, const struct engine_connect *c)
{
	struct fact_set *f = &s->conn->facts;
	bool trusted;

	s->relay = addr_list_match_ip(s->snap->relays, &c->ip) > 0;
	/* A relay often stands in a trusted network; what it hands on came from elsewhere. */
	trusted = !s->relay && addr_list_match_ip(s->snap->trusted, &c->ip) > 0;
	s->smtp = c->smtp;
	s->port = c->port;
	s->server_port = c->server_port;
	if (c->server == NULL || ip_parse(&s->server, c->server) != 0)
		s->server.family = IP_NONE;
	fact_set_word(&f->v[FACT_TRUSTED], trusted ? "yes" : "no");
	fact_set_word(&f->v[FACT_RELAY], s->relay ? "yes" : "no");
	fact_set_word(&f->v[FACT_SMTP], s->smtp ? "yes" : "no");
	if (c->ip.family == IP_NONE)
		fact_set_absent(&f->v[FACT_CLIENT_IP]);
	else
		fact_set_ip(&f->v[FACT_CLIENT_IP], &c->ip);
}

static void count_connection(struct engine_session *s, const struct engine_connect *c)
{
	struct fact_value *f = &s->conn->facts.v[FACT_CLIENT_CONNECTIONS];

	if (!s->smtp || c->ip.family == IP_NONE || (s->use->facts & FACT_BIT(FACT_CLIENT_CONNECTIONS)) == 0) {
		fact_set_absent(f);
		return;
	}
	fact_set_num(f, connections_enter(engine_connections(s->engine), &c->ip));
	s->counted = true;
}

void engine_connect(struct engine_session *s, const struct engine_connect *c, struct answer *a)
{
	event_begin(s);
	answer_continue(a);
	s->conn->ip = c->ip;
	set_who(s, c);
	set_names(s, c);
	count_connection(s, c);
	if (!s->envelope)
		tell_start(s, STAGE_CONNECT);
	/* The connect callback has no reply text: a refusal is kept and given at HELO, or at MAIL. */
	if (session_decides_at(s, STAGE_CONNECT))
		decide_session(s, STAGE_CONNECT, &s->early);
	event_end(s);
}

/* ---- HELO ---- */

/* Gives a refusal decided before MAIL, and notes it once. */
static void give_early(struct engine_session *s, enum stage stage, struct answer *a)
{
	answer_from(&s->early, a);
	if (s->early_told)
		return;
	s->early_told = true;
	record_session(s, &s->early, stage);
}

void engine_helo(struct engine_session *s, const char *name, struct answer *a)
{
	event_begin(s);
	answer_continue(a);
	s->stage = STAGE_HELO;
	if (s->conn->helo == NULL || strcmp(s->conn->helo, name) != 0) { /* a client may say it without end */
		s->conn->helo = arena_strdup(s->conn->arena, name);
		set_domain(s, FACT_HELO, name);
	}
	if (s->early.kind == VERDICT_NONE) {
		if (!s->envelope)
			tell_start(s, STAGE_HELO);
		if (session_decides_at(s, STAGE_HELO))
			decide_session(s, STAGE_HELO, &s->early);
	}
	if (s->early.kind != VERDICT_NONE)
		give_early(s, STAGE_HELO, a);
	event_end(s);
}

bool session_refused(struct engine_session *s, struct answer *a)
{
	if (s->early.kind == VERDICT_NONE)
		return false;
	give_early(s, STAGE_MAIL, a);
	return true;
}

/* ---- The end ---- */

/* As a session is when it is made, but with what was dear to make. */
static void forget(struct engine_session *s)
{
	size_t kept = offsetof(struct engine_session, magic);

	memset((char *)s + kept, 0, sizeof *s - kept);
	arena_reset(s->conn_arena);
	if (s->txn_arena != NULL)
		arena_reset(s->txn_arena);
}

void engine_close(struct engine_session **sp)
{
	struct engine_session *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	engine_abort(s);
	if (s->counted)
		connections_leave(engine_connections(s->engine), &s->conn->ip);
	tell_drop_conn(s);
	if (s->wait != NULL)
		net_flush(s->wait); /* what was told must still arrive; the loop may end with its configuration */
	snapshot_unref(&s->snap);
	forget(s);
	if (!engine_keep(s))
		session_free(&s);
}
