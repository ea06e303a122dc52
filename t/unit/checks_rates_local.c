/*
 * Rates in memory: the script's answers without Redis, in a table that stays small.  Time is the test's.
 */
#include "checks/rates_local.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "t/lib/tap.h"

enum { MAX_BYTES = 64 << 10, MANY = 5000, THREADS = 4, EACH = 500 };

#define HOUR_US INT64_C(3600000000)
#define HOUR_MS (HOUR_US / 1000)

static const struct rate hourly = { .name = "r",
				    .unit = RATE_MESSAGES,
				    .windows = { { 1, HOUR_MS, 3 }, { 1, 24 * HOUR_MS, 5 } },
				    .n_windows = 2,
				    .period_ms = 24 * HOUR_MS };

static struct rates_result ask(struct rates_local *l, const struct rate *r, const char *name, const char *ip,
			       enum rates_verb verb, int64_t stamp, int64_t now_us)
{
	const struct rates_key key = { .base = name };
	struct rates_question q = { .rate = r, .key = &key, .units = 1, .stamp = stamp };

	if (ip != NULL)
		(void)ip_parse(&q.network, ip);
	return rates_local_call(l, &q, verb, now_us);
}

static void test_windows(void)
{
	struct rates_local *l = rates_local_new(MAX_BYTES);
	struct rates_result r;

	is_int(ask(l, &hourly, "a", NULL, RATES_PEEK, 0, 0).answer, RATES_GRANTED, "nothing is taken");
	is_int((int64_t)rates_local_count(l), 0, "peek makes no entry");
	for (unsigned i = 0; i < 3; i++)
		is_int(ask(l, &hourly, "a", NULL, RATES_TAKE, 0, 0).answer, RATES_GRANTED, "three at once");
	r = ask(l, &hourly, "a", NULL, RATES_TAKE, 0, 0);
	is_int(r.answer, RATES_USED_UP, "not four");
	ok(r.first, "told");
	is_int(r.wait_ms, HOUR_MS, "an hour to wait");
	ok(!ask(l, &hourly, "a", NULL, RATES_TAKE, 0, 1).first, "once");
	is_int(ask(l, &hourly, "b", NULL, RATES_TAKE, 0, 0).answer, RATES_GRANTED, "another key is apart");
	is_int(ask(l, &hourly, "a", NULL, RATES_TAKE, 0, 3 * HOUR_US).answer, RATES_GRANTED,
	       "three hours later there are more");
	is_int(ask(l, &hourly, "a", NULL, RATES_TAKE, 0, 3 * HOUR_US).answer, RATES_GRANTED, "five in all");
	r = ask(l, &hourly, "a", NULL, RATES_TAKE, 0, 3 * HOUR_US);
	is_int(r.answer, RATES_USED_UP, "the day has no more");
	is_int(r.wait_ms, 21 * HOUR_MS, "until tomorrow");
	(void)ask(l, &hourly, "a", NULL, RATES_GIVE, 0, 3 * HOUR_US);
	is_int(ask(l, &hourly, "a", NULL, RATES_TAKE, 0, 3 * HOUR_US).answer, RATES_GRANTED, "but what is given back");
	(void)ask(l, &hourly, "never", NULL, RATES_GIVE, 0, 0);
	is_int((int64_t)rates_local_count(l), 2, "giving back makes no entry");
	rates_local_sweep(l, 4 * HOUR_US);
	is_int((int64_t)rates_local_count(l), 2, "what still counts stays");
	rates_local_sweep(l, 200 * HOUR_US);
	is_int((int64_t)rates_local_count(l), 0, "what is worked off goes");
	rates_local_free(&l);
	ok(l == NULL, "freed");
}

static void test_networks(void)
{
	static const struct rate two = { .name = "r",
					 .networks = 2,
					 .networks_ms = HOUR_MS,
					 .action = LIMITS_HOLD,
					 .hold_ms = 24 * HOUR_MS,
					 .period_ms = HOUR_MS };
	struct rates_local *l = rates_local_new(MAX_BYTES);
	struct rates_result r = ask(l, &two, "a", "192.0.2.0", RATES_TAKE, 0, 1);

	is_int(r.answer, RATES_GRANTED, "one network");
	is_int(r.stamp, 1, "is new");
	r = ask(l, &two, "a", "198.51.100.0", RATES_TAKE, 0, 2);
	is_int(r.answer, RATES_GRANTED, "two");
	(void)ask(l, &two, "a", "198.51.100.0", RATES_GIVE, r.stamp, 3);
	is_int(ask(l, &two, "a", "203.0.113.0", RATES_TAKE, 0, 4).answer, RATES_GRANTED, "one was given back");
	is_int(ask(l, &two, "a", "203.0.113.0", RATES_TAKE, 0, 5).stamp, 0, "a known one is not new");
	(void)ask(l, &two, "a", "203.0.113.0", RATES_GIVE, 4, 6);
	is_int(ask(l, &two, "a", "10.0.0.0", RATES_PEEK, 0, 7).answer, RATES_USED_UP, "one that came again is not");
	r = ask(l, &two, "a", "10.0.0.0", RATES_TAKE, 0, 8);
	ok(r.answer == RATES_HELD && r.first, "a third: held, and told");
	r = ask(l, &two, "a", "192.0.2.0", RATES_TAKE, 0, 2 * HOUR_US);
	ok(r.answer == RATES_HELD && r.first, "still, two hours later: told once more");
	r = ask(l, &two, "a", "192.0.2.0", RATES_TAKE, 0, 2 * HOUR_US + 1);
	ok(r.answer == RATES_HELD && !r.first, "once in a period");
	is_int(ask(l, &two, "a", "192.0.2.0", RATES_TAKE, 0, 25 * HOUR_US).answer, RATES_GRANTED, "not for ever");
	rates_local_free(&l);
}

static void test_note_hold(void)
{
	static const struct rate holding = { .name = "r",
					     .unit = RATE_MESSAGES,
					     .windows = { { 1, HOUR_MS, 100 } },
					     .n_windows = 1,
					     .action = LIMITS_HOLD,
					     .hold_ms = HOUR_MS,
					     .period_ms = HOUR_MS };
	const struct rates_key key = { .base = "a" };
	const struct rates_question q = { .rate = &holding, .key = &key, .units = 1 };
	struct rates_local *l = rates_local_new(MAX_BYTES);
	struct rates_result r;

	rates_local_note_hold(l, &q, 0, 0);
	is_int((int64_t)rates_local_count(l), 0, "what is not held needs no entry");
	rates_local_note_hold(l, &q, HOUR_MS, 0);
	r = rates_local_call(l, &q, RATES_TAKE, 1);
	ok(r.answer == RATES_HELD && !r.first, "what Redis held stays held, and has been told");
	rates_local_note_hold(l, &q, 0, 2);
	for (unsigned i = 0; i < 100; i++)
		is_int(rates_local_call(l, &q, RATES_TAKE, 3).answer, RATES_GRANTED, "what it released is released");
	r = rates_local_call(l, &q, RATES_TAKE, 3);
	ok(r.answer == RATES_HELD && r.first, "a new hold is told, however soon");
	rates_local_free(&l);
}

static void test_bound(void)
{
	struct rates_local *l = rates_local_new(MAX_BYTES);
	char key[32];

	for (unsigned i = 0; i < 3; i++)
		(void)ask(l, &hourly, "busy", NULL, RATES_TAKE, 0, 0);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(key, sizeof key, "key %u", i);
		if (!(ask(l, &hourly, key, NULL, RATES_TAKE, 0, 0).answer == RATES_GRANTED))
			fail("%s", key);
		if (i % 10 == 0)
			if (!(ask(l, &hourly, "busy", NULL, RATES_TAKE, 0, 0).answer == RATES_USED_UP))
				fail("%s", "busy");
	}
	ok(rates_local_count(l) < 500, "the table stays small: %zu of %d", rates_local_count(l), MANY);
	is_int(ask(l, &hourly, "busy", NULL, RATES_TAKE, 0, 0).answer, RATES_USED_UP, "who is busy is not forgotten");
	is_int(ask(l, &hourly, "key 0", NULL, RATES_PEEK, 0, 0).answer, RATES_GRANTED,
	       "who was not seen for longest is");
	rates_local_free(&l);
}

/* ---- Many threads: exactly what is there is granted ---- */

static struct rates_local *shared;
static const struct rate thousand = {
	.name = "r", .unit = RATE_MESSAGES, .windows = { { 1000, HOUR_MS, 1000 } }, .n_windows = 1, .period_ms = HOUR_MS
};

static void *work(void *arg)
{
	unsigned *granted = arg;

	for (unsigned i = 0; i < EACH; i++)
		*granted += ask(shared, &thousand, "a", NULL, RATES_TAKE, 0, 0).answer == RATES_GRANTED;
	return NULL;
}

static void test_threads(void)
{
	unsigned granted[THREADS] = { 0 }, sum = 0;
	pthread_t threads[THREADS];

	shared = rates_local_new(MAX_BYTES);
	for (unsigned i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, &granted[i]) != 0)
			bail_out("no thread");
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		sum += granted[i];
	}
	is_int(sum, 1000, "of %d questions by %d threads exactly 1000 are granted", THREADS * EACH, THREADS);
	rates_local_free(&shared);
}

int main(void)
{
	test_windows();
	test_networks();
	test_note_hold();
	test_bound();
	test_threads();
	return done_testing();
}
