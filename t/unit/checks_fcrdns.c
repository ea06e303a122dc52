/*
 * Forward-confirmed reverse DNS, over a DNS without a network.
 */
#include "checks/fcrdns.h"

#include <stdio.h>
#include <string.h>

#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"

#define REVERSE "5.2.0.192.in-addr.arpa"

static void lookup(struct check_fixture *f, const char *ip)
{
	fixture_client(f, ip);
	fixture_run(f);
}

static void is_result(struct check_fixture *f, const char *fcrdns, const char *name, const char *ptr, const char *what)
{
	is_str(fixture_fact(f, FACT_FCRDNS), fcrdns, "%s: fcrdns", what);
	is_str(fixture_fact(f, FACT_CLIENT_NAME), name, "%s: client_name", what);
	is_str(fixture_fact(f, FACT_CLIENT_PTR), ptr, "%s: client_ptr", what);
}

static void test_results(struct check_fixture *f)
{
	lookup(f, "192.0.2.5");
	is_result(f, "none", "(absent)", "(absent)", "no name");

	fake_dns_empty(REVERSE, DNS_PTR);
	lookup(f, "192.0.2.5");
	is_result(f, "none", "(absent)", "(absent)", "a reverse zone without a name");

	fake_dns_clear();
	fake_dns_ptr(REVERSE, "mx.example.org");
	fake_dns_addr("mx.example.org", "192.0.2.4");
	fake_dns_addr("mx.example.org", "192.0.2.5");
	lookup(f, "192.0.2.5");
	is_result(f, "pass", "mx.example.org", "mx.example.org", "one name, several addresses");

	fake_dns_clear();
	fake_dns_ptr(REVERSE, "mx.example.org");
	fake_dns_addr("mx.example.org", "192.0.2.6");
	lookup(f, "192.0.2.5");
	is_result(f, "fail", "(absent)", "mx.example.org", "a name of somebody else");

	fake_dns_clear();
	fake_dns_ptr(REVERSE, "gone.example.org");
	lookup(f, "192.0.2.5");
	is_result(f, "fail", "(absent)", "gone.example.org", "a name that does not exist");
}

static void test_several(struct check_fixture *f)
{
	fake_dns_clear();
	fake_dns_ptr(REVERSE, "a.example.org");
	fake_dns_ptr(REVERSE, "forged.example.com");
	fake_dns_ptr(REVERSE, "b.example.org");
	fake_dns_addr("a.example.org", "192.0.2.5");
	fake_dns_addr("forged.example.com", "198.51.100.1");
	fake_dns_addr("b.example.org", "192.0.2.5");
	lookup(f, "192.0.2.5");
	is_result(f, "pass", "a.example.org, b.example.org", "a.example.org, forged.example.com, b.example.org",
		  "all names that lead back, whatever their order");

	fake_dns_fail("forged.example.com", DNS_A, "SERVFAIL");
	lookup(f, "192.0.2.5");
	is_str(fixture_fact(f, FACT_FCRDNS), "pass", "one confirmed name is enough when another fails");
}

static void test_many(struct check_fixture *f)
{
	char name[32];

	fake_dns_clear();
	for (unsigned i = 0; i < 30; i++) {
		snprintf(name, sizeof name, "n%u.example.org", i);
		fake_dns_ptr(REVERSE, name);
	}
	fake_dns_addr("n10.example.org", "192.0.2.5");
	lookup(f, "192.0.2.5");
	is_int(fake_dns_total(), 11, "one reverse and ten forward questions, however many names there are");
	is_str(fixture_fact(f, FACT_FCRDNS), "fail", "the eleventh name does not count");
}

static void test_failures(struct check_fixture *f)
{
	unsigned awaits;

	fake_dns_clear();
	fake_dns_fail(REVERSE, DNS_PTR, "SERVFAIL");
	lookup(f, "192.0.2.5");
	is_result(f, "(unavailable: reverse DNS: SERVFAIL)", "(unavailable: reverse DNS: SERVFAIL)",
		  "(unavailable: reverse DNS: SERVFAIL)", "a reverse look-up that fails");
	is_int(fixture_value(f, FACT_FCRDNS)->on_error, ON_ERROR_DEFER, "the section's on_error goes first");

	fake_dns_clear();
	fake_dns_silent(REVERSE, DNS_PTR);
	awaits = fake_net_awaits();
	lookup(f, "192.0.2.5");
	is_str(fixture_fact(f, FACT_FCRDNS), "(unavailable: reverse DNS: timeout)", "one that is not answered");
	is_int(fake_net_awaits() - awaits, 1, "is awaited once");
	ok(fake_net_deadline() == f->deadline_ms, "until the deadline");
	fixture_drop(f);
	is_int(fake_net_open(), 0, "and abandoned with the session");

	fake_dns_clear();
	fake_dns_ptr(REVERSE, "mx.example.org");
	fake_dns_silent("mx.example.org", DNS_A);
	lookup(f, "192.0.2.5");
	is_result(f, "(unavailable: host name look-up: timeout)", "(unavailable: host name look-up: timeout)",
		  "mx.example.org", "a forward look-up that is not answered");
}

static void test_ipv6(struct check_fixture *f)
{
	static const char reverse[] = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";

	fake_dns_clear();
	fake_dns_ptr(reverse, "six.example.org");
	fake_dns_addr("six.example.org", "2001:db8::1");
	lookup(f, "2001:db8::1");
	is_result(f, "pass", "six.example.org", "six.example.org", "IPv6");
}

/* The front end sets what the MTA told; nothing of that is asked or changed. */
static void test_told(struct check_fixture *f)
{
	struct check_call c;

	fake_dns_clear();
	fixture_client(f, "192.0.2.5");
	c = fixture_call(f, NULL);
	fact_set_word(&c.facts->v[FACT_FCRDNS], "pass");
	fact_set_text(&c.facts->v[FACT_CLIENT_NAME], f->arena, "told.example.org", 16);
	fact_set_text(&c.facts->v[FACT_CLIENT_PTR], f->arena, "told.example.org", 16);
	fixture_run(f);
	is_int(fake_dns_total(), 0, "what the MTA told is not asked again");
	is_result(f, "pass", "told.example.org", "told.example.org", "and stays");

	fake_dns_ptr(REVERSE, "asked.example.org");
	fixture_client(f, "192.0.2.5");
	c = fixture_call(f, NULL);
	fact_set_word(&c.facts->v[FACT_FCRDNS], "fail");
	fact_set_absent(&c.facts->v[FACT_CLIENT_NAME]);
	fixture_run(f);
	is_int(fake_dns_total(), 1, "only the reverse name is asked when that alone is missing");
	is_result(f, "fail", "(absent)", "asked.example.org", "the rest stays");

	fixture_client(f, NULL);
	fixture_run(f);
	is_result(f, "(absent)", "(absent)", "(absent)", "a session without an address");
	is_int(fake_dns_total(), 1, "asks nothing");
}

/* Memory that runs out at any point: no crash, and no refusal for want of it. */
static void test_no_memory(struct check_fixture *f)
{
	bool fits = false;

	fake_dns_clear();
	fake_dns_ptr(REVERSE, "forged.example.com");
	fake_dns_ptr(REVERSE, "mx.example.org");
	fake_dns_addr("forged.example.com", "198.51.100.1");
	fake_dns_addr("mx.example.org", "192.0.2.5");
	for (size_t room = 1; !fits && room < 65536; room += 16) {
		struct check_call c;
		const struct fact_value *result;

		fixture_client(f, "192.0.2.5");
		c = fixture_call(f, NULL);
		c.arena = arena_new(room);
		if (c.arena == NULL)
			continue;
		f->def->start(&c);
		f->def->finish(&c);
		fits = !arena_failed(c.arena);
		result = &c.facts->v[FACT_FCRDNS];
		if (result->state == FACT_UNKNOWN ||
		    (result->state == FACT_KNOWN && strcmp(result->text[0].folded, "pass") != 0))
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

	(void)fixture_load(&f, &fcrdns_check, "");
	ok(f.state != NULL, "the facts are there without a section");
	is_int(fixture_rule_count(&f), 0, "but no rules");
	fixture_free(&f);
	(void)fixture_load(&f, &fcrdns_check, "fcrdns: { };");
	is_int(fixture_rule_count(&f), 2, "an empty section is in force, with the defaults");
	ok(strstr(fixture_rules(&f), "reject = \"550 5.7.25 ") != NULL, "fail is rejected with 550 5.7.25");
	ok(strstr(fixture_rules(&f), "mark = \"fcrdns=none\"") != NULL, "none is marked");
	fixture_free(&f);
	(void)fixture_load(&f, &fcrdns_check,
			   "fcrdns: { on_fail = \"defer\"; on_none = \"ignore\"; refuse_at = \"connect\"; "
			   "shadow = true; };");
	is_int(fixture_rule_count(&f), 1, "ignore makes no rule");
	ok(strstr(fixture_rules(&f), "defer = \"450 4.7.25 ") != NULL, "defer says 450 4.7.25");
	ok(strstr(fixture_rules(&f), "shadow = true; refuse_at = \"connect\";") != NULL, "shadow and refuse_at");
	ok(strstr(fixture_rules(&f), "%{client_ip}") != NULL, "the reply names the address");
	fixture_free(&f);
	(void)fixture_load(&f, &fcrdns_check, "fcrdns: { enabled = false; };");
	is_int(fixture_rule_count(&f), 0, "switched off");
	fixture_free(&f);
}

static void test_all(void)
{
	struct check_fixture f;

	if (fixture_load(&f, &fcrdns_check, "fcrdns: { on_error = \"defer\"; };") != 0)
		bail_out("%s", fixture_errors(&f));
	fake_dns_clear();
	test_results(&f);
	test_several(&f);
	test_many(&f);
	test_failures(&f);
	test_ipv6(&f);
	test_told(&f);
	test_no_memory(&f);
	fixture_free(&f);
	test_rules();
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
