/*
 * Lists of domains, over a DNS without a network: what they are asked about, weights, and what failing lists do.
 */
#include "checks/dnsbl_domain.h"

#include <stdio.h>
#include <string.h>

#include "checks/dnsbl_domain_name.h"
#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"

static const char lists[] =
	"local_domains = ( \"our-site.org\", \"file-less.co.uk\" );\n"
	"dnsbl: { reject_at = 5; on_error = \"defer\"; lists = (\n"
	"  { zone = \"all.test\"; weight = 3; name = \"everything\"; of = ( \"helo\", \"sender\", \"from\", \"url\" ); },\n"
	"  { zone = \"url.test\"; weight = 2; name = \"links\"; of = \"url\"; },\n"
	"  { zone = \"env.test\"; weight = 4; name = \"envelope\"; of = ( \"helo\", \"sender\" ); } ); };";

static void clear(void)
{
	fake_dns_clear();
	fake_dns_addr("test.all.test", "127.0.0.2");
	fake_dns_addr("test.url.test", "127.0.0.2");
	fake_dns_addr("test.env.test", "127.0.0.2");
}

/* ---- Names ---- */

static void test_names(void)
{
	static const struct {
		const char *name, *domain;
	} cases[] = {
		{ "www.shop.spam-shop.co.uk", "spam-shop.co.uk" },
		{ "SPAM-SHOP.COM.", "spam-shop.com" },
		{ "me.github.io", "me.github.io" },
		{ "\xd1\x81\xd0\xbf\xd0\xb0\xd0\xbc.\xd1\x80\xd1\x84", "xn--80ayhh.xn--p1ai" },
		{ "\xef\xbd\x93pam.com", "spam.com" },
		{ "spam\xc2\xad.com", "spam.com" },
		{ "co.uk", NULL },
		{ "localhost", NULL },
		{ "mx", NULL },
		{ "printer.local", NULL },
		{ "pc.corp.internal", NULL },
		{ "1.0.0.127.in-addr.arpa", NULL },
		{ "a.b.example", NULL },
		{ "192.0.2.1", NULL },
		{ "[192.0.2.1]", NULL },
		{ "2001:db8::1", NULL },
		{ "www.our-site.org", NULL },
		{ "our-site.org", NULL },
		{ "", NULL },
		{ "..", NULL },
	};
	struct arena *a = arena_new(0);
	struct addr_list *own = addr_list_new();

	(void)addr_list_add(own, "our-site.org");
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
		is_str(dnsbl_domain_name(a, own, cases[i].name, strlen(cases[i].name)), cases[i].domain, "\"%s\"",
		       cases[i].name);
	addr_list_free(&own);
	arena_free(&a);
}

/* ---- One message ---- */

struct mail {
	const char *helo, *sender, *from;
	const char *hosts[4];
};

static void tell(struct check_fixture *f, const struct mail *m)
{
	struct fact_value *urls;

	fixture_client(f, "198.51.100.7");
	fact_set_num(&f->conn->facts.v[FACT_DNSBL_SCORE], 0);
	if (m->helo != NULL)
		fact_set_text(&f->conn->facts.v[FACT_HELO], f->arena, m->helo, strlen(m->helo));
	fixture_mail(f, m->sender != NULL ? m->sender : "", NULL);
	if (m->from != NULL)
		(void)txn_add_header(f->txn, "From", m->from, strlen(m->from));
	urls = &f->txn->facts.v[FACT_URL_HOST];
	fact_set_absent(urls);
	for (unsigned i = 0; i < 4 && m->hosts[i] != NULL; i++)
		fact_add_text(urls, f->arena, m->hosts[i], strlen(m->hosts[i]));
}

static void is_envelope(struct check_fixture *f, const char *score, const char *names, const char *what)
{
	is_str(fixture_fact(f, FACT_DNSBL_ENVELOPE_SCORE), score, "%s: score", what);
	is_str(fixture_fact(f, FACT_DNSBL_ENVELOPE), names, "%s: names", what);
}

static void is_message(struct check_fixture *f, const char *score, const char *names, const char *what)
{
	is_str(fixture_fact(f, FACT_DNSBL_MESSAGE_SCORE), score, "%s: score", what);
	is_str(fixture_fact(f, FACT_DNSBL_MESSAGE), names, "%s: names", what);
}

static void test_envelope(void)
{
	const struct mail mail = { .helo = "mx1.spam-shop.com", .sender = "a@news.spam-shop.com" };
	struct check_fixture f;

	is_int(fixture_load(&f, &dnsbl_envelope_check, lists), 0, "lists of domains");
	clear();
	tell(&f, &mail);
	fixture_run(&f);
	is_envelope(&f, "0", "(absent)", "nobody lists it");
	is_int(fake_dns_total(), 2, "one domain for HELO and sender: one question to each list of these");
	is_int(fake_dns_asked("spam-shop.com.env.test"), 1, "about the registrable domain");
	is_int(fake_dns_asked("spam-shop.com.url.test"), 0, "none to a list of URLs");

	fake_dns_addr("spam-shop.com.env.test", "127.0.0.2");
	tell(&f, &mail);
	fixture_run(&f);
	is_envelope(&f, "4", "envelope", "listed for both, weighs once");
	fake_dns_addr("spam-shop.com.all.test", "127.0.0.2");
	tell(&f, &mail);
	fact_set_num(&f.conn->facts.v[FACT_DNSBL_SCORE], 7);
	fixture_run(&f);
	is_envelope(&f, "14", "everything, envelope", "the client's score counts, too");

	clear();
	fake_dns_fail("spam-shop.com.env.test", DNS_A, "SERVFAIL");
	tell(&f, &mail);
	fixture_run(&f);
	is_envelope(&f, "0", "(unavailable: DNS list envelope: SERVFAIL)", "a list that alone could not have refused");
	tell(&f, &mail);
	fact_set_num(&f.conn->facts.v[FACT_DNSBL_SCORE], 1);
	fixture_run(&f);
	is_envelope(&f, "(unavailable: DNS list envelope: SERVFAIL)", "(unavailable: DNS list envelope: SERVFAIL)",
		    "one that could have");
	fixture_drop(&f);
	is_int(fake_net_open(), 0, "every question was given back");
	fixture_free(&f);
}

static void test_quiet(void)
{
	const struct mail quiet = { .helo = "[192.0.2.1]", .sender = "a@our-site.org" };
	const struct mail none = { .helo = NULL, .sender = "" };
	struct check_fixture f;

	(void)fixture_load(&f, &dnsbl_envelope_check, lists);
	clear();
	tell(&f, &quiet);
	fixture_run(&f);
	is_envelope(&f, "0", "(absent)", "an address and our own domain");
	tell(&f, &none);
	fixture_run(&f);
	is_envelope(&f, "0", "(absent)", "no HELO, the null sender");
	is_int(fake_dns_total(), 0, "nobody is asked about them");
	fixture_free(&f);
}

static void test_message(void)
{
	const struct mail mail = { .helo = "mx.good-host.net",
				   .sender = "a@good-host.net",
				   .from = " \"X\" <a@spam-shop.com>",
				   .hosts = { "www.spam-shop.com", "x.spam-links.info", "192.0.2.1",
					      "good-host.net" } };
	struct check_fixture f;

	(void)fixture_load(&f, &dnsbl_message_check, lists);
	clear();
	fake_dns_addr("spam-shop.com.all.test", "127.0.0.2");
	fake_dns_addr("good-host.net.env.test", "127.0.0.2");
	tell(&f, &mail);
	fixture_run(&f);
	is_message(&f, "7", "everything", "From and a URL name one domain: weighs once; the envelope's weights count");
	is_int(fake_dns_asked("spam-links.info.url.test"), 1, "URLs: asked of their list");
	is_int(fake_dns_asked("spam-shop.com.url.test"), 1, "each domain once");
	is_int(fake_dns_asked("spam-links.info.env.test"), 0, "not of those of the envelope");

	clear();
	fake_dns_addr("spam-links.info.url.test", "127.0.0.2");
	fake_dns_addr("good-host.net.all.test", "127.0.0.2");
	tell(&f, &mail);
	fixture_run(&f);
	is_message(&f, "5", "everything, links", "one entry that lists the sender and a URL weighs once");

	clear();
	fake_dns_addr("good-host.net.env.test", "127.0.0.2");
	tell(&f, &mail);
	fixture_run(&f);
	is_message(&f, "4", "(absent)", "what lists the sender alone is no list of the message's");

	fake_dns_fail("spam-links.info.url.test", DNS_A, "timeout");
	tell(&f, &mail);
	fixture_run(&f);
	is_message(&f, "(unavailable: DNS list links: timeout)", "(unavailable: DNS list links: timeout)",
		   "a list that could have refused");
	fake_dns_addr("spam-shop.com.all.test", "127.0.0.2");
	tell(&f, &mail);
	fixture_run(&f);
	is_message(&f, "7", "everything", "refused whatever the failed list would say");
	fixture_drop(&f);
	is_int(fake_net_open(), 0, "every question was given back");
	fixture_free(&f);
}

static void test_many(void)
{
	const struct mail empty = { .helo = NULL };
	struct check_fixture f;
	struct dnsbl_domain_set set;
	struct fact_value *urls;
	char host[64];

	(void)fixture_load(&f, &dnsbl_message_check,
			   "dnsbl: { lists = ( { zone = \"url.test\"; of = ( \"url\" ); } ); };");
	clear();
	tell(&f, &empty);
	urls = &f.txn->facts.v[FACT_URL_HOST];
	for (unsigned i = 0; i < 200; i++) {
		snprintf(host, sizeof host, "h%u.d%u.com", i, i / 2);
		fact_add_text(urls, f.arena, host, strlen(host));
	}
	dnsbl_domain_collect(&set, f.arena, NULL, urls);
	is_int(set.n, DNSBL_DOMAIN_URLS, "of a hundred domains, so many");
	is_str(set.v[0], "d0.com", "the first");
	is_str(set.v[31], "d31.com", "and those after it");
	is_str(set.v[32], "d68.com", "the last ones");
	is_str(set.v[63], "d99.com", "to the end");
	fixture_run(&f);
	is_int(fake_dns_total(), DNSBL_DOMAIN_URLS, "no more questions than that");
	fixture_free(&f);
}

/* ---- Settings ---- */

static fact_mask reads(const char *of)
{
	struct check_fixture f;
	char conf[256];
	fact_mask m;

	snprintf(conf, sizeof conf, "dnsbl: { lists = ( { zone = \"x.test\"; of = ( %s ); } ); };", of);
	(void)fixture_load(&f, &dnsbl_message_check, conf);
	m = dnsbl_message_check.reads(f.state);
	is_int(m & ~dnsbl_message_check.inputs, 0, "nothing but inputs: %s", of);
	fixture_free(&f);
	return m;
}

static void test_reads(void)
{
	const fact_mask from = FACT_BIT(FACT_FROM), url = FACT_BIT(FACT_URL_HOST);

	is_int(reads("\"client\"") & (from | url), 0, "a list of clients reads no message");
	is_int(reads("\"helo\", \"sender\"") & (from | url), 0, "nor does one of the envelope");
	is_int((reads("\"from\"") & (from | url)) == from, 1, "a list of From domains reads the header");
	is_int((reads("\"url\"") & (from | url)) == url, 1, "a list of URLs the body");
}

static void test_rules(void)
{
	struct check_fixture f;
	const char *errors;

	(void)fixture_load(&f, &dnsbl_envelope_check, lists);
	is_int(fixture_rule_count(&f), 1, "one rule for the envelope");
	ok(strstr(fixture_rules(&f), "reject = \"554 5.7.1 ") != NULL &&
		   strstr(fixture_rules(&f), "%{dnsbl_envelope}") != NULL,
	   "which names lists, and no domain");
	fixture_free(&f);
	(void)fixture_load(&f, &dnsbl_message_check, lists);
	is_int(fixture_rule_count(&f), 1, "one rule for the message");
	ok(strstr(fixture_rules(&f), "at_least = 5;") != NULL, "reject_at is reached, not exceeded");
	fixture_free(&f);
	(void)fixture_load(&f, &dnsbl_message_check, "dnsbl: { lists = ( { zone = \"x.test\"; } ); };");
	ok(fixture_rules(&f) == NULL || fixture_rule_count(&f) == 0, "none without a list of its kind");
	fixture_free(&f);
	is_int(fixture_load(&f, &dnsbl_message_check, "dnsbl: { reject_at = 3; };"), 0, "no lists");
	ok(f.state == NULL, "then there is nothing to do");
	fixture_free(&f);
	(void)fixture_load(&f, &dnsbl_envelope_check,
			   "dnsbl: { lists = ( { zone = \"a.test\"; weight = -1; },\n"
			   "{ zone = \"b.test\"; weight = -1; name = \"good\"; of = ( \"from\" ); } ); };");
	errors = fixture_errors(&f);
	ok(strncmp(errors, "2: warning: good takes", strlen("2: warning: good takes")) == 0,
	   "an allow list of domains is warned of: %s", errors);
	fixture_free(&f);
}

/* Memory that runs out at any point: no crash, and no refusal for want of it. */
static void test_no_memory(void)
{
	const struct mail mail = { .helo = "mx.spam-shop.com",
				   .sender = "a@spam-shop.com",
				   .from = " a@spam-shop.com",
				   .hosts = { "spam-shop.com", "spam-links.info" } };
	struct check_fixture f;
	bool fits = false;

	(void)fixture_load(&f, &dnsbl_message_check, lists);
	clear();
	fake_dns_addr("spam-links.info.url.test", "127.0.0.2");
	for (size_t room = 64; !fits && room < 1 << 20; room += 256) {
		struct check_call c;
		const struct fact_value *score;

		tell(&f, &mail);
		c = fixture_call(&f, NULL);
		c.arena = arena_new(room);
		if (c.arena == NULL)
			continue;
		f.def->start(&c);
		f.def->finish(&c);
		fits = !arena_failed(c.arena);
		score = &c.facts->v[FACT_DNSBL_MESSAGE_SCORE];
		if (score->state == FACT_KNOWN && score->num > 2)
			fail("with room for %zu bytes the score is wrong", room);
		f.def->drop(&c);
		arena_free(&c.arena);
		if (fake_net_open() != 0)
			fail("with room for %zu bytes a question stays open", room);
	}
	ok(fits, "memory that runs out anywhere does no harm");
	fixture_free(&f);
}

static void test_all(void)
{
	test_names();
	test_envelope();
	test_quiet();
	test_message();
	test_many();
	test_reads();
	test_rules();
	test_no_memory();
}

int main(void)
{
	test_all();
	diag("polled");
	fake_net_late(true);
	fixture_poll_with(fake_net_come);
	test_all();
	return done_testing();
}
