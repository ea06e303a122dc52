/*
 * The rates' script in a real Redis.  One unit takes an hour to come back, so that nothing hangs on how long the test
 * takes; where time has to pass, the test writes the key instead.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/rates_def.h"
#include "net/redis.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"

enum { BURST = 3, MINUTE_MS = 60000 };

#define HOUR_US INT64_C(3600000000)
#define HOUR_MS (HOUR_US / 1000)
#define KEY "millgate:rate:{r:192.0.2.1}"

static struct redis_script script;
static struct net_wait *w;

static const struct redis_value *await(struct net_op *op)
{
	fixture_await(w, op);
	return redis_result(op);
}

/* What the script says; -1 for anything but a number. */
static int64_t call(const char *verb)
{
	struct redis_word words[] = { { KEY, strlen(KEY) }, { "3600000000", 10 }, { "3", 1 }, { verb, strlen(verb) } };
	struct net_op *op = redis_eval(w, &script, 1, words, 4);
	const struct redis_value *v = await(op);
	int64_t result = v->kind == REDIS_INT ? v->num : -1;

	if (v->kind == REDIS_ERROR)
		diag("%s", v->str);
	net_op_free(&op);
	return result;
}

/* A command of up to three words; its number, or its string as one; -3 for nil. */
static int64_t redis(const char *verb, const char *key, const char *value)
{
	struct redis_word words[3] = { { verb, strlen(verb) } };
	struct net_op *op;
	const struct redis_value *v;
	int64_t result;
	size_t n = 1;

	if (key != NULL)
		words[n++] = (struct redis_word){ key, strlen(key) };
	if (value != NULL)
		words[n++] = (struct redis_word){ value, strlen(value) };
	op = redis_ask(w, words, n);
	v = await(op);
	result = v->kind == REDIS_INT ? v->num : v->kind == REDIS_STRING ? strtoll(v->str, NULL, 10) : -3;
	net_op_free(&op);
	return result;
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
	(void)redis("SET", KEY, text);
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
	(void)redis("FLUSHALL", NULL, NULL);
	for (unsigned i = 1; i <= BURST; i++) {
		is_int(call("take"), 0, "unit %u of the burst", i);
		ok(about(redis("PTTL", KEY, NULL), i * HOUR_MS), "the key lives until it is worked off");
	}
	ok(about(call("take"), HOUR_MS), "one too many: in an hour there is one");
	ok(about(redis("PTTL", KEY, NULL), BURST * HOUR_MS), "being refused costs nothing");
	ok(about(call("peek"), HOUR_MS), "peek says the same");
}

static void test_refill(void)
{
	set_ahead(2 * HOUR_US - 1);
	is_int(call("peek"), 0, "an hour later there is one");
	is_int(call("take"), 0, "to be taken");
	ok(call("take") > 0, "once");
	set_ahead(2 * HOUR_US + HOUR_US / 2);
	ok(about(call("take"), HOUR_MS / 2), "half an hour is not enough");
	set_ahead(-5 * HOUR_US);
	for (unsigned i = 1; i <= BURST; i++)
		is_int(call("take"), 0, "after a long rest, unit %u", i);
	ok(call("take") > 0, "but no more than the burst");
}

static void test_give(void)
{
	(void)redis("FLUSHALL", NULL, NULL);
	is_int(call("give"), 0, "giving back to a rate that holds nothing");
	is_int(redis("DBSIZE", NULL, NULL), 0, "leaves no key");
	(void)call("take");
	is_int(call("give"), 0, "giving back the only unit");
	is_int(redis("DBSIZE", NULL, NULL), 0, "leaves no key");
	for (unsigned i = 0; i < BURST; i++)
		(void)call("take");
	ok(call("take") > 0, "used up");
	is_int(call("give"), 0, "given back");
	ok(about(redis("PTTL", KEY, NULL), (BURST - 1) * HOUR_MS), "with a shorter life");
	is_int(call("take"), 0, "can be taken again");
	ok(call("take") > 0, "once");
}

static void test_peek(void)
{
	(void)redis("FLUSHALL", NULL, NULL);
	is_int(call("peek"), 0, "a rate that was never used");
	is_int(redis("DBSIZE", NULL, NULL), 0, "peek makes no key");
}

/* The clock was set back, the rate was made smaller, or somebody wrote into the key. */
static void test_odd_values(void)
{
	set_ahead(1000 * HOUR_US);
	ok(about(call("take"), HOUR_MS), "never longer than one unit takes");
	(void)redis("SET", KEY, "never");
	is_int(call("take"), 0, "what is no number counts for nothing");
	ok(about(redis("PTTL", KEY, NULL), HOUR_MS), "and the key has a TTL");
	(void)redis("DEL", KEY, NULL);
	(void)redis("LPUSH", KEY, "x");
	is_int(call("take"), -1, "another type is an error");
}

/* Doubles hold today's microseconds exactly. */
static void test_precision(void)
{
	int64_t ahead;

	(void)redis("FLUSHALL", NULL, NULL);
	set_ahead(HOUR_US);
	ahead = redis("GET", KEY, NULL);
	(void)call("take");
	is_int(redis("GET", KEY, NULL) - ahead, HOUR_US, "not a microsecond is lost");
}

int main(void)
{
	static struct fixture_redis server;
	struct net *net;

	fixture_redis_start(&server, NULL, NULL);
	net = fixture_net(server.server, NULL);
	w = net_wait_new(net);
	if (w == NULL || !fixture_await_redis(net, true))
		bail_out("no Redis");
	redis_script_init(&script, rates_script);
	test_burst();
	test_refill();
	test_give();
	test_peek();
	test_odd_values();
	test_precision();
	net_wait_free(&w);
	net_stop(&net);
	fixture_redis_stop(&server);
	return done_testing();
}
