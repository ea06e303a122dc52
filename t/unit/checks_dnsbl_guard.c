/*
 * DNS lists that break, over a DNS without a network: what is believed, what suspends a list, and what brings it back.
 */
#include "t/unit/checks_dnsbl_fixture.h"

#include <stdio.h>

#include "checks/dnsbl.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"
#include "util/clock.h"

enum { RETRY_MIN_MS = 5000, RETRY_MAX_MS = 600000, HOUR_MS = 3600000 };

#define SPARED_V6 "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."

/* ---- Lists that list everybody ---- */

static void test_first_answer(void)
{
	struct check_fixture f;

	bl_load(&f, bl_one);
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "a list that works is in force");
	bl_lists("black.test", "203.0.113.5");
	is_str(bl_score(&f, "203.0.113.5"), "5", "and believed");
	is_str(bl_score(&f, "198.51.100.1"), "0", "for others, too");

	fake_dns_addr("*.black.test", "127.0.0.2");
	bl_spares("1.0.0.127.black.test");
	is_str(bl_score(&f, "198.51.100.2"), "0", "it lists the world: the very first client is not hurt");
	bl_is_suspended(&f, "it lists addresses of 127.0.0.0/8 that nobody has", "the world");
	fixture_free(&f);

	bl_load(&f, bl_one);
	fake_dns_addr("*.black.test", "127.0.0.2");
	bl_spares("*.127.black.test");
	is_str(bl_score(&f, "198.51.100.2"), "0", "nor by one that lists all but 127.0.0.0/8");
	bl_is_suspended(&f, "it lists the whole world", "all but 127.0.0.0/8");
	fixture_free(&f);

	bl_load(&f, bl_one);
	fake_dns_addr("*.black.test", "127.0.0.2");
	is_str(bl_score(&f, "2001:db8::1"), "0", "the same for IPv6");
	is_int(bl_standing(&f), DNSBL_SUSPENDED, "suspended");
	fixture_free(&f);

	bl_load(&f, bl_one);
	fake_dns_addr("*.black.test", "198.51.100.99");
	is_str(bl_score(&f, "198.51.100.2"), "0", "a resolver that rewrites NXDOMAIN");
	bl_is_suspended(&f, "it answers 198.51.100.99", "rewritten");
	fixture_free(&f);
}

/* A list of dynamic addresses: one listed neighbour or two say nothing. */
static void test_wide_list(void)
{
	struct check_fixture f;
	char name[64];

	bl_load(&f, bl_one);
	for (unsigned i = 1; i < 120; i++) { /* half the world */
		snprintf(name, sizeof name, "*.%u.black.test", i);
		if (i != 127 && i != 10)
			fake_dns_addr(name, "127.0.0.2");
	}
	is_str(bl_score(&f, "45.1.2.3"), "5", "a list of half the world is believed");
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "and stays in force");
	fixture_free(&f);
}

static void test_unconfirmed(void)
{
	struct check_fixture f;

	bl_load(&f, bl_one);
	bl_lists("black.test", "203.0.113.5");
	fake_dns_fail("*.127.black.test", DNS_A, "SERVFAIL");
	fixture_client(&f, "203.0.113.5");
	fixture_run(&f);
	is_str(fixture_fact(&f, FACT_DNSBL_SCORE), "(unavailable: DNS list black: its listing could not be confirmed)",
	       "a listing without an answer about the canary is not believed");
	fixture_free(&f);
}

/* ---- Before the keeper has examined it ---- */

static void test_unproved(void)
{
	struct check_fixture f;

	bl_all_work();
	(void)fixture_load(&f, &dnsbl_check, bl_one);
	bl_lists("black.test", "203.0.113.5");
	is_int(bl_standing(&f), DNSBL_UNPROVED, "nobody has examined the list");
	is_str(bl_score(&f, "203.0.113.5"), "5", "then the session does, and believes it");
	fixture_free(&f);

	fake_dns_clear();
	(void)fixture_load(&f, &dnsbl_check, bl_one);
	bl_lists("black.test", "203.0.113.5");
	is_str(bl_score(&f, "203.0.113.5"), "0", "not when it lacks its test entry");
	bl_is_suspended(&f, "it does not list 127.0.0.2", "emptied");
	fixture_free(&f);

	bl_all_work();
	(void)fixture_load(&f, &dnsbl_check, bl_one);
	bl_lists("black.test", "127.0.0.1");
	bl_tick(&f);
	bl_is_suspended(&f, "it lists 127.0.0.1", "a list that lists what it must not");
	fixture_free(&f);

	bl_all_work();
	(void)fixture_load(&f, &dnsbl_check, bl_one);
	fake_dns_addr(SPARED_V6 "black.test", "127.0.0.2");
	bl_tick(&f);
	bl_is_suspended(&f, "it lists ::ffff:127.0.0.1", "the same for IPv6");
	fixture_free(&f);

	fake_dns_clear();
	fake_dns_fail("*.black.test", DNS_A, "SERVFAIL");
	(void)fixture_load(&f, &dnsbl_check, bl_one);
	bl_tick(&f);
	is_int(bl_standing(&f), DNSBL_UNPROVED, "a list that is away at the start has a second try");
	dnsbl_guard_silent(bl_zone(&f, 0), "it does not answer (SERVFAIL)", clock_mono_ms());
	bl_is_suspended(&f, "it does not answer (SERVFAIL)", "away");
	fixture_free(&f);
}

static void test_ipv6(void)
{
	struct check_fixture f;

	fake_dns_clear();
	fake_dns_addr("2.0.0.127.black.test", "127.0.0.2");
	(void)fixture_load(&f, &dnsbl_check, bl_one);
	bl_tick(&f);
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "a list without IPv6 is in force");
	bl_lists("black.test", "2001:db8::5");
	fake_dns_addr("2.0.0.127.black.test", "127.0.0.2");
	is_str(bl_score(&f, "2001:db8::5"), "0", "but not for IPv6");
	is_int(fake_dns_asked(BL_TEST_V6 "black.test"), 1, "which it was asked about once");
	fixture_free(&f);
}

/* ---- Failures ---- */

static void test_failures(void)
{
	struct check_fixture f;
	char ip[32];

	bl_load(&f, bl_one);
	fake_dns_fail("*.100.51.198.black.test", DNS_A, "SERVFAIL");
	for (unsigned i = 1; i <= 5; i++) {
		snprintf(ip, sizeof ip, "198.51.100.%u", i);
		is_str(bl_score(&f, ip), "(unavailable: DNS list black: SERVFAIL)", "failure %u leaves it open", i);
	}
	is_int(bl_standing(&f), DNSBL_DOUBTED, "five in a row: doubted");
	bl_lists("black.test", "203.0.113.5");
	is_str(bl_score(&f, "203.0.113.5"), "5",
	       "others are refused as before: odd clients must not switch a list off");
	bl_tick(&f);
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "the list is in order");

	fake_dns_clear(); /* the probes come out of a cache */
	bl_works("black.test");
	fake_dns_fail("*.black.test", DNS_A, "timeout");
	for (unsigned i = 1; i <= 5; i++)
		(void)bl_score(&f, "198.51.100.7");
	bl_tick(&f);
	bl_is_suspended(&f, "it does not answer (timeout)", "the server is away");
	is_str(bl_score(&f, "198.51.100.8"), "0", "nobody is deferred for a suspended list");
	fixture_free(&f);

	bl_load(&f, bl_one);
	for (unsigned i = 0; i < 40 && bl_standing(&f) == DNSBL_IN_FORCE; i++) {
		if (i % 4 == 0)
			dnsbl_guard_answered(bl_zone(&f, 0), &(struct dnsbl_subject){ .domain = "x" }, false, 1);
		else
			dnsbl_guard_failed(bl_zone(&f, 0), "timeout", 1);
	}
	is_int(bl_standing(&f), DNSBL_DOUBTED, "so have three of four");
	fixture_free(&f);

	bl_load(&f, bl_one);
	for (unsigned i = 0; i < 400; i++) {
		if (i % 4 != 0)
			dnsbl_guard_answered(bl_zone(&f, 0), &(struct dnsbl_subject){ .domain = "x" }, false, 1);
		else
			dnsbl_guard_failed(bl_zone(&f, 0), "timeout", 1);
	}
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "one of four is a bad line, and no more");
	fixture_free(&f);
}

/* ---- Coming back ---- */

static void test_pauses(void)
{
	struct check_fixture f;
	const struct dnsbl_zone *z;
	int64_t now = 1000000, pause = RETRY_MIN_MS;
	bool right = true;

	bl_load(&f, bl_one);
	z = bl_zone(&f, 0);
	for (unsigned i = 0; i < 20; i++) /* sessions that find out at the same time */
		dnsbl_guard_suspend(z, "it is tested", now + i);
	for (unsigned i = 0; i < 12; i++) {
		right = right && !dnsbl_guard_due(z->guard, now + pause - 1, NULL) &&
			dnsbl_guard_due(z->guard, now + pause, NULL);
		now += pause;
		dnsbl_guard_suspend(z, "it is tested", now);
		pause = pause * 2 < RETRY_MAX_MS ? pause * 2 : RETRY_MAX_MS;
	}
	ok(right, "examined after 5 seconds, then after twice as long each time, up to 10 minutes");
	dnsbl_guard_passed(z, DNSBL_IPV6_YES, 1000000 - 1, now);
	is_int(bl_standing(&f), DNSBL_SUSPENDED, "an examination that began before says nothing of it");
	dnsbl_guard_passed(z, DNSBL_IPV6_YES, now, now);
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "it works again");
	ok(!dnsbl_guard_due(z->guard, now + HOUR_MS / 2, NULL) && dnsbl_guard_due(z->guard, now + HOUR_MS * 2, NULL),
	   "next in about an hour");
	now += 1000;
	dnsbl_guard_suspend(z, "it comes and goes", now);
	ok(!dnsbl_guard_due(z->guard, now + RETRY_MAX_MS - 1, NULL), "one that comes and goes has long pauses at once");
	now += RETRY_MAX_MS;
	dnsbl_guard_passed(z, DNSBL_IPV6_YES, now, now);
	now += RETRY_MAX_MS;
	dnsbl_guard_suspend(z, "it is tested", now);
	ok(dnsbl_guard_due(z->guard, now + RETRY_MIN_MS, NULL), "one that was well for long begins with short ones");
	fixture_free(&f);
}

/* Our own DNS is away: with it all lists, which must be back soon when it is. */
static void test_silence(void)
{
	struct check_fixture f;
	const struct dnsbl_zone *z;
	int64_t now = 1000000, longest = 0, begin = now;

	bl_load(&f, bl_one);
	z = bl_zone(&f, 0);
	dnsbl_guard_silent(z, "it does not answer (timeout)", now);
	dnsbl_guard_silent(z, "it does not answer (timeout)", now);
	is_int(bl_standing(&f), DNSBL_SUSPENDED, "no answers");
	for (int64_t before = now; now < begin + HOUR_MS / 2; now++) {
		if (!dnsbl_guard_due(z->guard, now, NULL))
			continue;
		longest = now - before > longest ? now - before : longest;
		before = now;
		dnsbl_guard_silent(z, "it does not answer (timeout)", now);
	}
	is_int(longest, 60000, "it is asked again every minute");
	for (now = begin + HOUR_MS; now < begin + HOUR_MS * 2; now += 1000)
		if (dnsbl_guard_due(z->guard, now, NULL))
			dnsbl_guard_silent(z, "it does not answer (timeout)", now);
	for (longest = 0; !dnsbl_guard_due(z->guard, now, NULL) && longest < HOUR_MS; longest++)
		now++;
	ok(longest <= RETRY_MAX_MS && !dnsbl_guard_due(z->guard, now - 1, NULL), "after an hour less often");
	dnsbl_guard_silent(z, "it does not answer (timeout)", now);
	ok(!dnsbl_guard_due(z->guard, now + RETRY_MAX_MS - 1, NULL), "every ten minutes");
	fixture_free(&f);
}

/* ---- Allow lists ---- */

static void test_allow_list(void)
{
	struct check_fixture f;
	const struct dnsbl_zone *white;

	bl_load(&f, bl_pair);
	white = bl_zone(&f, 1);
	bl_lists("black.test", "203.0.113.5");
	bl_lists("black.test", "203.0.113.6");
	bl_lists("white.test", "203.0.113.5");
	is_str(bl_score(&f, "203.0.113.5"), "2", "an allow list saves a client");
	is_str(bl_score(&f, "203.0.113.6"), "5", "another one it does not");
	dnsbl_guard_suspend(white, "it is tested", clock_mono_ms());
	is_str(bl_score(&f, "203.0.113.5"), "2", "suspended: its last word stands");
	is_str(fixture_fact(&f, FACT_DNSBL), "black, white", "with its name");
	is_str(bl_score(&f, "203.0.113.6"), "5", "for the other the rest decides");
	fixture_free(&f);

	bl_load(&f, bl_pair);
	bl_lists("black.test", "203.0.113.5");
	fake_dns_addr("*.white.test", "127.0.0.2");
	is_str(bl_score(&f, "203.0.113.5"), "5", "an allow list that lists the world waves nobody through");
	is_int(dnsbl_guard_standing(bl_zone(&f, 1)->guard), DNSBL_SUSPENDED, "it is suspended");
	is_int(bl_standing(&f), DNSBL_IN_FORCE, "the other is not");
	fixture_free(&f);
}

int main(void)
{
	test_first_answer();
	test_wide_list();
	test_unconfirmed();
	test_unproved();
	test_ipv6();
	test_failures();
	test_pauses();
	test_silence();
	test_allow_list();
	is_int(fake_net_open(), 0, "every question was given back");
	return done_testing();
}
