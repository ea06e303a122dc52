/*
 * The stream server that answers on its loop thread: at once, when a Redis has answered, or not at all, so that a worker
 * has to; with clients that send in pieces, vanish or do not read, and a Redis that is away.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/loop.h"
#include "net/redis.h"
#include "net/server.h"
#include "t/lib/tap.h"
#include "t/unit/net_client.h"
#include "t/unit/net_fixture.h"
#include "util/clock.h"

enum { MAX_REQUEST = 256, WORKERS = 2, BIG_LINES = 1 << 17, BIG_LINE = 64, TRIES_MAX = 3, SHORT_MS = 300 };

static char path[FIXTURE_PATH_SIZE], where[FIXTURE_PATH_SIZE + 8];

/*
 * A protocol of lines, answered with the line itself unless Redis was in vain ("none TEXT"):
 *   now TEXT     at once
 *   last TEXT    the same, and the connection is closed
 *   big          a long answer at once
 *   ask TEXT     when Redis has answered
 *   more TEXT    when it has answered three questions, one after the other
 *   drop TEXT    the same as ask, with a question more that is given up at once
 *   tell TEXT    at once, and Redis is told something
 *   work TEXT    a worker does it
 *   both TEXT    Redis is asked, and a worker does the rest, which asks it again
 */
struct protocol {
	struct net *asks; /* where Redis is */
	atomic_uint attempts, worked, opened, closed;
	atomic_bool astray; /* something was called on the wrong thread */
};

/* Of a connection. */
struct own {
	struct net_wait *wait;
	struct net_op *op;
	unsigned asked;
};

static ptrdiff_t split(const char *p, size_t n)
{
	const char *nl = memchr(p, '\n', n);

	return nl != NULL ? nl - p + 1 : 0;
}

static bool begins(const char *request, const char *with)
{
	return strncmp(request, with, strlen(with)) == 0;
}

static struct own *own_of(struct protocol *p, void **conn)
{
	if (*conn == NULL) {
		struct own *o = calloc(1, sizeof(*o));

		o->wait = net_wait_new(p->asks);
		*conn = o;
		atomic_fetch_add(&p->opened, 1);
	}
	return *conn;
}

static struct net_op *echo(struct own *o, const char *request, size_t n)
{
	return redis_ask(o->wait, (struct redis_word[]){ { "ECHO", 4 }, { request, n } }, 2);
}

/* What Redis has answered. */
static void take_answer(struct own *o, struct sbuf *out)
{
	const struct redis_value *v = redis_result(o->op);

	sbuf_reset(out);
	if (v->kind == REDIS_STRING)
		sbuf_addn(out, v->str, v->str_n);
	else
		sbuf_addf(out, "none %s\n", v->str);
	net_op_free(&o->op);
}

static enum served ask(struct own *o, const char *request, size_t n, struct sbuf *out, struct net_wait **wait)
{
	const unsigned want = begins(request, "more") ? TRIES_MAX : 1;

	if (o->op != NULL)
		take_answer(o, out);
	if (o->asked == want) {
		o->asked = 0;
		return begins(request, "both") ? SERVED_NOT : SERVED;
	}
	o->op = echo(o, request, n);
	o->asked++;
	if (begins(request, "drop")) {
		struct net_op *vain = echo(o, request, n), *sent = echo(o, request, n);

		net_op_free(&vain);
		net_flush(o->wait);
		net_op_free(&sent);
	}
	net_flush(o->wait);
	*wait = o->wait;
	sbuf_add(out, "nobody sees this\n");
	return SERVED_LATER;
}

static enum served attempt(void *ctx, void **conn, const char *request, size_t n, struct sbuf *out,
			   struct net_wait **wait)
{
	struct protocol *p = ctx;
	struct own *o = own_of(p, conn);

	if (!net_loop_is_here(p->asks->loop))
		atomic_store(&p->astray, true);
	atomic_fetch_add(&p->attempts, 1);
	if (begins(request, "work"))
		return SERVED_NOT;
	if (begins(request, "big")) {
		for (int i = 0; i < BIG_LINES; i++)
			sbuf_addf(out, "%0*d\n", BIG_LINE - 1, i);
		return SERVED;
	}
	if (begins(request, "ask") || begins(request, "more") || begins(request, "drop") || begins(request, "both"))
		return ask(o, request, n, out, wait);
	if (begins(request, "tell")) {
		redis_tell(o->wait, (struct redis_word[]){ { "INCR", 4 }, { "told", 4 } }, 2);
		net_flush_later(o->wait);
	}
	sbuf_addn(out, request, n);
	return begins(request, "last") ? SERVED_LAST : SERVED;
}

static bool serve(void *ctx, void **conn, const char *request, size_t n, struct sbuf *out)
{
	struct protocol *p = ctx;
	struct own *o = own_of(p, conn);

	if (net_loop_is_here(p->asks->loop))
		atomic_store(&p->astray, true);
	atomic_fetch_add(&p->worked, 1);
	if (begins(request, "work")) {
		sbuf_addn(out, request, n);
		return true;
	}
	if (o->op == NULL)
		o->op = echo(o, request, n);
	(void)net_await(o->wait, &o->op, 1, clock_mono_ms() + FIXTURE_PATIENCE_MS);
	take_answer(o, out);
	o->asked = 0;
	return true;
}

static void closed(void *ctx, void *conn)
{
	struct protocol *p = ctx;
	struct own *o = conn;

	net_op_free(&o->op);
	net_wait_free(&o->wait);
	free(o);
	atomic_fetch_add(&p->closed, 1);
}

static struct net_server *start(struct net *host, struct protocol *p)
{
	struct error_list errors = ERROR_LIST_INIT;
	const struct net_server_options o = { .listen = where,
					      .mode = 0600,
					      .workers = WORKERS,
					      .max_request = MAX_REQUEST,
					      .split = split,
					      .serve = serve,
					      .attempt = attempt,
					      .closed = closed,
					      .ctx = p };
	struct net_server *s = net_server_start(host, &o, &errors);

	if (s == NULL)
		bail_out("%s", errors.first->text);
	return s;
}

static struct net *beside(struct net *host, const char *server, int64_t timeout_ms)
{
	const char *dns_server = "127.0.0.1@9";
	const struct net_redis_options redis = { .server = server, .timeout_ms = timeout_ms };
	const struct net_dns_options dns = { .servers = &dns_server, .n_servers = 1, .timeout_ms = FIXTURE_TIMEOUT_MS };
	struct error_list errors = ERROR_LIST_INIT;
	struct net *n = net_start_beside(host, &redis, &dns, &errors);

	if (n == NULL)
		bail_out("net_start_beside: %s", errors.first->text);
	return n;
}

/* Until so many of them were counted. */
static void await_count(atomic_uint *count, unsigned want)
{
	int64_t end = clock_mono_ms() + FIXTURE_PATIENCE_MS;

	while (atomic_load(count) < want)
		if (clock_mono_ms() > end)
			bail_out("only %u of %u", atomic_load(count), want);
		else
			usleep(1000);
}

/* ---- Tests ---- */

static void test_ways(struct protocol *p)
{
	int fd = client_open(path);
	unsigned worked = atomic_load(&p->worked), closed_before = atomic_load(&p->closed);

	client_put(fd, "now 1\n");
	is_str(client_line(fd), "now 1", "a request is answered at once");
	client_put(fd, "ask 2\n");
	is_str(client_line(fd), "ask 2", "one when Redis has answered, without what was written before");
	client_put(fd, "more 3\n");
	is_str(client_line(fd), "more 3", "one that has to ask again and again");
	client_put(fd, "drop 4\n");
	is_str(client_line(fd), "drop 4", "one that gives questions up, before and after they were sent");
	is_int(atomic_load(&p->worked), worked, "all that without a worker");
	client_put(fd, "work 5\n");
	is_str(client_line(fd), "work 5", "one is for a worker");
	client_put(fd, "both 6\n");
	is_str(client_line(fd), "both 6", "one for it after Redis was asked");
	is_int(atomic_load(&p->worked), worked + 2, "which they get");
	client_put(fd, "last 7\nnow 8\n");
	is_str(client_line(fd), "last 7", "one ends the connection");
	ok(client_is_closed(fd), "and nothing behind it is answered");
	close(fd);
	await_count(&p->closed, closed_before + 1);
	pass("whose user gets to know");

	fd = client_open(path);
	client_put(fd, "ask 1\n");
	shutdown(fd, SHUT_WR);
	is_str(client_line(fd), "ask 1", "a client that sends no more still gets its answer");
	ok(client_is_closed(fd), "and is closed then");
	close(fd);
	ok(!atomic_load(&p->astray), "each on its thread");
}

/* A conversation with all ways to be answered, cut in two at each byte. */
static void test_pieces(void)
{
	static const char text[] =
		"now 1\nask 2\nwork 3\nask 4\nnow 5\nmore 6\nboth 7\ntell 8\nwork 9\nnow 10\ndrop 11\n";
	const size_t n = sizeof(text) - 1;
	int fd = client_open(path);
	unsigned bad = 0;

	for (size_t at = 1; at < n; at++) {
		char answer[sizeof(text)];

		client_put_n(fd, text, at);
		if (at % 2 != 0) /* it may well have come to the cut by then */
			usleep(500);
		client_put_n(fd, text + at, n - at);
		bad += client_get(fd, answer, n) != n || memcmp(answer, text, n) != 0;
	}
	is_int(bad, 0, "requests cut in two at each byte: every answer in its place");
	for (size_t i = 0; i < n; i++) {
		client_put_n(fd, text + i, 1);
		usleep(200);
	}
	for (size_t i = 0; i < n; i++) {
		char c;

		bad += client_get(fd, &c, 1) != 1 || c != text[i];
	}
	is_int(bad, 0, "and byte by byte");
	close(fd);
}

/* One who sends thousands at once does not keep the others. */
static void *send_many(void *arg)
{
	enum { REQUESTS = 20000 };
	int *fd = arg;
	char one[MAX_REQUEST];

	for (int i = 0; i < REQUESTS; i++) {
		snprintf(one, sizeof(one), "%s %d\n", i % 7 == 0 ? "ask" : "now", i);
		client_put(*fd, one);
	}
	shutdown(*fd, SHUT_WR);
	return NULL;
}

static void test_greedy(void)
{
	enum { REQUESTS = 20000, OTHERS = 100 };
	int greedy = client_open(path), other = client_open(path), i;
	char want[MAX_REQUEST];
	unsigned bad = 0;
	pthread_t thread;

	if (pthread_create(&thread, NULL, send_many, &greedy) != 0)
		bail_out("no thread");
	for (i = 0; i < OTHERS; i++) {
		client_put(other, "ask other\n");
		bad += strcmp(client_line(other), "ask other") != 0;
	}
	is_int(bad, 0, "one who sends many at once, and does not read, keeps nobody waiting");
	for (i = 0; i < REQUESTS; i++) {
		snprintf(want, sizeof(want), "%s %d", i % 7 == 0 ? "ask" : "now", i);
		bad += strcmp(client_line(greedy), want) != 0;
	}
	is_int(bad, 0, "all of his are answered in their order");
	ok(client_is_closed(greedy), "to the end");
	pthread_join(thread, NULL);
	close(greedy);
	close(other);
}

/* An answer that is much longer than a socket holds. */
static void test_long(void)
{
	enum { SIZE = BIG_LINES * BIG_LINE };
	int slow = client_open(path), other = client_open(path);
	char *text = malloc(SIZE);
	unsigned bad = 0;

	client_put(slow, "big\nask behind\nbig\nlast of all\n");
	for (int i = 0; i < 10; i++) {
		client_put(other, "ask other\n");
		bad += strcmp(client_line(other), "ask other") != 0;
	}
	is_int(bad, 0, "a client that does not read a long answer holds up nobody");
	for (int round = 0; round < 2; round++) {
		bad += client_get(slow, text, SIZE) != SIZE;
		for (int i = 0; i < BIG_LINES; i++)
			bad += atoi(text + (ptrdiff_t)BIG_LINE * i) != i;
		is_str(client_line(slow), round == 0 ? "ask behind" : "last of all", "it gets what is behind it");
	}
	is_int(bad, 0, "and all of it");
	ok(client_is_closed(slow), "to the end");
	client_put(other, "big\n");
	usleep(1000);
	close(other); /* most of it is unread */
	free(text);
	close(slow);
}

static void test_wakeups(struct net *host, struct protocol *p)
{
	enum { REQUESTS = 200 };
	int fd = client_open(path);
	struct net_counters before[2], after[2];
	unsigned bad = 0;

	net_counters(host, &before[0]);
	net_counters(p->asks, &before[1]);
	for (int i = 0; i < REQUESTS; i++) {
		client_put(fd, i % 2 == 0 ? "ask it\n" : "tell it\n");
		bad += strcmp(client_line(fd) + 4, i % 2 == 0 ? "it" : " it") != 0;
	}
	net_counters(host, &after[0]);
	net_counters(p->asks, &after[1]);
	is_int(bad, 0, "%d requests, half of which ask and half of which tell", REQUESTS);
	ok(after[0].wakeups == before[0].wakeups && after[1].wakeups == before[1].wakeups,
	   "the loop does not wake itself");
	close(fd);
}

/* Clients that vanish while Redis keeps them waiting. */
static void test_vanished(struct fixture_redis *redis, struct protocol *p)
{
	enum { CLIENTS = 20 };
	unsigned attempts = atomic_load(&p->attempts), closed_before = atomic_load(&p->opened);
	int fds[CLIENTS], fd;

	await_count(&p->closed, closed_before); /* those of other tests */
	fixture_redis_freeze(redis, true);
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client_open(path);
		client_put(fds[i], i % 2 == 0 ? "ask 1\n" : "more 1\nnow 2\nask 3\n");
	}
	await_count(&p->attempts, attempts + CLIENTS);
	for (int i = 0; i < CLIENTS; i++) {
		if (i % 3 == 0)
			client_put(fds[i], "ask 4\n"); /* read no more */
		close(fds[i]);
	}
	fd = client_open(path);
	client_put(fd, "now here\n");
	is_str(client_line(fd), "now here", "clients vanish while they wait for Redis");
	is_int(atomic_load(&p->closed), closed_before, "whom nobody closes meanwhile");
	fixture_redis_freeze(redis, false);
	await_count(&p->closed, closed_before + CLIENTS);
	client_put(fd, "ask there\n");
	is_str(client_line(fd), "ask there", "they are closed then, and it goes on");
	close(fd);
}

struct stopper {
	struct net_server *server;
	atomic_bool stopped;
};

static void *stop(void *arg)
{
	struct stopper *s = arg;

	net_server_stop(&s->server);
	atomic_store(&s->stopped, true);
	return NULL;
}

/* A stop while Redis keeps them waiting: until it answers, or does not in time. */
static void test_stop(struct fixture_redis *redis, struct net *host, struct protocol *p, bool back)
{
	enum { CLIENTS = 6 };
	static const char *const requests[] = { "ask 1\nnow too late\n", "more 2\n", "both 3\n" };
	struct stopper s = { .server = start(host, p) };
	unsigned attempts = atomic_load(&p->attempts), good = 0;
	int fds[CLIENTS], idle;
	pthread_t thread;

	ok(fixture_await_redis(p->asks, true), "Redis is there");
	idle = client_open(path);
	client_put(idle, "ask before\n");
	is_str(client_line(idle), "ask before", "and answers");
	fixture_redis_freeze(redis, true);
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client_open(path);
		client_put(fds[i], requests[i % 3]);
	}
	await_count(&p->attempts, attempts + 1 + CLIENTS);
	if (pthread_create(&thread, NULL, stop, &s) != 0)
		bail_out("no thread");
	ok(client_is_closed(idle), "a stop closes the idle");
	if (back) {
		usleep(20000);
		ok(!atomic_load(&s.stopped), "who waits for Redis is waited for");
		fixture_redis_freeze(redis, false);
	}
	for (int i = 0; i < CLIENTS; i++) {
		const char *line = client_line(fds[i]);

		good += back ? line[0] == requests[i % 3][0] : begins(line, "none ");
		good += client_is_closed(fds[i]);
		close(fds[i]);
	}
	is_int(good, 2 * CLIENTS, "%s, and closed", back ? "all are answered" : "all are told that Redis is of no use");
	pthread_join(thread, NULL);
	pass("it has stopped");
	if (!back)
		fixture_redis_freeze(redis, false);
	close(idle);
}

/* Without Redis nothing is ever open: whoever may wait is asked, and learns that there is nothing to wait for. */
static void test_away(struct fixture_redis *redis, struct protocol *p)
{
	unsigned worked = atomic_load(&p->worked);
	int fd = client_open(path);

	fixture_redis_stop(redis);
	ok(fixture_await_redis(p->asks, false), "Redis goes");
	client_put(fd, "ask 1\nmore 2\nnow 3\n");
	ok(begins(client_line(fd), "none "), "a question is in vain");
	ok(begins(client_line(fd), "none "), "and the next");
	is_str(client_line(fd), "now 3", "others are answered");
	ok(atomic_load(&p->worked) > worked, "a worker has seen to it");
	fixture_redis_start(redis, NULL, NULL);
	ok(fixture_await_redis(p->asks, true), "Redis is back");
	client_put(fd, "more 4\n");
	is_str(client_line(fd), "more 4", "and asked");
	close(fd);
}

static void *client(void *arg)
{
	enum { ROUNDS = 400 };
	static const char *const ways[] = { "now", "ask", "work", "more", "both", "tell", "drop" };
	uintptr_t good = 0;
	int fd = client_open(path);
	unsigned seed = (unsigned)(uintptr_t)&fd;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		char request[MAX_REQUEST], answer[MAX_REQUEST];
		const char *a = ways[(unsigned)rand_r(&seed) % 7], *b = ways[(unsigned)rand_r(&seed) % 7];
		size_t n = (size_t)snprintf(request, sizeof(request), "%s %d\n%s %d again\n", a, i, b, i);
		size_t sent = (size_t)rand_r(&seed) % n;

		client_put_n(fd, request, sent);
		client_put_n(fd, request + sent, n - sent);
		if (rand_r(&seed) % 20 == 0) { /* without waiting for the answer */
			close(fd);
			fd = client_open(path);
			good++;
			continue;
		}
		good += client_get(fd, answer, n) == n && memcmp(answer, request, n) == 0;
	}
	close(fd);
	return (void *)good;
}

static void test_many(struct protocol *p)
{
	enum { CLIENTS = 12, ROUNDS = 400 };
	pthread_t threads[CLIENTS];
	uintptr_t good = 0;

	for (int i = 0; i < CLIENTS; i++) {
		if (pthread_create(&threads[i], NULL, client, NULL) != 0)
			bail_out("no thread");
	}
	for (int i = 0; i < CLIENTS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		good += (uintptr_t)result;
	}
	is_int(good, CLIENTS * ROUNDS, "%d clients, all ways mixed, cut at random: every answer is right", CLIENTS);
	ok(!atomic_load(&p->astray), "each on its thread");
}

int main(void)
{
	struct fixture_redis redis = { 0 };
	struct net *host = fixture_net(NULL, NULL);
	struct protocol p = { 0 };
	struct net_server *s;

	snprintf(path, sizeof(path), "%s/server.sock", fixture_dir());
	snprintf(where, sizeof(where), "unix:%s", path);
	fixture_redis_start(&redis, NULL, NULL);
	p.asks = beside(host, redis.server, FIXTURE_PATIENCE_MS);
	s = start(host, &p);
	test_ways(&p);
	test_pieces();
	test_greedy();
	test_long();
	test_wakeups(host, &p);
	test_vanished(&redis, &p);
	test_many(&p);
	test_away(&redis, &p);
	net_server_stop(&s);
	test_stop(&redis, host, &p, true);
	net_stop(&p.asks);

	p.asks = beside(host, redis.server, SHORT_MS);
	test_stop(&redis, host, &p, false);
	net_stop(&p.asks);
	net_stop(&host);
	return done_testing();
}
