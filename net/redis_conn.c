#include "net/redis_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "net/host.h"
#include "net/limits.h"
#include "net/op.h"
#include "net/redis_link.h"
#include "net/redis_reply.h"
#include "net/redis_server.h"
#include "net/resp.h"
#include "util/clock.h"
#include "util/log.h"

enum conn_state {
	CONN_PAUSING,    /* the timer ends the pause before the next attempt */
	CONN_LOOKING_UP, /* the timer looks whether the host's addresses are there */
	CONN_CONNECTING, /* up to the last answer of the handshake; the timer ends it */
	CONN_UP,
	CONN_CLOSED
};

enum { LOOK_UP_POLL_MS = 10, REASON_SIZE = 160 };

static const char lost[] = "connection lost";

/*
 * The breaker is open (`away`) from the first failed attempt, or a time-out, to the end of a handshake.  While it is
 * closed without a connection, at the start and for the moment of a first reconnection, commands are held.
 */
struct redis {
	/* immutable once the thread runs */
	struct net *net;
	struct redis_server server;
	char *username, *password; /* NULL: none */
	int database;
	int64_t timeout_ms;

	/* shared */
	atomic_bool up, away;

	/* owned by the loop thread */
	enum conn_state state;
	redisAsyncContext *ac; /* NULL: none */
	struct redis_link *link;
	struct event *timer;         /* of the state */
	struct event *command_timer; /* for the oldest command: all have the same time-out */
	bool command_timer_set;
	struct op_list open; /* commands sent, or held while connecting */
	size_t open_bytes;
	struct host_lookup *lookup;
	struct host_addresses addresses; /* of server.host */
	unsigned next_address;
	unsigned handshake_left;
	int64_t connected_ms;
	int64_t lookup_ends_ms;
	int64_t pause_ms;         /* the next one */
	char reason[REASON_SIZE]; /* why the current attempt fails */
	const char *lost_why;     /* for the commands of a connection that goes */
};

bool redis_is_up(const struct redis *r)
{
	return atomic_load_explicit(&r->up, memory_order_relaxed);
}

bool redis_is_away(const struct redis *r)
{
	return atomic_load_explicit(&r->away, memory_order_relaxed);
}

/* ---- Answers ---- */

static void take_out(struct redis *r, struct net_op *op)
{
	op_list_remove(&r->open, op);
	r->open_bytes -= op->redis.command_n;
}

static void answer_none(struct net *n, struct net_op *op, const char *why)
{
	redis_reply_none(op, why);
	net_count(&n->stats.redis_failures);
	op_finish(n, op);
	op_unref(op);
}

static void answer_all(struct redis *r, const char *why)
{
	while (r->open.first != NULL) {
		struct net_op *op = r->open.first;

		take_out(r, op);
		answer_none(r->net, op, why);
	}
}

static void send_command(struct redis *r, struct net_op *op, const char *command, size_t n);

/* EVAL with the script's text, and the rest of the command as it was.  0, or -1 when out of memory. */
static int send_script(struct redis *r, struct net_op *op)
{
	const char *text = op->redis.script->text;
	const struct redis_word head[] = { { "EVAL", sizeof("EVAL") - 1 }, { text, strlen(text) } };
	const size_t n_head = sizeof(head) / sizeof(head[0]);
	size_t rest = op->redis.command_n - op->redis.tail;
	char *command = malloc(resp_head_size(op->redis.words) + resp_words_size(head, n_head) + rest), *p;

	if (command == NULL)
		return -1;
	p = resp_head(command, op->redis.words);
	p = resp_words(p, head, n_head);
	memcpy(p, op->room + op->redis.tail, rest);
	op->redis.script = NULL; /* once */
	/* Last in the line, with a new time-out, so that the list stays in the order of deadlines. */
	op_list_remove(&r->open, op);
	op->deadline_ms = clock_mono_ms() + r->timeout_ms;
	op_list_add(&r->open, op);
	send_command(r, op, command, (size_t)(p - command) + rest);
	free(command);
	return 0;
}

static bool is_noscript(const redisReply *reply)
{
	static const char noscript[] = "NOSCRIPT";

	return reply->type == REDIS_REPLY_ERROR && (size_t)reply->len >= sizeof(noscript) - 1 &&
	       memcmp(reply->str, noscript, sizeof(noscript) - 1) == 0;
}

static void replied(redisAsyncContext *ac, void *reply, void *arg)
{
	struct redis *r = ac->data;
	struct net_op *op = arg;

	if (reply == NULL) { /* the connection is being freed; ac->err may well be 0 */
		take_out(r, op);
		answer_none(r->net, op, r->lost_why);
		return;
	}
	if (op->redis.script != NULL && is_noscript(reply) && send_script(r, op) == 0)
		return;
	take_out(r, op);
	redis_reply_copy(op, reply);
	if (op->answer.redis.kind == REDIS_UNAVAILABLE || op->answer.redis.kind == REDIS_ERROR)
		net_count(&r->net->stats.redis_failures);
	op_finish(r->net, op);
	op_unref(op);
}

/* ---- Commands ---- */

static void send_command(struct redis *r, struct net_op *op, const char *command, size_t n)
{
	if (redisAsyncFormattedCommand(r->ac, replied, op, command, n) == REDIS_OK)
		return;
	take_out(r, op); /* hiredis refuses: it is disconnecting, or out of memory */
	answer_none(r->net, op, lost);
}

static void set_command_timer(struct redis *r, int64_t now_ms)
{
	int64_t left;

	if (r->command_timer_set || r->open.first == NULL)
		return;
	left = r->open.first->deadline_ms - now_ms;
	r->command_timer_set = net_timer_add(r->command_timer, left > 0 ? left : 0) == 0;
}

void redis_start_command(struct net *n, struct net_task *t)
{
	struct net_op *op = (struct net_op *)t;
	struct redis *r = n->redis;

	net_count(&n->stats.redis_commands);
	if (n->closing) {
		answer_none(n, op, "stopping");
		return;
	}
	if (redis_is_away(r)) {
		answer_none(n, op, "Redis is away");
		return;
	}
	if (r->open.n >= REDIS_MAX_OPEN || r->open_bytes + op->redis.command_n > REDIS_MAX_OPEN_BYTES) {
		answer_none(n, op, "too many open commands");
		return;
	}
	op->deadline_ms = n->now_ms + r->timeout_ms;
	op_list_add(&r->open, op);
	r->open_bytes += op->redis.command_n;
	set_command_timer(r, n->now_ms);
	if (r->state == CONN_UP)
		send_command(r, op, op->room, op->redis.command_n);
}

void redis_push(struct redis *r)
{
	if (r != NULL && r->ac != NULL)
		redis_link_push(r->link);
}

static void send_held(struct redis *r)
{
	struct net_op *op = r->open.first;

	while (op != NULL) {
		struct net_op *next = op->next;

		send_command(r, op, op->room, op->redis.command_n);
		op = next;
	}
}

/* ---- The breaker ---- */

static void pause_before_next(struct redis *r)
{
	r->state = CONN_PAUSING;
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
	answer_all(r, "Redis is away");
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
		r->state = CONN_PAUSING;
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
	r->state = CONN_PAUSING;
	(void)net_timer_add(r->timer, 0);
}

static void now_connected(struct redis *r)
{
	event_del(r->timer);
	r->state = CONN_UP;
	r->connected_ms = clock_mono_ms();
	r->pause_ms = REDIS_BACKOFF_MIN_MS;
	r->reason[0] = '\0';
	net_count(&r->net->stats.redis_connects);
	atomic_store_explicit(&r->up, true, memory_order_relaxed);
	if (atomic_exchange(&r->away, false))
		log_info("Redis at %s is back", r->server.name);
	send_held(r);
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
	if (r->state == CONN_UP) {
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
	r->state = CONN_CONNECTING;
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
	r->link = redis_link_attach(r->ac, r->net->base);
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
	r->state = CONN_LOOKING_UP;
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
	case CONN_PAUSING:
		begin_attempt(r);
		break;
	case CONN_LOOKING_UP:
		poll_lookup(r);
		break;
	case CONN_CONNECTING:
		attempt_failed(r);
		break;
	case CONN_UP:
	case CONN_CLOSED:
		break;
	}
}

/* ---- Commands that get no answer in time ---- */

static bool oldest_expired(const struct redis *r, int64_t now_ms)
{
	return r->open.first != NULL && r->open.first->deadline_ms <= now_ms;
}

/* When it was the loop that stood still, the answers are waiting to be read. */
static void read_late_answers(struct redis *r, int64_t now_ms)
{
	const struct net_op *oldest = NULL;

	while (r->ac != NULL && oldest_expired(r, now_ms) && r->open.first != oldest) {
		oldest = r->open.first;
		redisAsyncHandleRead(r->ac);
	}
}

static void answer_expired_held(struct redis *r, int64_t now_ms)
{
	while (oldest_expired(r, now_ms)) {
		struct net_op *op = r->open.first;

		net_count(&r->net->stats.redis_timeouts);
		take_out(r, op);
		answer_none(r->net, op, "timeout");
	}
}

/* A late answer would be taken for that of the next command, so the connection goes, and nothing is sent again. */
static void drop_stalled(struct redis *r, int64_t now_ms)
{
	char why[REASON_SIZE];

	for (const struct net_op *op = r->open.first; op != NULL && op->deadline_ms <= now_ms; op = op->next)
		net_count(&r->net->stats.redis_timeouts);
	snprintf(why, sizeof(why), "no answer within %lld ms", (long long)r->timeout_ms);
	r->lost_why = "timeout";
	drop(r);
	r->lost_why = lost;
	go_away(r, why);
}

static void command_timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;
	int64_t now_ms = clock_mono_ms();

	(void)fd;
	(void)what;
	r->command_timer_set = false;
	if (r->state == CONN_UP)
		read_late_answers(r, now_ms);
	if (r->state != CONN_UP)
		answer_expired_held(r, now_ms);
	else if (oldest_expired(r, now_ms))
		drop_stalled(r, now_ms);
	set_command_timer(r, now_ms);
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
	r->timer = evtimer_new(n->base, state_timer, r);
	r->command_timer = evtimer_new(n->base, command_timer_fired, r);
	/* The first attempt is made by the loop itself. */
	if (failed || r->timer == NULL || r->command_timer == NULL || net_timer_add(r->timer, 0) != 0) {
		error_add(errors, NULL, 0, "out of memory");
		goto fail;
	}
	return r;
fail:
	redis_free(&r);
	return NULL;
}

void redis_close(struct redis *r)
{
	if (r == NULL)
		return;
	r->state = CONN_CLOSED;
	r->lost_why = "stopping";
	drop(r);
	answer_all(r, "stopping");
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
