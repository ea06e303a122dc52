/*
 * The rates' script in a real Redis.  One unit takes an hour to come back, so that nothing hangs on how long the test
 * takes; where time has to pass, the test writes the keys instead.
 */
#include "checks/rates_script.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/redis.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"

enum { BURST = 3, MINUTE_MS = 60000 };

#define HOUR_US INT64_C(3600000000)
#define HOUR_MS (HOUR_US / 1000)
#define DAY_MS (24 * HOUR_MS)
#define KEY "millgate:rate:{r:192.0.2.1}"
#define NETS KEY ":nets"
#define HELD KEY ":held"

static const struct rates_key plain_key = { .base = KEY };
static const struct rates_key wide_key = { .base = KEY, .nets = NETS, .held = HELD };

/* One an hour, three at once; told again after a day. */
static const struct rate hourly = {
	.name = "r", .unit = RATE_RECIPIENTS, .windows = { { 1, HOUR_MS, BURST } }, .n_windows = 1, .period_ms = DAY_MS
};

static struct redis_script script;
static struct net_wait *w;
static struct arena *arena;

static const struct redis_value *await(struct net_op *op)
{
	fixture_await(w, op);
	return redis_result(op);
}

static struct rates_result call(const struct rates_question *q, enum rates_verb verb)
{
	struct net_op *op = rates_script_ask(w, &script, q, verb);
	struct rates_result r;

	fixture_await(w, op);
	r = rates_script_result(op, arena);
	if (r.answer == RATES_FAILED)
		diag("%s", r.why);
	net_op_free(&op);
	return r;
}

/* Of the hourly rate: 0, the milliseconds to wait, or -1 for a failure. */
static int64_t hour(enum rates_verb verb)
{
	const struct rates_question q = { .rate = &hourly, .key = &plain_key, .units = 1 };
	struct rates_result r = call(&q, verb);

	return r.answer == RATES_FAILED ? -1 : r.wait_ms;
}

/* A command of up to four words; its number, or its string as one; -3 for nil. */
static int64_t redis(const char *verb, const char *key, const char *value, const char *more)
{
	const char *const all[] = { verb, key, value, more };
	struct redis_word words[4];
	const struct redis_value *v;
	struct net_op *op;
	int64_t result;
	size_t n = 0;

	for (; n < 4 && all[n] != NULL; n++)
		words[n] = (struct redis_word){ all[n], strlen(all[n]) };
	op = redis_ask(w, words, n);
	v = await(op);
	result = v->kind == REDIS_INT ? v->num : v->kind == REDIS_STRING ? strtoll(v->str, NULL, 10) : -3;
	net_op_free(&op);
	return result;
}

static void flush(void)
{
	(void)redis("FLUSHALL", NULL, NULL, NULL);
}

static int64_t now_us(void)
{
	struct redis_word words[] = { { "TIME", 4 } };
	struct net_op *op = redis_ask(w, words, 1);
	const struct redis_value *v = await(op);
	int64_t result = strtoll(v->v[0].str, NULL, 10) * 1000000 + strtoll(v->v[1].str, NULL, 10);

	net_op_free(&op);
	return result;
}

/* As if what was taken had been worked off down to `ahead` microseconds. */
static void set_ahead(int64_t ahead_us)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRId64, now_us() + ahead_us);
	(void)redis("SET", KEY, text, NULL);
}

static bool about(int64_t got, int64_t want)
{
	if (got <= want && got > want - MINUTE_MS)
		return true;
	diag("got %" PRId64 ", wanted about %" PRId64, got, want);
	return false;
}

static void test_burst(void)
{
	flush();
	for (unsigned i = 1; i <= BURST; i++) {
		is_int(hour(RATES_TAKE), 0, "unit %u of the burst", i);
		ok(about(redis("PTTL", KEY, NULL, NULL), i * HOUR_MS), "the key lives until it is worked off");
	}
	ok(about(hour(RATES_PEEK), HOUR_MS), "one too many: in an hour there is one");
	ok(about(redis("PTTL", KEY, NULL, NULL), BURST * HOUR_MS), "peek writes nothing");
	ok(about(hour(RATES_TAKE), HOUR_MS), "take says the same");
	set_ahead(BURST * HOUR_US);
	ok(about(hour(RATES_TAKE), HOUR_MS), "being refused costs nothing");
	ok(about(hour(RATES_TAKE), HOUR_MS), "however often");
}

static void test_huge(void)
{
	static const struct rate slow = { .unit = RATE_BYTES, .windows = { { 1, 36500 * DAY_MS, 1 } }, .n_windows = 1 };

	is_int(rates_cost_us(&slow, &slow.windows[0], INT64_MAX), rates_ahead_us(&slow, &slow.windows[0]),
	       "a message of any size costs a burst at most");
	ok(rates_ahead_us(&slow, &slow.windows[0]) > 0, "and that is not beyond all numbers");
}

static void test_refill(void)
{
	set_ahead(2 * HOUR_US - 1);
	is_int(hour(RATES_PEEK), 0, "an hour later there is one");
	is_int(hour(RATES_TAKE), 0, "to be taken");
	ok(hour(RATES_TAKE) > 0, "once");
	set_ahead(2 * HOUR_US + HOUR_US / 2);
	ok(about(hour(RATES_TAKE), HOUR_MS / 2), "half an hour is not enough");
	set_ahead(-5 * HOUR_US);
	for (unsigned i = 1; i <= BURST; i++)
		is_int(hour(RATES_TAKE), 0, "after a long rest, unit %u", i);
	ok(hour(RATES_TAKE) > 0, "but no more than the burst");
}

static void test_give(void)
{
	flush();
	is_int(hour(RATES_GIVE), 0, "giving back to a rate that holds nothing");
	is_int(redis("DBSIZE", NULL, NULL, NULL), 0, "leaves no key");
	(void)hour(RATES_TAKE);
	is_int(hour(RATES_GIVE), 0, "giving back the only unit");
	is_int(redis("DBSIZE", NULL, NULL, NULL), 0, "leaves no key");
	for (unsigned i = 0; i < BURST; i++)
		(void)hour(RATES_TAKE);
	ok(hour(RATES_PEEK) > 0, "used up");
	is_int(hour(RATES_GIVE), 0, "given back");
	ok(about(redis("PTTL", KEY, NULL, NULL), (BURST - 1) * HOUR_MS), "with a shorter life");
	is_int(hour(RATES_TAKE), 0, "can be taken again");
	ok(hour(RATES_TAKE) > 0, "once");
}

static void test_peek(void)
{
	flush();
	is_int(hour(RATES_PEEK), 0, "a rate that was never used");
	is_int(redis("DBSIZE", NULL, NULL, NULL), 0, "peek makes no key");
}

/* The clock was set back, the rate was made smaller, or somebody wrote into the key. */
static void test_odd_values(void)
{
	set_ahead(1000 * HOUR_US);
	ok(about(hour(RATES_TAKE), HOUR_MS), "never longer than one unit takes");
	(void)redis("SET", KEY, "never", NULL);
	is_int(hour(RATES_TAKE), 0, "what is no number counts for nothing");
	ok(about(redis("PTTL", KEY, NULL, NULL), HOUR_MS), "and the key has a TTL");
	(void)redis("DEL", KEY, NULL, NULL);
	(void)redis("LPUSH", KEY, "x", NULL);
	is_int(hour(RATES_TAKE), -1, "another type is an error");
}

/* Doubles hold today's microseconds exactly. */
static void test_precision(void)
{
	int64_t ahead;

	flush();
	set_ahead(HOUR_US);
	ahead = redis("GET", KEY, NULL, NULL);
	(void)hour(RATES_TAKE);
	is_int(redis("GET", KEY, NULL, NULL) - ahead, HOUR_US, "not a microsecond is lost");
}

/* ---- Several windows ---- */

static void test_windows(void)
{
	static const struct rate both = { .name = "r",
					  .unit = RATE_MESSAGES,
					  .windows = { { 1, HOUR_MS, 3 }, { 1, DAY_MS, 5 } },
					  .n_windows = 2,
					  .period_ms = DAY_MS };
	const struct rates_question q = { .rate = &both, .key = &plain_key, .units = 1 };
	char text[64];
	int64_t now;

	flush();
	for (unsigned i = 0; i < 3; i++)
		is_int(call(&q, RATES_TAKE).answer, RATES_GRANTED, "both windows grant");
	ok(about(redis("PTTL", KEY, NULL, NULL), 3 * DAY_MS), "the key lives as long as the longer one");
	ok(about(call(&q, RATES_TAKE).wait_ms, HOUR_MS), "the short window is used up");
	ok(about(redis("PTTL", KEY, NULL, NULL), 3 * DAY_MS), "nothing was taken from the long one");

	now = now_us();
	snprintf(text, sizeof text, "%" PRId64 " %" PRId64, now, now + 5 * 24 * HOUR_US);
	(void)redis("SET", KEY, text, NULL);
	ok(about(call(&q, RATES_TAKE).wait_ms, DAY_MS), "the long window is used up: its wait");
	ok(redis("GET", KEY, NULL, NULL) <= now_us(), "nothing was taken from the short one");
	(void)redis("DEL", KEY, NULL, NULL);
	(void)call(&q, RATES_TAKE);
	(void)call(&q, RATES_GIVE);
	is_int(redis("DBSIZE", NULL, NULL, NULL), 0, "given back to both");
}

static void test_bytes(void)
{
	static const struct rate volume = { .name = "r",
					    .unit = RATE_BYTES,
					    .windows = { { 1000000, DAY_MS, 1000000 } },
					    .n_windows = 1,
					    .period_ms = DAY_MS };
	struct rates_question q = { .rate = &volume, .key = &plain_key, .units = 600000 };

	flush();
	is_int(call(&q, RATES_TAKE).answer, RATES_GRANTED, "600 kB of a megabyte");
	is_int(call(&q, RATES_TAKE).answer, RATES_USED_UP, "600 kB more do not fit");
	q.units = 300000;
	is_int(call(&q, RATES_TAKE).answer, RATES_GRANTED, "300 kB do");
	q.units = 5000000;
	is_int(call(&q, RATES_TAKE).answer, RATES_USED_UP,
	       "a message beyond the burst has to wait for an empty window");
	flush();
	is_int(call(&q, RATES_TAKE).answer, RATES_GRANTED, "which lets it pass");
	q.units = 1000;
	is_int(call(&q, RATES_TAKE).answer, RATES_USED_UP, "and is full then");
}

/* ---- Told once ---- */

static void test_first(void)
{
	const struct rates_question q = { .rate = &hourly, .key = &plain_key, .units = 1 };
	char text[64];

	flush();
	for (unsigned i = 0; i < BURST; i++)
		ok(!call(&q, RATES_TAKE).first, "granted: nothing to tell");
	ok(!call(&q, RATES_PEEK).first, "peek tells nothing");
	ok(call(&q, RATES_TAKE).first, "used up for the first time");
	ok(!call(&q, RATES_TAKE).first, "the second time is not told");
	ok(about(redis("PTTL", KEY, NULL, NULL), DAY_MS), "the key lives until it may be told again");
	for (unsigned i = 0; i < BURST; i++)
		(void)call(&q, RATES_GIVE);
	is_int(call(&q, RATES_TAKE).answer, RATES_GRANTED, "given back and taken again");
	for (unsigned i = 1; i < BURST; i++)
		(void)call(&q, RATES_TAKE);
	ok(!call(&q, RATES_TAKE).first, "used up again within the period: not told");
	snprintf(text, sizeof text, "%" PRId64 " t%" PRId64, now_us() + BURST * HOUR_US, now_us());
	(void)redis("SET", KEY, text, NULL);
	ok(call(&q, RATES_TAKE).first, "told anew when the period is over");
	snprintf(text, sizeof text, "%" PRId64 " t%" PRId64, now_us() + BURST * HOUR_US, now_us() + 1000 * HOUR_US);
	(void)redis("SET", KEY, text, NULL);
	ok(call(&q, RATES_TAKE).first, "a clock that was set back keeps nothing quiet");
}

/* ---- Networks ---- */

static struct rates_result from(const struct rate *r, const char *ip, enum rates_verb verb, int64_t stamp)
{
	struct rates_question q = { .rate = r, .key = &wide_key, .units = 1, .stamp = stamp };

	if (ip != NULL)
		(void)ip_parse(&q.network, ip);
	return call(&q, verb);
}

static void test_networks(void)
{
	static const struct rate two = { .name = "r", .networks = 2, .networks_ms = DAY_MS, .period_ms = DAY_MS };
	struct rates_result first, again;
	char text[32];

	flush();
	first = from(&two, "192.0.2.0", RATES_TAKE, 0);
	is_int(first.answer, RATES_GRANTED, "one network");
	ok(first.stamp > 0, "a new one has a stamp");
	is_int(from(&two, "2001:db8::", RATES_TAKE, 0).answer, RATES_GRANTED, "two");
	is_int(from(&two, "198.51.100.0", RATES_PEEK, 0).answer, RATES_USED_UP, "three are too many");
	ok(from(&two, "198.51.100.0", RATES_TAKE, 0).first, "told when it is taken");
	is_int(redis("ZCARD", NETS, NULL, NULL), 2, "which adds none");
	ok(about(redis("PTTL", NETS, NULL, NULL), DAY_MS), "the set has a TTL");
	is_int(from(&two, NULL, RATES_TAKE, 0).answer, RATES_GRANTED, "no network at all is no new one");

	again = from(&two, "192.0.2.0", RATES_TAKE, 0);
	is_int(again.answer, RATES_GRANTED, "a known network may come again");
	is_int(again.stamp, 0, "it is not new");
	(void)from(&two, "192.0.2.0", RATES_GIVE, first.stamp);
	is_int(redis("ZCARD", NETS, NULL, NULL), 2, "one that has come again meanwhile is not given back");

	snprintf(text, sizeof text, "%" PRId64, now_us() - 25 * HOUR_US);
	(void)redis("ZADD", NETS, text, "192.0.2.0");
	first = from(&two, "198.51.100.0", RATES_TAKE, 0);
	is_int(first.answer, RATES_GRANTED, "yesterday's network has made room");
	is_int(redis("ZCARD", NETS, NULL, NULL), 2, "and is forgotten");
	(void)from(&two, "198.51.100.0", RATES_GIVE, first.stamp);
	is_int(redis("ZCARD", NETS, NULL, NULL), 1, "a new one is given back");

	flush();
	snprintf(text, sizeof text, "%" PRId64, now_us() + 300 * HOUR_US);
	(void)redis("ZADD", NETS, text, "192.0.2.0");
	(void)redis("ZADD", NETS, text, "203.0.113.0");
	is_int(from(&two, "198.51.100.0", RATES_TAKE, 0).answer, RATES_GRANTED,
	       "networks of a clock that was set back since do not count");
	is_int(from(&two, "192.0.2.0", RATES_TAKE, 0).answer, RATES_GRANTED, "until they are seen again");
	is_int(from(&two, "203.0.113.0", RATES_TAKE, 0).answer, RATES_USED_UP, "then they do");
}

/* ---- Hold ---- */

static void test_hold(void)
{
	static const struct rate once = { .name = "r",
					  .unit = RATE_MESSAGES,
					  .windows = { { 1, HOUR_MS, 1 } },
					  .n_windows = 1,
					  .action = LIMITS_HOLD,
					  .hold_ms = DAY_MS,
					  .period_ms = HOUR_MS };
	struct rate shadow = once, quick = once;
	struct rates_result r;

	flush();
	is_int(from(&once, "192.0.2.0", RATES_TAKE, 0).answer, RATES_GRANTED, "one message");
	is_int(from(&once, "192.0.2.0", RATES_PEEK, 0).answer, RATES_USED_UP, "peek does not hold");
	r = from(&once, "192.0.2.0", RATES_TAKE, 0);
	is_int(r.answer, RATES_HELD, "the second one is held");
	ok(r.first, "which is told");
	ok(about(redis("PTTL", HELD, NULL, NULL), DAY_MS), "for the time of hold_for");
	r = from(&once, "192.0.2.0", RATES_TAKE, 0);
	ok(r.answer == RATES_HELD && !r.first, "so is all that follows, and not told again");
	(void)redis("DEL", KEY, NULL, NULL); /* as after its period */
	is_int(from(&once, "192.0.2.0", RATES_PEEK, 0).answer, RATES_HELD, "whatever the rate says");
	is_int(redis("EXISTS", KEY, NULL, NULL), 0, "peek writes nothing");
	r = from(&once, "192.0.2.0", RATES_TAKE, 0);
	ok(r.answer == RATES_HELD && r.first, "told once in a period, since what told it may have been lost");
	ok(about(r.wait_ms, DAY_MS), "with the time that it has left");
	(void)from(&once, "192.0.2.0", RATES_TAKE, 0);
	ok(about(redis("PTTL", KEY, NULL, NULL), HOUR_MS), "held mail takes nothing, and the key goes with its period");
	quick.action = LIMITS_DEFER;
	is_int(from(&quick, "192.0.2.0", RATES_TAKE, 0).answer, RATES_GRANTED, "a rate that does not hold is not held");
	(void)from(&quick, "192.0.2.0", RATES_GIVE, 0);
	(void)redis("DEL", HELD, NULL, NULL);
	(void)from(&once, "192.0.2.0", RATES_TAKE, 0);
	ok(from(&once, "192.0.2.0", RATES_TAKE, 0).first, "a new hold is told, however soon");

	flush();
	shadow.hold_ms = 0;
	(void)from(&shadow, "192.0.2.0", RATES_TAKE, 0);
	is_int(from(&shadow, "192.0.2.0", RATES_TAKE, 0).answer, RATES_USED_UP, "in shadow it is used up");
	is_int(redis("EXISTS", HELD, NULL, NULL), 0, "and nobody is held");
}

/* ---- Show ---- */

static void test_look(void)
{
	struct redis_script show;
	struct net_op *op;
	const struct redis_value *v;

	flush();
	redis_script_init(&show, rates_script_show);
	(void)hour(RATES_TAKE);
	op = rates_script_look(w, &show, &hourly, &wide_key);
	v = await(op);
	ok(v->kind == REDIS_ARRAY && v->n == 6, "six answers");
	is_int(strtoll(v->v[1].str, NULL, 10), redis("GET", KEY, NULL, NULL), "the value");
	is_int(v->v[5].num, -2, "not held");
	net_op_free(&op);
}

int main(void)
{
	static struct fixture_redis server;
	struct net *net;

	fixture_redis_start(&server, NULL, NULL);
	net = fixture_net(server.server, NULL);
	w = net_wait_new(net);
	arena = arena_new(0);
	if (w == NULL || arena == NULL || !fixture_await_redis(net, true))
		bail_out("no Redis");
	redis_script_init(&script, rates_script);
	test_burst();
	test_refill();
	test_give();
	test_peek();
	test_odd_values();
	test_precision();
	test_windows();
	test_bytes();
	test_huge();
	test_first();
	test_networks();
	test_hold();
	test_look();
	net_wait_free(&w);
	net_stop(&net);
	arena_free(&arena);
	fixture_redis_stop(&server);
	return done_testing();
}
