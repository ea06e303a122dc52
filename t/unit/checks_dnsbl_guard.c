/*
 * DNS lists that break, over a DNS without a network: what is believed, what suspends a list, and what brings it back.
 */
#include "checks/dnsbl_guard.h"

#include <stdio.h>
#include <string.h>

#include "checks/dnsbl.h"
#include "checks/dnsbl_health.h"
#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"
#include "util/clock.h"

enum { RETRY_MIN_MS = 5000, RETRY_MAX_MS = 600000, HOUR_MS = 3600000 };

#define TEST_V6 "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
#define SPARED_V6 "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."

static const char one[] = "dnsbl: { reject_at = 5; on_error = \"defer\"; lists = (\n"
			  "  { zone = \"black.test\"; weight = 5; name = \"black\"; } ); };";
static const char pair[] = "dnsbl: { reject_at = 5; on_error = \"defer\"; lists = (\n"
			   "  { zone = \"black.test\"; weight = 5; name = \"black\"; },\n"
			   "  { zone = \"white.test\"; weight = -3; name = \"white\"; } ); };";

/* ---- A DNS with lists that work ---- */

static void works(const char *zone)
{
	char name[128];

	snprintf(name, sizeof name, "2.0.0.127.%s", zone);
	fake_dns_addr(name, "127.0.0.2");
	snprintf(name, sizeof name, TEST_V6 "%s", zone);
	fake_dns_addr(name, "127.0.0.2");
}

static void all_work(void)
{
	fake_dns_clear();
	works("black.test");
	works("white.test");
}

static void lists(const char *zone, const char *ip)
{
	struct ip address;
	char name[256];

	if (ip_parse(&address, ip) != 0 || dns_reverse_name(&address, zone, name, sizeof name) != 0)
		bail_out("no address: %s", ip);
	fake_dns_addr(name, "127.0.0.2");
}

/* Names that must not be answered by a wildcard. */
static void spares(const char *name)
{
	fake_dns_empty(name, DNS_A);
}

static void tick(struct check_fixture *f)
{
	f->def->tick(f->state, f->wait, clock_mono_ms() + 1000);
}

static void load(struct check_fixture *f, const char *conf)
{
	all_work();
	if (fixture_load(f, &dnsbl_check, conf) != 0)
		fail("errors: %s", fixture_errors(f));
	tick(f);
}

static const struct dnsbl_zone *zone(struct check_fixture *f, unsigned i)
{
	return &((struct dnsbl_zones *)f->state)->zones[i];
}

static enum dnsbl_standing standing(struct check_fixture *f)
{
	return dnsbl_guard_standing(zone(f, 0)->guard);
}

/* The score of a client, as text. */
static const char *score(struct check_fixture *f, const char *ip)
{
	fixture_client(f, ip);
	fixture_run(f);
	return fixture_fact(f, FACT_DNSBL_SCORE);
}

static void is_suspended(struct check_fixture *f, const char *why, const char *what)
{
	char buf[4096];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	f->def->status(f->state, &b);
	is_int(standing(f), DNSBL_SUSPENDED, "%s: suspended", what);
	ok(strstr(buf, why) != NULL, "%s: the reason is told", what);
	ok(strstr(buf, "black.test") == NULL, "%s: but not the zone", what);
	if (strstr(buf, why) == NULL)
		diag("%s", buf);
}

/* ---- Lists that list everybody ---- */

static void test_first_answer(void)
{
	struct check_fixture f;

	load(&f, one);
	is_int(standing(&f), DNSBL_IN_FORCE, "a list that works is in force");
	lists("black.test", "203.0.113.5");
	is_str(score(&f, "203.0.113.5"), "5", "and believed");
	is_str(score(&f, "198.51.100.1"), "0", "for others, too");

	fake_dns_addr("*.black.test", "127.0.0.2");
	spares("1.0.0.127.black.test");
	is_str(score(&f, "198.51.100.2"), "0", "it lists the world: the very first client is not hurt");
	is_suspended(&f, "it lists addresses of 127.0.0.0/8 that nobody has", "the world");
	fixture_free(&f);

	load(&f, one);
	fake_dns_addr("*.black.test", "127.0.0.2");
	spares("*.127.black.test");
	is_str(score(&f, "198.51.100.2"), "0", "nor by one that lists all but 127.0.0.0/8");
	is_suspended(&f, "it lists the whole world", "all but 127.0.0.0/8");
	fixture_free(&f);

	load(&f, one);
	fake_dns_addr("*.black.test", "127.0.0.2");
	is_str(score(&f, "2001:db8::1"), "0", "the same for IPv6");
	is_int(standing(&f), DNSBL_SUSPENDED, "suspended");
	fixture_free(&f);

	load(&f, one);
	fake_dns_addr("*.black.test", "198.51.100.99");
	is_str(score(&f, "198.51.100.2"), "0", "a resolver that rewrites NXDOMAIN");
	is_suspended(&f, "it answers 198.51.100.99", "rewritten");
	fixture_free(&f);
}

/* A list of dynamic addresses: one listed neighbour or two say nothing. */
static void test_wide_list(void)
{
	struct check_fixture f;
	char name[64];

	load(&f, one);
	for (unsigned i = 1; i < 120; i++) { /* half the world */
		snprintf(name, sizeof name, "*.%u.black.test", i);
		if (i != 127 && i != 10)
			fake_dns_addr(name, "127.0.0.2");
	}
	is_str(score(&f, "45.1.2.3"), "5", "a list of half the world is believed");
	is_int(standing(&f), DNSBL_IN_FORCE, "and stays in force");
	fixture_free(&f);
}

static void test_unconfirmed(void)
{
	struct check_fixture f;

	load(&f, one);
	lists("black.test", "203.0.113.5");
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

	all_work();
	(void)fixture_load(&f, &dnsbl_check, one);
	lists("black.test", "203.0.113.5");
	is_int(standing(&f), DNSBL_UNPROVED, "nobody has examined the list");
	is_str(score(&f, "203.0.113.5"), "5", "then the session does, and believes it");
	fixture_free(&f);

	fake_dns_clear();
	(void)fixture_load(&f, &dnsbl_check, one);
	lists("black.test", "203.0.113.5");
	is_str(score(&f, "203.0.113.5"), "0", "not when it lacks its test entry");
	is_suspended(&f, "it does not list 127.0.0.2", "emptied");
	fixture_free(&f);

	all_work();
	(void)fixture_load(&f, &dnsbl_check, one);
	lists("black.test", "127.0.0.1");
	tick(&f);
	is_suspended(&f, "it lists 127.0.0.1", "a list that lists what it must not");
	fixture_free(&f);

	all_work();
	(void)fixture_load(&f, &dnsbl_check, one);
	fake_dns_addr(SPARED_V6 "black.test", "127.0.0.2");
	tick(&f);
	is_suspended(&f, "it lists ::ffff:127.0.0.1", "the same for IPv6");
	fixture_free(&f);

	fake_dns_clear();
	fake_dns_fail("*.black.test", DNS_A, "SERVFAIL");
	(void)fixture_load(&f, &dnsbl_check, one);
	tick(&f);
	is_int(standing(&f), DNSBL_UNPROVED, "a list that is away at the start has a second try");
	dnsbl_guard_silent(zone(&f, 0), "it does not answer (SERVFAIL)", clock_mono_ms());
	is_suspended(&f, "it does not answer (SERVFAIL)", "away");
	fixture_free(&f);
}

static void test_ipv6(void)
{
	struct check_fixture f;

	fake_dns_clear();
	fake_dns_addr("2.0.0.127.black.test", "127.0.0.2");
	(void)fixture_load(&f, &dnsbl_check, one);
	tick(&f);
	is_int(standing(&f), DNSBL_IN_FORCE, "a list without IPv6 is in force");
	lists("black.test", "2001:db8::5");
	fake_dns_addr("2.0.0.127.black.test", "127.0.0.2");
	is_str(score(&f, "2001:db8::5"), "0", "but not for IPv6");
	is_int(fake_dns_asked(TEST_V6 "black.test"), 1, "which it was asked about once");
	fixture_free(&f);
}

/* ---- Failures ---- */

static void test_failures(void)
{
	struct check_fixture f;
	char ip[32];

	load(&f, one);
	fake_dns_fail("*.100.51.198.black.test", DNS_A, "SERVFAIL");
	for (unsigned i = 1; i <= 5; i++) {
		snprintf(ip, sizeof ip, "198.51.100.%u", i);
		is_str(score(&f, ip), "(unavailable: DNS list black: SERVFAIL)", "failure %u leaves it open", i);
	}
	is_int(standing(&f), DNSBL_DOUBTED, "five in a row: doubted");
	lists("black.test", "203.0.113.5");
	is_str(score(&f, "203.0.113.5"), "5", "others are refused as before: odd clients must not switch a list off");
	tick(&f);
	is_int(standing(&f), DNSBL_IN_FORCE, "the list is in order");

	fake_dns_clear(); /* the probes come out of a cache */
	works("black.test");
	fake_dns_fail("*.black.test", DNS_A, "timeout");
	for (unsigned i = 1; i <= 5; i++)
		(void)score(&f, "198.51.100.7");
	tick(&f);
	is_suspended(&f, "it does not answer (timeout)", "the server is away");
	is_str(score(&f, "198.51.100.8"), "0", "nobody is deferred for a suspended list");
	fixture_free(&f);

	load(&f, one);
	for (unsigned i = 0; i < 40 && standing(&f) == DNSBL_IN_FORCE; i++) {
		if (i % 4 == 0)
			dnsbl_guard_answered(zone(&f, 0), &(struct dnsbl_subject){ .domain = "x" }, false, 1);
		else
			dnsbl_guard_failed(zone(&f, 0), "timeout", 1);
	}
	is_int(standing(&f), DNSBL_DOUBTED, "so have three of four");
	fixture_free(&f);

	load(&f, one);
	for (unsigned i = 0; i < 400; i++) {
		if (i % 4 != 0)
			dnsbl_guard_answered(zone(&f, 0), &(struct dnsbl_subject){ .domain = "x" }, false, 1);
		else
			dnsbl_guard_failed(zone(&f, 0), "timeout", 1);
	}
	is_int(standing(&f), DNSBL_IN_FORCE, "one of four is a bad line, and no more");
	fixture_free(&f);
}

/* ---- Coming back ---- */

static void test_pauses(void)
{
	struct check_fixture f;
	const struct dnsbl_zone *z;
	int64_t now = 1000000, pause = RETRY_MIN_MS;
	bool right = true;

	load(&f, one);
	z = zone(&f, 0);
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
	is_int(standing(&f), DNSBL_SUSPENDED, "an examination that began before says nothing of it");
	dnsbl_guard_passed(z, DNSBL_IPV6_YES, now, now);
	is_int(standing(&f), DNSBL_IN_FORCE, "it works again");
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

	load(&f, one);
	z = zone(&f, 0);
	dnsbl_guard_silent(z, "it does not answer (timeout)", now);
	dnsbl_guard_silent(z, "it does not answer (timeout)", now);
	is_int(standing(&f), DNSBL_SUSPENDED, "no answers");
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

/* ---- The share of listings ---- */

/* n clients of different networks, of which every listed_of-th is listed (0: none). */
static void ask_many(struct check_fixture *f, unsigned net, unsigned n, unsigned listed_of)
{
	for (unsigned i = 0; i < n; i++) {
		struct dnsbl_subject about = { .ip = { IP_V4, { (uint8_t)net, (uint8_t)i, 1, 1 } } };

		dnsbl_guard_answered(zone(f, 0), &about, listed_of > 0 && i % listed_of == 0, 1);
	}
}

/* When a jump is suspected although controls are trusted: at a sudden change of the share of those that are listed. */
static void test_rate(void)
{
	struct check_fixture f;
	struct dnsbl_memory memory;
	struct dnsbl_guard *g;

	load(&f, one);
	g = zone(&f, 0)->guard;
	ok(dnsbl_guard_suspects(g, false, 1, &memory), "without trust the neighbours are asked about");
	ask_many(&f, 44, 200, 3);
	ok(!dnsbl_guard_suspects(g, true, 1, &memory), "a third is listed, as ever");
	is_int(memory.n, DNSBL_REMEMBERED, "those that were not are remembered");
	ask_many(&f, 45, 8, 1);
	ok(dnsbl_guard_suspects(g, true, 1, &memory), "eight networks, one after the other: a jump");
	dnsbl_guard_cleared(g, 1);
	ok(!dnsbl_guard_suspects(g, true, 2, &memory) && !dnsbl_guard_suspects(g, false, 2, &memory),
	   "found in order, it is left alone for a while");
	fixture_free(&f);

	load(&f, one);
	ask_many(&f, 44, 200, 1);
	ok(!dnsbl_guard_suspects(zone(&f, 0)->guard, true, 1, &memory),
	   "where nearly all are listed all the time, it is no jump");
	fixture_free(&f);

	load(&f, one);
	g = zone(&f, 0)->guard;
	ask_many(&f, 44, 20, 3);
	ask_many(&f, 45, 8, 1);
	ok(!dnsbl_guard_suspects(g, true, 1, &memory), "nor is it one when there is no past");
	ask_many(&f, 44, 200, 3);
	for (unsigned i = 0; i < 50; i++)
		dnsbl_guard_answered(zone(&f, 0), &(struct dnsbl_subject){ .ip = { IP_V4, { 46, 1, 1, (uint8_t)i } } },
				     true, 1);
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

	load(&f, one);
	ask_many(&f, 44, 200, 0);
	ask_many(&f, 45, 200, 0);
	(void)dnsbl_guard_suspects(zone(&f, 0)->guard, false, 1, &memory);
	is_int(of_net(&memory, 44), DNSBL_REMEMBERED, "a wave from new networks does not push the others out");
	for (unsigned i = 0; i < 4; i++) {
		about.ip.b[1] = (uint8_t)i;
		dnsbl_guard_answered(zone(&f, 0), &about, false, DNSBL_MEMORY_STEP_MS * (i + 1) + 1);
	}
	about.ip.b[3] = 2;
	dnsbl_guard_answered(zone(&f, 0), &about, false, DNSBL_MEMORY_STEP_MS * 6);
	(void)dnsbl_guard_suspects(zone(&f, 0)->guard, false, 1, &memory);
	is_int(of_net(&memory, 46), 4, "it is renewed all the same, each network once");
	fixture_free(&f);
}

static void test_jump(void)
{
	struct check_fixture f;

	load(&f, one);
	ask_many(&f, 44, 200, 3);
	fake_dns_addr("*.44.black.test", "127.0.0.2");
	fake_dns_addr("*.45.black.test", "127.0.0.2");
	is_str(score(&f, "45.99.1.1"), "0", "the list has changed: the first whom it lists is not hurt");
	is_suspended(&f, "it lists nearly everybody all of a sudden", "a jump");
	fixture_free(&f);

	load(&f, one);
	ask_many(&f, 44, 200, 3);
	fake_dns_addr("*.45.black.test", "127.0.0.2");
	for (unsigned i = 0; i < 20; i++) {
		char ip[32];

		snprintf(ip, sizeof ip, "45.%u.1.1", i);
		is_str(score(&f, ip), "5", "a wave of spam: the neighbours of others are not listed");
	}
	is_int(standing(&f), DNSBL_IN_FORCE, "the list stays in force");
	fake_dns_addr("*.44.black.test", "127.0.0.2");
	is_str(score(&f, "45.99.1.1"), "0", "a change in the middle of it: a sample tells");
	is_int(standing(&f), DNSBL_SUSPENDED, "at once");
	fixture_free(&f);

	load(&f, one);
	ask_many(&f, 44, 200, 3);
	for (unsigned i = 0; i < 200; i += 2) { /* half of them */
		char name[64];

		snprintf(name, sizeof name, "*.1.%u.44.black.test", i);
		fake_dns_addr(name, "127.0.0.2");
	}
	lists("black.test", "45.99.1.1");
	is_str(score(&f, "45.99.1.1"), "5", "neighbours that are listed as well are no reason when others are not");
	fixture_free(&f);

	load(&f, one);
	ask_many(&f, 44, 200, 3);
	lists("black.test", "45.99.1.1");
	fake_dns_fail("*.44.black.test", DNS_A, "SERVFAIL");
	fixture_client(&f, "45.99.1.1");
	fixture_run(&f);
	is_str(fixture_fact(&f, FACT_DNSBL_SCORE), "(unavailable: DNS list black: its listing could not be confirmed)",
	       "without answers about neighbours a listing is not believed");
	fixture_free(&f);
}

/* ---- Allow lists ---- */

static void test_allow_list(void)
{
	struct check_fixture f;
	const struct dnsbl_zone *white;

	load(&f, pair);
	white = zone(&f, 1);
	lists("black.test", "203.0.113.5");
	lists("black.test", "203.0.113.6");
	lists("white.test", "203.0.113.5");
	is_str(score(&f, "203.0.113.5"), "2", "an allow list saves a client");
	is_str(score(&f, "203.0.113.6"), "5", "another one it does not");
	dnsbl_guard_suspend(white, "it is tested", clock_mono_ms());
	is_str(score(&f, "203.0.113.5"), "2", "suspended: its last word stands");
	is_str(fixture_fact(&f, FACT_DNSBL), "black, white", "with its name");
	is_str(score(&f, "203.0.113.6"), "5", "for the other the rest decides");
	fixture_free(&f);

	load(&f, pair);
	lists("black.test", "203.0.113.5");
	fake_dns_addr("*.white.test", "127.0.0.2");
	is_str(score(&f, "203.0.113.5"), "5", "an allow list that lists the world waves nobody through");
	is_int(dnsbl_guard_standing(zone(&f, 1)->guard), DNSBL_SUSPENDED, "it is suspended");
	is_int(standing(&f), DNSBL_IN_FORCE, "the other is not");
	fixture_free(&f);
}

/* ---- What is asked ---- */

static void test_costs(void)
{
	struct check_fixture f;
	unsigned awaits;

	load(&f, pair);
	ask_many(&f, 44, 16, 0);
	all_work();
	awaits = fake_net_awaits();
	(void)score(&f, "198.51.100.1");
	is_int(fake_dns_total(), 2, "one question a list");
	is_int(fake_net_awaits() - awaits, 1, "and one wait, where nobody lists the client");
	all_work();
	lists("black.test", "203.0.113.5");
	(void)score(&f, "203.0.113.5");
	is_int(fake_dns_total(), 2 + 13, "thirteen more for a listing");
	all_work();
	lists("black.test", "203.0.113.5");
	awaits = fake_net_awaits();
	(void)score(&f, "203.0.113.5");
	is_int(fake_dns_total(), 2 + 2, "two for those that follow");
	is_int(fake_net_awaits() - awaits, 2, "and one more wait");
	fixture_free(&f);

	load(&f, "dnsbl: { trust_for = \"1h\"; lists = ( { zone = \"black.test\"; } ); };");
	lists("black.test", "203.0.113.5");
	(void)score(&f, "203.0.113.5");
	all_work();
	lists("black.test", "203.0.113.5");
	is_str(score(&f, "203.0.113.5"), "1", "trust_for");
	is_int(fake_dns_total(), 1, "saves these");
	fixture_free(&f);
}

static void test_probe_setting(void)
{
	struct check_fixture f;

	fake_dns_clear();
	(void)fixture_load(
		&f, &dnsbl_check,
		"dnsbl: { lists = ( { zone = \"black.test\"; name = \"black\"; probe = ( \"192.0.2.1\", \"!192.0.2.2\" ); } ); };");
	lists("black.test", "192.0.2.1");
	tick(&f);
	is_int(standing(&f), DNSBL_IN_FORCE, "probe: what is listed");
	is_int(fake_dns_asked("2.0.0.127.black.test"), 0, "instead of 127.0.0.2");
	fixture_free(&f);
	(void)fixture_load(
		&f, &dnsbl_check,
		"dnsbl: { lists = ( { zone = \"black.test\"; name = \"black\"; probe = ( \"192.0.2.1\", \"!192.0.2.2\" ); } ); };");
	lists("black.test", "192.0.2.2");
	tick(&f);
	is_suspended(&f, "it lists 192.0.2.2", "probe: what must not be listed");
	fixture_free(&f);

	fake_dns_clear();
	fake_dns_addr("*.127.black.test", "127.0.0.2"); /* bogons */
	(void)fixture_load(&f, &dnsbl_check, "dnsbl: { lists = ( { zone = \"black.test\"; probe = \"off\"; } ); };");
	lists("black.test", "203.0.113.5");
	tick(&f);
	is_str(score(&f, "203.0.113.5"), "1", "probe = off");
	is_int(fake_dns_asked("2.0.0.127.black.test"), 0, "asks for nothing in 127.0.0.0/8");
	fake_dns_addr("*.black.test", "127.0.0.2");
	is_str(score(&f, "203.0.113.6"), "0", "and knows the whole world all the same");
	fixture_free(&f);

	fake_dns_clear();
	(void)fixture_load(&f, &dnsbl_check,
			   "dnsbl: { lists = ( { zone = \"black.test\"; }, "
			   "{ zone = \"black.test\"; codes = \"127.0.0.9\"; probe = \"off\"; } ); };");
	tick(&f);
	is_int(fake_dns_asked("2.0.0.127.black.test"), 0, "off, whichever entry of the zone says so");
	is_int(standing(&f), DNSBL_IN_FORCE, "and in force");
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
	tick(&f);
	is_int(standing(&f), DNSBL_IN_FORCE, "a list of domains is probed by TEST and INVALID");
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
	spares("invalid.uri.test");
	is_str(domain_score(&f, "good.example"), "0", "when it lists every domain it is not believed");
	is_suspended(&f, "it lists names that nobody has", "every domain");
	is_str(score(&f, "198.51.100.9"), "0", "clients are none of its business");
	fixture_free(&f);

	fake_dns_clear();
	fake_dns_addr("test.uribl.com.uri.test", "127.0.0.14");
	(void)fixture_load(&f, &dnsbl_check, conf);
	tick(&f);
	is_int(standing(&f), DNSBL_IN_FORCE, "a list that is older than TEST has another entry");
	fixture_free(&f);

	fake_dns_clear();
	(void)fixture_load(&f, &dnsbl_check, conf);
	tick(&f);
	is_suspended(&f, "it has no entry to test it by", "none");
	fixture_free(&f);

	fake_dns_clear();
	fake_dns_addr("*.uri.test", "127.0.0.1");
	(void)fixture_load(&f, &dnsbl_check, conf);
	fixture_client(&f, "198.51.100.1");
	is_str(domain_score(&f, "good.example"), "0", "127.0.0.1 is how SURBL and URIBL refuse us");
	tick(&f);
	is_suspended(&f, "it lists invalid (127.0.0.1)", "refused");
	fixture_free(&f);

	fake_dns_clear();
	fake_dns_addr("test.uri.test", "127.0.0.2");
	fake_dns_addr("invalid.uri.test", "127.0.0.2");
	(void)fixture_load(&f, &dnsbl_check, conf);
	tick(&f);
	is_suspended(&f, "it lists invalid", "INVALID");
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
	test_rate();
	test_memory();
	test_jump();
	test_allow_list();
	test_costs();
	test_probe_setting();
	test_domains();
	is_int(fake_net_open(), 0, "every question was given back");
	return done_testing();
}
