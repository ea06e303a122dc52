/* Redis, when it does not behave: away, silent, restarting, talking nonsense.  The breaker, and how it closes again. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/limits.h"
#include "net/redis.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"
#include "util/clock.h"
#include "util/log.h"

enum { SHORT_MS = 200 };

/* ---- The log, counted: linked in place of the real one ---- */

static atomic_uint away_lines, back_lines, failing_lines, mended_lines;

void log_open(const char *ident, enum log_sink sink, enum log_level level)
{
	(void)ident;
	(void)sink;
	(void)level;
}

void log_error(const char *fmt, ...)
{
	if (strstr(fmt, "is away") != NULL)
		atomic_fetch_add(&away_lines, 1);
	if (strstr(fmt, "answers with errors") != NULL)
		atomic_fetch_add(&failing_lines, 1);
}

void log_info(const char *fmt, ...)
{
	if (strstr(fmt, "is back") != NULL)
		atomic_fetch_add(&back_lines, 1);
	if (strstr(fmt, "without errors again") != NULL)
		atomic_fetch_add(&mended_lines, 1);
}

void log_warning(const char *fmt, ...)
{
	(void)fmt;
}

void log_debug(const char *fmt, ...)
{
	(void)fmt;
}

static const struct net_dns_options no_dns = { .servers = (const char *[]){ "127.0.0.1@9" },
					       .n_servers = 1,
					       .timeout_ms = FIXTURE_TIMEOUT_MS };

static struct net *start(const char *server, int64_t timeout_ms)
{
	const struct net_redis_options o = { .server = server, .timeout_ms = timeout_ms };

	return fixture_net_with(&o, &no_dns);
}

static struct net_op *ask(struct net_wait *w, const char *command)
{
	return redis_ask(w, &(struct redis_word){ command, strlen(command) }, 1);
}

/* The kind of the answer; *why (may be NULL) gets its text. */
static enum redis_kind kind_of(struct net_wait *w, const char *command, const char **why)
{
	static char text[128];
	struct net_op *op = ask(w, command);
	enum redis_kind kind;

	fixture_await(w, op);
	kind = redis_result(op)->kind;
	text[0] = '\0';
	strncat(text, redis_result(op)->str, sizeof(text) - 1);
	if (why != NULL)
		*why = text;
	net_op_free(&op);
	return kind;
}

/* Asks until the answer is of this kind. */
static bool await_kind(struct net_wait *w, enum redis_kind kind)
{
	int64_t since_ms = clock_mono_ms();

	while (kind_of(w, "PING", NULL) != kind) {
		if (clock_mono_ms() - since_ms > FIXTURE_PATIENCE_MS)
			return false;
		usleep(5000);
	}
	return true;
}

static void test_none(void)
{
	struct net *n = fixture_net_with(NULL, &no_dns);
	struct net_wait *w = net_wait_new(n);
	struct net_counters c;
	const char *why;

	is_int(kind_of(w, "PING", &why), REDIS_UNAVAILABLE, "without a Redis in the configuration: unavailable");
	is_str(why, "no Redis is configured", "and it says why");
	redis_tell(w, &(struct redis_word){ "PING", 4 }, 1);
	net_counters(n, &c);
	is_int(c.redis_failures, 2, "failures are counted");
	ok(!c.redis_up, "it is not up");
	net_wait_free(&w);
	net_stop(&n);
}

static void test_never_there(const char *server)
{
	struct net *n = start(server, SHORT_MS);
	struct net_wait *w = net_wait_new(n);
	struct net_counters before, after;

	is_int(kind_of(w, "PING", NULL), REDIS_UNAVAILABLE, "%s: unavailable", server);
	is_int(kind_of(w, "PING", NULL), REDIS_UNAVAILABLE, "%s: still", server);
	net_counters(n, &before);
	for (int i = 0; i < 100; i++)
		kind_of(w, "PING", NULL);
	net_counters(n, &after);
	is_int(after.wakeups, before.wakeups, "while it is away the loop is not even woken");
	is_int(after.redis_failures - before.redis_failures, 100, "failures are counted");
	net_wait_free(&w);
	net_stop(&n);
}

static void test_restart(void)
{
	struct fixture_redis r = { 0 };
	struct net *n;
	struct net_wait *w;
	struct net_counters c;

	fixture_redis_start(&r, NULL, NULL);
	fixture_redis_stop(&r);
	atomic_store(&away_lines, 0);
	atomic_store(&back_lines, 0);
	n = start(r.server, FIXTURE_TIMEOUT_MS);
	w = net_wait_new(n);
	is_int(kind_of(w, "PING", NULL), REDIS_UNAVAILABLE, "Redis is not there at the start: unavailable");
	usleep(3 * REDIS_BACKOFF_MIN_MS * 1000); /* some more attempts */
	is_int(atomic_load(&away_lines), 1, "one line in the log says so");
	fixture_redis_start(&r, NULL, NULL);
	ok(fixture_await_redis(n, true), "it comes: it is found without a restart of ours");
	ok(await_kind(w, REDIS_STATUS), "and asked");
	is_int(atomic_load(&back_lines), 1, "one line says that it is back");
	fixture_redis_stop(&r);
	ok(await_kind(w, REDIS_UNAVAILABLE), "it goes");
	fixture_redis_start(&r, NULL, NULL);
	ok(await_kind(w, REDIS_STATUS), "it comes again");
	net_counters(n, &c);
	is_int(c.redis_connects, 2, "two connections in all");
	is_int(atomic_load(&away_lines), 2, "each time it went there is one line in the log");
	is_int(atomic_load(&back_lines), 2, "and one when it came");
	net_wait_free(&w);
	net_stop(&n);
	fixture_redis_stop(&r);
}

/* A connection that the server closes (its `timeout` setting, CLIENT KILL) is no failure. */
static void test_reconnect(void)
{
	struct fixture_redis r = { 0 };
	const struct redis_word kill_others[] = { { "CLIENT", 6 }, { "KILL", 4 }, { "TYPE", 4 }, { "normal", 6 } };
	struct net *n, *killer;
	struct net_wait *w, *w2;
	struct net_counters c;
	struct net_op *op;

	fixture_redis_start(&r, NULL, NULL);
	n = start(r.server, FIXTURE_TIMEOUT_MS);
	w = net_wait_new(n);
	is_int(kind_of(w, "PING", NULL), REDIS_STATUS, "a connection");
	usleep(1200 * 1000); /* one that dies young counts as a failed attempt */
	killer = start(r.server, FIXTURE_TIMEOUT_MS);
	w2 = net_wait_new(killer);
	op = redis_ask(w2, kill_others, 4);
	fixture_await(w2, op);
	net_op_free(&op);
	do {
		net_counters(n, &c);
	} while (c.redis_up && c.redis_connects == 1 && usleep(1000) == 0);
	is_int(kind_of(w, "PING", NULL), REDIS_STATUS, "closed by the server: the next command waits for the new one");
	net_counters(n, &c);
	is_int(c.redis_connects, 2, "which is the second");
	is_int(c.redis_failures, 0, "nothing failed");
	net_wait_free(&w2);
	net_stop(&killer);
	net_wait_free(&w);
	net_stop(&n);
	fixture_redis_stop(&r);
}

/* A server that stands still: its kernel goes on accepting connections. */
static void test_frozen(void)
{
	struct fixture_redis r = { 0 };
	struct net *n;
	struct net_wait *w;
	struct net_counters c;
	struct net_op *ops[3];
	const char *why;

	fixture_redis_start(&r, NULL, NULL);
	n = start(r.server, SHORT_MS);
	w = net_wait_new(n);
	await_kind(w, REDIS_STATUS);
	fixture_redis_freeze(&r, true);
	for (int i = 0; i < 3; i++)
		ops[i] = ask(w, i == 0 ? "TIME" : "PING");
	ok(net_await(w, ops, 3, clock_mono_ms() + FIXTURE_PATIENCE_MS),
	   "Redis stands still: commands end by themselves");
	is_int(redis_result(ops[0])->kind, REDIS_UNAVAILABLE, "unavailable");
	is_str(redis_result(ops[0])->str, "timeout", "by their time-out");
	is_int(redis_result(ops[2])->kind, REDIS_UNAVAILABLE, "and so do those behind them: the connection is dropped");
	for (int i = 0; i < 3; i++)
		net_op_free(&ops[i]);
	net_counters(n, &c);
	ok(!c.redis_up && c.redis_timeouts >= 1, "counted");
	is_int(kind_of(w, "PING", &why), REDIS_UNAVAILABLE, "the next one is answered at once");
	is_str(why, "Redis is away", "for the breaker is open");
	fixture_redis_freeze(&r, false);
	ok(await_kind(w, REDIS_STATUS), "it goes on: used again");
	net_wait_free(&w);
	net_stop(&n);
	fixture_redis_stop(&r);
}

static enum redis_kind kind_of_words(struct net_wait *w, const char *a, const char *b, const char *c)
{
	struct redis_word words[] = { { a, strlen(a) }, { b, strlen(b) }, { c, strlen(c) } };
	struct net_op *op = redis_ask(w, words, 3);
	enum redis_kind kind;

	fixture_await(w, op);
	kind = redis_result(op)->kind;
	net_op_free(&op);
	return kind;
}

/* It answers, but with errors: connected, and of no use to whoever gets them. */
static void test_errors(void)
{
	enum { COMMANDS = 20 };
	struct fixture_redis r = { 0 };
	struct net_counters c;
	struct net_wait *w;
	struct net *n;
	unsigned errors = 0;

	fixture_redis_start(&r, NULL, NULL);
	n = start(r.server, FIXTURE_TIMEOUT_MS);
	w = net_wait_new(n);
	kind_of_words(w, "SET", "key", "text");
	net_counters(n, &c);
	ok(c.redis_errors == 0 && !c.redis_failing, "no errors so far");
	for (int i = 0; i < COMMANDS; i++) {
		errors += kind_of_words(w, "LPUSH", "key", "a") == REDIS_ERROR;
		kind_of_words(w, "SET", "other", "text");
	}
	net_counters(n, &c);
	is_int(errors, COMMANDS, "error replies");
	is_int(c.redis_errors, COMMANDS, "are counted");
	is_int(c.redis_failures, COMMANDS, "among the failures");
	ok(c.redis_up && c.redis_failing, "it is up, and failing");
	is_int(atomic_load(&failing_lines), 1, "one line in the log says so");
	kind_of_words(w, "LPUSH", "list", "a");
	net_counters(n, &c);
	ok(c.redis_failing, "one good answer among errors is no recovery yet");
	usleep((REDIS_ERROR_CALM_MS + 100) * 1000);
	kind_of_words(w, "SET", "other", "text");
	net_counters(n, &c);
	ok(c.redis_failing, "nor is one to a command that never failed");
	is_int(atomic_load(&mended_lines), 0, "and the log is silent");
	kind_of_words(w, "LPUSH", "list", "a");
	net_counters(n, &c);
	ok(c.redis_up && !c.redis_failing, "the command that failed succeeds, a while later: recovered");
	is_int(atomic_load(&mended_lines), 1, "one line says that");
	is_int(kind_of_words(w, "LPUSH", "key", "a"), REDIS_ERROR, "and when it fails anew");
	is_int(atomic_load(&failing_lines), 2, "another one");
	net_wait_free(&w);
	net_stop(&n);
	fixture_redis_stop(&r);
}

static void test_fake(enum fake_mode mode, const char *what)
{
	struct fixture_fake *f = fixture_fake_start(mode);
	struct net *n = start(f->server, SHORT_MS);
	struct net_wait *w = net_wait_new(n);
	struct net_op *ops[20];
	unsigned bad = 0;

	for (int i = 0; i < 20; i++)
		ops[i] = ask(w, "TIME");
	ok(net_await(w, ops, 20, clock_mono_ms() + FIXTURE_PATIENCE_MS), "a server that %s: all commands end", what);
	for (int i = 0; i < 20; i++) {
		bad += redis_result(ops[i])->kind != REDIS_UNAVAILABLE;
		net_op_free(&ops[i]);
	}
	is_int(bad, 0, "a server that %s: unavailable", what);
	atomic_store(&f->mode, FAKE_ANSWER);
	ok(await_kind(w, REDIS_STATUS), "it mends its ways: used again");
	net_wait_free(&w);
	net_stop(&n);
}

/* A command is never sent twice: it might count twice. */
static void test_no_replay(void)
{
	struct fixture_fake *f = fixture_fake_start(FAKE_CLOSE);
	struct net *n = start(f->server, FIXTURE_TIMEOUT_MS);
	struct net_wait *w = net_wait_new(n);
	unsigned before;

	is_int(kind_of(w, "INCR", NULL), REDIS_UNAVAILABLE, "the connection ends before the answer: unavailable");
	before = atomic_load(&f->commands);
	is_int(before, 2, "PING of the handshake and the command were sent");
	atomic_store(&f->mode, FAKE_ANSWER);
	ok(fixture_await_redis(n, true), "connected again");
	is_int(atomic_load(&f->commands), before + 1, "and nothing was sent but a PING");
	net_wait_free(&w);
	net_stop(&n);
}

/* A Redis that accepts and is silent; its commands must not pile up without bound. */
static void test_flood(void)
{
	enum { FLOOD = REDIS_MAX_OPEN + 5000 };
	static struct net_op *ops[FLOOD];
	struct fixture_fake *f = fixture_fake_start(FAKE_GREET);
	struct net *n = start(f->server, FIXTURE_TIMEOUT_MS);
	struct net_wait *w = net_wait_new(n);
	unsigned refused = 0, unavailable = 0;

	ok(fixture_await_redis(n, true), "connected");
	for (unsigned i = 0; i < FLOOD; i++)
		ops[i] = ask(w, "TIME");
	ok(net_await(w, ops, FLOOD, clock_mono_ms() + FIXTURE_PATIENCE_MS), "%d commands without an answer", FLOOD);
	for (unsigned i = 0; i < FLOOD; i++) {
		unavailable += redis_result(ops[i])->kind == REDIS_UNAVAILABLE;
		refused += strcmp(redis_result(ops[i])->str, "too many open commands") == 0;
		net_op_free(&ops[i]);
	}
	is_int(unavailable, FLOOD, "all are unavailable in the end");
	is_int(refused, FLOOD - REDIS_MAX_OPEN, "those over the bound at once");
	net_wait_free(&w);
	net_stop(&n);
}

/* Freed while in flight, with the connection going down under it. */
static void test_abandoned(void)
{
	struct fixture_fake *f = fixture_fake_start(FAKE_GREET);
	struct net *n = start(f->server, SHORT_MS);
	struct net_wait *w = net_wait_new(n);
	struct net_op *op;

	fixture_await_redis(n, true);
	for (int i = 0; i < 100; i++) {
		op = ask(w, "TIME");
		net_flush(w);
		net_op_free(&op);
	}
	op = ask(w, "TIME");
	fixture_await(w, op);
	net_op_free(&op);
	op = ask(w, "TIME");
	net_flush(w);
	net_wait_free(&w);
	net_stop(&n);
	is_int(redis_result(op)->kind, REDIS_UNAVAILABLE, "abandoned commands do no harm");
	net_op_free(&op);
}

static void *hammer(void *arg)
{
	atomic_bool *stop = ((void **)arg)[1];
	struct net_wait *w = net_wait_new(((void **)arg)[0]);
	uintptr_t answers = 0;

	while (!atomic_load(stop)) {
		struct net_op *ops[2] = { ask(w, "PING"), ask(w, "PING") };

		redis_tell(w, &(struct redis_word){ "PING", 4 }, 1);
		(void)net_await(w, ops, 2, clock_mono_ms() + FIXTURE_PATIENCE_MS);
		answers += net_op_done(ops[0]) && net_op_done(ops[1]);
		net_op_free(&ops[0]);
		net_op_free(&ops[1]);
	}
	net_wait_free(&w);
	return (void *)answers;
}

/* Everything at once: sessions go on while Redis dies, freezes and returns. */
static void test_chaos(void)
{
	enum { SESSIONS = 8 };
	struct fixture_redis r = { 0 };
	struct net *n;
	pthread_t threads[SESSIONS];
	atomic_bool stop = false;
	void *args[2];
	uintptr_t answers = 0;
	bool up = true;

	fixture_redis_start(&r, NULL, NULL);
	n = start(r.server, SHORT_MS);
	args[0] = n;
	args[1] = &stop;
	for (int i = 0; i < SESSIONS; i++) {
		if (pthread_create(&threads[i], NULL, hammer, args) != 0)
			bail_out("no thread");
	}
	for (int i = 0; i < 3; i++) {
		up &= fixture_await_redis(n, true);
		fixture_redis_freeze(&r, true);
		up &= fixture_await_redis(n, false);
		fixture_redis_freeze(&r, false);
		up &= fixture_await_redis(n, true);
		fixture_redis_stop(&r);
		up &= fixture_await_redis(n, false);
		fixture_redis_start(&r, NULL, NULL);
	}
	up &= fixture_await_redis(n, true);
	atomic_store(&stop, true);
	for (int i = 0; i < SESSIONS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		answers += (uintptr_t)result;
	}
	ok(up && answers > 0, "sessions go on while Redis freezes, dies and returns");
	net_stop(&n);
	fixture_redis_stop(&r);
}

int main(void)
{
	char missing[FIXTURE_PATH_SIZE + 16];

	snprintf(missing, sizeof(missing), "unix:%s/missing.sock", fixture_dir());
	test_none();
	test_never_there(missing);
	test_never_there("127.0.0.1:9");
	test_never_there("no-such-host.invalid:6379");
	test_restart();
	test_reconnect();
	test_frozen();
	test_errors();
	test_fake(FAKE_STALL, "never answers");
	test_fake(FAKE_CLOSE, "hangs up");
	test_fake(FAKE_HANG_UP, "hangs up at once");
	test_fake(FAKE_LOADING, "is loading");
	test_fake(FAKE_GARBAGE, "talks HTTP");
	test_fake(FAKE_NEST, "nests arrays without end");
	test_no_replay();
	test_flood();
	test_abandoned();
	test_chaos();
	return done_testing();
}
