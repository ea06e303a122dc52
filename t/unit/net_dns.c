/* DNS through libunbound, against a server that does as it is told. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/dns.h"
#include "net/limits.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"
#include "util/clock.h"

static const char zone[] = "host.example.org A 192.0.2.1\n"
			   "host.example.org A 192.0.2.2 30\n"
			   "host.example.org AAAA 2001:db8::1\n"
			   "one.example.org A 192.0.2.5\n"
			   "www.example.org CNAME host.example.org\n"
			   "example.org MX 10 MX.example.org\n"
			   "example.org NS ns.example.org\n"
			   "null.example.org MX 0 .\n"
			   "example.org TXT \"v=spf1 \" \"-all\"\n"
			   "example.org TXT \"other\"\n"
			   "192.0.2.1 PTR host.example.org\n"
			   "odd\\name.example.org A 192.0.2.9\n"
			   /* what libunbound would answer without asking */
			   "localhost A 192.0.2.77\n"
			   "127.0.0.1 PTR loopback.example\n"
			   "127.0.0.2 PTR listed.example\n"
			   "::1 PTR loopback6.example\n"
			   "10.1.2.3 PTR ten.example\n"
			   "192.168.1.1 PTR lan.example\n"
			   "172.16.0.1 PTR lan2.example\n"
			   "fd00::1 PTR ula.example\n"
			   "2001:db8::5 PTR doc.example\n"
			   "a.test A 192.0.2.78\n"
			   "a.example A 192.0.2.78\n"
			   "a.invalid A 192.0.2.79\n"
			   "a.home.arpa A 192.0.2.80\n"
			   "a.onion A 192.0.2.81\n"
			   "a.local A 192.0.2.82\n"
			   "2.0.0.127.bl.test A 127.0.0.2\n"
			   "private.example.org A 10.0.0.1\n"
			   "*.many.example.org A 127.0.0.2\n"
			   "servfail.example.org * SERVFAIL\n"
			   "refused.example.org * REFUSED\n"
			   "formerr.example.org * FORMERR\n"
			   "junk.example.org * GARBAGE\n"
			   "silent.example.org * TIMEOUT\n"
			   "*.silent.example.org * TIMEOUT\n"
			   "broken.example.org A RAW 7f0000\n"
			   "late.example.org A 192.0.2.3\n"
			   "late.example.org A DELAY 100\n"
			   "big.example.org TXT TRUNCATE\n"
			   "big.example.org TXT \"over TCP\"\n"
			   "once.example.org A 192.0.2.4\n"
			   "once.example.org A DELAY 200\n";

/* One question; the answer is kept until the next. */
static const struct dns_answer *ask(struct net_wait *w, const char *name, enum dns_type type)
{
	static struct net_op *op;

	net_op_free(&op);
	if (w == NULL)
		return NULL;
	op = dns_ask(w, name, type);
	fixture_await(w, op);
	return dns_result(op);
}

static void is_address(struct net_wait *w, const char *name, const char *want)
{
	const struct dns_answer *a = ask(w, name, DNS_A);
	char text[IP_TEXT_SIZE];

	is_str(a->n > 0 ? ip_format(&a->v[0].ip, text) : a->why, want, "%s", name);
}

static void is_reverse(struct net_wait *w, const char *address, const char *want)
{
	const struct dns_answer *a;
	char name[128];
	struct ip ip;

	ip_parse(&ip, address);
	dns_reverse_name(&ip, NULL, name, sizeof(name));
	a = ask(w, name, DNS_PTR);
	is_str(a->n > 0 ? a->v[0].name : a->why, want, "the reverse of %s is really asked", address);
}

static void test_types(struct net_wait *w)
{
	const struct dns_answer *a = ask(w, "host.example.org", DNS_A);
	char text[IP_TEXT_SIZE];

	is_int(a->status, DNS_OK, "A");
	is_int(a->n, 2, "both records");
	ok(a->ttl <= 60 && a->ttl > 0, "with a TTL");
	a = ask(w, "host.example.org", DNS_AAAA);
	is_str(a->n == 1 ? ip_format(&a->v[0].ip, text) : NULL, "2001:db8::1", "AAAA");
	a = ask(w, "www.example.org.", DNS_A);
	is_int(a->n, 2, "through a CNAME, asked with a last dot");
	a = ask(w, "EXAMPLE.org", DNS_MX);
	is_str(a->n == 1 ? a->v[0].name : NULL, "mx.example.org", "MX, in lower case");
	is_int(a->n == 1 ? a->v[0].preference : 0, 10, "its preference");
	a = ask(w, "null.example.org", DNS_MX);
	is_str(a->n == 1 ? a->v[0].name : NULL, "", "the null MX");
	a = ask(w, "example.org", DNS_TXT);
	is_int(a->n, 2, "TXT: two records");
	ok(a->n == 2 && strcmp(a->v[strcmp(a->v[0].text, "other") == 0].text, "v=spf1 -all") == 0, "strings joined");
	a = ask(w, "example.org", DNS_NS);
	is_str(a->n == 1 ? a->v[0].name : NULL, "ns.example.org", "NS");
	a = ask(w, "1.2.0.192.in-addr.arpa", DNS_PTR);
	is_str(a->n == 1 ? a->v[0].name : NULL, "host.example.org", "PTR");
	is_address(w, "odd\\name.example.org", "192.0.2.9");
	is_address(w, "private.example.org", "10.0.0.1");
	is_int(ask(w, "nowhere.example.org", DNS_A)->status, DNS_NXDOMAIN, "a name that does not exist");
	is_int(ask(w, "host.example.org", DNS_MX)->status, DNS_NODATA, "a type that does not exist");
	is_int(ask(w, "nowhere.example.org", DNS_A)->status, DNS_NXDOMAIN, "the same from the cache");
	is_int(ask(w, "big.example.org", DNS_TXT)->status, DNS_OK, "a truncated answer is fetched over TCP");
	is_address(w, "late.example.org", "192.0.2.3");
}

static void test_every_name_is_asked(struct net_wait *w)
{
	is_address(w, "localhost", "192.0.2.77");
	is_address(w, "a.test", "192.0.2.78");
	is_address(w, "a.example", "192.0.2.78");
	is_address(w, "a.invalid", "192.0.2.79");
	is_address(w, "a.home.arpa", "192.0.2.80");
	is_address(w, "a.onion", "192.0.2.81");
	is_address(w, "a.local", "192.0.2.82");
	is_address(w, "2.0.0.127.bl.test", "127.0.0.2");
	is_reverse(w, "127.0.0.1", "loopback.example");
	is_reverse(w, "127.0.0.2", "listed.example");
	is_reverse(w, "::1", "loopback6.example");
	is_reverse(w, "10.1.2.3", "ten.example");
	is_reverse(w, "192.168.1.1", "lan.example");
	is_reverse(w, "172.16.0.1", "lan2.example");
	is_reverse(w, "fd00::1", "ula.example");
	is_reverse(w, "2001:db8::5", "doc.example");
}

static void test_failures(struct net_wait *w, const struct fixture_dns *d)
{
	const struct dns_answer *a = ask(w, "servfail.example.org", DNS_A);

	is_int(a->status, DNS_FAILED, "SERVFAIL is a failure");
	is_str(a->why, "SERVFAIL", "by its name");
	is_int(ask(w, "servfail.example.org", DNS_A)->status, DNS_FAILED, "and from the cache, not \"no data\"");
	is_int(ask(w, "refused.example.org", DNS_A)->status, DNS_FAILED, "REFUSED");
	is_int(ask(w, "formerr.example.org", DNS_A)->status, DNS_FAILED, "FORMERR");
	is_int(ask(w, "junk.example.org", DNS_A)->status, DNS_FAILED, "a packet of junk");
	ok(ask(w, "broken.example.org", DNS_A)->status == DNS_FAILED, "a broken record is a failure, not \"no data\"");
	a = ask(w, "a..b", DNS_A);
	is_int(a->status, DNS_NXDOMAIN, "what is no name does not exist");
	is_int(ask(w, "", DNS_A)->status, DNS_NXDOMAIN, "nor does the empty name");
	is_int(fixture_dns_count(d, "a..b A"), 0, "and is not asked");
}

static void test_timeout(struct net *n, struct net_wait *w)
{
	struct net_counters before, after;
	struct net_op *ops[3];
	int64_t began = clock_mono_ms();

	net_counters(n, &before);
	ops[0] = dns_ask(w, "silent.example.org", DNS_A);
	ops[1] = dns_ask(w, "silent.example.org", DNS_MX);
	ops[2] = dns_ask(w, "host.example.org", DNS_A);
	ok(net_await(w, ops, 3, began + FIXTURE_PATIENCE_MS), "questions without an answer end by themselves");
	ok(clock_mono_ms() - began >= FIXTURE_TIMEOUT_MS, "after their time-out");
	is_str(dns_result(ops[0])->why, "timeout", "as a failure: timeout");
	is_int(dns_result(ops[1])->status, DNS_FAILED, "each of them");
	is_int(dns_result(ops[2])->status, DNS_OK, "but not those beside them");
	net_counters(n, &after);
	is_int(after.dns_timeouts - before.dns_timeouts, 2, "time-outs are counted");
	is_int(after.dns_failures - before.dns_failures, 2, "and as failures");
	is_int(after.dns_questions - before.dns_questions, 3, "as are questions");
	for (int i = 0; i < 3; i++)
		net_op_free(&ops[i]);
}

static void test_coalescing(struct net *n, const struct fixture_dns *d)
{
	enum { WAITS = 20 };
	struct net_wait *w[WAITS];
	struct net_op *ops[WAITS];
	unsigned answered = 0;

	for (int i = 0; i < WAITS; i++) {
		w[i] = net_wait_new(n);
		ops[i] = dns_ask(w[i], "once.example.org", DNS_A);
		net_flush(w[i]);
	}
	net_op_free(&ops[0]);
	net_wait_free(&w[0]);
	for (int i = 1; i < WAITS; i++) {
		fixture_await(w[i], ops[i]);
		answered += dns_result(ops[i])->status == DNS_OK;
		net_op_free(&ops[i]);
		net_wait_free(&w[i]);
	}
	is_int(answered, WAITS - 1, "the same question of many sessions is answered for all");
	is_int(fixture_dns_count(d, "once.example.org A"), 1, "and asked once");
}

struct session {
	struct net *net;
	unsigned number, good;
};

static void *run_session(void *arg)
{
	enum { ROUNDS = 100, AT_ONCE = 3 };
	struct session *s = arg;
	struct net_wait *w = net_wait_new(s->net);
	char name[64];

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct net_op *ops[AT_ONCE];

		for (unsigned j = 0; j < AT_ONCE; j++) {
			snprintf(name, sizeof(name), "s%u.n%u.many.example.org", j == 0 ? 0 : s->number,
				 i * AT_ONCE + j);
			ops[j] = dns_ask(w, name, DNS_A);
		}
		(void)net_await(w, ops, AT_ONCE, clock_mono_ms() + FIXTURE_PATIENCE_MS);
		for (unsigned j = 0; j < AT_ONCE; j++) {
			const struct dns_answer *a = dns_result(ops[j]);

			s->good += a->status == DNS_OK && a->v[0].ip.b[3] == 2;
			net_op_free(&ops[j]);
		}
	}
	net_wait_free(&w);
	return NULL;
}

static void test_sessions(struct net *n)
{
	enum { SESSIONS = 16 };
	struct session s[SESSIONS];
	pthread_t threads[SESSIONS];
	unsigned good = 0;

	for (unsigned i = 0; i < SESSIONS; i++) {
		s[i] = (struct session){ .net = n, .number = i };
		if (pthread_create(&threads[i], NULL, run_session, &s[i]) != 0)
			bail_out("no thread");
	}
	for (unsigned i = 0; i < SESSIONS; i++) {
		pthread_join(threads[i], NULL);
		good += s[i].good;
	}
	is_int(good, SESSIONS * 300, "%d sessions with 300 questions each", SESSIONS);
}

/* More open questions than the loop takes on: the rest is refused at once, and all end. */
static void test_flood(struct net *n)
{
	enum { FLOOD = DNS_MAX_OPEN + 1000 };
	static struct net_op *ops[FLOOD];
	struct net_wait *w = net_wait_new(n);
	unsigned refused = 0, failed = 0;
	char name[64];

	for (unsigned i = 0; i < FLOOD; i++) {
		snprintf(name, sizeof(name), "n%u.silent.example.org", i);
		ops[i] = dns_ask(w, name, DNS_A);
	}
	ok(net_await(w, ops, FLOOD, clock_mono_ms() + FIXTURE_PATIENCE_MS), "%d questions without an answer", FLOOD);
	for (unsigned i = 0; i < FLOOD; i++) {
		const char *why = dns_result(ops[i])->why;

		refused += why != NULL && strcmp(why, "too many open questions") == 0;
		failed += dns_result(ops[i])->status == DNS_FAILED;
		net_op_free(&ops[i]);
	}
	ok(refused > 0, "those over the bound are refused at once");
	is_int(failed, FLOOD, "and all have failed");
	net_wait_free(&w);
}

static void test_server_away(void)
{
	struct fixture_dns d = { 0 };
	struct net *n;
	struct net_wait *w;
	const struct dns_answer *a;
	int port, tries = 0;

	fixture_dns_start(&d, "127.0.0.1", 0, zone);
	port = d.port;
	n = fixture_net(NULL, d.server);
	w = net_wait_new(n);
	is_address(w, "one.example.org", "192.0.2.5");
	fixture_dns_stop(&d);
	for (int i = 0; i < 3; i++) {
		char name[64];

		snprintf(name, sizeof(name), "gone%d.many.example.org", i);
		is_int(ask(w, name, DNS_A)->status, DNS_FAILED, "nobody listens any more: failed");
	}
	fixture_dns_start(&d, "127.0.0.1", port, zone);
	do {
		char name[64];

		snprintf(name, sizeof(name), "back%d.many.example.org", tries++);
		a = ask(w, name, DNS_A);
	} while (a->status != DNS_OK && tries < 1000 && usleep(20000) == 0);
	is_int(a->status, DNS_OK, "the server is back and is asked again");
	ask(NULL, NULL, DNS_A);
	net_wait_free(&w);
	net_stop(&n);
	fixture_dns_stop(&d);
}

/* Two servers, of which one is dead: questions end well. */
static void test_two_servers(void)
{
	struct fixture_dns d = { 0 }, dead = { 0 };
	const char *servers[2] = { dead.server, d.server };
	const struct net_dns_options o = { .servers = servers, .n_servers = 2, .timeout_ms = 3 * FIXTURE_TIMEOUT_MS };
	struct net *n;
	struct net_wait *w;
	unsigned good = 0;

	fixture_dns_start(&d, "127.0.0.1", 0, zone);
	fixture_dns_start(&dead, "127.0.0.1", 0, "* * TIMEOUT\n");
	n = fixture_net_with(NULL, &o);
	w = net_wait_new(n);
	for (int i = 0; i < 10; i++) {
		char name[64];

		snprintf(name, sizeof(name), "two%d.many.example.org", i);
		good += ask(w, name, DNS_A)->status == DNS_OK;
	}
	is_int(good, 10, "with one of two servers silent all is answered");
	ask(NULL, NULL, DNS_A);
	net_wait_free(&w);
	net_stop(&n);
	fixture_dns_stop(&d);
	fixture_dns_stop(&dead);
}

static void test_ipv6_server(void)
{
	struct fixture_dns d = { 0 };
	struct net *n;
	struct net_wait *w;

	if (!fixture_has_ipv6())
		return;
	fixture_dns_start(&d, "::1", 0, zone);
	n = fixture_net(NULL, d.server);
	w = net_wait_new(n);
	is_address(w, "one.example.org", "192.0.2.5");
	ask(NULL, NULL, DNS_A);
	net_wait_free(&w);
	net_stop(&n);
	fixture_dns_stop(&d);
}

static void test_bad_options(void)
{
	static const char *const bad[] = {
		"localhost", "127.0.0.1:53", "127.0.0.1@", "127.0.0.1@0", "127.0.0.1@99999", "127.0.0.1@5x",
		"",          "[::1]@53",     "@53"
	};
	struct error_list errors = ERROR_LIST_INIT;
	struct net_dns_options o = { .servers = bad, .n_servers = sizeof(bad) / sizeof(bad[0]), .timeout_ms = 1000 };

	ok(net_start(NULL, &o, &errors) == NULL, "servers that are none: net_start() refuses");
	is_int(errors.errors, o.n_servers, "with an error for each");
	error_clear(&errors);
	o.n_servers = 0;
	{
		struct net *n = net_start(NULL, &o, &errors);

		ok(n != NULL, "without servers, those of resolv.conf, or the one on this host");
		net_stop(&n);
	}
	error_clear(&errors);
}

int main(void)
{
	struct fixture_dns d = { 0 };
	struct net *n;
	struct net_wait *w;

	fixture_dns_start(&d, "127.0.0.1", 0, zone);
	n = fixture_net(NULL, d.server);
	w = net_wait_new(n);
	test_types(w);
	test_every_name_is_asked(w);
	test_failures(w, &d);
	test_coalescing(n, &d);
	test_sessions(n);
	test_timeout(n, w);
	test_flood(n);
	ask(NULL, NULL, DNS_A);
	net_wait_free(&w);
	net_stop(&n);
	test_server_away();
	test_two_servers();
	test_ipv6_server();
	test_bad_options();
	return done_testing();
}
