/*
 * The greylist script in a real Redis.  Time is Redis's own, so the test moves the entries instead: it writes into them
 * when they were first seen, and into the clients' keys on which day they were.  All periods are hours, so that nothing hangs on how long the test takes.
 */
#include "greylist/script.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"
#include "util/sbuf.h"

enum { HOUR_MS = 3600000, MINUTE_MS = 60000, TEXT_SIZE = 1024, MANY = 100000, BATCH = 1000, BYTES_MAX = 250 };

#define DAY_MS ((int64_t)86400000)

#define KEY "millgate:grey:{192.0.2.0/24}:alice@example.org:bob@example.net"
#define CLIENT "millgate:known:{192.0.2.0/24}:example.org"

static const struct grey_times times = { .delay_ms = HOUR_MS,
					 .window_ms = 5 * HOUR_MS,
					 .pass_ms = 14 * DAY_MS,
					 .known_after = 3,
					 .known_for_ms = 60 * DAY_MS };
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

static struct grey_record record(void)
{
	const char *value = redis("GET " KEY);
	struct grey_record r;

	if (!grey_record_parse(value, strlen(value), &r))
		diag("no record: %s", value);
	return r;
}

/* A string that may hold spaces, with the TTL that the key has. */
static void put(const char *key, const char *value)
{
	struct redis_word words[] = { { "SET", 3 }, { key, strlen(key) }, { value, strlen(value) }, { "KEEPTTL", 7 } };
	struct net_op *op = redis_ask(w, words, 4);

	fixture_await(w, op);
	net_op_free(&op);
}

static int64_t now(void)
{
	int64_t seconds = 0, us = 0;

	(void)sscanf(redis("TIME"), "%" SCNd64 " %" SCNd64, &seconds, &us);
	return seconds * 1000 + us / 1000;
}

/* Moves the triplet, with all that it knows. */
static void first_seen(int64_t ago_ms)
{
	const char *value = redis("GET " KEY), *rest = strchr(value, ' ');
	char text[TEXT_SIZE];

	snprintf(text, sizeof text, "%" PRId64 "%s", now() - ago_ms, rest != NULL ? rest : "");
	put(KEY, text);
}

static struct grey_terms terms;

static struct grey_question question(const char *client, const char *sender)
{
	return (struct grey_question){ .key = KEY, .client = client, .sender = sender, .code = "-gn", .terms = &terms };
}

static struct grey_answer ask_with(const char *verb, const struct grey_question *q)
{
	struct grey_answer a = { GREY_DEFER, -1, -1, -1, -1 };
	struct net_op *op = grey_script_ask(w, &script, verb, q);
	const struct redis_value *v;

	fixture_await(w, op);
	v = redis_result(op);
	if (!grey_script_answer(v, &a))
		fail("%s: answer of kind %d: %s", verb, (int)v->kind, v->str != NULL ? v->str : "");
	net_op_free(&op);
	return a;
}

static struct grey_answer call(const char *verb)
{
	struct grey_question q = question(NULL, "alice@example.org");

	return ask_with(verb, &q);
}

/* Within a minute below: what a value that runs down may be by now. */
static bool about(int64_t got, int64_t want)
{
	if (got <= want && got > want - MINUTE_MS)
		return true;
	diag("got %" PRId64 ", wanted about %" PRId64, got, want);
	return false;
}

/* ---- A triplet ---- */

static void test_life(void)
{
	struct grey_answer a;

	(void)redis("FLUSHALL");
	a = call("ask");
	is_int(a.decision, GREY_DEFER, "a new triplet waits");
	ok(a.wait_ms == times.delay_ms && a.age_ms == 0 && a.count == 1, "the whole delay, at its first attempt");
	ok(about(ttl(), times.window_ms), "it lives for the retry window");
	ok(about(record().first_ms, now()) && record().last_ms <= now(), "seen now");
	is_str(record().code, "-gn", "it is known why");
	is_int(record().delay_ms, times.delay_ms, "and how long it has to wait");

	first_seen(times.delay_ms - 10 * MINUTE_MS);
	a = call("ask");
	ok(a.decision == GREY_DEFER && about(a.wait_ms, 10 * MINUTE_MS), "ten minutes are left");
	ok(about(times.delay_ms - 9 * MINUTE_MS, a.age_ms + MINUTE_MS + 30000), "it knows its age");
	ok(about(ttl(), times.window_ms - times.delay_ms + 10 * MINUTE_MS), "so is the rest of the window");

	first_seen(times.delay_ms);
	a = call("ask");
	is_int(a.decision, GREY_PASS, "the delay is over");
	ok(a.left_ms == times.pass_ms && a.count == 3, "and remembered, at the third attempt");
	ok(about(ttl(), times.pass_ms), "for as long as a pass is");
	ok(record().passes == 1 && record().attempts == 3, "one pass after three attempts");

	a = call("ask");
	is_int(a.decision, GREY_KNOWN, "known from then on");
	ok(about(a.left_ms, times.pass_ms + 1000), "with the time it has left");
	ok(a.count == 2 && record().passes == 2 && record().attempts == 3, "passes are counted, attempts no longer");
	ok(about(ttl(), times.pass_ms), "asking leaves the TTL alone");
	ok(strlen(redis("GET " KEY)) <= 44, "short enough for one piece of memory: %s", redis("GET " KEY));
}

static void test_renewal(void)
{
	struct grey_question q = question(NULL, "");
	struct grey_times other = times;
	struct grey_terms other_terms;

	(void)redis("FLUSHALL");
	(void)call("renew");
	is_str(redis("EXISTS " KEY), "0", "renewing what is not there makes nothing");
	(void)call("ask");
	(void)call("renew");
	ok(about(ttl(), times.window_ms), "what has not passed is not renewed");
	first_seen(times.delay_ms);
	(void)call("ask");
	first_seen(3 * DAY_MS);
	(void)redis("PEXPIRE " KEY " 100000");
	ok(about(call("ask").left_ms, 11 * DAY_MS + times.delay_ms), "three days later");
	ok(about(ttl(), 100000), "asking renews nothing");
	(void)call("renew");
	ok(about(ttl(), times.pass_ms), "a used pass is renewed");
	ok(about(call("ask").left_ms, times.pass_ms + 1000), "and knows it");
	is_int(record().passes, 3, "and not counted twice");
	other.pass_ms = HOUR_MS;
	grey_terms_make(&other_terms, &other);
	q.terms = &other_terms;
	first_seen(2 * HOUR_MS);
	put(KEY, "1000 0 1 5 0 10 -gn");
	is_int(ask_with("ask", &q).decision, GREY_DEFER, "a pass older than pass_for, which was made shorter, is over");
	ok(about(ttl(), times.window_ms), "and waits anew");
}

static void test_window(void)
{
	struct grey_answer a;

	(void)redis("FLUSHALL");
	(void)call("ask");
	(void)call("ask");
	first_seen(times.window_ms + MINUTE_MS);
	a = call("ask");
	is_int(a.decision, GREY_DEFER, "too late a retry starts over");
	ok(a.wait_ms == times.delay_ms && a.age_ms == 0 && a.count == 1, "with the whole delay, and a new count");
	ok(about(record().first_ms, now()) && about(ttl(), times.window_ms), "and a new window");
	first_seen(times.window_ms - MINUTE_MS);
	is_int(call("ask").decision, GREY_PASS, "in the last minute it is not too late");

	(void)redis("FLUSHALL");
	(void)call("ask");
	first_seen(-10 * HOUR_MS);
	a = call("ask");
	ok(a.decision == GREY_DEFER && a.wait_ms == times.delay_ms,
	   "after the clock was set back the wait is no longer");
	ok(about(ttl(), times.window_ms), "nor the life");
}

/* The delay is that of the attempt: a client that is listed meanwhile waits longer. */
static void test_delays(void)
{
	struct grey_question q = question(NULL, "");
	struct grey_times other = times;
	struct grey_terms other_terms;

	(void)redis("FLUSHALL");
	(void)call("ask");
	first_seen(HOUR_MS + MINUTE_MS);
	other.delay_ms = 2 * HOUR_MS;
	grey_terms_make(&other_terms, &other);
	q.terms = &other_terms;
	ok(about(ask_with("ask", &q).wait_ms, HOUR_MS - MINUTE_MS), "a delay that grows");
	is_int(record().delay_ms, 2 * HOUR_MS, "is on record");
	is_int(call("ask").decision, GREY_PASS, "and shrinks");
	other.delay_ms = 0;
	grey_terms_make(&other_terms, &other);
	q.terms = &other_terms;
	(void)redis("FLUSHALL");
	is_int(ask_with("ask", &q).decision, GREY_PASS, "without a delay everything passes at once");
	ok(about(ttl(), times.pass_ms), "and has a TTL");
}

static void test_peek(void)
{
	const char *before;

	(void)redis("FLUSHALL");
	is_int(call("peek").decision, GREY_DEFER, "peek at what is not there");
	is_str(redis("DBSIZE"), "0", "makes nothing");
	(void)call("ask");
	first_seen(times.window_ms + MINUTE_MS);
	before = redis("GET " KEY);
	is_int(call("peek").decision, GREY_DEFER, "peek at what comes too late");
	is_str(redis("GET " KEY), before, "changes nothing");
	first_seen(times.delay_ms);
	before = redis("GET " KEY);
	is_int(call("peek").decision, GREY_PASS, "peek at what may pass");
	is_str(redis("GET " KEY), before, "changes nothing");
	ok(about(ttl(), times.window_ms), "nor its life");
	(void)call("ask");
	before = redis("GET " KEY);
	is_int(call("peek").decision, GREY_KNOWN, "peek at what is known");
	is_str(redis("GET " KEY), before, "changes nothing");
}

/* The clock of a triplet starts, though nobody has come yet. */
static void test_note(void)
{
	(void)redis("FLUSHALL");
	is_int(call("note").decision, GREY_DEFER, "a triplet that is noted");
	ok(record().attempts == 0 && record().passes == 0 && about(ttl(), times.window_ms),
	   "waits, without an attempt");
	is_str(record().code, "-gn", "and it is known why");
	first_seen(times.delay_ms - 10 * MINUTE_MS);
	(void)call("note");
	ok(about(now() - record().first_ms, times.delay_ms - 10 * MINUTE_MS + 30000),
	   "noted again it does not begin anew");
	first_seen(times.delay_ms);
	(void)call("note");
	is_int(record().passes, 0, "and never passes by that");
	is_int(call("ask").decision, GREY_PASS, "its first attempt does");
	ok(record().passes == 1 && record().attempts == 1, "as one that came again");
	is_int(call("note").decision, GREY_DEFER, "and when it has passed");
	is_int(call("ask").decision, GREY_KNOWN, "it is not forgotten by a note");
}

static void test_allow(void)
{
	(void)redis("FLUSHALL");
	(void)call("ask");
	(void)call("allow");
	is_int(call("ask").decision, GREY_KNOWN, "allowed: it passes at once");
	is_int(record().attempts, 1, "its history stays");
	is_str(record().code, "-ga", "so does why, but for the delay");
	is_int(record().delay_ms, times.delay_ms, "and how long it had to wait");
	(void)redis("FLUSHALL");
	(void)call("allow");
	ok(about(ttl(), times.pass_ms), "what was never seen can be allowed, and has a TTL");
	is_int(call("ask").decision, GREY_KNOWN, "it passes");
	is_int(record().passes, 2, "and is counted");
	is_str(record().code, "--a", "by hand");
}

/* Whatever somebody else has left under the key. */
static void test_foreign(void)
{
	struct grey_question q = question(CLIENT, "alice@example.org");
	struct net_op *op;

	(void)redis("FLUSHALL");
	put(KEY, "never");
	is_int(call("ask").decision, GREY_DEFER, "what is no triplet: a new one");
	ok(about(ttl(), times.window_ms), "with a TTL");
	put(CLIENT, "some day");
	is_int(ask_with("ask", &q).decision, GREY_DEFER, "what is no client: a new one");

	(void)redis("FLUSHALL");
	(void)redis("HSET " KEY " first 1");
	op = grey_script_ask(w, &script, "ask", &q);
	fixture_await(w, op);
	is_int(redis_result(op)->kind, REDIS_ERROR, "another type is an error");
	net_op_free(&op);
	is_str(redis("HGET " KEY " first"), "1", "and is left alone");
}

static void test_tell(void)
{
	struct grey_question q = question(NULL, "");

	(void)redis("FLUSHALL");
	grey_script_tell(w, &script, "allow", &q);
	is_int(record().passes, 1, "what is told arrives, before what is asked after it");
}

/* ---- A client ---- */

/* Another triplet of the client passes; ago: days before today. */
static struct grey_answer passes(const char *sender)
{
	struct grey_question q = question(CLIENT, sender);

	(void)redis("DEL " KEY);
	if (ask_with("ask", &q).decision == GREY_CLIENT)
		return ask_with("peek", &q);
	first_seen(times.delay_ms);
	return ask_with("ask", &q);
}

/* Sets the day of the client's key back. */
static void days_later(int64_t days)
{
	const char *value = redis("GET " CLIENT), *rest = strchr(value, ' ');
	char text[TEXT_SIZE];

	snprintf(text, sizeof text, "%" PRId64 "%s", (int64_t)strtoll(value, NULL, 10) - days,
		 rest != NULL ? rest : "");
	put(CLIENT, text);
}

static int client_days(void)
{
	int day = 0, count = 0;

	(void)sscanf(redis("GET " CLIENT), "%d %d", &day, &count);
	return count;
}

static void test_client(void)
{
	struct grey_question q = question(CLIENT, "new@example.org");
	struct grey_times other = times;
	struct grey_terms other_terms;
	struct grey_answer a;

	(void)redis("FLUSHALL");
	is_int(ask_with("ask", &q).decision, GREY_DEFER, "a client's first triplet waits");
	is_str(redis("EXISTS " CLIENT), "0", "which proves nothing yet");
	is_int(passes("one@example.org").decision, GREY_PASS, "when it passes");
	is_int(client_days(), 1, "the first day is counted");
	ok(about(strtoll(redis("PTTL " CLIENT), NULL, 10), times.known_for_ms), "for as long as clients are known");
	(void)passes("two@example.org");
	is_int(client_days(), 1, "another sender on the same day is not");
	days_later(1);
	(void)passes("one@example.org");
	is_int(client_days(), 1, "nor is the same sender on another day");
	(void)passes("two@example.org");
	is_int(client_days(), 2, "another sender on another day is");
	is_int(passes("three@example.org").decision, GREY_PASS, "two days are not enough");
	days_later(3);
	is_int(passes("three@example.org").decision, GREY_PASS, "on the third day the last one waits");
	is_int(client_days(), 3, "and is counted");

	(void)redis("DEL " KEY);
	a = ask_with("ask", &q);
	is_int(a.decision, GREY_CLIENT, "from then on the client is known");
	ok(a.wait_ms == 0 && a.count == 3 && a.left_ms == times.known_for_ms, "for three days that it came");
	is_str(redis("EXISTS " KEY), "0", "its triplets are no longer written down");
	q.client = "millgate:known:{192.0.2.0/24}:example.com";
	is_int(ask_with("peek", &q).decision, GREY_DEFER, "with another domain it is not known");
	q.client = NULL;
	is_int(ask_with("peek", &q).decision, GREY_DEFER, "nor without one");
	q.client = CLIENT;
	other.known_after = 0;
	grey_terms_make(&other_terms, &other);
	q.terms = &other_terms;
	is_int(ask_with("peek", &q).decision, GREY_DEFER, "nor when that is switched off");
	other.known_after = 4;
	grey_terms_make(&other_terms, &other);
	q.terms = &other_terms;
	is_int(ask_with("peek", &q).decision, GREY_DEFER, "nor when more is asked for");
}

static void test_client_renewal(void)
{
	struct grey_question q = question(CLIENT, "new@example.org");

	days_later(10);
	(void)redis("PEXPIRE " CLIENT " 100000");
	is_int(ask_with("ask", &q).left_ms, times.known_for_ms - 10 * DAY_MS, "ten days without use");
	(void)ask_with("renew", &q);
	is_int(ask_with("ask", &q).left_ms, times.known_for_ms, "use renews it");
	ok(about(strtoll(redis("PTTL " CLIENT), NULL, 10), times.known_for_ms), "and its life");
	is_str(redis("EXISTS " KEY), "0", "and makes no triplet");
	days_later(1);
	(void)ask_with("allow", &q);
	(void)ask_with("renew", &q);
	is_int(record().passes, 1, "the use of a triplet");
	(void)redis("DEL " KEY);
	is_int(ask_with("peek", &q).left_ms, times.known_for_ms, "is one of its client, too");
	/* One that waited when the client became known. */
	put(KEY, "1 0 1 0 0 3600 -gn");
	first_seen(MINUTE_MS + 1);
	ok(about(ask_with("ask", &q).age_ms, 2 * MINUTE_MS - 1) && ask_with("ask", &q).decision == GREY_CLIENT,
	   "what waits passes with its client");
}

/* ---- Memory ---- */

static int64_t used_memory(void)
{
	struct redis_word words[] = { { "INFO", 4 }, { "memory", 6 } };
	struct net_op *op = redis_ask(w, words, 2);
	const char *p;
	int64_t n;

	fixture_await(w, op);
	p = redis_result(op)->kind == REDIS_STRING ? strstr(redis_result(op)->str, "used_memory:") : NULL;
	n = p != NULL ? strtoll(p + strlen("used_memory:"), NULL, 10) : 0;
	net_op_free(&op);
	return n;
}

/* As they come: a third by network, the rest by domain; addresses of 20 to 35 bytes. */
static void name_key(char *buf, size_t size, unsigned i)
{
	static const char *const users[] = { "bounces", "newsletter", "alice.smith", "no-reply", "m.mueller" };
	char identity[64];

	if (i % 3 == 0)
		snprintf(identity, sizeof identity, "%u.%u.%u.0/24", 1 + i % 223, i / 223 % 256, i / 7 % 256);
	else
		snprintf(identity, sizeof identity, "mail%u.example-%u.com", i % 9, i % 20000);
	snprintf(buf, size, "millgate:grey:{%s}:%s@mail%u.example-%u.com:user%u@example.net", identity, users[i % 5],
		 i % 9, i % 20000, i);
}

static void test_memory(void)
{
	static struct net_op *ops[BATCH];
	struct grey_question q = question(NULL, "");
	struct grey_times other = times;
	struct grey_terms other_terms;
	int64_t before, bytes;
	size_t length = 0;
	char key[256];

	(void)redis("FLUSHALL");
	before = used_memory();
	other.delay_ms = 0; /* passed ones are the longer ones */
	grey_terms_make(&other_terms, &other);
	q.terms = &other_terms;
	q.key = key;
	for (unsigned i = 0; i < MANY; i += BATCH) {
		for (unsigned k = 0; k < BATCH; k++) {
			name_key(key, sizeof key, i + k);
			length += strlen(key);
			ops[k] = grey_script_ask(w, &script, "ask", &q);
		}
		if (!net_await(w, ops, BATCH, INT64_MAX))
			diag("not all were answered");
		for (unsigned k = 0; k < BATCH; k++)
			net_op_free(&ops[k]);
	}
	is_int((int64_t)strtoll(redis("DBSIZE"), NULL, 10), MANY, "so many triplets");
	bytes = (used_memory() - before) / MANY;
	diag("%" PRId64 " bytes of Redis's memory for a triplet with a key of %zu bytes", bytes, length / MANY);
	ok(bytes > 0 && bytes <= BYTES_MAX, "take at most %d bytes each: %" PRId64, (int)BYTES_MAX, bytes);
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
	grey_terms_make(&terms, &times);
	test_life();
	test_renewal();
	test_window();
	test_delays();
	test_peek();
	test_note();
	test_allow();
	test_foreign();
	test_tell();
	test_client();
	test_client_renewal();
	test_memory();
	net_wait_free(&w);
	net_stop(&net);
	fixture_redis_stop(&server);
	return done_testing();
}
