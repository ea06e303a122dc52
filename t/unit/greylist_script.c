/*
 * The greylist script in a real Redis.  Time is Redis's own, so the test moves the entries instead: it writes into them
 * when they were first seen.  All periods are hours, so that nothing hangs on how long the test takes.
 */
#include "greylist/script.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"
#include "util/sbuf.h"

enum { HOUR_MS = 3600000, MINUTE_MS = 60000, TEXT_SIZE = 1024 };

#define KEY "millgate:grey:{192.0.2.0/24}:alice@example.org:bob@example.net"

static const struct grey_times times = { HOUR_MS, 5 * HOUR_MS, 14 * 24 * (int64_t)HOUR_MS };
static struct redis_script script;
static struct net_wait *w;

/* ---- Talking to Redis ---- */

static void put_value(const struct redis_value *v, struct sbuf *out)
{
	switch (v->kind) {
	case REDIS_NIL:
		sbuf_add(out, "nil");
		break;
	case REDIS_INT:
		sbuf_addf(out, "%" PRId64, v->num);
		break;
	case REDIS_ARRAY:
		for (size_t i = 0; i < v->n; i++) {
			sbuf_add(out, i > 0 ? " " : "");
			put_value(&v->v[i], out);
		}
		break;
	default:
		sbuf_addn(out, v->str, v->str_n);
	}
}

/* A command of words parted by spaces; its answer as text, good for a while. */
static const char *redis(const char *command)
{
	static char texts[8][TEXT_SIZE];
	static unsigned next;
	char copy[TEXT_SIZE], *save = NULL;
	struct redis_word words[16];
	struct net_op *op;
	struct sbuf b;
	size_t n = 0;

	snprintf(copy, sizeof copy, "%s", command);
	for (char *p = strtok_r(copy, " ", &save); p != NULL; p = strtok_r(NULL, " ", &save))
		words[n++] = (struct redis_word){ p, strlen(p) };
	op = redis_ask(w, words, n);
	fixture_await(w, op);
	next = (next + 1) % 8;
	sbuf_fixed(&b, texts[next], TEXT_SIZE);
	put_value(redis_result(op), &b);
	net_op_free(&op);
	return texts[next];
}

static int64_t ttl(void)
{
	return strtoll(redis("PTTL " KEY), NULL, 10);
}

static int64_t field(const char *name)
{
	char command[TEXT_SIZE];

	snprintf(command, sizeof command, "HGET " KEY " %s", name);
	return strtoll(redis(command), NULL, 10);
}

static int64_t now(void)
{
	int64_t seconds = 0, us = 0;

	(void)sscanf(redis("TIME"), "%" SCNd64 " %" SCNd64, &seconds, &us);
	return seconds * 1000 + us / 1000;
}

static void first_seen(int64_t ago_ms)
{
	char command[TEXT_SIZE];

	snprintf(command, sizeof command, "HSET " KEY " first %" PRId64, now() - ago_ms);
	(void)redis(command);
}

struct result {
	int64_t decision, wait_ms, left_ms;
};

static struct result call_with(const char *verb, const struct grey_times *t)
{
	struct net_op *op = grey_script_ask(w, &script, KEY, verb, t);
	const struct redis_value *v;
	struct result r = { -1, -1, -1 };

	fixture_await(w, op);
	v = redis_result(op);
	if (v->kind == REDIS_ARRAY && v->n == 3)
		r = (struct result){ v->v[0].num, v->v[1].num, v->v[2].num };
	else
		diag("%s: answer of kind %d: %s", verb, (int)v->kind, v->str != NULL ? v->str : "");
	net_op_free(&op);
	return r;
}

static struct result call(const char *verb)
{
	return call_with(verb, &times);
}

/* Within a minute below: what a value that runs down may be by now. */
static bool about(int64_t got, int64_t want)
{
	if (got <= want && got > want - MINUTE_MS)
		return true;
	diag("got %" PRId64 ", wanted about %" PRId64, got, want);
	return false;
}

/* ---- Tests ---- */

static void test_life(void)
{
	struct result r;
	int64_t first;

	(void)redis("FLUSHALL");
	r = call("ask");
	is_int(r.decision, GREY_DEFER, "a new triplet is deferred");
	is_int(r.wait_ms, times.delay_ms, "for the whole delay");
	is_str(redis("TYPE " KEY), "hash", "its entry is a hash");
	is_int(field("attempts"), 1, "one attempt");
	is_int(field("passes"), 0, "no pass");
	first = field("first");
	is_int(field("last"), first, "first and last are the same");
	ok(about(first, now()), "by Redis's clock");
	ok(about(ttl(), times.window_ms), "it is forgotten when the window ends");

	r = call("ask");
	is_int(r.decision, GREY_DEFER, "too early");
	ok(about(r.wait_ms, times.delay_ms), "with the time left");
	is_int(field("attempts"), 2, "a second attempt");
	is_int(field("first"), first, "which does not begin anew");

	first_seen(times.delay_ms - 10 * MINUTE_MS);
	r = call("ask");
	ok(r.decision == GREY_DEFER && about(r.wait_ms, 10 * MINUTE_MS), "ten minutes are left");
	ok(about(ttl(), times.window_ms - times.delay_ms + 10 * MINUTE_MS), "so is the rest of the window");

	first_seen(times.delay_ms);
	r = call("ask");
	is_int(r.decision, GREY_PASS, "the delay is over");
	is_int(r.left_ms, times.pass_ms, "and remembered");
	ok(about(ttl(), times.pass_ms), "for as long as a pass is");
	is_int(field("passes"), 1, "one pass");
	is_int(field("attempts"), 4, "all attempts were counted");

	r = call("ask");
	is_int(r.decision, GREY_KNOWN, "known from then on");
	ok(about(r.left_ms, times.pass_ms), "with the time it has left");
	is_int(field("passes"), 2, "passes are counted");
}

static void test_renewal(void)
{
	(void)redis("FLUSHALL");
	is_int(call("renew").decision, GREY_DEFER, "renewing what is not there");
	is_str(redis("EXISTS " KEY), "0", "makes nothing");
	(void)call("ask");
	(void)call("renew");
	ok(about(ttl(), times.window_ms), "what has not passed is not renewed");
	first_seen(times.delay_ms);
	(void)call("ask");
	(void)redis("PEXPIRE " KEY " 100000");
	is_int(call("ask").decision, GREY_KNOWN, "known");
	ok(about(ttl(), 100000), "asking renews nothing");
	(void)call("renew");
	ok(about(ttl(), times.pass_ms), "a used pass is renewed");
	is_int(field("passes"), 2, "and not counted twice");
}

static void test_window(void)
{
	struct result r;

	(void)redis("FLUSHALL");
	(void)call("ask");
	(void)call("ask");
	first_seen(times.window_ms + MINUTE_MS);
	r = call("ask");
	is_int(r.decision, GREY_DEFER, "too late a retry starts over");
	is_int(r.wait_ms, times.delay_ms, "with the whole delay");
	is_int(field("attempts"), 1, "and a new count");
	ok(about(field("first"), now()) && about(ttl(), times.window_ms), "and a new window");
	first_seen(times.window_ms - MINUTE_MS);
	is_int(call("ask").decision, GREY_PASS, "in the last minute it is not too late");

	(void)redis("FLUSHALL");
	(void)call("ask");
	first_seen(-10 * HOUR_MS);
	r = call("ask");
	ok(r.decision == GREY_DEFER && r.wait_ms == times.delay_ms,
	   "after the clock was set back the wait is no longer");
	ok(about(ttl(), times.window_ms), "nor the life");
}

static void test_no_delay(void)
{
	struct grey_times t = times;

	t.delay_ms = 0;
	(void)redis("FLUSHALL");
	is_int(call_with("ask", &t).decision, GREY_PASS, "without a delay everything passes at once");
	ok(about(ttl(), t.pass_ms), "and has a TTL");
}

static void test_peek(void)
{
	const char *before;

	(void)redis("FLUSHALL");
	is_int(call("peek").decision, GREY_DEFER, "peek at what is not there");
	is_str(redis("DBSIZE"), "0", "makes nothing");
	(void)call("ask");
	before = redis("HGETALL " KEY);
	is_int(call("peek").decision, GREY_DEFER, "peek at what waits");
	first_seen(times.window_ms + MINUTE_MS);
	before = redis("HGETALL " KEY);
	is_int(call("peek").decision, GREY_DEFER, "peek at what comes too late");
	is_str(redis("HGETALL " KEY), before, "changes nothing");
	first_seen(times.delay_ms);
	before = redis("HGETALL " KEY);
	is_int(call("peek").decision, GREY_PASS, "peek at what may pass");
	is_str(redis("HGETALL " KEY), before, "changes nothing");
	ok(about(ttl(), times.window_ms), "nor its life");
	(void)call("ask");
	before = redis("HGETALL " KEY);
	is_int(call("peek").decision, GREY_KNOWN, "peek at what is known");
	is_str(redis("HGETALL " KEY), before, "changes nothing");
}

static void test_allow(void)
{
	(void)redis("FLUSHALL");
	(void)call("ask");
	(void)call("allow");
	is_int(call("ask").decision, GREY_KNOWN, "allowed: it passes at once");
	is_int(field("attempts"), 1, "its history stays");
	(void)redis("FLUSHALL");
	(void)call("allow");
	ok(about(ttl(), times.pass_ms), "what was never seen can be allowed, and has a TTL");
	is_int(call("ask").decision, GREY_KNOWN, "it passes");
	is_int(field("passes"), 2, "and is counted");
}

/* Whatever somebody else has left under the key. */
static void test_foreign(void)
{
	struct net_op *op;

	(void)redis("FLUSHALL");
	(void)redis("HSET " KEY " first never passes many");
	is_int(call("ask").decision, GREY_DEFER, "fields that are no numbers: a new triplet");
	ok(about(ttl(), times.window_ms), "with a TTL");

	(void)redis("FLUSHALL");
	(void)redis("HSET " KEY " passes 3");
	is_int(call("ask").decision, GREY_KNOWN, "passes alone");
	ok(about(ttl(), times.pass_ms), "a key without a TTL gets one");
	(void)redis("PEXPIRE " KEY " 99999999999");
	(void)call("ask");
	ok(about(ttl(), times.pass_ms), "so does one that outlives pass_for");

	(void)redis("FLUSHALL");
	(void)redis("SET " KEY " x");
	op = grey_script_ask(w, &script, KEY, "ask", &times);
	fixture_await(w, op);
	is_int(redis_result(op)->kind, REDIS_ERROR, "another type is an error");
	net_op_free(&op);
	is_str(redis("GET " KEY), "x", "and is left alone");
}

static void test_tell(void)
{
	(void)redis("FLUSHALL");
	grey_script_tell(w, &script, KEY, "allow", &times);
	is_str(redis("HGET " KEY " passes"), "1", "what is told arrives, before what is asked after it");
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
	redis_script_init(&script, grey_script);
	test_life();
	test_renewal();
	test_window();
	test_no_delay();
	test_peek();
	test_allow();
	test_foreign();
	test_tell();
	net_wait_free(&w);
	net_stop(&net);
	fixture_redis_stop(&server);
	return done_testing();
}
