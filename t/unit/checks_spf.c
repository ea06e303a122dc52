/*
 * The check: its settings and rules, its questions, its facts and its part of Authentication-Results.
 */
#include "checks/spf.h"

#include <string.h>

#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"

static void txt(const char *name, const char *text)
{
	fake_dns_txt(name, text, strlen(text));
}

static void session(struct check_fixture *f, const char *ip, const char *helo, const char *sender)
{
	fixture_client(f, ip);
	f->conn->helo = helo;
	fixture_mail(f, sender, NULL);
}

static void run(struct check_fixture *f, const char *sender)
{
	session(f, "192.0.2.1", "helo.example", sender);
	fixture_run(f);
}

static const char *authres(struct check_fixture *f)
{
	struct check_call c = fixture_call(f, NULL);
	char buf[1024];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	f->def->authres(&c, &b);
	return arena_strdup(f->arena, buf);
}

/* ---- Settings and rules ---- */

static void test_rules(void)
{
	struct check_fixture f;
	const char *rules;

	(void)fixture_load(&f, &spf_check, "");
	ok(f.state != NULL, "without a section SPF is there for who asks");
	is_int(fixture_rule_count(&f), 0, "but has no rules");
	ok(!spf_check.stamps(f.state), "and is not told of");
	fixture_free(&f);
	(void)fixture_load(&f, &spf_check, "spf: { enabled = false; on_fail = \"reject\"; };");
	ok(f.state == NULL, "nor when it is switched off");
	fixture_free(&f);
	(void)fixture_load(&f, &spf_check, "dmarc: { enabled = true; };");
	ok(f.state != NULL && spf_check.stamps(f.state), "DMARC needs it all the same");
	is_int(fixture_rule_count(&f), 0, "but no rules of it");
	fixture_free(&f);
	(void)fixture_load(&f, &spf_check, "dmarc: { enabled = false; }; spf: { enabled = false; };");
	ok(f.state == NULL, "not when DMARC is switched off, too");
	fixture_free(&f);

	(void)fixture_load(&f, &spf_check, "spf: { };");
	rules = fixture_rules(&f);
	is_int(fixture_rule_count(&f), 2, "an empty section is in force, with the defaults");
	ok(spf_check.stamps(f.state), "and told of");
	ok(strstr(rules, "mark = \"spf=fail\"") != NULL && strstr(rules, "mark = \"spf=softfail\"") != NULL,
	   "fail and softfail are marked");
	fixture_free(&f);

	(void)fixture_load(&f, &spf_check,
			   "spf: { on_fail = \"reject\"; on_softfail = \"defer\"; on_permerror = \"reject\"; "
			   "refuse_at = \"connect\"; shadow = true; };");
	rules = fixture_rules(&f);
	is_int(fixture_rule_count(&f), 3, "three outcomes");
	ok(strstr(rules, "reject = \"550 5.7.23 ") != NULL, "fail is rejected with 550 5.7.23");
	ok(strstr(rules, "defer = \"451 4.7.23 ") != NULL, "softfail is deferred");
	ok(strstr(rules, "reject = \"550 5.7.24 ") != NULL, "permerror is rejected with 550 5.7.24");
	ok(strstr(rules, "shadow = true; refuse_at = \"connect\";") != NULL, "shadow and refuse_at");
	ok(strstr(rules, "dmarc") == NULL, "DMARC is not waited for when it is not there");
	fixture_free(&f);

	(void)fixture_load(&f, &spf_check, "spf: { on_fail = \"reject\"; }; dmarc: { enabled = true; };");
	rules = fixture_rules(&f);
	ok(strstr(rules, "{ fact = \"spf\"; is = \"fail\"; }, { fact = \"dmarc\"; is_not = \"pass\"; }") != NULL,
	   "with DMARC its pass outweighs a refusal");
	ok(strstr(rules, "{ fact = \"spf\"; is = \"softfail\"; } )") != NULL, "but no mark");
	fixture_free(&f);

	ok(fixture_load(&f, &spf_check, "spf: { engine = \"libspf\"; };") != 0 &&
		   strstr(fixture_errors(&f), "libspf2") != NULL,
	   "an unknown engine is an error");
	fixture_free(&f);
}

/* ---- Results ---- */

static void test_facts(struct check_fixture *f)
{
	fake_dns_clear();
	txt("example.org", "v=spf1 include:a.example -all");
	txt("a.example", "v=spf1 ip4:192.0.2.0/24");
	run(f, "alice@Example.org");
	is_str(fixture_fact(f, FACT_SPF), "pass", "a pass");
	is_str(fixture_fact(f, FACT_SPF_DOMAIN), "example.org", "of the sender's domain");
	is_str(fixture_fact(f, FACT_SPF_MECHANISM), "include:a.example, ip4:192.0.2.0/24", "the terms that led to it");
	is_str(fixture_fact(f, FACT_SPF_LOOKUPS), "1", "one of which asked");
	is_str(authres(f), ";\n\tspf=pass smtp.mailfrom=example.org", "Authentication-Results");

	run(f, "alice@example.net");
	is_str(fixture_fact(f, FACT_SPF), "none", "no record");
	is_str(fixture_fact(f, FACT_SPF_MECHANISM), "(absent)", "no term");
	is_str(authres(f), ";\n\tspf=none smtp.mailfrom=example.net", "Authentication-Results: none");

	txt("helo.example", "v=spf1 exists:%{l}.%{d} -all");
	fake_dns_addr("postmaster.helo.example", "127.0.0.1");
	run(f, "");
	is_str(fixture_fact(f, FACT_SPF), "pass", "the null sender is postmaster at HELO");
	is_str(fixture_fact(f, FACT_SPF_DOMAIN), "helo.example", "spf_domain says so");
	is_str(authres(f), ";\n\tspf=pass smtp.helo=helo.example", "and so does Authentication-Results");

	txt("xn--exmple-cua.org", "v=spf1 exists:%{l}.%{o}.users.example -all");
	fake_dns_addr("bob.xn--exmple-cua.org.users.example", "127.0.0.1");
	run(f, "bob@ex\xc3\xa4mple.org");
	is_str(fixture_fact(f, FACT_SPF), "pass", "an internationalized domain is asked for in ASCII");
	is_str(authres(f), ";\n\tspf=pass smtp.mailfrom=xn--exmple-cua.org", "and reported so");

	txt("broken.example", "v=spf1 nonsense");
	run(f, "alice@broken.example");
	is_str(fixture_fact(f, FACT_SPF), "permerror", "a broken record");
	is_str(authres(f),
	       ";\n\tspf=permerror reason=\"a record that does not follow the grammar\" smtp.mailfrom=broken.example",
	       "a reason of our own");
}

static void test_unavailable(struct check_fixture *f)
{
	unsigned awaits;

	fake_dns_clear();
	fake_dns_fail("example.org", DNS_TXT, "SERVFAIL");
	run(f, "alice@example.org");
	is_str(fixture_fact(f, FACT_SPF), "(unavailable: SPF: DNS did not answer)", "a failure of DNS");
	is_int(fixture_value(f, FACT_SPF)->on_error, ON_ERROR_DEFER, "the section's on_error goes first");
	is_str(fixture_fact(f, FACT_SPF_DOMAIN), "example.org", "the domain is known");
	is_str(authres(f), ";\n\tspf=temperror reason=\"DNS did not answer\" smtp.mailfrom=example.org",
	       "Authentication-Results: temperror");

	fake_dns_clear();
	fake_dns_silent("example.org", DNS_TXT);
	awaits = fake_net_awaits();
	run(f, "alice@example.org");
	is_str(fixture_fact(f, FACT_SPF), "(unavailable: SPF: DNS did not answer)", "no answer in time");
	is_int(fake_net_awaits() - awaits, 1, "awaited once");
	ok(fake_net_deadline() == f->deadline_ms, "until the deadline");
	fixture_drop(f);
	is_int(fake_net_open(), 0, "and abandoned with the transaction");
}

static void test_unchecked(struct check_fixture *f)
{
	fake_dns_clear();
	txt("example.org", "v=spf1 -all");
	session(f, NULL, "helo.example", "alice@example.org");
	fixture_run(f);
	is_str(authres(f), "", "a session without an address has no result");
	is_int(fake_dns_total(), 0, "and asks nothing");
	ok(fixture_value(f, FACT_SPF)->state == FACT_UNKNOWN, "the facts are left for the engine to close");

	session(f, "192.0.2.1", "helo.example", "alice@example.org");
	fact_set_word(&f->conn->facts.v[FACT_RELAY], "yes");
	fixture_run(f);
	is_int(fake_dns_total(), 0, "what a relay brings is not held against the relay's address");
	is_str(authres(f), "", "nor reported");

	run(f, "alice@[192.0.2.1]");
	is_str(fixture_fact(f, FACT_SPF), "none", "an address literal");
	session(f, "192.0.2.1", NULL, "");
	fixture_run(f);
	is_str(fixture_fact(f, FACT_SPF), "none", "a null sender without HELO");
	is_str(authres(f), ";\n\tspf=none", "of nobody");
	is_int(fake_dns_total(), 0, "are not asked for");
}

static void test_questions(struct check_fixture *f)
{
	struct check_call c;

	fake_dns_clear();
	txt("example.org", "v=spf1 a:h.example A:H.example. mx include:a.example -all");
	txt("a.example", "v=spf1 mx:example.org a:h.example -all");
	fake_dns_addr("h.example", "198.51.100.1");
	fake_dns_mx("example.org", "h.example");
	session(f, "192.0.2.1", "helo.example", "alice@example.org");
	c = fixture_call(f, NULL);
	f->def->start(&c);
	is_int(fake_dns_total(), 1, "at MAIL the domain's own record is asked for");
	f->def->finish(&c);
	is_str(fixture_fact(f, FACT_SPF), "fail", "the result");
	is_int(fake_dns_asked("h.example"), 1, "each question is put once, whatever its letters");
	is_int(fake_dns_asked("example.org"), 2, "TXT and MX of one name are two");
	is_int(fake_dns_total(), 4, "four in all");
	fixture_drop(f);
	is_int(fake_net_open(), 0, "and given back");
}

/* Nothing of the wire gets into a header field as it is. */
static void test_hostile(struct check_fixture *f)
{
	static const char *const senders[][2] = {
		{ "a@x;\r\n\tdkim=pass", "\"x;???dkim=pass\"" }, { "a@ex\"am\\ple.org", "\"ex\\\"am\\\\ple.org\"" },
		{ "a@ex(am)ple.org", "\"ex(am)ple.org\"" },      { "a@ex\xff\xfemple.org", "\"ex??????mple.org\"" },
		{ "a@_x.example.org", "_x.example.org" },        { "a@[192.0.2.1]", "\"[192.0.2.1]\"" },
		{ "a@x y.example", "\"x y.example\"" },
	};

	fake_dns_clear();
	for (size_t i = 0; i < sizeof senders / sizeof senders[0]; i++) {
		const char *field;

		run(f, senders[i][0]);
		field = strstr(authres(f), "smtp.mailfrom=");
		is_str(field != NULL ? field + strlen("smtp.mailfrom=") : NULL, senders[i][1], "sender %zu", i);
	}
}

static void test_no_memory(struct check_fixture *f)
{
	bool fits = false;

	fake_dns_clear();
	txt("example.org", "v=spf1 a:h.example include:a.example -all");
	txt("a.example", "v=spf1 redirect=b.example");
	txt("b.example", "v=spf1 exists:%{ir}.%{d} -all");
	fake_dns_addr("1.2.0.192.b.example", "127.0.0.1");
	fake_dns_addr("h.example", "198.51.100.1");
	for (size_t room = 1; !fits && room < 65536; room += 16) {
		struct check_call c;
		const struct fact_value *v;

		session(f, "192.0.2.1", "helo.example", "alice@example.org");
		c = fixture_call(f, NULL);
		c.arena = arena_new(room);
		if (c.arena == NULL)
			continue;
		f->def->start(&c);
		f->def->finish(&c);
		fits = !arena_failed(c.arena);
		v = &c.facts->v[FACT_SPF];
		if (v->state == FACT_KNOWN && strcmp(v->text[0].raw, "pass") != 0)
			fail("with room for %zu bytes the result is %s", room, v->text[0].raw);
		f->def->drop(&c);
		arena_free(&c.arena);
		if (fake_net_open() != 0)
			fail("with room for %zu bytes a question stays open", room);
	}
	ok(fits, "memory that runs out anywhere does no harm");
}

static void test_libspf2(void)
{
	struct check_fixture f;

	fake_dns_clear();
	txt("example.org", "v=spf1 a:h.example -all");
	fake_dns_addr("h.example", "192.0.2.1");
	(void)fixture_load(&f, &spf_check, "spf: { engine = \"libspf2\"; };");
	run(&f, "alice@example.org");
	is_str(fixture_fact(&f, FACT_SPF), "pass", "libspf2: pass");
	session(&f, "192.0.2.2", "helo.example", "alice@example.org");
	fixture_run(&f);
	is_str(fixture_fact(&f, FACT_SPF), "fail", "libspf2: fail");
	fake_dns_fail("broken.example", DNS_TXT, "SERVFAIL");
	run(&f, "alice@broken.example");
	is_str(fixture_fact(&f, FACT_SPF), "(unavailable: SPF: DNS did not answer)", "libspf2: temperror");
	run(&f, "alice@none.example");
	is_str(fixture_fact(&f, FACT_SPF), "none", "libspf2: none");
	session(&f, "127.0.0.1", "helo.example", "alice@example.org");
	fixture_run(&f);
	is_str(fixture_fact(&f, FACT_SPF), "none", "libspf2 passes loopback unseen: that is no pass");
	fixture_free(&f);
}

static void test_all(void)
{
	struct check_fixture f;

	test_rules();
	if (fixture_load(&f, &spf_check, "spf: { on_error = \"defer\"; };") != 0)
		bail_out("%s", fixture_errors(&f));
	test_facts(&f);
	test_unavailable(&f);
	test_unchecked(&f);
	test_questions(&f);
	test_hostile(&f);
	test_no_memory(&f);
	fixture_free(&f);
	test_libspf2();
	fake_dns_clear();
	is_int(fake_net_open(), 0, "every question was given back");
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
