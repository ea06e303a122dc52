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

static struct grey_settings settings = { .delay = HOUR_MS,
					 .retry_window = 5 * HOUR_MS,
					 .pass_for = 24 * HOUR_MS,
					 .known_after = 5,
					 .known_for = 48 * HOUR_MS,
					 .met_for = 72 * HOUR_MS,
					 .ipv4_mask = 24,
					 .ipv6_mask = 64 };
static const struct grey_times times = { .delay_ms = HOUR_MS, .window_ms = 5 * HOUR_MS, .pass_ms = 24 * HOUR_MS };
static struct grey_admin admin = { .prefix = "mill*gate:", .settings = &settings, .timeout_ms = 10000 };
static struct redis_script script;

static void seen(const char *identity, const char *sender, const char *recipient, const char *verb)
{
	struct grey_triplet t = { identity, sender, recipient };
	struct arena *a = arena_new(0);
	struct grey_terms terms;
	struct grey_question q = {
		.key = grey_key_triplet(a, admin.prefix, &t), .sender = sender, .code = "-gn", .terms = &terms
	};
	struct net_op *op;

	grey_terms_make(&terms, &times);
	op = grey_script_ask(admin.wait, &script, verb, &q);
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
	memset(s->last.part, 0, sizeof s->last.part);
	if (strlen(s->text) < sizeof s->text / 2)
		snprintf(s->text + strlen(s->text), sizeof s->text / 2, "%s %s %s\n", e->part[0], e->part[1],
			 e->part[2]);
	return s->n != s->stop_at;
}

static struct seen list_kind(enum grey_kind kind, const char *one, const char *two, const char *three)
{
	struct grey_pattern p = { { one, two, three } };
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s = { 0 };

	is_int(grey_admin_list(&admin, kind, &p, false, note, &s, &errors), 0, "list");
	is_int(errors.errors, 0, "without errors");
	error_clear(&errors);
	return s;
}

static struct seen list(const char *identity, const char *sender, const char *recipient)
{
	return list_kind(GREY_TRIPLETS, identity, sender, recipient);
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
	ok(s.last.record.first_ms > 0 && s.last.record.first_ms <= s.last.now_ms && s.last.record.attempts == 1,
	   "seen once");
	s = list(NULL, "<>", NULL);
	is_str(s.text, "198.51.100.0/24  bob@example.net\n", "the null sender");
	is_int(list(NULL, "nobody@*", NULL).n, 0, "none");
}

static void test_ready(void)
{
	struct seen s;

	command("SET", "mill*gate:grey:{192.0.2.0/24}:alice@example.org:bob@example.net", "1000 0 1 0 0 10 -gn", NULL);
	s = list("192.0.2.0/24", "alice@example.org", "bob@example.net");
	is_int(s.last.state, GREY_READY, "after the delay the next attempt passes");
}

static char letter(unsigned i, unsigned place)
{
	return (char)('a' + i / place % 10);
}

/* More than a page. */
static void test_many(void)
{
	struct grey_pattern all = { { NULL } };
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s = { .stop_at = 300 };
	char sender[64];
	uint64_t n = 0;

	command("FLUSHALL", NULL, NULL, NULL);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(sender, sizeof sender, "user-%c%c%c%c@example.org", letter(i, 1000), letter(i, 100),
			 letter(i, 10), letter(i, 1));
		seen("192.0.2.0/24", sender, "bob@example.net", "ask");
	}
	is_int(list(NULL, NULL, NULL).n, MANY, "many pages");
	is_int(grey_admin_list(&admin, GREY_TRIPLETS, &all, false, note, &s, &errors), 0, "a walk that is ended");
	is_int(s.n, 300, "ends there");
	is_int(grey_admin_allow(&admin, GREY_TRIPLETS, &(struct grey_pattern){ { NULL, "user-ab*", NULL } }, &n,
				&errors),
	       0, "allow some");
	is_int(n, 100, "a hundred");
	is_int(grey_admin_forget(&admin, GREY_TRIPLETS, &(struct grey_pattern){ { NULL, "user-ba*", NULL } }, &n,
				 &errors),
	       0, "forget some");
	is_int(n, 100, "a hundred others");
	is_int(list(NULL, NULL, NULL).n, MANY - 100, "the rest stays");
	is_int(grey_admin_forget(&admin, GREY_TRIPLETS, &all, &n, &errors), 0, "forget all");
	is_int(n, MANY - 100, "all of them");
	is_int(list(NULL, NULL, NULL).n, 0, "none is left");
	is_int(errors.errors, 0, "without errors");
}

static void test_allow_exact(void)
{
	struct grey_pattern p = { { "203.0.113.9", "new@example.org", "bob@example.net" } };
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s;
	uint64_t n = 0;

	command("FLUSHALL", NULL, NULL, NULL);
	is_int(grey_admin_allow(&admin, GREY_TRIPLETS, &p, &n, &errors), 0, "allow one that was never seen");
	is_int(n, 1, "it is made");
	s = list(NULL, NULL, NULL);
	is_str(s.text, "203.0.113.0/24 new@example.org bob@example.net\n", "as named");
	is_int(s.last.state, GREY_PASSED, "and passes");
	ok(s.last.ttl_ms > 0, "and has a TTL");
	p.part[1] = "other@*";
	is_int(grey_admin_allow(&admin, GREY_TRIPLETS, &p, &n, &errors), 0, "a pattern");
	is_int(n, 0, "makes nothing");
	is_int(grey_admin_forget(&admin, GREY_TRIPLETS, &(struct grey_pattern){ { "203.0.113.9" } }, &n, &errors), 0,
	       "forget");
	is_int(n, 1, "it is gone");
}

/* ---- By hand ---- */

static uint64_t allow(enum grey_kind kind, const char *one, const char *two)
{
	struct grey_pattern p = { { one, two } };
	struct error_list errors = ERROR_LIST_INIT;
	uint64_t n = 0;

	if (grey_admin_allow(&admin, kind, &p, &n, &errors) != 0 && errors.first != NULL)
		diag("%s", errors.first->text);
	error_clear(&errors);
	return n;
}

static uint64_t forget(enum grey_kind kind, const char *one, const char *two)
{
	struct grey_pattern p = { { one, two } };
	struct error_list errors = ERROR_LIST_INIT;
	uint64_t n = 0;

	is_int(grey_admin_forget(&admin, kind, &p, &n, &errors), 0, "forget");
	error_clear(&errors);
	return n;
}

/* What greylisting would never ask about is not made, but complained of. */
static void test_allow_odd(void)
{
	struct grey_pattern p = { { "192.0.0.0/16", "a@example.org", "bob@example.net" } };
	struct error_list errors = ERROR_LIST_INIT;
	uint64_t n = 0;

	command("FLUSHALL", NULL, NULL, NULL);
	is_int(grey_admin_allow(&admin, GREY_TRIPLETS, &p, &n, &errors), -1, "a wider network");
	is_str(errors.first != NULL ? errors.first->text : NULL,
	       "192.0.0.0/16: clients go by networks of /24, or of /64 for IPv6", "it says which");
	error_clear(&errors);
	p.part[0] = "192.0.2.7/24";
	is_int(grey_admin_allow(&admin, GREY_TRIPLETS, &p, &n, &errors), 0, "the bits of a host");
	p.part[0] = "2001:db8::17/128";
	is_int(grey_admin_allow(&admin, GREY_TRIPLETS, &p, &n, &errors), 0, "a part of a network");
	is_str(list("192.0.2.0/24", NULL, NULL).text, "192.0.2.0/24 a@example.org bob@example.net\n",
	       "are its network");
	is_str(list("2001:db8::5", NULL, NULL).text, "2001:db8::/64 a@example.org bob@example.net\n", "of IPv6, too");
	is_int(allow(GREY_CORRESPONDENTS, "alice@example.org", "bob"), 0, "a user without a domain");
	is_int(allow(GREY_CORRESPONDENTS, "alice", "bob@example.net"), 0, "nobody that one can write to");
	is_int(list_kind(GREY_CORRESPONDENTS, NULL, NULL, NULL).n, 0, "neither is made");
}

/* ---- Clients and correspondents ---- */

static void test_clients(void)
{
	struct seen s;

	fill();
	command("SET", "mill*gate:known:{example.org}:example.org", "20000 2 aaaaaaaa bbbbbbbb", NULL);
	command("SET", "mill*gate:known:{example.com}:example.com", "nonsense", NULL);
	s = list_kind(GREY_CLIENTS, NULL, NULL, NULL);
	is_str(s.text, "example.org example.org \n", "clients, and nothing that is none");
	ok(s.last.count == 2 && s.last.needed == 5, "two of five days");
	is_int(allow(GREY_CLIENTS, "Example.org", "example.org"), 1, "one is allowed");
	s = list_kind(GREY_CLIENTS, "example.org", NULL, NULL);
	ok(s.last.count == GREY_TRUSTED && s.last.ttl_ms > 0 && s.last.ttl_ms <= 48 * HOUR_MS, "by hand, with a TTL");
	is_int(allow(GREY_CLIENTS, "new.example", "example.org"), 1, "one that never came is made");
	is_int(allow(GREY_CLIENTS, "192.0.2.1", "example.org"), 0, "a network cannot be known");
	is_int(forget(GREY_CLIENTS, "new.example", NULL), 1, "forgotten");
	is_int(list(NULL, NULL, NULL).n, 4, "the triplets stay");
}

static void test_correspondents(void)
{
	struct seen s;

	fill();
	is_int(allow(GREY_CORRESPONDENTS, "Alice+x@Example.org", "bob@example.net"), 1, "a correspondent is allowed");
	is_int(allow(GREY_CORRESPONDENTS, "example.com", "bob@example.net"), 1, "and a domain");
	s = list_kind(GREY_CORRESPONDENTS, "alice@*", NULL, NULL);
	is_str(s.text, "alice@example.org bob@example.net \n", "listed");
	ok(s.last.ttl_ms > 0 && s.last.ttl_ms <= 72 * HOUR_MS, "with a TTL");
	is_int(forget(GREY_CORRESPONDENTS, NULL, "bob@example.net"), 2, "forgotten");
	is_int(list(NULL, NULL, NULL).n, 4, "the triplets stay");
}

static bool note_bearing(void *ctx, const struct grey_entry *e)
{
	struct seen *s = ctx;

	s->n++;
	s->last = *e;
	snprintf(s->text, sizeof s->text, "%s %s", e->remote[GREY_MET_ADDRESS] != NULL ? e->remote[0] : "-",
		 e->remote[GREY_MET_DOMAIN] != NULL ? e->remote[1] : "-");
	return true;
}

static void test_in_full(void)
{
	struct grey_pattern p = { { "192.0.2.0/24", "alice@example.org", "bob@example.net" } };
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s = { 0 };

	fill();
	is_int(grey_admin_list(&admin, GREY_TRIPLETS, &p, true, note_bearing, &s, &errors), 0, "in full");
	ok(s.n == 1 && s.last.count == 0, "nothing else bears on it");
	is_str(s.text, "- -", "nobody was written to");
	command("SET", "mill*gate:known:{192.0.2.0/24}:example.org", "20000 3 aaaaaaaa", NULL);
	(void)allow(GREY_CORRESPONDENTS, "example.org", "bob@example.net");
	is_int(grey_admin_list(&admin, GREY_TRIPLETS, &p, true, note_bearing, &s, &errors), 0, "in full");
	is_int(s.last.count, 3, "the client's days");
	is_str(s.text, "- example.org", "the correspondent");
	ok(s.last.met_ttl_ms[GREY_MET_DOMAIN] > 0 && s.last.client_ttl_ms == -1, "and how long they stay");
	error_clear(&errors);
}

static void test_away(struct fixture_redis *server)
{
	struct grey_pattern all = { { NULL } };
	struct error_list errors = ERROR_LIST_INIT;
	struct seen s = { 0 };
	uint64_t n = 7;

	fixture_redis_stop(server);
	is_int(grey_admin_list(&admin, GREY_TRIPLETS, &all, false, note, &s, &errors), -1, "Redis is away: no list");
	is_int(grey_admin_allow(&admin, GREY_TRIPLETS, &all, &n, &errors), -1, "nor allow");
	is_int(grey_admin_forget(&admin, GREY_TRIPLETS, &all, &n, &errors), -1, "nor forget");
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
	struct grey_entry e = { .kind = GREY_TRIPLETS,
				.part = { "192.0.2.0/24", "", "b\x1b[1m\"ob@example.net" },
				.state = GREY_WAITING,
				.now_ms = INT64_C(1767323045678),
				.wait_ms = 6001,
				.ttl_ms = 5 * HOUR_MS - 3000,
				.record = { .first_ms = INT64_C(1767323042678),
					    .last_ms = INT64_C(1767323045000),
					    .delay_ms = 120000,
					    .attempts = 2,
					    .code = "fgn" } };

	is_str(print(grey_entry_line, &e),
	       "waiting 192.0.2.0/24 <> b\\x1b[1m\"ob@example.net attempts=2 passes=0 passes in 7s\n", "a line");
	is_str(print(grey_entry_text, &e),
	       "192.0.2.0/24 <> b\\x1b[1m\"ob@example.net\n"
	       "  state      waiting: passes in 7s\n"
	       "  identity   by network: SPF fails, the host name is made from the address\n"
	       "  delay      2m: the client has no confirmed host name\n"
	       "  first seen 2026-01-02T03:04:02Z, 3s ago\n"
	       "  last seen  2026-01-02T03:04:05Z, 1s ago\n"
	       "  attempts   2\n"
	       "  passes     0\n"
	       "  forgotten  in 4h 59m\n",
	       "in full");
	is_str(print(grey_entry_json, &e),
	       "{\"identity\":\"192.0.2.0/24\",\"sender\":\"\",\"recipient\":\"b\\u001b[1m\\\"ob@example.net\","
	       "\"state\":\"waiting\",\"identity_by\":\"by network: SPF fails, the host name is made from the "
	       "address\",\"delay\":\"2m: the client has no confirmed host name\",\"delay_ms\":120000,"
	       "\"first_seen\":\"2026-01-02T03:04:02Z\",\"last_seen\":\"2026-01-02T03:04:05Z\","
	       "\"attempts\":2,\"passes\":0,\"age_ms\":3000,\"wait_ms\":6001,\"ttl_ms\":17997000}",
	       "as JSON");
	e.state = GREY_PASSED;
	e.record.first_ms = 0;
	strcpy(e.record.code, "--a");
	e.ttl_ms = -1;
	ok(strstr(print(grey_entry_text, &e), "first seen") == NULL, "what is unknown is left out");
	ok(strstr(print(grey_entry_text, &e), "identity") == NULL, "also why");
	ok(strstr(print(grey_entry_text, &e), "none: allowed by hand") != NULL, "what was allowed");
	ok(strstr(print(grey_entry_text, &e), "never") != NULL, "a key without a TTL");
	e.ttl_ms = 14 * 24 * (int64_t)HOUR_MS;
	ok(strstr(print(grey_entry_text, &e), "in 14d\n") != NULL, "days");
	e.ttl_ms = 0;
	ok(strstr(print(grey_entry_text, &e), "in 0s\n") != NULL, "now");
	e.count = 3;
	e.needed = 5;
	e.client_ttl_ms = HOUR_MS;
	e.remote[GREY_MET_DOMAIN] = "example.org";
	e.met_ttl_ms[GREY_MET_DOMAIN] = HOUR_MS;
	ok(strstr(print(grey_entry_text, &e), "  client     not known yet: 3 of 5 days, forgotten in 1h\n") != NULL,
	   "a client on its way");
	ok(strstr(print(grey_entry_text, &e),
		  "  met        the recipient has written to example.org (counts for clients that belong to it), "
		  "forgotten in 1h\n") != NULL,
	   "a correspondent");
	ok(strstr(print(grey_entry_json, &e), "\"client\":{\"known\":false,\"days\":3,\"ttl_ms\":3600000},"
					      "\"met\":[{\"remote\":\"example.org\",\"ttl_ms\":3600000}],") != NULL,
	   "both in JSON");
}

static void test_print_others(void)
{
	struct grey_entry e = { .kind = GREY_CLIENTS,
				.part = { "example.org", "example.com", "" },
				.count = 5,
				.needed = 5,
				.ttl_ms = HOUR_MS };

	is_str(print(grey_entry_line, &e), "known   example.org example.com days=5\n", "a client");
	is_str(print(grey_entry_text, &e),
	       "example.org example.com\n  state      known: proved itself on 5 days\n  forgotten  in 1h\n", "in full");
	is_str(print(grey_entry_json, &e),
	       "{\"identity\":\"example.org\",\"sender_domain\":\"example.com\",\"known\":true,\"days\":5,"
	       "\"ttl_ms\":3600000}",
	       "as JSON");
	e.count = GREY_TRUSTED;
	ok(strstr(print(grey_entry_text, &e), "known: allowed by hand") != NULL, "by hand");
	e.kind = GREY_CORRESPONDENTS;
	is_str(print(grey_entry_line, &e), "met     example.org example.com\n", "a correspondent");
	is_str(print(grey_entry_json, &e), "{\"remote\":\"example.org\",\"local\":\"example.com\",\"ttl_ms\":3600000}",
	       "as JSON");
}

int main(void)
{
	static struct fixture_redis server;
	struct net *net;

	test_print();
	test_print_others();
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
	test_allow_odd();
	test_clients();
	test_correspondents();
	test_in_full();
	test_away(&server);
	net_wait_free(&admin.wait);
	net_stop(&net);
	return done_testing();
}
