/*
 * Clients that try unknown recipients, over a Redis that counts in memory.
 */
#include "checks/harvest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"
#include "util/clock.h"
#include "util/log.h"

#define UNKNOWN "5.1.1 <x@example.net>: Recipient address rejected: User unknown"
#define SETTINGS "slow_after = 2; close_after = 4; refuse_after = 6; delay = \"1ms\"; on_error = \"defer\";"

/* One client's count; the newest key and period. */
static struct {
	int64_t count;
	char key[128];
	int64_t ttl;
} store;

static void note_key(const struct redis_word *word)
{
	snprintf(store.key, sizeof store.key, "%.*s", (int)word->n, word->p);
}

/* GET, and what the script does. */
static struct redis_value redis(const struct redis_script *script, const struct redis_word *words, size_t n)
{
	static char text[32];

	if (script == NULL && n == 2) {
		note_key(&words[1]);
		snprintf(text, sizeof text, "%" PRId64, store.count);
		return (struct redis_value){ .kind = store.count > 0 ? REDIS_STRING : REDIS_NIL,
					     .str = text,
					     .str_n = strlen(text) };
	}
	note_key(&words[0]);
	store.count++;
	if (store.count == 1)
		store.ttl = strtoll(words[1].p, NULL, 10);
	if (store.count == strtoll(words[2].p, NULL, 10))
		store.ttl = strtoll(words[3].p, NULL, 10);
	return (struct redis_value){ .kind = REDIS_INT, .num = store.count };
}

static struct redis_value broken(const struct redis_script *script, const struct redis_word *words, size_t n)
{
	(void)script;
	(void)words;
	(void)n;
	return (struct redis_value){ .kind = REDIS_ERROR, .str = "WRONGTYPE", .str_n = 9 };
}

static const char *harvest(struct check_fixture *f)
{
	return fixture_fact(f, FACT_HARVEST);
}

/* A session of its own, asked how it stands. */
static const char *begin(struct check_fixture *f, const char *ip)
{
	fixture_client(f, ip);
	fixture_run(f);
	return harvest(f);
}

static const char *refuse(struct check_fixture *f, const char *reply)
{
	struct check_call c = fixture_call(f, NULL);

	f->def->refused(&c, reply);
	return harvest(f);
}

static void forget(void)
{
	memset(&store, 0, sizeof store);
	fake_redis_clear();
	fake_redis_answers(redis);
}

static void test_steps(struct check_fixture *f)
{
	static const char *const want[] = { "no", "slow", "slow", "close", "close", "refuse", "refuse" };

	forget();
	is_str(begin(f, "192.0.2.5"), "no", "a client of which nothing is known");
	is_str(store.key, "millgate:rate:{harvest:192.0.2.5}", "its key");
	for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++)
		is_str(refuse(f, UNKNOWN), want[i], "the unknown recipient no. %u", i + 1);
	is_int(store.ttl, 3600 * 1000, "refused for an hour");

	store.count = 1;
	is_str(begin(f, "192.0.2.5"), "no", "a session begins as the count says");
	store.count = 3;
	is_str(begin(f, "192.0.2.5"), "slow", "slow");
	store.count = 5;
	is_str(begin(f, "192.0.2.5"), "slow", "what closed another session leaves a new one slow");
	is_str(refuse(f, "5.1.0 no such thing"), "slow", "until it brings one more");
	store.count = 4;
	is_str(refuse(f, UNKNOWN), "close", "which closes it");
	store.count = 0;
	is_str(refuse(f, UNKNOWN), "close", "a session that is closed stays so when the period ends");
	store.count = 6;
	is_str(begin(f, "192.0.2.5"), "refuse", "refused from the beginning");
	is_str(begin(f, NULL), "(absent)", "a session without an address");
	is_str(refuse(f, UNKNOWN), "(absent)", "is not counted");
}

static void test_clients(struct check_fixture *f)
{
	forget();
	(void)begin(f, "2001:db8:1:2:3::4");
	is_str(store.key, "millgate:rate:{harvest:2001%3Adb8%3A1%3A2%3A%3A/64}", "IPv6 is counted by /64");
	(void)refuse(f, UNKNOWN);
	is_str(store.key, "millgate:rate:{harvest:2001%3Adb8%3A1%3A2%3A%3A/64}", "in both");
	(void)begin(f, "::ffff:192.0.2.5");
	is_str(store.key, "millgate:rate:{harvest:192.0.2.5}", "mapped IPv4 is IPv4");
}

static void test_replies(struct check_fixture *f)
{
	static const struct {
		const char *reply;
		bool counts;
	} v[] = {
		{ UNKNOWN, true },
		{ "5.1.1", true },
		{ "5.1.2 no such host", true },
		{ "5.1.1 550 5.1.1 User unknown", true }, /* sendmail */
		{ "550 5.1.1 <x>... User unknown", true },
		{ "550-5.1.1 of several lines", true },
		{ "4.1.1 unverified address", false },
		{ "450 4.1.1 unverified address", false },
		{ "5.1.10 null MX", false },
		{ "5.7.1 relaying denied", false },
		{ "5.7.1 <5.1.1@example.net>: relaying denied", false },
		{ "550 no enhanced code", false },
		{ "550", false },
		{ "", false },
	};

	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		forget();
		(void)begin(f, "192.0.2.5");
		(void)refuse(f, v[i].reply);
		is_int(store.count, v[i].counts, "\"%s\" %s", v[i].reply, v[i].counts ? "counts" : "does not count");
	}
}

static void test_away(struct check_fixture *f)
{
	forget();
	fake_redis_answers(NULL);
	is_str(begin(f, "192.0.2.5"), "(unavailable: Redis is away)", "without Redis");
	is_int(fixture_value(f, FACT_HARVEST)->on_error, ON_ERROR_DEFER, "the section's on_error goes first");
	is_str(refuse(f, UNKNOWN), "(unavailable: Redis is away)", "nothing is counted");
	fake_redis_answers(broken);
	is_str(begin(f, "192.0.2.5"), "(unavailable: WRONGTYPE)", "a key of another type");
	(void)refuse(f, UNKNOWN);

	fake_redis_answers(redis);
	(void)begin(f, "192.0.2.5");
	store.count = 3;
	is_str(refuse(f, UNKNOWN), "close", "it is there");
	fake_redis_answers(NULL);
	is_str(refuse(f, UNKNOWN), "close", "what a session has earned it keeps while Redis is away");

	fake_redis_answers(redis);
	fake_redis_silent(true);
	(void)begin(f, "192.0.2.5");
	ok(fake_net_deadline() == f->deadline_ms, "an answer is awaited until the deadline");
	fake_redis_silent(false);
	fixture_drop(f);
	is_int(fake_net_open(), 0, "every question was given back");
}

/* What the check says of itself. */
static long status(struct check_fixture *f, const char *name)
{
	char buf[512], quoted[64];
	struct sbuf b;
	const char *at;

	sbuf_fixed(&b, buf, sizeof buf);
	f->def->status(f->state, &b);
	snprintf(quoted, sizeof quoted, "\"%s\":", name);
	at = strstr(b.p, quoted);
	return at != NULL ? strtol(at + strlen(quoted), NULL, 10) : -1;
}

static void test_slow(struct check_fixture *f)
{
	long before = status(f, "slowed"), counted = status(f, "unknown_recipients");

	forget();
	(void)begin(f, "192.0.2.5");
	for (unsigned i = 0; i < 5; i++)
		(void)refuse(f, UNKNOWN);
	is_int(status(f, "unknown_recipients") - counted, 5, "five are counted");
	is_int(status(f, "slowed") - before, 3, "those after the second are answered late");
	is_int(status(f, "sleeping"), 0, "nobody sleeps now");
	f->deadline_ms = clock_mono_ms(); /* no time is left: it returns at once, or the test would not */
	(void)refuse(f, UNKNOWN);
	is_int(status(f, "slowed") - before, 4, "never beyond the deadline");
}

static void test_not_slow(void)
{
	static const struct {
		const char *conf, *what;
		long not_slowed;
	} v[] = {
		{ "harvesting: { " SETTINGS " max_sleepers = 0; };", "no more than max_sleepers", 3 },
		{ "harvesting: { " SETTINGS " shadow = true; };", "in shadow", 0 },
		{ "shadow = true; harvesting: { " SETTINGS " };", "with everything in shadow", 0 },
		{ "harvesting: { slow_after = 0; };", "slow_after = 0", 0 },
		{ "harvesting: { slow_after = 1; delay = \"0\"; };", "delay = 0", 0 },
	};

	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		struct check_fixture f;

		forget();
		if (fixture_load(&f, &harvest_check, v[i].conf) != 0)
			bail_out("%s", fixture_errors(&f));
		(void)begin(&f, "192.0.2.5");
		for (unsigned n = 0; n < 5; n++)
			(void)refuse(&f, UNKNOWN);
		is_int(status(&f, "unknown_recipients"), 5, "%s: five are counted", v[i].what);
		is_int(status(&f, "slowed"), 0, "%s: none is answered late", v[i].what);
		is_int(status(&f, "not_slowed"), v[i].not_slowed, "%s: those that would have been", v[i].what);
		fixture_free(&f);
	}
}

static void test_rules(void)
{
	struct check_fixture f;

	(void)fixture_load(&f, &harvest_check, "");
	ok(f.state == NULL, "without a section nothing is counted");
	fixture_free(&f);
	(void)fixture_load(&f, &harvest_check, "harvesting: { enabled = false; };");
	ok(f.state == NULL, "nor when it is switched off");
	fixture_free(&f);
	(void)fixture_load(&f, &harvest_check, "harvesting: { };");
	is_int(fixture_rule_count(&f), 2, "sent away at MAIL and at RCPT");
	ok(strstr(fixture_rules(&f), "refuse_at = \"mail\"") != NULL, "at MAIL");
	ok(strstr(fixture_rules(&f), "defer = \"421 4.7.0 ") != NULL, "421 4.7.0");
	ok(strstr(fixture_rules(&f), "reject") == NULL, "never for good");
	fixture_free(&f);
	(void)fixture_load(&f, &harvest_check, "harvesting: { refuse_at = \"connect\"; shadow = true; };");
	is_int(fixture_rule_count(&f), 3, "refused when it connects");
	ok(strstr(fixture_rules(&f), "shadow = true; refuse_at = \"connect\";") != NULL, "and in shadow");
	fixture_free(&f);
	(void)fixture_load(&f, &harvest_check, "harvesting: { refuse_at = \"rcpt\"; };");
	is_int(fixture_rule_count(&f), 1, "at RCPT alone");
	fixture_free(&f);
}

static void test_errors(void)
{
	static const struct {
		const char *conf, *want;
	} v[] = {
		{ "slow_after = 11;", "slow_after must not be more than" },
		{ "slow_after = 5; close_after = 0; refuse_after = 4;", "slow_after must not be more than" },
		{ "close_after = 31;", "close_after must not be more than refuse_after" },
		{ "per = \"0s\";", "per must be more than 0" },
		{ "refuse_for = \"0s\";", "refuse_for must be more than 0" },
		{ "delay = \"6s\";", "delay must be at most 5s" },
		{ "max_sleepers = -1;", "max_sleepers" },
	};
	struct check_fixture f;
	char conf[256];

	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		snprintf(conf, sizeof conf, "harvesting: { %s };", v[i].conf);
		is_int(fixture_load(&f, &harvest_check, conf), -1, "%s: refused", v[i].conf);
		ok(strstr(fixture_errors(&f), v[i].want) != NULL, "saying why: %s", fixture_errors(&f));
		fixture_free(&f);
	}
	(void)fixture_load(&f, &harvest_check, "harvesting: { close_after = 0; refuse_after = 0; slow_after = 50; };");
	ok(f.state != NULL, "steps may be left out");
	fixture_free(&f);
	is_int(fixture_load(
		       &f, &harvest_check,
		       "limits: { rates = ( { name = \"harvest\"; by = \"client_ip\"; messages = 1; per = \"1h\"; } ); };\n"
		       "harvesting: { };"),
	       -1, "a rate of that name");
	ok(strncmp(fixture_errors(&f), "1: ", 3) == 0, "is refused at its place: %s", fixture_errors(&f));
	fixture_free(&f);
}

static void test_all(void)
{
	struct check_fixture f;

	log_open("test", LOG_SINK_NONE, LOG_LVL_ERROR);
	if (fixture_load(&f, &harvest_check, "harvesting: { " SETTINGS " };") != 0)
		bail_out("%s", fixture_errors(&f));
	test_steps(&f);
	test_clients(&f);
	test_replies(&f);
	test_away(&f);
	test_slow(&f);
	fixture_free(&f);
	test_not_slow();
	test_rules();
	test_errors();
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
