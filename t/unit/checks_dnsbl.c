/*
 * DNS lists, over a DNS without a network: codes, weights, and what failing lists do.
 */
#include "checks/dnsbl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "checks/dnsbl_codes.h"
#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"
#include "util/clock.h"

#define CLIENT "198.51.100.7"
#define ASKED(zone) "7.100.51.198." zone

/* ---- Codes ---- */

static bool matches(const char *codes, const char *answer)
{
	struct arena *a = arena_new(0);
	struct dnsbl_codes c;
	struct ip ip;
	bool result = false;

	if (dnsbl_codes_parse(&c, codes, a) != NULL || ip_parse(&ip, answer) != 0)
		fail("codes \"%s\", answer %s", codes, answer);
	else
		result = dnsbl_codes_match(&c, &ip);
	arena_free(&a);
	return result;
}

static const char *codes_error(const char *codes)
{
	struct arena *a = arena_new(0);
	struct dnsbl_codes c;
	const char *wrong = dnsbl_codes_parse(&c, codes, a);

	arena_free(&a);
	return wrong;
}

static void test_codes(void)
{
	static const char *const bad[] = { "127.0.0",
					   "127.0.0.",
					   "127.0.0.256",
					   "127.0.0.2-",
					   "127.0.0.9-2",
					   "127.0.0.2,",
					   "127.0.0.2 3",
					   "1.2.3.4",
					   "126-127.0.0.1",
					   "127.0.0.-2",
					   "127.0.0.2.3",
					   ",",
					   "x",
					   "127.0.0.0/8",
					   "127.0.0.2;127.0.0.3",
					   "127.0.0.99999999999999999999" };

	ok(matches("127.0.0.2-11", "127.0.0.2") && matches("127.0.0.2-11", "127.0.0.11"), "both ends of a range");
	ok(!matches("127.0.0.2-11", "127.0.0.1") && !matches("127.0.0.2-11", "127.0.0.12"), "and no more");
	ok(!matches("127.0.0.2-11", "127.0.1.2"), "the other octets count");
	ok(matches("127.0.0-255.1-3", "127.0.77.2") && !matches("127.0.0-255.1-3", "127.0.77.0"),
	   "ranges in two octets");
	ok(matches(" 127.0.0.2 , 127.0.0.4-5 ", "127.0.0.5") && matches("127.0.0.2,127.0.0.4", "127.0.0.2"), "several");
	ok(matches("", "127.0.0.2") && matches("", "127.9.9.9"), "none stands for every one");
	ok(!matches("", "127.0.0.1") && matches("127.0.0.1", "127.0.0.1"), "but 127.0.0.1, unless it is named");
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ok(codes_error(bad[i]) != NULL, "\"%s\" is refused: %s", bad[i], codes_error(bad[i]));
}

static bool is_error(const char *answer)
{
	struct ip ip;

	return ip_parse(&ip, answer) == 0 && dnsbl_codes_is_error(&ip);
}

static void test_error_answers(void)
{
	ok(is_error("127.255.255.0") && is_error("127.255.255.254") && is_error("127.255.255.255"), "127.255.255.0/24");
	ok(!is_error("127.255.254.1") && !is_error("127.0.0.2") && !is_error("127.0.255.255"), "nothing beside it");
	ok(is_error("192.0.2.1") && is_error("128.0.0.1") && is_error("0.0.0.0"), "outside 127.0.0.0/8");
}

/* ---- Scores ---- */

/* The test entries of a list that works, RFC 5782. */
static void works(const char *zone)
{
	char name[128];

	snprintf(name, sizeof name, "2.0.0.127.%s", zone);
	fake_dns_addr(name, "127.0.0.2");
	snprintf(name, sizeof name, "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.%s", zone);
	fake_dns_addr(name, "127.0.0.2");
}

static void clear(void)
{
	static const char *const zones[] = { "black.test", "grey.test", "white.test", "zen.test", "a.test", "b.test" };

	fake_dns_clear();
	for (unsigned i = 0; i < sizeof zones / sizeof zones[0]; i++)
		works(zones[i]);
}

static void tick(struct check_fixture *f)
{
	f->def->tick(f->state, f->wait, clock_mono_ms() + 1000);
}

/* A configuration whose lists the keeper has found in order. */
static void load(struct check_fixture *f, const char *conf)
{
	clear();
	if (fixture_load(f, &dnsbl_check, conf) != 0)
		fail("errors: %s", fixture_errors(f));
	tick(f);
	clear();
}

/* The state of the n-th list, and the text of a member. */
static bool status_has(struct check_fixture *f, const char *text)
{
	char buf[8192];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	f->def->status(f->state, &b);
	if (!b.cut && strstr(buf, text) != NULL)
		return true;
	diag("status: %s", buf);
	return false;
}

static void ask(struct check_fixture *f)
{
	fixture_client(f, CLIENT);
	fixture_run(f);
}

static void is_result(struct check_fixture *f, const char *score, const char *names, const char *what)
{
	is_str(fixture_fact(f, FACT_DNSBL_SCORE), score, "%s: score", what);
	is_str(fixture_fact(f, FACT_DNSBL), names, "%s: names", what);
}

static const char three[] =
	"dnsbl: { reject_at = 5; on_error = \"defer\"; lists = (\n"
	"  { zone = \"black.test\"; codes = \"127.0.0.2-11\"; weight = 5; name = \"black\"; },\n"
	"  { zone = \"grey.test\"; weight = 3; name = \"grey\"; },\n"
	"  { zone = \"white.test\"; codes = \"127.0.0-255.1-3\"; weight = -3; name = \"white\"; } ); };";

static void test_scores(void)
{
	struct check_fixture f;

	load(&f, three);
	ask(&f);
	is_result(&f, "0", "(absent)", "nobody lists the client");
	is_int(fake_dns_total(), 3, "every list is asked once");
	is_int(fake_dns_asked(ASKED("black.test")), 1, "by the reversed address");

	fake_dns_addr(ASKED("black.test"), "127.0.0.3");
	ask(&f);
	is_result(&f, "5", "black", "one list");
	fake_dns_addr(ASKED("white.test"), "127.0.9.2");
	ask(&f);
	is_result(&f, "2", "black, white", "an allow list speaks for the client");
	fake_dns_addr(ASKED("grey.test"), "127.0.0.2");
	ask(&f);
	is_result(&f, "5", "black, grey, white", "weights add up");

	clear();
	fake_dns_addr(ASKED("black.test"), "127.0.0.2");
	fake_dns_addr(ASKED("black.test"), "127.0.0.4");
	ask(&f);
	is_result(&f, "5", "black", "two codes of one list weigh once");
	clear();
	fake_dns_addr(ASKED("black.test"), "127.0.0.12");
	ask(&f);
	is_result(&f, "0", "(absent)", "a code that does not count");
	fixture_free(&f);
}

/* The zone of several entries is asked once; each entry weighs for itself. */
static void test_one_zone(void)
{
	struct check_fixture f;

	load(&f, "dnsbl: { reject_at = 5; lists = (\n"
		 "  { zone = \"zen.test\"; codes = \"127.0.0.2-3\"; weight = 4; name = \"sbl\"; },\n"
		 "  { zone = \"Zen.Test.\"; codes = \"127.0.0.10-11\"; weight = 2; name = \"pbl\"; } ); };");
	clear();
	fake_dns_addr(ASKED("zen.test"), "127.0.0.2");
	fake_dns_addr(ASKED("zen.test"), "127.0.0.11");
	ask(&f);
	is_result(&f, "6", "sbl, pbl", "both entries");
	is_int(fake_dns_asked(ASKED("zen.test")), 1, "one question");
	is_int(fake_dns_total(), 3, "and two controls, since it is a listing");
	fixture_free(&f);
}

/* ---- Failures ---- */

static void test_failures(void)
{
	struct check_fixture f;

	load(&f, three);
	fake_dns_fail(ASKED("black.test"), DNS_A, "SERVFAIL");
	ask(&f);
	is_result(&f, "(unavailable: DNS list black: SERVFAIL)", "(unavailable: DNS list black: SERVFAIL)",
		  "a list that could have refused");
	is_int(fixture_value(&f, FACT_DNSBL_SCORE)->on_error, ON_ERROR_DEFER, "on_error of the section");

	clear();
	fake_dns_fail(ASKED("grey.test"), DNS_A, "timeout");
	ask(&f);
	is_result(&f, "0", "(unavailable: DNS list grey: timeout)", "a list that alone could not have refused");

	fake_dns_addr(ASKED("black.test"), "127.0.0.2");
	ask(&f);
	is_result(&f, "5", "black", "refused whatever the failed list would say");

	clear();
	fake_dns_addr(ASKED("black.test"), "127.0.0.2");
	fake_dns_silent(ASKED("white.test"), DNS_A);
	ask(&f);
	is_result(&f, "(unavailable: DNS list white: timeout)", "(unavailable: DNS list white: timeout)",
		  "an allow list could have saved the client");

	fake_dns_addr(ASKED("grey.test"), "127.0.0.2");
	ask(&f);
	is_result(&f, "5", "black, grey", "it could not: the least score counts");

	clear();
	fake_dns_fail(ASKED("white.test"), DNS_A, "SERVFAIL");
	ask(&f);
	is_result(&f, "-3", "(unavailable: DNS list white: SERVFAIL)", "a failed allow list alone does no harm");
	fixture_drop(&f);
	is_int(fake_net_open(), 0, "every question was given back");
	fixture_free(&f);
}

static void test_lists_in_error(void)
{
	static const char *const errors[] = { "127.255.255.254", "203.0.113.80", "0.0.0.0" };
	struct check_fixture f;

	for (unsigned i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		load(&f, three);
		fake_dns_addr(ASKED("black.test"), errors[i]);
		fake_dns_addr(ASKED("black.test"), "127.0.0.2");
		fake_dns_addr(ASKED("grey.test"), "127.0.0.2");
		ask(&f);
		is_result(&f, "3", "grey", errors[i]);
		ok(status_has(&f, "\"name\":\"black\",\"kind\":\"addresses\",\"state\":\"suspended\""),
		   "the list is suspended at once");
		ok(status_has(&f, errors[i]), "and the answer told");
		fake_dns_clear();
		ask(&f);
		is_int(fake_dns_asked(ASKED("black.test")), 0, "it is not asked any more");
		is_result(&f, "0", "(absent)", "and is as if it were not there");
		fixture_free(&f);
	}
}

/* Without reject_at every other threshold is the administrator's: any failure leaves it open. */
static void test_no_threshold(void)
{
	struct check_fixture f;

	load(&f, "dnsbl: { reject_at = 0; lists = ( { zone = \"a.test\"; weight = 2; }, { zone = \"b.test\"; } ); };");
	is_int(fixture_rule_count(&f), 0, "no rule");
	clear();
	fake_dns_addr(ASKED("a.test"), "127.0.0.2");
	ask(&f);
	is_result(&f, "2", "a.test", "the score is there for rules; a name is the zone");
	fake_dns_fail(ASKED("b.test"), DNS_A, "SERVFAIL");
	ask(&f);
	is_str(fixture_fact(&f, FACT_DNSBL_SCORE), "(unavailable: DNS list b.test: SERVFAIL)",
	       "and open when one fails");
	is_int(fixture_value(&f, FACT_DNSBL_SCORE)->on_error, ON_ERROR_IGNORE,
	       "dns.on_error, when the section has none");
	fixture_free(&f);
}

static bool polled; /* nothing is waited for */

static void test_timeout(void)
{
	struct check_fixture f;
	int64_t before;

	load(&f, "dnsbl: { timeout = \"200ms\"; lists = ( { zone = \"a.test\"; } ); };");
	clear();
	before = clock_mono_ms();
	ask(&f);
	ok(fake_net_deadline() >= before + 200 && fake_net_deadline() <= clock_mono_ms() + 200,
	   "the section's time-out goes first when it is shorter");
	f.deadline_ms = 0;
	fixture_client(&f, CLIENT);
	f.deadline_ms = before;
	fixture_run(&f);
	if (!polled)
		ok(fake_net_deadline() == before, "else the stage's deadline");
	fixture_free(&f);
}

/* Memory that runs out at any point: no crash, and no refusal for want of it. */
static void test_no_memory(void)
{
	struct check_fixture f;
	bool fits = false;

	load(&f, three);
	fake_dns_addr(ASKED("black.test"), "127.0.0.2");
	fake_dns_addr(ASKED("white.test"), "127.0.0.2");
	for (size_t room = 1; !fits && room < 65536; room += 16) {
		struct check_call c;
		const struct fact_value *score;

		fixture_client(&f, CLIENT);
		c = fixture_call(&f, NULL);
		c.arena = arena_new(room);
		if (c.arena == NULL)
			continue;
		f.def->start(&c);
		f.def->finish(&c);
		fits = !arena_failed(c.arena);
		score = &c.facts->v[FACT_DNSBL_SCORE];
		if (score->state != FACT_UNAVAILABLE && (score->state != FACT_KNOWN || score->num > 2))
			fail("with room for %zu bytes the score is wrong", room); /* the least is fine */
		f.def->drop(&c);
		arena_free(&c.arena);
		if (fake_net_open() != 0)
			fail("with room for %zu bytes a question stays open", room);
	}
	ok(fits, "memory that runs out anywhere does no harm");
	fixture_free(&f);
}

/* The administrator is told of a list that answers with errors, once. */
static void test_logged_once(void)
{
	struct check_fixture f;
	char line[512];
	unsigned lines = 0;
	FILE *log = tmpfile();
	int saved = dup(STDERR_FILENO);

	if (log == NULL || saved < 0)
		bail_out("no log to look at");
	load(&f, three);
	fake_dns_addr(ASKED("black.test"), "127.255.255.254");
	dup2(fileno(log), STDERR_FILENO);
	for (unsigned i = 0; i < 5; i++)
		ask(&f);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(log);
	while (fgets(line, sizeof line, log) != NULL) {
		lines++;
		ok(strstr(line, "list black is suspended: it answers 127.255.255.254") != NULL,
		   "the log names the list and its answer");
		ok(strstr(line, "black.test") == NULL, "but not its zone");
	}
	is_int(lines, 1, "five errors, one line");
	fclose(log);
	fixture_free(&f);
}

/* ---- Who is asked about ---- */

static void test_private(void)
{
	static const char *const quiet[] = { "10.1.2.3",       "127.0.0.1", "172.31.0.1", "192.168.1.1", "169.254.1.1",
					     "100.64.0.1",     "::1",       "fe80::1",    "fd00::1",     "0.0.0.0",
					     "::ffff:10.0.0.1" };
	struct check_fixture f;

	load(&f, three);
	for (unsigned i = 0; i < sizeof quiet / sizeof quiet[0]; i++) {
		fixture_client(&f, quiet[i]);
		fixture_run(&f);
		is_result(&f, "0", "(absent)", quiet[i]);
	}
	fixture_client(&f, NULL);
	fixture_run(&f);
	is_result(&f, "0", "(absent)", "no address");
	is_int(fake_dns_total(), 0, "nobody is asked about them");
	fixture_client(&f, "172.32.0.1");
	fixture_run(&f);
	is_int(fake_dns_total(), 3, "the neighbour of a private network is asked about");
	fixture_free(&f);
}

static void test_ipv6(void)
{
	static const char asked[] = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.black.test";
	struct check_fixture f;

	load(&f, three);
	fake_dns_addr(asked, "127.0.0.2");
	fixture_client(&f, "2001:db8::1");
	fixture_run(&f);
	is_result(&f, "5", "black", "IPv6");
	fixture_free(&f);
}

/* ---- Settings ---- */

static void test_rules(void)
{
	struct check_fixture f;

	(void)fixture_load(&f, &dnsbl_check, three);
	is_int(fixture_rule_count(&f), 1, "one rule");
	ok(strstr(fixture_rules(&f), "at_least = 5;") != NULL, "reject_at is reached, not exceeded");
	ok(strstr(fixture_rules(&f), "reject = \"554 5.7.1 ") != NULL, "554 5.7.1");
	ok(strstr(fixture_rules(&f), "black") == NULL && strstr(fixture_rules(&f), "%{dnsbl}") != NULL,
	   "the names come from the fact");
	fixture_free(&f);
	is_int(fixture_load(&f, &dnsbl_check, "dnsbl: { reject_at = 3; };"), 0, "no lists");
	ok(f.state == NULL, "then there is nothing to do");
	fixture_free(&f);
}

static void test_keys(void)
{
	struct check_fixture f;

	clear();
	works("abcdefghij0123456789klmnop.zen.dq.test");
	(void)fixture_load(&f, &dnsbl_check,
			   "dnsbl: { lists = ( { zone = \"abcdefghij0123456789klmnop.zen.dq.test\"; } ); };");
	fake_dns_addr(ASKED("abcdefghij0123456789klmnop.zen.dq.test"), "127.0.0.2");
	ask(&f);
	is_result(&f, "1", "zen.dq.test", "a key in the zone stays out of the name");
	fixture_free(&f);

	clear();
	works("a1b2c3d4.bl.list2020.test");
	(void)fixture_load(&f, &dnsbl_check, "dnsbl: { lists = ( { zone = \"a1b2c3d4.bl.list2020.test\"; } ); };");
	fake_dns_addr(ASKED("a1b2c3d4.bl.list2020.test"), "127.0.0.2");
	ask(&f);
	is_result(&f, "1", "bl.list2020.test", "so does a short one, and the list's domain is none");
	fixture_free(&f);
}

static void test_errors(void)
{
	struct check_fixture f;

	is_int(fixture_load(&f, &dnsbl_check,
			    "dnsbl: { lists = (\n{ name = \"x\"; },\n{ zone = \"a..test\"; },\n{ zone = \"a b\"; },\n"
			    "{ zone = \"c.test\"; codes = \"10.0.0.1\"; },\n{ zone = \"fine.test\"; } ); };"),
	       -1, "wrong lists are refused");
	is_int(f.errors.errors, 4, "each of them: %s", fixture_errors(&f));
	ok(strstr(fixture_errors(&f), "5: codes = \"10.0.0.1\"") != NULL, "with its line");
	fixture_free(&f);
}

static void test_all(void)
{
	test_codes();
	test_error_answers();
	test_scores();
	test_one_zone();
	test_failures();
	test_lists_in_error();
	test_no_threshold();
	test_timeout();
	test_no_memory();
	test_logged_once();
	test_private();
	test_ipv6();
	test_rules();
	test_keys();
	test_errors();
	is_int(fake_net_open(), 0, "every question was given back");
}

int main(void)
{
	test_all();
	diag("polled");
	fake_net_late(true);
	fixture_poll_with(fake_net_come);
	polled = true;
	test_all();
	return done_testing();
}
