/*
 * The sender's domain in DNS, over a DNS without a network.
 */
#include "checks/sender_domain.h"

#include <stdio.h>
#include <string.h>

#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"

static const char *result(struct check_fixture *f, const char *sender)
{
	fixture_client(f, "192.0.2.5");
	fixture_mail(f, sender, NULL);
	fixture_run(f);
	return fixture_fact(f, FACT_SENDER_DOMAIN_DNS);
}

static void test_results(struct check_fixture *f)
{
	fake_dns_mx("mx.example", "mail.mx.example");
	fake_dns_addr("a.example", "192.0.2.1");
	fake_dns_addr("aaaa.example", "2001:db8::1");
	fake_dns_mx("null.example", "");
	fake_dns_mx("both.example", "");
	fake_dns_mx("both.example", "mail.both.example");
	fake_dns_mx("twice.example", "");
	fake_dns_mx("twice.example", "");
	fake_dns_empty("nothing.example", DNS_MX);
	fake_dns_empty("nothing.example", DNS_A);
	fake_dns_empty("nothing.example", DNS_AAAA);

	is_str(result(f, "u@mx.example"), "mx", "an MX");
	is_str(result(f, "u@MX.Example"), "mx", "in capital letters");
	is_str(result(f, "u@a.example"), "address", "an A record alone, the rest NXDOMAIN");
	is_str(result(f, "u@aaaa.example"), "address", "an AAAA record alone");
	is_str(result(f, "u@null.example"), "null_mx", "a null MX");
	is_str(result(f, "u@both.example"), "mx", "a null MX beside another is a mistake");
	is_str(result(f, "u@twice.example"), "null_mx", "twice the null MX is one");
	is_str(result(f, "u@nothing.example"), "none", "a name without any of them");
	is_str(result(f, "u@gone.example"), "none", "a name that does not exist");
}

static void test_unasked(struct check_fixture *f)
{
	static const struct {
		const char *sender, *want, *what;
	} v[] = {
		{ "", "(absent)", "the null sender" },
		{ "root", "(absent)", "a sender without a domain" },
		{ "u@[192.0.2.1]", "address", "an address literal" },
		{ "u@[IPv6:2001:db8::1]", "address", "an address literal of IPv6" },
		{ "u@[example.org]", "none", "a literal that is no address" },
		{ "u@localhost", "none", "a name of one label" },
		{ "u@\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0", "none", "one in another script" },
		{ "u@\xff\xfe.example", "(absent)", "bytes that are no text" },
		{ "u@i\xe2\x9d\xa4.example", "(absent)", "a letter that IDNA does not know" },
	};

	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		fake_dns_clear();
		is_str(result(f, v[i].sender), v[i].want, "%s", v[i].what);
		is_int(fake_dns_total(), 0, "%s: nothing is asked", v[i].what);
	}
}

static void test_scripts(struct check_fixture *f)
{
	fake_dns_clear();
	fake_dns_mx("xn--e1afmkfd.example", "mail.example");
	is_str(result(f, "u@\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.example"), "mx",
	       "U-labels are asked as A-labels");
}

static void test_failures(struct check_fixture *f)
{
	unsigned awaits;

	fake_dns_clear();
	fake_dns_fail("u.example", DNS_MX, "SERVFAIL");
	fake_dns_addr("u.example", "192.0.2.1");
	is_str(result(f, "u@u.example"), "(unavailable: the sender's domain in DNS: SERVFAIL)", "MX fails");
	is_int(fixture_value(f, FACT_SENDER_DOMAIN_DNS)->on_error, ON_ERROR_DEFER, "the section's on_error goes first");

	fake_dns_clear();
	fake_dns_empty("v.example", DNS_MX);
	fake_dns_fail("v.example", DNS_A, "REFUSED");
	is_str(result(f, "u@v.example"), "(unavailable: the sender's domain in DNS: REFUSED)",
	       "A fails, AAAA is not there");
	fake_dns_addr("v.example", "2001:db8::1");
	is_str(result(f, "u@v.example"), "address", "A fails, AAAA is there");

	fake_dns_clear();
	fake_dns_silent("w.example", DNS_MX);
	awaits = fake_net_awaits();
	is_str(result(f, "u@w.example"), "(unavailable: the sender's domain in DNS: timeout)", "no answer");
	is_int(fake_net_awaits() - awaits, 1, "is awaited once");
	ok(fake_net_deadline() == f->deadline_ms, "until the deadline");
	is_int(fake_dns_total(), 3, "MX, A and AAAA are asked together");
	fixture_drop(f);
	is_int(fake_net_open(), 0, "and abandoned with the transaction");

	fake_dns_clear();
	fake_dns_mx("x.example", "mail.x.example");
	fake_dns_silent("x.example", DNS_A);
	awaits = fake_net_awaits();
	is_str(result(f, "u@x.example"), "mx", "with an MX");
	is_int(fake_net_awaits() - awaits, 1, "nobody waits for the addresses");
}

static void test_no_memory(struct check_fixture *f)
{
	bool fits = false;

	fake_dns_clear();
	fake_dns_fail("xn--e1afmkfd.example", DNS_MX, "SERVFAIL");
	for (size_t room = 1; !fits && room < 65536; room += 16) {
		const struct fact_value *v;
		struct check_call c;

		fixture_client(f, "192.0.2.5");
		fixture_mail(f, "u@\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.example", NULL);
		c = fixture_call(f, NULL);
		c.arena = arena_new(room);
		if (c.arena == NULL)
			continue;
		f->def->start(&c);
		f->def->finish(&c);
		fits = !arena_failed(c.arena);
		v = &c.facts->v[FACT_SENDER_DOMAIN_DNS];
		if (v->state != FACT_UNAVAILABLE)
			fail("with room for %zu bytes the result is wrong", room);
		f->def->drop(&c);
		arena_free(&c.arena);
		if (fake_net_open() != 0)
			fail("with room for %zu bytes a question stays open", room);
	}
	ok(fits, "memory that runs out anywhere does no harm");
}

static void test_rules(void)
{
	struct check_fixture f;

	(void)fixture_load(&f, &sender_domain_check, "");
	ok(f.state != NULL, "the fact is there without a section");
	is_int(fixture_rule_count(&f), 0, "but no rules");
	fixture_free(&f);
	(void)fixture_load(&f, &sender_domain_check, "sender_domain: { };");
	is_int(fixture_rule_count(&f), 2, "an empty section is in force, with the defaults");
	ok(strstr(fixture_rules(&f), "reject = \"550 5.7.27 ") != NULL, "null MX: 550 5.7.27");
	ok(strstr(fixture_rules(&f), "reject = \"550 5.1.8 ") != NULL, "none: 550 5.1.8");
	fixture_free(&f);
	(void)fixture_load(&f, &sender_domain_check,
			   "sender_domain: { on_null_mx = \"mark\"; on_none = \"defer\"; refuse_at = \"connect\"; "
			   "shadow = true; };");
	ok(strstr(fixture_rules(&f), "mark = \"sender_domain=null_mx\"") != NULL, "mark");
	ok(strstr(fixture_rules(&f), "defer = \"450 4.1.8 ") != NULL, "defer says 450 4.1.8");
	ok(strstr(fixture_rules(&f), "shadow = true; refuse_at = \"connect\";") != NULL, "shadow and refuse_at");
	fixture_free(&f);
	(void)fixture_load(&f, &sender_domain_check,
			   "sender_domain: { on_null_mx = \"ignore\"; on_none = \"ignore\"; };");
	is_int(fixture_rule_count(&f), 0, "ignore makes no rule");
	fixture_free(&f);
	(void)fixture_load(&f, &sender_domain_check, "sender_domain: { enabled = false; };");
	is_int(fixture_rule_count(&f), 0, "switched off");
	fixture_free(&f);
}

static void test_own(void)
{
	struct check_fixture f;

	fake_dns_clear();
	(void)fixture_load(&f, &sender_domain_check, "local_domains = ( \"intranet.example\", \".office.example\" );");
	is_str(result(&f, "scanner@intranet.example"), "(absent)", "our own domain need not be in DNS");
	is_str(result(&f, "scanner@Second.Office.example"), "(absent)", "nor need one of a list of subdomains");
	is_int(fake_dns_total(), 0, "nothing is asked");
	is_str(result(&f, "scanner@www.intranet.example"), "none", "a subdomain that is not ours is asked about");
	fixture_free(&f);
}

static void test_all(void)
{
	struct check_fixture f;

	if (fixture_load(&f, &sender_domain_check, "sender_domain: { on_error = \"defer\"; };") != 0)
		bail_out("%s", fixture_errors(&f));
	test_results(&f);
	test_unasked(&f);
	test_scripts(&f);
	test_failures(&f);
	test_no_memory(&f);
	fixture_free(&f);
	test_rules();
	test_own();
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
