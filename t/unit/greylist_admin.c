/*
 * The greylist's administration, over a real Redis.
 */
#include "greylist/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "greylist/script.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"

enum { HOUR_MS = 3600000, MANY = 1200 };

static struct grey_settings settings = {
	.delay = HOUR_MS, .retry_window = 5 * HOUR_MS, .pass_for = 24 * HOUR_MS, .ipv4_mask = 24, .ipv6_mask = 64
};
static const struct grey_times times = { HOUR_MS, 5 * HOUR_MS, 24 * HOUR_MS };
static struct grey_admin admin = { .prefix = "mill*gate:", .settings = &settings, .timeout_ms = 10000 };
static struct redis_script script;

static void seen(const char *identity, const char *sender, const char *recipient, const char *verb)
{
	struct grey_triplet t = { identity, sender, recipient };
	struct arena *a = arena_new(0);
	struct net_op *op = grey_script_ask(admin.wait, &script, grey_key(a, admin.prefix, &t), verb, &times);

	fixture_await(admin.wait, op);
	net_op_free(&op);
	arena_free(&a);
}

static void command(const char *a, const char *b, const char *c, const char *d)
{
	const char *all[] = { a, b, c, d };
	struct redis_word words[4];
	struct net_op *op;
	size_t n = 0;

	for (; n < 4 && all[n] != NULL; n++)
		words[n] = (struct redis_word){ all[n], strlen(all[n]) };
	op = redis_ask(admin.wait, words, n);
	fixture_await(admin.wait, op);
	net_op_free(&op);
}

/* ---- Listing ---- */

struct seen {
	unsigned n, stop_at;
	char text[8192]; /* the lines, in order of their triplets */
	struct grey_entry last;
};

static bool note(void *ctx, const struct grey_entry *e)
{
	struct seen *s = ctx;

	s->n++;
	s->last = *e;
	s->last.triplet = (struct grey_triplet){ 0 };
	if (strlen(s->text) < sizeof s->text / 2)
		snprintf(s->text + strlen(s->text), sizeof s->text / 2, "%s %s %s\n", e->triplet.identity,
			 e->triplet.sender, e->triplet.recipient);
	return s->n != s->stop_at;
}

static struct seen list(const char *identity, const char *sender, const char *recipient)
{
	struct grey_pattern p = { identity, sender, recipient };
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s = { 0 };

	is_int(grey_admin_list(&admin, &p, note, &s, &errors), 0, "list");
	is_int(errors.errors, 0, "without errors");
	error_clear(&errors);
	return s;
}

static void fill(void)
{
	command("FLUSHALL", NULL, NULL, NULL);
	seen("192.0.2.0/24", "alice@example.org", "bob@example.net", "ask");
	seen("192.0.2.0/24", "alice@example.org", "carol@example.net", "allow");
	seen("2001:db8::/64", "eve@example.com", "bob@example.net", "ask");
	seen("198.51.100.0/24", "", "bob@example.net", "ask");
	command("SET", "mill*gate:rate:{x:y}", "1", NULL);
	command("SET", "millxgate:grey:{192.0.2.0/24}:a@b:c@d", "1", NULL);
	command("SET", "mill*gate:grey:{broken", "1", NULL);
	command("SET", "mill*gate:grey:{192.0.2.0/24}:string@example.org:bob@example.net", "1", NULL);
}

static void test_list(void)
{
	struct seen s;

	fill();
	is_int(list(NULL, NULL, NULL).n, 4, "all entries, and nothing that is none");
	s = list(NULL, "*@Example.ORG", NULL);
	is_int(s.n, 2, "by sender, folded");
	s = list("192.0.2.200", NULL, "carol@*");
	is_str(s.text, "192.0.2.0/24 alice@example.org carol@example.net\n", "by a client's address");
	is_int(s.last.state, GREY_PASSED, "it may pass");
	s = list("2001:db8::ffff", NULL, NULL);
	is_str(s.text, "2001:db8::/64 eve@example.com bob@example.net\n", "IPv6");
	is_int(s.last.state, GREY_WAITING, "it waits");
	ok(s.last.wait_ms > 0 && s.last.wait_ms <= HOUR_MS, "for what is left of the delay");
	ok(s.last.ttl_ms > 0 && s.last.ttl_ms <= 5 * HOUR_MS, "and is forgotten after the window");
	ok(s.last.first_ms > 0 && s.last.first_ms <= s.last.now_ms && s.last.attempts == 1, "seen once");
	s = list(NULL, "<>", NULL);
	is_str(s.text, "198.51.100.0/24  bob@example.net\n", "the null sender");
	is_int(list(NULL, "nobody@*", NULL).n, 0, "none");
}

static void test_ready(void)
{
	struct seen s;

	command("HSET", "mill*gate:grey:{192.0.2.0/24}:alice@example.org:bob@example.net", "first", "1000");
	s = list("192.0.2.0/24", "alice@example.org", "bob@example.net");
	is_int(s.last.state, GREY_READY, "after the delay the next attempt passes");
}

/* More than a page. */
static void test_many(void)
{
	struct grey_pattern all = { NULL, NULL, NULL };
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s = { .stop_at = 300 };
	char sender[64];
	uint64_t n = 0;

	command("FLUSHALL", NULL, NULL, NULL);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(sender, sizeof sender, "user%u@example.org", i);
		seen("192.0.2.0/24", sender, "bob@example.net", "ask");
	}
	is_int(list(NULL, NULL, NULL).n, MANY, "many pages");
	is_int(grey_admin_list(&admin, &all, note, &s, &errors), 0, "a walk that is ended");
	is_int(s.n, 300, "ends there");
	is_int(grey_admin_allow(&admin, &(struct grey_pattern){ NULL, "user1*", NULL }, &n, &errors), 0, "allow some");
	is_int(n, 311, "user1, user10-19, user100-199, user1000-1199");
	is_int(grey_admin_forget(&admin, &(struct grey_pattern){ NULL, "user2*", NULL }, &n, &errors), 0,
	       "forget some");
	is_int(n, 111, "user2, user20-29, user200-299");
	is_int(list(NULL, NULL, NULL).n, MANY - 111, "the rest stays");
	is_int(grey_admin_forget(&admin, &all, &n, &errors), 0, "forget all");
	is_int(n, MANY - 111, "all of them");
	is_int(list(NULL, NULL, NULL).n, 0, "none is left");
	is_int(errors.errors, 0, "without errors");
}

static void test_allow_exact(void)
{
	struct grey_pattern p = { "203.0.113.9", "new@example.org", "bob@example.net" };
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s;
	uint64_t n = 0;

	command("FLUSHALL", NULL, NULL, NULL);
	is_int(grey_admin_allow(&admin, &p, &n, &errors), 0, "allow one that was never seen");
	is_int(n, 1, "it is made");
	s = list(NULL, NULL, NULL);
	is_str(s.text, "203.0.113.0/24 new@example.org bob@example.net\n", "as named");
	is_int(s.last.state, GREY_PASSED, "and passes");
	ok(s.last.ttl_ms > 0, "and has a TTL");
	p.sender = "other@*";
	is_int(grey_admin_allow(&admin, &p, &n, &errors), 0, "a pattern");
	is_int(n, 0, "makes nothing");
	is_int(grey_admin_forget(&admin, &(struct grey_pattern){ "203.0.113.9", NULL, NULL }, &n, &errors), 0,
	       "forget");
	is_int(n, 1, "it is gone");
}

static void test_away(struct fixture_redis *server)
{
	struct grey_pattern all = { NULL, NULL, NULL };
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s = { 0 };
	uint64_t n = 7;

	fixture_redis_stop(server);
	is_int(grey_admin_list(&admin, &all, note, &s, &errors), -1, "Redis is away: no list");
	is_int(grey_admin_allow(&admin, &all, &n, &errors), -1, "nor allow");
	is_int(grey_admin_forget(&admin, &all, &n, &errors), -1, "nor forget");
	is_int(n, 0, "nothing was done");
	is_int(errors.errors, 3, "and it is said");
	error_clear(&errors);
}

/* ---- Printing ---- */

static const char *print(void (*how)(const struct grey_entry *, struct sbuf *), const struct grey_entry *e)
{
	static char buf[2048];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	how(e, &b);
	return buf;
}

static void test_print(void)
{
	struct grey_entry e = { .triplet = { "192.0.2.0/24", "", "b\x1b[1m\"ob@example.net" },
				.state = GREY_WAITING,
				.now_ms = INT64_C(1767323045678),
				.first_ms = INT64_C(1767323042678),
				.last_ms = INT64_C(1767323045000),
				.wait_ms = 6001,
				.ttl_ms = 5 * HOUR_MS - 3000,
				.attempts = 2 };

	is_str(print(grey_entry_line, &e),
	       "waiting 192.0.2.0/24 <> b\\x1b[1m\"ob@example.net attempts=2 passes=0 passes in 7s\n", "a line");
	is_str(print(grey_entry_text, &e),
	       "192.0.2.0/24 <> b\\x1b[1m\"ob@example.net\n"
	       "  state      waiting: passes in 7s\n"
	       "  first seen 2026-01-02T03:04:02Z, 3s ago\n"
	       "  last seen  2026-01-02T03:04:05Z, 1s ago\n"
	       "  attempts   2\n"
	       "  passes     0\n"
	       "  forgotten  in 4h 59m\n",
	       "in full");
	is_str(print(grey_entry_json, &e),
	       "{\"identity\":\"192.0.2.0/24\",\"sender\":\"\",\"recipient\":\"b\\u001b[1m\\\"ob@example.net\","
	       "\"state\":\"waiting\",\"first_seen\":\"2026-01-02T03:04:02Z\",\"last_seen\":\"2026-01-02T03:04:05Z\","
	       "\"attempts\":2,\"passes\":0,\"age_ms\":3000,\"wait_ms\":6001,\"ttl_ms\":17997000}",
	       "as JSON");
	e.state = GREY_PASSED;
	e.first_ms = 0;
	e.ttl_ms = -1;
	ok(strstr(print(grey_entry_text, &e), "first seen") == NULL, "what is unknown is left out");
	ok(strstr(print(grey_entry_text, &e), "never") != NULL, "a key without a TTL");
	e.ttl_ms = 14 * 24 * (int64_t)HOUR_MS;
	ok(strstr(print(grey_entry_text, &e), "in 14d\n") != NULL, "days");
	e.ttl_ms = 0;
	ok(strstr(print(grey_entry_text, &e), "in 0s\n") != NULL, "now");
}

int main(void)
{
	static struct fixture_redis server;
	struct net *net;

	test_print();
	fixture_redis_start(&server, NULL, NULL);
	net = fixture_net(server.server, NULL);
	admin.wait = net_wait_new(net);
	if (admin.wait == NULL || !fixture_await_redis(net, true))
		bail_out("no Redis");
	redis_script_init(&script, grey_script);
	test_list();
	test_ready();
	test_many();
	test_allow_exact();
	test_away(&server);
	net_wait_free(&admin.wait);
	net_stop(&net);
	return done_testing();
}
