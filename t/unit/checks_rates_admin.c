/*
 * The rates' administration, over a real Redis.
 */
#include "checks/rates_admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "checks/rates_key.h"
#include "checks/rates_script.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"

enum { HOUR_MS = 3600000, MANY = 700 };

static struct rate rates[] = {
	{ .name = "5 an hour",
	  .unit = RATE_MESSAGES,
	  .windows = { { 5, HOUR_MS, 5 } },
	  .n_windows = 1,
	  .period_ms = HOUR_MS },
	{ .name = "stolen",
	  .networks = 2,
	  .networks_ms = HOUR_MS,
	  .action = LIMITS_HOLD,
	  .hold_ms = 24 * HOUR_MS,
	  .period_ms = HOUR_MS },
	{ .name = "bytes",
	  .unit = RATE_BYTES,
	  .windows = { { 1 << 20, HOUR_MS, 1 << 20 } },
	  .n_windows = 1,
	  .period_ms = HOUR_MS },
};
static struct rates_admin admin = { .prefix = "mill*gate:", .timeout_ms = 10000, .v = rates, .n = 3 };
static struct redis_script script;

static void take(const struct rate *r, const char *base, const char *ip, int64_t units)
{
	struct arena *a = arena_new(0);
	struct rates_key key;
	struct rates_question q = { .rate = r, .key = &key, .units = units };
	struct net_op *op;

	(void)rates_key_from_base(r, base, a, &key);
	if (ip != NULL)
		(void)ip_parse(&q.network, ip);
	op = rates_script_ask(admin.wait, &script, &q, RATES_TAKE);
	fixture_await(admin.wait, op);
	net_op_free(&op);
	arena_free(&a);
}

static void command(const char *a, const char *b, const char *c)
{
	const char *all[] = { a, b, c };
	struct redis_word words[3];
	struct net_op *op;
	size_t n = 0;

	for (; n < 3 && all[n] != NULL; n++)
		words[n] = (struct redis_word){ all[n], strlen(all[n]) };
	op = redis_ask(admin.wait, words, n);
	fixture_await(admin.wait, op);
	net_op_free(&op);
}

struct seen {
	unsigned n, stop_at;
	char line[512], json[1024];
	int64_t used, networks, held_since, free_ms;
};

static bool note(void *ctx, const struct rates_entry *e)
{
	struct seen *s = ctx;
	struct sbuf b;

	s->n++;
	s->used = e->used[0];
	s->networks = e->networks;
	s->held_since = e->held_since_ms;
	s->free_ms = e->free_ms;
	sbuf_fixed(&b, s->line, sizeof s->line);
	rates_entry_line(e, &b);
	sbuf_fixed(&b, s->json, sizeof s->json);
	rates_entry_json(e, &b);
	return s->n != s->stop_at;
}

static struct seen list(const char *pattern)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s = { 0 };

	is_int(rates_admin_list(&admin, pattern, note, &s, &errors), 0, "list");
	is_int(errors.errors, 0, "without errors");
	error_clear(&errors);
	return s;
}

static unsigned reset(const char *pattern)
{
	struct error_list errors = ERROR_LIST_INIT;
	uint64_t n;

	is_int(rates_admin_reset(&admin, pattern, &n, &errors), 0, "reset");
	error_clear(&errors);
	return (unsigned)n;
}

static void fill(void)
{
	command("FLUSHALL", NULL, NULL);
	for (unsigned i = 0; i < 3; i++)
		take(&rates[0], "mill*gate:rate:{5%20an%20hour:192.0.2.1:alice@example.org}", NULL, 1);
	take(&rates[1], "mill*gate:rate:{stolen:alice}", "192.0.2.0", 1);
	take(&rates[1], "mill*gate:rate:{stolen:bob}", "192.0.2.0", 1);
	take(&rates[1], "mill*gate:rate:{stolen:bob}", "198.51.100.0", 1);
	take(&rates[1], "mill*gate:rate:{stolen:bob}", "203.0.113.0", 1);
	take(&rates[2], "mill*gate:rate:{bytes:2001%3Adb8%3A%3A1}", NULL, 1 << 20);
	command("SET", "mill*gate:rate:{harvest:192.0.2.9}", "7");
	command("SET", "mill*gate:rate:{former:192.0.2.10}", "7");
	command("SET", "millXgate:rate:{stolen:eve}", "7");
	command("SET", "mill*gate:rate:{broken", "7");
	command("LPUSH", "mill*gate:rate:{stolen:odd}", "7");
}

static void test_show(void)
{
	struct seen s;

	fill();
	is_int(list(NULL).n, 6, "every rate and key once, whatever keys it has; none that is not ours");
	s = list("alice@example.org");
	is_int(s.n, 1, "by a value");
	is_int(s.used, 3, "how much is used");
	is_int(s.free_ms, 0, "there is room");
	is_str(s.line, "5 an hour: 192.0.2.1 alice@example.org: 3 of 5 messages (1h)\n", "as a line");
	is_int(list("192.0.2.1 ALICE@*").n, 1, "by the key, with a star, in any case");
	is_int(list("5 AN hour").n, 1, "by the rate");
	is_int(list("5 an").n, 0, "not by a part of it");
	s = list("bob");
	ok(s.networks == 2 && s.held_since > 0, "two networks, and held");
	ok(strstr(s.line, "stolen: bob: 2 of 2 networks (1h); held since 20") == s.line, "as a line: %s", s.line);
	s = list("alice");
	ok(s.n == 1 && s.networks == 1 && s.held_since == 0, "one that has networks alone");
	s = list("2001:db8::1");
	ok(strstr(s.line, "1M of 1M bytes (1h)") != NULL, "bytes: %s", s.line);
	ok(s.free_ms > 0, "used up");
	s = list("harvest");
	is_str(s.line, "harvest: 192.0.2.9: 7 unknown recipients\n", "what is counted without a rate");
	ok(strstr(s.json, "\"configured\":false") != NULL && strstr(s.json, "\"unknown_recipients\":7,") != NULL,
	   "as JSON: %s", s.json);
	s = list("former");
	is_str(s.line, "former: 192.0.2.10: none of limits.rates\n", "what is not configured");
	ok(strstr(s.json, "\"configured\":false") != NULL && strstr(s.json, "unknown_recipients") == NULL,
	   "as JSON: %s", s.json);
}

static void test_reset(void)
{
	fill();
	is_int(reset("bob"), 1, "one account, with all of its keys");
	is_int(list("bob").n, 0, "is gone");
	is_int(reset("nobody"), 0, "one that is not there");
	is_int(reset("stolen"), 2, "by the rate");
	is_int(reset("*"), 4, "the rest");
	is_int(list(NULL).n, 0, "nothing is left");
}

static void test_many(void)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s = { .stop_at = 3 };
	char key[64];

	command("FLUSHALL", NULL, NULL);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(key, sizeof key, "mill*gate:rate:{bytes:10.0.%u.%u}", i / 256, i % 256);
		command("SET", key, "1");
	}
	is_int(list(NULL).n, MANY, "all of many pages");
	is_int(rates_admin_list(&admin, NULL, note, &s, &errors), 0, "a reader that has had enough");
	is_int(s.n, 3, "ends the walk");
	is_int(reset("10.0.1.*"), 256, "a whole network at once");
	error_clear(&errors);
}

static void test_away(struct fixture_redis *server)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s = { 0 };

	fixture_redis_stop(server);
	is_int(rates_admin_list(&admin, NULL, note, &s, &errors), -1, "Redis is away");
	is_int(errors.errors, 1, "which is an error");
	error_clear(&errors);
}

int main(void)
{
	static struct fixture_redis server;
	struct net *net;

	fixture_redis_start(&server, NULL, NULL);
	net = fixture_net(server.server, NULL);
	admin.wait = net_wait_new(net);
	if (admin.wait == NULL || !fixture_await_redis(net, true))
		bail_out("no Redis");
	redis_script_init(&script, rates_script);
	test_show();
	test_reset();
	test_many();
	test_away(&server);
	net_wait_free(&admin.wait);
	net_stop(&net);
	return done_testing();
}
