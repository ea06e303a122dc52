/* Several sets of clients on one loop thread: they come and go while the thread stays. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/dns.h"
#include "net/loop.h"
#include "net/op.h"
#include "net/redis.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"
#include "util/clock.h"

enum { SHORT_MS = 200 };

static const char *nobody = "127.0.0.1@9"; /* no DNS server */

static struct net *beside(struct net *host, const char *server, int64_t timeout_ms)
{
	const struct net_redis_options redis = { .server = server, .timeout_ms = timeout_ms };
	const struct net_dns_options dns = { .servers = &nobody, .n_servers = 1, .timeout_ms = FIXTURE_TIMEOUT_MS };
	struct error_list errors = ERROR_LIST_INIT;
	struct net *n = net_start_beside(host, &redis, &dns, &errors);

	if (n == NULL)
		bail_out("net_start_beside: %s", errors.first->text);
	return n;
}

static struct net_op *ask(struct net_wait *w, const char *command, const char *key)
{
	return redis_ask(w, (struct redis_word[]){ { command, strlen(command) }, { key, strlen(key) } }, 2);
}

static void tell(struct net_wait *w, const char *key)
{
	redis_tell(w, (struct redis_word[]){ { "INCR", 4 }, { key, strlen(key) } }, 2);
}

/* What is at a key of this Redis, asked for with a net of its own; 0: nothing. */
static int count_of(const struct fixture_redis *redis, const char *key)
{
	struct net *n = fixture_net(redis->server, NULL);
	struct net_wait *w = net_wait_new(n);
	struct net_op *op = ask(w, "GET", key);
	const struct redis_value *v;
	int count;

	fixture_await(w, op);
	v = redis_result(op);
	if (v->kind != REDIS_NIL && v->kind != REDIS_STRING)
		bail_out("GET: %s", v->str);
	count = v->kind == REDIS_STRING ? atoi(v->str) : 0;
	net_op_free(&op);
	net_wait_free(&w);
	net_stop(&n);
	return count;
}

/* Counts what arrives at a key, and waits for that: a net that leaves has told it by then. */
static int count_when(const struct fixture_redis *redis, const char *key, int want)
{
	int64_t end = clock_mono_ms() + FIXTURE_PATIENCE_MS;
	int count;

	while ((count = count_of(redis, key)) < want && clock_mono_ms() < end)
		usleep(1000);
	return count;
}

static void test_two(struct net *host, struct fixture_redis *redis)
{
	struct net *n[2] = { beside(host, redis[0].server, FIXTURE_TIMEOUT_MS),
			     beside(host, redis[1].server, FIXTURE_TIMEOUT_MS) };
	struct net_wait *w[2] = { net_wait_new(n[0]), net_wait_new(n[1]) };
	struct net_op *op[2] = { ask(w[0], "INCR", "two"), ask(w[1], "GET", "two") };
	struct net_counters c[3];

	fixture_await(w[0], op[0]);
	fixture_await(w[1], op[1]);
	is_int(redis_result(op[0])->num, 1, "one of two writes to its Redis");
	is_int(redis_result(op[1])->kind, REDIS_NIL, "the other asks another");
	net_counters(n[0], &c[0]);
	net_counters(n[1], &c[1]);
	net_counters(host, &c[2]);
	ok(c[0].redis_commands == 1 && c[1].redis_commands == 1 && c[2].redis_commands == 0, "each counts its own");
	ok(c[0].redis_up && c[1].redis_up && !c[2].redis_up, "and knows whether its Redis is there");
	net_op_free(&op[0]);
	net_op_free(&op[1]);
	net_wait_free(&w[0]);
	net_stop(&n[0]);
	ok(n[0] == NULL, "one is stopped");
	op[1] = ask(w[1], "INCR", "two");
	fixture_await(w[1], op[1]);
	is_int(redis_result(op[1])->num, 1, "the other goes on");
	net_op_free(&op[1]);
	net_wait_free(&w[1]);
	net_stop(&n[1]);
}

static void test_refused(struct net *host)
{
	const struct net_redis_options redis = { .server = "nonsense", .timeout_ms = FIXTURE_TIMEOUT_MS };
	const struct net_dns_options dns = { .servers = &nobody, .n_servers = 1, .timeout_ms = FIXTURE_TIMEOUT_MS };
	struct error_list errors = ERROR_LIST_INIT;

	ok(net_start_beside(host, &redis, &dns, &errors) == NULL && errors.errors == 1,
	   "settings that cannot be used are an error");
	error_clear(&errors);
}

/* ---- On the loop thread itself ---- */

struct inside {
	struct net *host, *n;
	struct net_wait *w;
	struct net_op *a, *b, *c;
	struct wait_then then[2];
	unsigned told;
	bool nested, open, open_still;
	struct net_latch done;
};

static void note_nested(void *arg)
{
	((struct inside *)arg)->nested = true;
}

static void call_again(void *arg)
{
	struct inside *i = arg;

	net_call(i->host, note_nested, i);
}

static void all_answered(void *arg)
{
	struct inside *i = arg;

	if (++i->told == 2)
		net_latch_open(&i->done);
}

/* Two wait for the same; what is given up keeps them no longer. */
static void ask_inside(void *arg)
{
	struct inside *i = arg;

	i->a = ask(i->w, "ECHO", "a");
	i->b = dns_ask(i->w, "nobody.example", DNS_A);
	i->c = ask(i->w, "ECHO", "c");
	net_op_free(&i->c); /* before it is sent */
	i->open = net_is_open(i->w);
	net_flush(i->w);
	for (int j = 0; j < 2; j++) {
		i->then[j] = (struct wait_then){ .run = all_answered, .arg = i };
		wait_then(i->w, &i->then[j]);
	}
	net_op_free(&i->b);
	i->open_still = net_is_open(i->w);
}

static void look_inside(void *arg)
{
	struct inside *i = arg;

	i->open = net_is_open(i->w);
	i->nested = net_await(i->w, &i->a, 1, 0);
}

/* All that is open is given up: then those who wait are told, too. */
static void give_up_inside(void *arg)
{
	struct inside *i = arg;

	i->told = 0;
	i->b = dns_ask(i->w, "nobody.example", DNS_A);
	net_flush(i->w);
	for (int j = 0; j < 2; j++)
		wait_then(i->w, &i->then[j]);
	net_op_free(&i->b);
	i->open = net_is_open(i->w);
}

static void test_inside(struct net *host, struct fixture_redis *redis, const char *silent_dns)
{
	const struct net_redis_options r = { .server = redis->server, .timeout_ms = FIXTURE_PATIENCE_MS };
	const struct net_dns_options d = { .servers = &silent_dns, .n_servers = 1, .timeout_ms = FIXTURE_PATIENCE_MS };
	struct error_list errors = ERROR_LIST_INIT;
	struct inside i = { .host = host, .n = net_start_beside(host, &r, &d, &errors) };

	if (i.n == NULL)
		bail_out("%s", errors.first->text);
	net_call(host, call_again, &i);
	ok(i.nested, "a call from the loop thread to itself is made");
	i.w = net_wait_new(i.n);
	net_latch_init(&i.done);
	net_call(host, ask_inside, &i);
	ok(i.open, "what was asked there is open");
	ok(i.open_still, "and one of three still, when two are given up");
	net_latch_wait(&i.done);
	is_int(i.told, 2, "both who wait are told of its answer, without those that were given up");
	i.nested = false;
	net_call(host, look_inside, &i);
	ok(!i.open && i.nested, "nothing is open then, and awaiting it takes no time");
	is_str(redis_result(i.a)->str, "a", "the answer is there");
	net_latch_init(&i.done);
	net_call(host, give_up_inside, &i);
	net_latch_wait(&i.done);
	ok(!i.open && i.told == 2, "when all is given up, they are told as well");
	net_op_free(&i.a);
	net_wait_free(&i.w);
	net_stop(&i.n);
	ok(i.n == NULL, "with a question to DNS given up and open it is stopped");
}

/* ---- Stopping ---- */

static void stop_inside(void *arg)
{
	struct net **n = arg;
	struct net_wait *w = net_wait_new(*n);
	struct net_op *open = ask(w, "INCR", "inside");

	for (int i = 0; i < 10; i++)
		tell(w, "inside");
	net_op_free(&open);
	net_wait_free(&w);
	net_stop(n);
}

static void test_stop_inside(struct net *host, struct fixture_redis *redis)
{
	enum { TIMES = 20 };
	struct net *n;
	unsigned cleared = 0;

	for (int i = 0; i < TIMES; i++) {
		n = beside(host, redis->server, FIXTURE_TIMEOUT_MS);
		fixture_await_redis(n, true);
		net_call(host, stop_inside, &n);
		cleared += n == NULL;
	}
	is_int(cleared, TIMES, "stopping on the loop thread returns");
	is_int(count_when(redis, "inside", TIMES * 11), TIMES * 11, "and all that was told arrives");
}

static void test_told(struct net *host, struct fixture_redis *redis)
{
	enum { TOLD = 1000 };
	struct net *n = beside(host, redis->server, FIXTURE_TIMEOUT_MS);
	struct net_wait *w = net_wait_new(n);

	ok(fixture_await_redis(n, true), "Redis is there");
	for (int i = 0; i < TOLD; i++) {
		tell(w, "told");
		if (i % 10 == 0)
			net_flush_later(w);
	}
	net_wait_free(&w);
	net_stop(&n);
	is_int(count_when(redis, "told", TOLD), TOLD, "a stop lets everything leave that was told");
}

static void await_done(const struct net_op *op)
{
	int64_t end = clock_mono_ms() + FIXTURE_PATIENCE_MS;

	while (!net_op_done(op) && clock_mono_ms() < end)
		usleep(1000);
}

/* Redis does not answer: who leaves waits for its time-out, then gives up. */
static void test_stop_frozen(struct net *host, struct fixture_redis *redis)
{
	struct net *n = beside(host, redis->server, SHORT_MS), *other = beside(host, NULL, SHORT_MS);
	struct net_wait *w = net_wait_new(n);
	struct net_op *op;

	ok(fixture_await_redis(n, true), "Redis is there");
	fixture_redis_freeze(redis, true);
	op = ask(w, "GET", "frozen");
	tell(w, "frozen");
	net_wait_free(&w);
	net_stop(&n);
	await_done(op);
	is_int(redis_result(op)->kind, REDIS_UNAVAILABLE,
	       "a Redis that stands still: what is open is answered in the end");
	net_op_free(&op);
	n = beside(host, redis->server, SHORT_MS);
	net_call(host, stop_inside, &n); /* while it connects */
	net_stop(&other);
	fixture_redis_freeze(redis, false);
	pass("one that leaves keeps no other from stopping");
}

/* Who drops the last use of a configuration has mail to look after. */
static void test_stop_at_once(struct net *host, struct fixture_redis *redis)
{
	enum { TIMES = 5 };
	struct net *n[TIMES];
	struct net_op *op[TIMES];
	unsigned waited = 0;

	for (int i = 0; i < TIMES; i++) {
		n[i] = beside(host, redis->server, FIXTURE_PATIENCE_MS);
		if (!fixture_await_redis(n[i], true))
			bail_out("Redis is not there");
	}
	fixture_redis_freeze(redis, true);
	for (int i = 0; i < TIMES; i++) {
		struct net_wait *w = net_wait_new(n[i]);

		tell(w, "at once");
		op[i] = ask(w, "ECHO", "x");
		net_wait_free(&w);
		net_stop(&n[i]);
		waited += net_op_done(op[i]);
	}
	is_int(waited, 0, "no stop waits for a Redis that stands still");
	fixture_redis_freeze(redis, false);
	is_int(count_when(redis, "at once", TIMES), TIMES, "and what was told before arrives when it goes on");
	for (int i = 0; i < TIMES; i++) {
		await_done(op[i]);
		waited += net_op_done(op[i]);
		net_op_free(&op[i]);
	}
	is_int(waited, TIMES, "every question has its answer then");
}

/* The host is stopped while others are leaving. */
static void test_host_last(struct fixture_redis *redis)
{
	struct net *host = fixture_net(NULL, NULL);
	struct net *n = beside(host, redis->server, SHORT_MS);

	ok(fixture_await_redis(n, true), "Redis is there");
	fixture_redis_freeze(redis, true);
	net_call(host, stop_inside, &n);
	net_stop(&host);
	ok(host == NULL, "the host stops when the last beside it has left");
	fixture_redis_freeze(redis, false);
}

/* ---- As at a reload ---- */

struct shared {
	struct net *net;
	atomic_uint refs;
};

struct world {
	struct net *host;
	struct fixture_redis *redis;
	pthread_mutex_t lock;
	struct shared *current;
	atomic_bool over;
	atomic_uint bad, asked;
};

static struct shared *new_shared(struct world *w, unsigned which)
{
	struct shared *s = calloc(1, sizeof(*s));

	s->net = beside(w->host, w->redis[which % 2].server, FIXTURE_TIMEOUT_MS);
	atomic_init(&s->refs, 1);
	return s;
}

static void unref(void *arg)
{
	struct shared *s = arg;

	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	net_stop(&s->net);
	free(s);
}

static struct shared *take(struct world *w)
{
	struct shared *s;

	pthread_mutex_lock(&w->lock);
	s = w->current;
	atomic_fetch_add(&s->refs, 1);
	pthread_mutex_unlock(&w->lock);
	return s;
}

/* Asks with what is current, and lets go of it now here, now on the loop thread. */
static void *session(void *arg)
{
	struct world *w = arg;
	unsigned seed = (unsigned)(uintptr_t)&w;

	while (!atomic_load(&w->over)) {
		struct shared *s = take(w);
		struct net_wait *wait = net_wait_new(s->net);
		struct net_op *op = ask(wait, "ECHO", "reload");

		tell(wait, "reload");
		if (rand_r(&seed) % 4 != 0) {
			fixture_await(wait, op);
			atomic_fetch_add(&w->bad, redis_result(op)->kind != REDIS_STRING);
		}
		net_op_free(&op);
		net_wait_free(&wait);
		atomic_fetch_add(&w->asked, 1);
		if (rand_r(&seed) % 2 != 0)
			unref(s);
		else
			net_call(w->host, unref, s);
	}
	return NULL;
}

static void test_reloads(struct net *host, struct fixture_redis *redis)
{
	enum { SESSIONS = 8, RELOADS = 40 };
	struct world w = { .host = host, .redis = redis, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[SESSIONS];
	unsigned told = 0;

	w.current = new_shared(&w, 0);
	for (int i = 0; i < SESSIONS; i++)
		if (pthread_create(&threads[i], NULL, session, &w) != 0)
			bail_out("no thread");
	for (unsigned i = 1; i <= RELOADS; i++) {
		struct shared *fresh = new_shared(&w, i), *old;
		unsigned asked = atomic_load(&w.asked);

		pthread_mutex_lock(&w.lock);
		old = w.current;
		w.current = fresh;
		pthread_mutex_unlock(&w.lock);
		unref(old);
		while (atomic_load(&w.asked) < asked + SESSIONS)
			usleep(500);
	}
	atomic_store(&w.over, true);
	for (int i = 0; i < SESSIONS; i++)
		pthread_join(threads[i], NULL);
	unref(w.current);
	is_int(atomic_load(&w.bad), 0, "%d reloads under %d sessions: every question is answered", RELOADS, SESSIONS);
	for (int64_t end = clock_mono_ms() + FIXTURE_PATIENCE_MS; clock_mono_ms() < end; usleep(1000)) {
		told = (unsigned)count_of(&redis[0], "reload") + (unsigned)count_of(&redis[1], "reload");
		if (told >= atomic_load(&w.asked))
			break;
	}
	is_int(told, atomic_load(&w.asked), "and what was told has arrived");
}

int main(void)
{
	struct net *host = fixture_net(NULL, NULL);
	struct fixture_redis redis[2] = { 0 };
	struct fixture_dns dns = { 0 };

	fixture_redis_start(&redis[0], NULL, NULL);
	fixture_redis_start(&redis[1], NULL, NULL);
	fixture_dns_start(&dns, "127.0.0.1", 0, "* * TIMEOUT\n");
	test_two(host, redis);
	test_refused(host);
	test_inside(host, &redis[0], dns.server);
	test_stop_inside(host, &redis[0]);
	test_told(host, &redis[0]);
	test_stop_frozen(host, &redis[0]);
	test_stop_at_once(host, &redis[0]);
	test_host_last(&redis[1]);
	test_reloads(host, redis);
	net_stop(&host);
	return done_testing();
}
