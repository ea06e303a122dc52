/*
 * DNS lists whose share of listings changes, which is when their answers are looked at more closely; and what that costs.
 */
#include "t/unit/checks_dnsbl_fixture.h"

#include <stdio.h>

#include "checks/dnsbl.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"

/* When a jump is suspected although controls are trusted: at a sudden change of the share of those that are listed. */
static void test_rate(void)
{
	struct check_fixture f;
	struct dnsbl_memory memory;
	struct dnsbl_guard *g;

	bl_load(&f, bl_one);
	g = bl_zone(&f, 0)->guard;
	ok(dnsbl_guard_suspects(g, false, 1, &memory), "without trust the neighbours are asked about");
	bl_ask_many(&f, 44, 200, 3);
	ok(!dnsbl_guard_suspects(g, true, 1, &memory), "a third is listed, as ever");
	is_int(memory.n, DNSBL_REMEMBERED, "those that were not are remembered");
	bl_ask_many(&f, 45, 8, 1);
	ok(dnsbl_guard_suspects(g, true, 1, &memory), "eight networks, one after the other: a jump");
	dnsbl_guard_cleared(g, 1);
	ok(!dnsbl_guard_suspects(g, true, 2, &memory) && !dnsbl_guard_suspects(g, false, 2, &memory),
	   "found in order, it is left alone for a while");
	fixture_free(&f);

	bl_load(&f, bl_one);
	bl_ask_many(&f, 44, 200, 1);
	ok(!dnsbl_guard_suspects(bl_zone(&f, 0)->guard, true, 1, &memory),
	   "where nearly all are listed all the time, it is no jump");
	fixture_free(&f);

	bl_load(&f, bl_one);
	g = bl_zone(&f, 0)->guard;
	bl_ask_many(&f, 44, 20, 3);
	bl_ask_many(&f, 45, 8, 1);
	ok(!dnsbl_guard_suspects(g, true, 1, &memory), "nor is it one when there is no past");
	bl_ask_many(&f, 44, 200, 3);
	for (unsigned i = 0; i < 50; i++)
		dnsbl_guard_answered(bl_zone(&f, 0),
				     &(struct dnsbl_subject){ .ip = { IP_V4, { 46, 1, 1, (uint8_t)i } } }, true, 1);
	ok(!dnsbl_guard_suspects(g, true, 1, &memory), "nor are fifty clients of one network");
	fixture_free(&f);
}

static unsigned of_net(const struct dnsbl_memory *memory, unsigned net)
{
	unsigned n = 0;

	for (unsigned i = 0; i < memory->n; i++)
		n += memory->v[i].ip.b[0] == net;
	return n;
}

/* Spammers whom a list catches up with must not look like everybody. */
static void test_memory(void)
{
	struct check_fixture f;
	struct dnsbl_memory memory;
	struct dnsbl_subject about = { .ip = { IP_V4, { 46, 0, 1, 1 } } };

	bl_load(&f, bl_one);
	bl_ask_many(&f, 44, 200, 0);
	bl_ask_many(&f, 45, 200, 0);
	(void)dnsbl_guard_suspects(bl_zone(&f, 0)->guard, false, 1, &memory);
	is_int(of_net(&memory, 44), DNSBL_REMEMBERED, "a wave from new networks does not push the others out");
	for (unsigned i = 0; i < 4; i++) {
		about.ip.b[1] = (uint8_t)i;
		dnsbl_guard_answered(bl_zone(&f, 0), &about, false, DNSBL_MEMORY_STEP_MS * (i + 1) + 1);
	}
	about.ip.b[3] = 2;
	dnsbl_guard_answered(bl_zone(&f, 0), &about, false, DNSBL_MEMORY_STEP_MS * 6);
	(void)dnsbl_guard_suspects(bl_zone(&f, 0)->guard, false, 1, &memory);
	is_int(of_net(&memory, 46), 4, "it is renewed all the same, each network once");
	fixture_free(&f);
}

static void test_jump(void)
{
	struct check_fixture f;

	bl_load(&f, bl_one);
	bl_ask_many(&f, 44, 200, 3);
	fake_dns_addr("*.44.black.test", "127.0.0.2");
	fake_dns_addr("*.45.black.test", "127.0.0.2");
	is_str(bl_score(&f, "45.99.1.1"), "0", "the list has changed: the first whom it lists is not hurt");
	bl_is_suspended(&f, "it lists nearly everybody all of a sudden", "a jump");
	fixture_free(&f);

	bl_load(&f, bl_one);
	bl_ask_many(&f, 44, 200, 3);
	fake_dns_addr("*.45.black.test", "127.0.0.2");
	for (unsigned i = 0; i < 20; i++) {
		char ip[32];

		snprintf(ip, sizeof ip, "45.%u.1.1", i);
		is_str(bl_score(&f, ip), "5", "a wave of spam: the neighbours of others are not listed");
	}
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "the list stays in force");
	fake_dns_addr("*.44.black.test", "127.0.0.2");
	is_str(bl_score(&f, "45.99.1.1"), "0", "a change in the middle of it: a sample tells");
	is_int(bl_standing(&f), DNSBL_SUSPENDED, "at once");
	fixture_free(&f);

	bl_load(&f, bl_one);
	bl_ask_many(&f, 44, 200, 3);
	for (unsigned i = 0; i < 200; i += 2) { /* half of them */
		char name[64];

		snprintf(name, sizeof name, "*.1.%u.44.black.test", i);
		fake_dns_addr(name, "127.0.0.2");
	}
	bl_lists("black.test", "45.99.1.1");
	is_str(bl_score(&f, "45.99.1.1"), "5", "neighbours that are listed as well are no reason when others are not");
	fixture_free(&f);

	bl_load(&f, bl_one);
	bl_ask_many(&f, 44, 200, 3);
	bl_lists("black.test", "45.99.1.1");
	fake_dns_fail("*.44.black.test", DNS_A, "SERVFAIL");
	fixture_client(&f, "45.99.1.1");
	fixture_run(&f);
	is_str(fixture_fact(&f, FACT_DNSBL_SCORE), "(unavailable: DNS list black: its listing could not be confirmed)",
	       "without answers about neighbours a listing is not believed");
	fixture_free(&f);
}

/* ---- What is asked ---- */

static void test_costs(void)
{
	struct check_fixture f;
	unsigned awaits;

	bl_load(&f, bl_pair);
	bl_ask_many(&f, 44, 16, 0);
	bl_all_work();
	awaits = fake_net_awaits();
	(void)bl_score(&f, "198.51.100.1");
	is_int(fake_dns_total(), 2, "one question a list");
	is_int(fake_net_awaits() - awaits, 1, "and one wait, where nobody lists the client");
	bl_all_work();
	bl_lists("black.test", "203.0.113.5");
	(void)bl_score(&f, "203.0.113.5");
	is_int(fake_dns_total(), 2 + 13, "thirteen more for a listing");
	bl_all_work();
	bl_lists("black.test", "203.0.113.5");
	awaits = fake_net_awaits();
	(void)bl_score(&f, "203.0.113.5");
	is_int(fake_dns_total(), 2 + 2, "two for those that follow");
	is_int(fake_net_awaits() - awaits, 2, "and one more wait");
	fixture_free(&f);

	bl_load(&f, "dnsbl: { trust_for = \"1h\"; lists = ( { zone = \"black.test\"; } ); };");
	bl_lists("black.test", "203.0.113.5");
	(void)bl_score(&f, "203.0.113.5");
	bl_all_work();
	bl_lists("black.test", "203.0.113.5");
	is_str(bl_score(&f, "203.0.113.5"), "1", "trust_for");
	is_int(fake_dns_total(), 1, "saves these");
	fixture_free(&f);
}

int main(void)
{
	test_rate();
	test_memory();
	test_jump();
	test_costs();
	is_int(fake_net_open(), 0, "every question was given back");
	return done_testing();
}
