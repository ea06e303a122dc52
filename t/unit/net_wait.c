/* Submitting, awaiting, abandoning: over questions that the test answers itself, on the loop thread. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/op.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"
#include "util/clock.h"

enum { SHORT_MS = 50 };

/* Questions that are answered only when the test says so. */
struct shelf {
	struct net_op *ops[8]; /* touched by the loop thread alone */
	unsigned n;
};
static struct shelf shelf;

static void answer(struct net *n, struct net_op *op)
{
	op->answer.redis = (struct redis_value){ .kind = REDIS_INT, .num = 42, .str = "" };
	op_finish(n, op);
	op_unref(op);
}

static void answer_now(struct net *n, struct net_task *t)
{
	answer(n, (struct net_op *)t);
}

static void answer_later(struct net *n, struct net_task *t)
{
	(void)n;
	shelf.ops[shelf.n++] = (struct net_op *)t;
}

static void answer_shelf(void *arg)
{
	struct net *n = arg;

	for (unsigned i = 0; i < shelf.n; i++)
		answer(n, shelf.ops[i]);
	shelf.n = 0;
}

static void nothing(void *arg)
{
	(void)arg;
}

static struct net_op *ask(struct net_wait *w, void (*run)(struct net *n, struct net_task *t))
{
	struct net_op *op = op_new(w, OP_REDIS, 0, false);

	if (op != NULL)
		op_submit(w, op, run);
	else
		bail_out("out of memory");
	return op;
}

static int64_t in_ms(int64_t ms)
{
	return clock_mono_ms() + ms;
}

static void test_await(struct net *n)
{
	struct net_wait *w = net_wait_new(n);
	struct net_op *ops[4] = { NULL };

	ok(net_await(w, NULL, 0, 0), "nothing to wait for: at once, even with the deadline passed");
	ok(net_await(w, ops, 4, 0), "NULL questions are passed over");
	is_int(redis_result(NULL)->kind, REDIS_UNAVAILABLE, "no question reads as unavailable");
	is_int(dns_result(NULL)->status, DNS_FAILED, "and so for DNS");

	ops[0] = ask(w, answer_now);
	ops[2] = ask(w, answer_now);
	ok(!net_op_done(ops[0]), "a question is open before it is sent");
	is_int(redis_result(ops[0])->kind, REDIS_UNAVAILABLE, "an open one reads as unavailable");
	ok(net_await(w, ops, 4, in_ms(FIXTURE_PATIENCE_MS)), "both are answered");
	is_int(redis_result(ops[0])->num, 42, "with their answer");
	ok(net_await(w, ops, 4, 0), "awaiting again what is answered takes no time");
	for (int i = 0; i < 4; i++)
		net_op_free(&ops[i]);
	ok(ops[0] == NULL, "freeing clears the pointer");
	net_wait_free(&w);
	net_wait_free(&w);
	ok(w == NULL, "as it does with the wait");
}

static void test_deadline(struct net *n)
{
	struct net_wait *w = net_wait_new(n);
	struct net_op *ops[3] = { ask(w, answer_now), ask(w, answer_later), NULL };
	int64_t began = clock_mono_ms();

	ops[2] = ops[1];
	ok(!net_await(w, ops, 3, in_ms(SHORT_MS)), "one of two is not answered: the deadline ends it");
	ok(clock_mono_ms() - began >= SHORT_MS, "and not earlier");
	ok(net_op_done(ops[0]) && !net_op_done(ops[1]), "the other one is answered");
	ok(!net_await(w, ops, 3, 0), "a deadline in the past does not wait");
	net_call(n, answer_shelf, n);
	ok(net_await(w, ops, 3, in_ms(FIXTURE_PATIENCE_MS)), "awaited again, twice in one list, after the answer");
	net_op_free(&ops[0]);
	net_op_free(&ops[1]);

	ops[0] = ask(w, answer_later);
	ops[1] = ask(w, answer_now);
	ok(net_await(w, &ops[1], 1, in_ms(FIXTURE_PATIENCE_MS)), "a later question is not held up by an open one");
	ok(!net_await(w, ops, 1, in_ms(1)), "that one is still open");
	net_op_free(&ops[1]);
	ops[1] = ask(w, answer_now);
	net_call(n, answer_shelf, n); /* what was given up before is answered now */
	ok(net_await(w, &ops[1], 1, in_ms(FIXTURE_PATIENCE_MS)),
	   "an answer to what is no longer awaited wakes nobody wrongly");
	net_op_free(&ops[0]);
	net_op_free(&ops[1]);
	net_wait_free(&w);
}

static void test_abandon(struct net *n)
{
	struct net_wait *w = net_wait_new(n);
	struct net_op *a = ask(w, answer_later), *b = ask(w, answer_later), *c = ask(w, answer_now), *d;

	net_flush(w);
	net_call(n, nothing, NULL);
	net_op_free(&a); /* the loop holds it still */
	net_op_free(&c);
	d = ask(w, answer_now); /* never flushed by us */
	net_wait_free(&w);      /* two questions open */
	net_call(n, answer_shelf, n);
	ok(net_op_done(b), "a question outlives its wait");
	is_int(redis_result(b)->num, 42, "and keeps its answer");
	ok(net_op_done(d), "dropping the wait sends what was submitted");
	net_op_free(&b);
	net_op_free(&d);

	w = net_wait_new(n);
	d = ask(w, answer_now);
	net_op_free(&d); /* before it was sent at all */
	net_wait_free(&w);
	net_call(n, nothing, NULL);
	pass("a question freed before it is sent does no harm");
}

static void stall(void *arg)
{
	pthread_barrier_wait(arg);
	pthread_barrier_wait(arg);
}

static void *stall_loop(void *arg)
{
	void **args = arg;

	net_call(args[0], stall, args[1]);
	return NULL;
}

static void test_batches(struct net *n)
{
	enum { QUESTIONS = 100 };
	struct net_wait *w = net_wait_new(n);
	struct net_op *ops[QUESTIONS];
	struct net_counters before, after;
	pthread_barrier_t barrier;
	pthread_t thread;
	void *args[2] = { n, &barrier };

	for (int i = 0; i < QUESTIONS; i++)
		ops[i] = ask(w, answer_now);
	net_counters(n, &before);
	net_flush(w);
	net_flush(w);
	net_counters(n, &after);
	ok(after.wakeups - before.wakeups <= 1, "a batch takes one wake-up at the most");
	ok(net_await(w, ops, QUESTIONS, in_ms(FIXTURE_PATIENCE_MS)), "and all of it is answered");
	for (int i = 0; i < QUESTIONS; i++)
		net_op_free(&ops[i]);

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, stall_loop, args);
	pthread_barrier_wait(&barrier); /* the loop is busy now */
	net_counters(n, &before);
	for (int i = 0; i < QUESTIONS; i++) {
		ops[i] = ask(w, answer_now);
		net_flush(w);
	}
	net_counters(n, &after);
	is_int(after.wakeups, before.wakeups, "a busy loop is not woken");
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	ok(net_await(w, ops, QUESTIONS, in_ms(FIXTURE_PATIENCE_MS)), "and finds what came meanwhile");
	for (int i = 0; i < QUESTIONS; i++)
		net_op_free(&ops[i]);
	pthread_barrier_destroy(&barrier);
	net_wait_free(&w);
}

/* Many sessions at once, with every way to end a question; for the sanitizers. */
static void *session(void *arg)
{
	enum { ROUNDS = 2000, AT_ONCE = 3 };
	struct net *n = arg;
	struct net_wait *w = net_wait_new(n);
	unsigned seed = (unsigned)(uintptr_t)&w;
	uintptr_t bad = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct net_op *ops[AT_ONCE] = { NULL };

		for (int j = 0; j < AT_ONCE; j++)
			ops[j] = ask(w, answer_now);
		switch (rand_r(&seed) % 5) {
		case 0:
			net_flush(w);
			net_op_free(&ops[1]);
			break;
		case 1:
			(void)net_await(w, ops, AT_ONCE, 0);
			break;
		case 2:
			net_wait_free(&w);
			w = net_wait_new(n);
			break;
		default:
			bad += !net_await(w, ops, AT_ONCE, in_ms(FIXTURE_PATIENCE_MS));
			bad += redis_result(ops[AT_ONCE - 1])->num != 42;
		}
		for (int j = 0; j < AT_ONCE; j++)
			net_op_free(&ops[j]);
	}
	net_wait_free(&w);
	return (void *)bad;
}

static void test_many(struct net *n)
{
	enum { SESSIONS = 16 };
	pthread_t threads[SESSIONS];
	uintptr_t bad = 0;

	for (int i = 0; i < SESSIONS; i++) {
		if (pthread_create(&threads[i], NULL, session, n) != 0)
			bail_out("no thread");
	}
	for (int i = 0; i < SESSIONS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		bad += (uintptr_t)result;
	}
	is_int(bad, 0, "%d sessions at once: every awaited answer came", SESSIONS);
}

static void test_stop(struct net *n)
{
	struct net_wait *w = net_wait_new(n);
	struct net_op *now = ask(w, answer_now), *dns, *redis;
	struct net_op *both[2];

	both[0] = dns = dns_ask(w, "nobody.example", DNS_A);
	both[1] = redis = redis_ask(w, &(struct redis_word){ "TIME", 4 }, 1);
	ok(!net_await(w, both, 2, in_ms(SHORT_MS)), "a DNS server and a Redis that say nothing");
	net_stop(&n);
	ok(n == NULL, "net_stop() clears the pointer");
	ok(net_op_done(now) && net_op_done(dns) && net_op_done(redis), "stopping answers everything");
	is_str(dns_result(dns)->why, "stopping", "DNS: failed, because of that");
	is_str(redis_result(redis)->str, "stopping", "Redis: unavailable, because of that");
	net_wait_free(&w);
	net_op_free(&now);
	net_op_free(&dns);
	net_op_free(&redis);
	net_stop(&n);
	pass("stopping twice is harmless");
}

/* ---- What has time ---- */

static atomic_uint arrived;

static void arrive(struct net *n, struct net_task *t)
{
	atomic_fetch_add(&arrived, 1);
	answer(n, (struct net_op *)t);
}

static void tell_later(struct net_wait *w)
{
	struct net_op *op = op_new(w, OP_REDIS, 0, true);

	if (op == NULL)
		bail_out("out of memory");
	op_submit(w, op, arrive);
	net_flush_later(w);
}

static bool have_arrived(unsigned want)
{
	for (int64_t end = in_ms(FIXTURE_PATIENCE_MS); clock_mono_ms() < end; usleep(1000))
		if (atomic_load(&arrived) == want)
			return true;
	return false;
}

static void test_later(struct net *n)
{
	enum { MANY = 1000 };
	struct net_wait *w = net_wait_new(n);
	struct net_op *op = ask(w, answer_now);
	unsigned want = 0;

	ok(net_await(w, &op, 1, in_ms(FIXTURE_PATIENCE_MS)), "the loop was busy");
	tell_later(w);
	ok(have_arrived(++want), "what has time arrives though nothing follows");
	usleep(10 * SHORT_MS * 1000);
	tell_later(w);
	ok(have_arrived(++want), "also when the loop was asleep for long");
	for (int i = 0; i < MANY; i++)
		tell_later(w);
	ok(have_arrived(want += MANY), "and all that comes in a burst");
	net_op_free(&op);
	op = ask(w, answer_now);
	net_flush_later(w);
	ok(net_await(w, &op, 1, in_ms(FIXTURE_PATIENCE_MS)), "a question does not wait");
	net_op_free(&op);
	tell_later(w);
	net_wait_free(&w);
	ok(have_arrived(++want), "who told it may be gone");
}

int main(void)
{
	struct fixture_fake *fake = fixture_fake_start(FAKE_GREET);
	struct fixture_dns dns = { 0 };
	struct net *n;

	fixture_dns_start(&dns, "127.0.0.1", 0, "* * TIMEOUT\n");
	n = fixture_net(fake->server, dns.server);
	test_await(n);
	test_deadline(n);
	test_abandon(n);
	test_batches(n);
	test_many(n);
	test_later(n);
	test_stop(n);
	return done_testing();
}
