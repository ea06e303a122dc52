#include "net/redis_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "net/limits.h"
#include "net/redis_link.h"
#include "util/clock.h"
#include "util/log.h"

enum { LOOK_UP_POLL_MS = 10 };

static const char lost[] = "connection lost";

bool redis_is_up(const struct redis *r)
{
	return atomic_load_explicit(&r->up, memory_order_relaxed);
}

bool redis_is_away(const struct redis *r)
{
	return atomic_load_explicit(&r->away, memory_order_relaxed);
}

bool redis_is_failing(const struct redis *r)
{
	return atomic_load_explicit(&r->failing, memory_order_relaxed);
}

void redis_push(struct redis *r)
{
	if (r != NULL && r->ac != NULL)
		redis_link_push(r->link);
}

bool redis_is_telling(const struct redis *r)
{
	for (const struct net_op *op = r != NULL ? r->open.first : NULL; op != NULL; op = op->next)
		if (op->wait == NULL)
			return true;
	return false;
}

/* ---- The breaker ---- */

static void pause_before_next(struct redis *r)
{
	r->state = STATE_PAUSING;
	(void)net_timer_add(r->timer, r->pause_ms);
	r->pause_ms = r->pause_ms * 2 < REDIS_BACKOFF_MAX_MS ? r->pause_ms * 2 : REDIS_BACKOFF_MAX_MS;
}

/* Opens the breaker, answers everything, tries again after a pause.  The connection is gone already. */
static void go_away(struct redis *r, const char *why)
{
	atomic_store_explicit(&r->up, false, memory_order_relaxed);
	if (!atomic_exchange(&r->away, true))
		log_error("Redis at %s is away (%s): checks that need it go by on_error until it is back",
			  r->server.name, why);
	redis_answer_all(r, "Redis is away");
	pause_before_next(r);
}

/* Drops the connection from our side; every command that was sent is answered from within. */
static void drop(struct redis *r)
{
	redisAsyncContext *ac = r->ac;

	r->ac = NULL;
	r->link = NULL;
	if (ac != NULL)
		redisAsyncFree(ac); /* delayed when a reply is just being handled */
}

/* A late answer would be taken for that of the next command, so the connection goes, and nothing is sent again. */
void redis_stalled(struct redis *r)
{
	char why[REDIS_REASON_SIZE];

	snprintf(why, sizeof(why), "no answer within %lld ms", (long long)r->timeout_ms);
	r->lost_why = "timeout";
	drop(r);
	r->lost_why = lost;
	go_away(r, why);
}

static void set_reason(struct redis *r, const char *what, const char *detail)
{
	struct sbuf b;

	sbuf_fixed(&b, r->reason, sizeof(r->reason));
	sbuf_add(&b, what);
	if (detail != NULL) {
		sbuf_add(&b, ": ");
		sbuf_add_safe(&b, detail, strlen(detail));
	}
}

static void attempt_failed(struct redis *r)
{
	drop(r);
	/* Another address of the host is tried before anybody is turned away. */
	if (r->next_address < r->addresses.n) {
		r->state = STATE_PAUSING;
		(void)net_timer_add(r->timer, 0);
		return;
	}
	r->next_address = r->addresses.n = 0;
	go_away(r, r->reason);
}

static void connection_lost(struct redis *r, const char *detail)
{
	enum { SHORT_LIFE_MS = 1000 };

	r->ac = NULL;
	r->link = NULL;
	r->next_address = r->addresses.n = 0;
	set_reason(r, "connection lost", detail);
	if (clock_mono_ms() - r->connected_ms < SHORT_LIFE_MS) {
		go_away(r, r->reason);
		return;
	}
	/* A restart, or an idle connection that the server closed: reconnect at once, and hold what comes meanwhile. */
	atomic_store_explicit(&r->up, false, memory_order_relaxed);
	r->state = STATE_PAUSING;
	(void)net_timer_add(r->timer, 0);
}

static void now_connected(struct redis *r)
{
	event_del(r->timer);
	r->state = STATE_UP;
	r->connected_ms = clock_mono_ms();
	r->pause_ms = REDIS_BACKOFF_MIN_MS;
	r->reason[0] = '\0';
	net_count(&r->net->stats.redis_connects);
	atomic_store_explicit(&r->up, true, memory_order_relaxed);
	if (atomic_exchange(&r->away, false))
		log_info("Redis at %s is back", r->server.name);
	redis_send_held(r);
}

/* ---- Connecting ---- */

/* One answer of the handshake.  An error means that the server is of no use to us: wrong password, still loading. */
static void greeted(redisAsyncContext *ac, void *reply, void *arg)
{
	struct redis *r = ac->data;
	const redisReply *answer = reply;

	(void)arg;
	if (r->ac != ac || answer == NULL)
		return;
	if (answer->type == REDIS_REPLY_ERROR) {
		set_reason(r, "it answers", answer->str);
		attempt_failed(r);
	} else if (--r->handshake_left == 0) {
		now_connected(r);
	}
}

static void greet(struct redis *r, int n, const char **words)
{
	r->handshake_left++;
	if (redisAsyncCommandArgv(r->ac, greeted, NULL, n, words, NULL) != REDIS_OK)
		set_reason(r, "connection lost", NULL); /* and the timer of the attempt ends it */
}

static void handshake(struct redis *r)
{
	enum { NUMBER_SIZE = 16 };
	char database[NUMBER_SIZE];

	r->handshake_left = 0;
	set_reason(r, "no answer", NULL);
	if (r->password != NULL && r->username != NULL)
		greet(r, 3, (const char *[]){ "AUTH", r->username, r->password });
	else if (r->password != NULL)
		greet(r, 2, (const char *[]){ "AUTH", r->password });
	if (r->database != 0) {
		snprintf(database, sizeof(database), "%d", r->database);
		greet(r, 2, (const char *[]){ "SELECT", database });
	}
	greet(r, 1, (const char *[]){ "PING" });
}

static void connect_ended(const redisAsyncContext *ac, int status)
{
	struct redis *r = ac->data;

	if (r->ac != ac)
		return;
	if (status == REDIS_OK) {
		redis_link_connected(r->link);
		handshake(r);
		return;
	}
	set_reason(r, "cannot connect", ac->errstr);
	r->ac = NULL; /* hiredis frees it after this */
	r->link = NULL;
	attempt_failed(r);
}

static void disconnected(const redisAsyncContext *ac, int status)
{
	struct redis *r = ac->data;

	(void)status;
	if (r->ac != ac) /* we dropped it */
		return;
	if (r->state == STATE_UP) {
		connection_lost(r, ac->err != 0 ? ac->errstr : NULL);
		return;
	}
	set_reason(r, "connection closed", ac->err != 0 ? ac->errstr : NULL);
	r->ac = NULL;
	r->link = NULL;
	attempt_failed(r);
}

static redisAsyncContext *open_context(struct redis *r)
{
	if (r->server.path != NULL)
		return redisAsyncConnectUnix(r->server.path);
	return redisAsyncConnect(r->addresses.v[r->next_address++], r->server.port);
}

static void connect_now(struct redis *r)
{
	r->state = STATE_CONNECTING;
	set_reason(r, "no connection within its time-out", NULL);
	r->ac = open_context(r);
	if (r->ac == NULL) {
		set_reason(r, "out of memory", NULL);
		attempt_failed(r);
		return;
	}
	if (r->ac->err != 0) { /* a missing Unix socket: nothing would ever call back */
		set_reason(r, "cannot connect", r->ac->errstr);
		attempt_failed(r);
		return;
	}
	r->ac->data = r;
	r->link = redis_link_attach(r->ac, r->net->loop->base);
	if (r->link == NULL) {
		set_reason(r, "out of memory", NULL);
		attempt_failed(r);
		return;
	}
	(void)redisAsyncSetConnectCallback(r->ac, connect_ended);
	(void)redisAsyncSetDisconnectCallback(r->ac, disconnected);
	(void)net_timer_add(r->timer, r->timeout_ms);
}

static void look_up(struct redis *r)
{
	r->next_address = 0;
	r->lookup = host_lookup_start(r->server.host);
	if (r->lookup == NULL) {
		set_reason(r, "no thread to look up its name", NULL);
		go_away(r, r->reason);
		return;
	}
	r->state = STATE_LOOKING_UP;
	r->lookup_ends_ms = clock_mono_ms() + r->timeout_ms;
	(void)net_timer_add(r->timer, LOOK_UP_POLL_MS);
}

static void poll_lookup(struct redis *r)
{
	bool ended = host_lookup_ended(r->lookup, &r->addresses);

	if (!ended && clock_mono_ms() < r->lookup_ends_ms) {
		(void)net_timer_add(r->timer, LOOK_UP_POLL_MS);
		return;
	}
	host_lookup_free(&r->lookup);
	if (ended && r->addresses.n > 0) {
		connect_now(r);
		return;
	}
	r->addresses.n = 0;
	set_reason(r, ended ? "its host name has no address" : "no answer to the look-up of its host name", NULL);
	go_away(r, r->reason);
}

static void begin_attempt(struct redis *r)
{
	if (r->server.path != NULL || r->next_address < r->addresses.n) {
		connect_now(r);
	} else if (r->server.numeric) {
		r->next_address = 0;
		r->addresses.n = 1;
		snprintf(r->addresses.v[0], sizeof(r->addresses.v[0]), "%s", r->server.host);
		connect_now(r);
	} else {
		look_up(r);
	}
}

static void state_timer(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;

	(void)fd;
	(void)what;
	switch (r->state) {
	case STATE_PAUSING:
		begin_attempt(r);
		break;
	case STATE_LOOKING_UP:
		poll_lookup(r);
		break;
	case STATE_CONNECTING:
		attempt_failed(r);
		break;
	case STATE_UP:
	case STATE_CLOSED:
		break;
	}
}

/* ---- Starting and stopping ---- */

static char *copy_if_set(const char *s, bool *failed)
{
	char *copy = s != NULL && s[0] != '\0' ? strdup(s) : NULL;

	if (copy == NULL && s != NULL && s[0] != '\0')
		*failed = true;
	return copy;
}

struct redis *redis_new(struct net *n, const struct net_redis_options *o, struct error_list *errors)
{
	struct redis *r = calloc(1, sizeof(*r));
	bool failed = false;

	if (r == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return NULL;
	}
	r->net = n;
	r->database = o->database;
	r->timeout_ms = o->timeout_ms;
	r->pause_ms = REDIS_BACKOFF_MIN_MS;
	r->lost_why = lost;
	if (redis_server_parse(&r->server, o->server, errors) != 0)
		goto fail;
	r->username = copy_if_set(o->username, &failed);
	r->password = copy_if_set(o->password, &failed);
	r->timer = evtimer_new(n->loop->base, state_timer, r);
	r->command_timer = evtimer_new(n->loop->base, redis_command_timer, r);
	if (failed || r->timer == NULL || r->command_timer == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		goto fail;
	}
	return r;
fail:
	redis_free(&r);
	return NULL;
}

void redis_begin(struct redis *r)
{
	if (r != NULL)
		(void)net_timer_add(r->timer, 0); /* the first attempt is made by the loop itself */
}

void redis_close(struct redis *r)
{
	if (r == NULL)
		return;
	r->state = STATE_CLOSED;
	r->lost_why = "stopping";
	drop(r);
	redis_answer_all(r, "stopping");
	atomic_store_explicit(&r->up, false, memory_order_relaxed);
	event_del(r->timer);
	event_del(r->command_timer);
}

void redis_free(struct redis **r)
{
	struct redis *x = *r;

	if (x == NULL)
		return;
	host_lookup_free(&x->lookup);
	if (x->timer != NULL)
		event_free(x->timer);
	if (x->command_timer != NULL)
		event_free(x->command_timer);
	if (x->password != NULL)
		explicit_bzero(x->password, strlen(x->password));
	free(x->password);
	free(x->username);
	redis_server_clear(&x->server);
	free(x);
	*r = NULL;
}
