/*
 * By what DNS lists are proved to work: the administrator's probes, and those of lists of domains.
 */
#include "t/unit/checks_dnsbl_fixture.h"

#include "checks/dnsbl.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"
#include "util/clock.h"

static void test_probe_setting(void)
{
	struct check_fixture f;

	fake_dns_clear();
	(void)fixture_load(
		&f, &dnsbl_check,
		"dnsbl: { lists = ( { zone = \"black.test\"; name = \"black\"; probe = ( \"192.0.2.1\", \"!192.0.2.2\" ); } ); };");
	bl_lists("black.test", "192.0.2.1");
	bl_tick(&f);
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "probe: what is listed");
	is_int(fake_dns_asked("2.0.0.127.black.test"), 0, "instead of 127.0.0.2");
	fixture_free(&f);
	(void)fixture_load(
		&f, &dnsbl_check,
		"dnsbl: { lists = ( { zone = \"black.test\"; name = \"black\"; probe = ( \"192.0.2.1\", \"!192.0.2.2\" ); } ); };");
	bl_lists("black.test", "192.0.2.2");
	bl_tick(&f);
	bl_is_suspended(&f, "it lists 192.0.2.2", "probe: what must not be listed");
	fixture_free(&f);

	fake_dns_clear();
	fake_dns_addr("*.127.black.test", "127.0.0.2"); /* bogons */
	(void)fixture_load(&f, &dnsbl_check, "dnsbl: { lists = ( { zone = \"black.test\"; probe = \"off\"; } ); };");
	bl_lists("black.test", "203.0.113.5");
	bl_tick(&f);
	is_str(bl_score(&f, "203.0.113.5"), "1", "probe = off");
	is_int(fake_dns_asked("2.0.0.127.black.test"), 0, "asks for nothing in 127.0.0.0/8");
	fake_dns_addr("*.black.test", "127.0.0.2");
	is_str(bl_score(&f, "203.0.113.6"), "0", "and knows the whole world all the same");
	fixture_free(&f);

	fake_dns_clear();
	(void)fixture_load(&f, &dnsbl_check,
			   "dnsbl: { lists = ( { zone = \"black.test\"; }, "
			   "{ zone = \"black.test\"; codes = \"127.0.0.9\"; probe = \"off\"; } ); };");
	bl_tick(&f);
	is_int(fake_dns_asked("2.0.0.127.black.test"), 0, "off, whichever entry of the zone says so");
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "and in force");
	fixture_free(&f);

	is_int(fixture_load(
		       &f, &dnsbl_check,
		       "dnsbl: { lists = (\n{ zone = \"a.test\"; probe = \"nonsense\"; },\n"
		       "{ zone = \"b.test\"; of = \"url\"; probe = \"a b\"; },\n{ zone = \"c.test\"; of = \"everything\"; },\n"
		       "{ zone = \"d.test\"; of = ( \"client\", \"url\" ); } ); };"),
	       -1, "mistakes");
	is_int(f.errors.errors, 4, "each is told: %s", fixture_errors(&f));
	fixture_free(&f);
}

/* ---- Lists of domains ---- */

static const char *domain_score(struct check_fixture *f, const char *domain)
{
	struct dnsbl_zones *z = f->state;
	struct fact_value names = { .state = FACT_ABSENT }, *sum_of = arena_alloc(f->arena, sizeof *sum_of);
	struct dnsbl_asking *q = dnsbl_ask_begin(f->arena, z, z->n_zones);
	struct dnsbl_sum sum;

	dnsbl_ask_domain(q, f->wait, DNSBL_OF_HELO, domain);
	dnsbl_ask_domain(q, f->wait, DNSBL_OF_SENDER, domain);
	dnsbl_await(q, f->wait, clock_mono_ms() + 1000);
	dnsbl_sum_begin(&sum, NULL);
	dnsbl_sum_add(&sum, q, DNSBL_OF_DOMAIN, f->arena, &names);
	dnsbl_sum_end(&sum, z, f->arena, &names, sum_of);
	dnsbl_ask_end(q);
	return sum_of->state == FACT_KNOWN ? arena_printf(f->arena, "%lld", (long long)sum_of->num) : "unavailable";
}

static void test_domains(void)
{
	static const char *const odd[] = {
		"localhost",     "192.0.2.1",
		"2.0.0.127",     "a..b",
		".example",      "a b.example",
		"evil.example.", "",
		"a\".example",   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"
	};
	static const char conf[] =
		"dnsbl: { reject_at = 5; lists = (\n"
		"  { zone = \"uri.test\"; of = ( \"helo\", \"sender\" ); weight = 5; name = \"uri\"; } ); };";
	struct check_fixture f;

	fake_dns_clear();
	fake_dns_addr("test.uri.test", "127.0.0.2");
	(void)fixture_load(&f, &dnsbl_check, conf);
	bl_tick(&f);
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "a list of domains is probed by TEST and INVALID");
	fixture_client(&f, "198.51.100.1");
	fake_dns_addr("evil.example.uri.test", "127.0.0.2");
	is_str(domain_score(&f, "evil.example"), "5", "it lists a domain, which weighs once");
	is_int(fake_dns_asked("evil.example.uri.test"), 1, "and is asked about it once");
	is_str(domain_score(&f, "good.example"), "0", "another it does not");
	for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		unsigned before = fake_dns_total();

		is_str(domain_score(&f, odd[i]), "0", "\"%s\"", odd[i]);
		is_int(fake_dns_total() - before, 0, "is not asked about");
	}
	fake_dns_addr("*.uri.test", "127.0.0.2");
	bl_spares("invalid.uri.test");
	is_str(domain_score(&f, "good.example"), "0", "when it lists every domain it is not believed");
	bl_is_suspended(&f, "it lists names that nobody has", "every domain");
	is_str(bl_score(&f, "198.51.100.9"), "0", "clients are none of its business");
	fixture_free(&f);

	fake_dns_clear();
	fake_dns_addr("test.uribl.com.uri.test", "127.0.0.14");
	(void)fixture_load(&f, &dnsbl_check, conf);
	bl_tick(&f);
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "a list that is older than TEST has another entry");
	fixture_free(&f);

	fake_dns_clear();
	(void)fixture_load(&f, &dnsbl_check, conf);
	bl_tick(&f);
	bl_is_suspended(&f, "it has no entry to test it by", "none");
	fixture_free(&f);

	fake_dns_clear();
	fake_dns_addr("*.uri.test", "127.0.0.1");
	(void)fixture_load(&f, &dnsbl_check, conf);
	fixture_client(&f, "198.51.100.1");
	is_str(domain_score(&f, "good.example"), "0", "127.0.0.1 is how SURBL and URIBL refuse us");
	bl_tick(&f);
	bl_is_suspended(&f, "it lists invalid (127.0.0.1)", "refused");
	fixture_free(&f);

	fake_dns_clear();
	fake_dns_addr("test.uri.test", "127.0.0.2");
	fake_dns_addr("invalid.uri.test", "127.0.0.2");
	(void)fixture_load(&f, &dnsbl_check, conf);
	bl_tick(&f);
	bl_is_suspended(&f, "it lists invalid", "INVALID");
	fixture_free(&f);
}

int main(void)
{
	test_probe_setting();
	test_domains();
	is_int(fake_net_open(), 0, "every question was given back");
	return done_testing();
}
