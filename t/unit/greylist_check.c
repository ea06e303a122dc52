/*
 * The greylist check, over a Redis that answers what the test wants.  The script has a test of its own.
 */
#include <stdio.h>
#include <string.h>

#include "greylist/greylist.h"
#include "greylist/script.h"
#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"

enum { DAY_MS = 86400000 };

static struct redis_value answer[3];

static struct redis_value redis(const struct redis_script *script, const struct redis_word *words, size_t n)
{
	(void)words;
	(void)n;
	ok(script != NULL && strcmp(script->text, grey_script) == 0, "the script is called");
	return (struct redis_value){ .kind = REDIS_ARRAY, .v = answer, .n = 3 };
}

static void answers(enum grey_decision decision, int64_t wait_ms, int64_t left_ms)
{
	const int64_t v[3] = { (int64_t)decision, wait_ms, left_ms };

	for (unsigned i = 0; i < 3; i++)
		answer[i] = (struct redis_value){ .kind = REDIS_INT, .num = v[i] };
	fake_redis_answers(redis);
	fake_redis_silent(false);
	fake_redis_clear();
}

static void mail(struct check_fixture *f, const char *ip, const char *sender)
{
	fixture_client(f, ip);
	fixture_mail(f, sender, NULL);
	(void)fixture_rcpt(f, "Bob@Example.NET");
}

static const char *ask(struct check_fixture *f)
{
	struct check_call c = fixture_call(f, NULL);

	f->def->ask(&c);
	return fixture_fact(f, FACT_GREYLIST);
}

static void commit(struct check_fixture *f)
{
	struct check_call c = fixture_call(f, NULL);

	f->def->commit(&c);
}

#define KEY "millgate:grey:{192.0.2.0/24}:alice@example.org:bob@example.net"
#define TIMES " 10000 18000000 1209600000\n"

static void test_ask(struct check_fixture *f)
{
	answers(GREY_DEFER, 10000, 18000000);
	mail(f, "192.0.2.77", "Alice@Example.org");
	is_str(ask(f), "defer", "a new triplet");
	is_str(fixture_fact(f, FACT_GREYLIST_WAIT), "10", "and how long to wait, in seconds");
	is_str(fake_redis_asked(), KEY " ask" TIMES, "one call, with the three times");
	is_str(ask(f), "defer", "asked again in the same transaction");
	is_str(fake_redis_asked(), KEY " ask" TIMES, "no second attempt is counted");
	commit(f);
	is_str(fake_redis_told(), "", "there is no pass to renew");

	answers(GREY_DEFER, 1, 5);
	mail(f, "192.0.2.77", "alice@example.org");
	(void)ask(f);
	is_str(fixture_fact(f, FACT_GREYLIST_WAIT), "1", "seconds are rounded up");

	answers(GREY_PASS, 0, 14 * (int64_t)DAY_MS);
	mail(f, "192.0.2.77", "alice@example.org");
	is_str(ask(f), "pass", "the time has come");
	is_str(fixture_fact(f, FACT_GREYLIST_WAIT), "(absent)", "nothing to wait for");
	commit(f);
	is_str(fake_redis_told(), "", "a new pass needs no renewal");
	is_int(fake_net_open(), 0, "every question was given back");
}

static void test_renewal(struct check_fixture *f)
{
	answers(GREY_KNOWN, 0, 14 * (int64_t)DAY_MS - 60000);
	mail(f, "192.0.2.77", "alice@example.org");
	is_str(ask(f), "known", "it passed before");
	commit(f);
	is_str(fake_redis_told(), "", "a minute is not worth a command");

	answers(GREY_KNOWN, 0, 13 * (int64_t)DAY_MS);
	mail(f, "192.0.2.77", "alice@example.org");
	(void)ask(f);
	is_str(fake_redis_told(), "", "asking renews nothing");
	commit(f);
	is_str(fake_redis_told(), KEY " renew" TIMES, "accepted mail renews the pass");
	commit(f);
	is_str(fake_redis_told(), KEY " renew" TIMES, "once");

	answers(GREY_KNOWN, 0, 1000);
	mail(f, "192.0.2.77", "alice@example.org");
	(void)ask(f);
	is_str(fake_redis_told(), "", "mail that is not accepted in the end does not");
}

static void test_others(struct check_fixture *f)
{
	answers(GREY_DEFER, 10000, 18000000);
	mail(f, "2001:db8::1", "");
	is_str(ask(f), "defer", "IPv6, the null sender");
	is_str(fake_redis_asked(), "millgate:grey:{2001%3Adb8%3A%3A/64}::bob@example.net ask" TIMES, "its key");

	answers(GREY_DEFER, 10000, 18000000);
	mail(f, NULL, "alice@example.org");
	is_str(ask(f), "(absent)", "a session without an address");
	is_str(fake_redis_asked(), "", "is not asked about");
	commit(f);
}

static void test_unavailable(struct check_fixture *f)
{
	answers(GREY_DEFER, 1, 1);
	fake_redis_answers(NULL);
	mail(f, "192.0.2.77", "alice@example.org");
	is_str(ask(f), "(unavailable: Redis is away)", "Redis is away");
	is_str(fixture_fact(f, FACT_GREYLIST_WAIT), "(absent)", "no time to wait");
	is_int(fixture_value(f, FACT_GREYLIST)->on_error, ON_ERROR_IGNORE, "on_error of the section");
	commit(f);
	is_str(fake_redis_told(), "", "nothing to renew");

	answers(GREY_PASS, 0, 1);
	fake_redis_silent(true);
	mail(f, "192.0.2.77", "alice@example.org");
	is_str(ask(f), "(unavailable: Redis is away)", "no answer until the deadline");
	ok(fake_net_deadline() == f->deadline_ms, "which was the stage's");

	answers(GREY_PASS, 0, 1);
	answer[1].kind = REDIS_NIL;
	mail(f, "192.0.2.77", "alice@example.org");
	is_str(ask(f), "(unavailable: Redis answers with something else)", "an answer of another shape");

	answers((enum grey_decision)7, 0, 1);
	mail(f, "192.0.2.77", "alice@example.org");
	is_str(ask(f), "(unavailable: Redis answers with something else)", "a decision that is none");
	is_int(fake_net_open(), 0, "every question was given back");
}

static void test_peek(struct check_fixture *f)
{
	struct check_call c;

	answers(GREY_DEFER, 4200, 18000000);
	mail(f, "192.0.2.77", "alice@example.org");
	c = fixture_call(f, NULL);
	f->def->peek(&c);
	is_str(fixture_fact(f, FACT_GREYLIST), "defer", "peek");
	is_str(fixture_fact(f, FACT_GREYLIST_WAIT), "5", "with the time");
	is_str(fake_redis_asked(), KEY " peek" TIMES, "only reads");
	ok(*c.slot == NULL, "and leaves nothing to commit");
}

/* The engine sends the question early, so that it shares a round trip with others'. */
static void test_submit(struct check_fixture *f)
{
	struct check_call c;
	unsigned awaits = fake_net_awaits();

	answers(GREY_DEFER, 10000, 18000000);
	mail(f, "192.0.2.77", "alice@example.org");
	c = fixture_call(f, NULL);
	f->def->submit(&c);
	is_int(fake_net_awaits() - awaits, 0, "submitting waits for nothing");
	is_str(fixture_fact(f, FACT_GREYLIST), "(unknown)", "and sets nothing");
	is_str(ask(f), "defer", "asking collects");
	is_str(fake_redis_asked(), KEY " ask" TIMES, "one question in all");

	mail(f, "192.0.2.77", "alice@example.org");
	c = fixture_call(f, NULL);
	f->def->submit(&c);
	f->def->cancel(&c);
	is_int(fake_net_open(), 0, "what is never asked for is given back by cancel");
	is_str(fake_redis_told(), "", "and takes back nothing");
}

/* Memory that runs out at any point: no crash, and no word about the triplet. */
static void test_no_memory(struct check_fixture *f)
{
	bool fits = false;

	answers(GREY_DEFER, 10000, 18000000);
	for (size_t room = 1; !fits && room < 65536; room += 32) {
		struct check_call c;

		mail(f, "192.0.2.77", "alice@example.org");
		c = fixture_call(f, NULL);
		c.arena = arena_new(room);
		if (c.arena == NULL)
			continue;
		f->def->ask(&c);
		fits = !arena_failed(c.arena);
		if (!fits && c.facts->v[FACT_GREYLIST].state == FACT_UNKNOWN)
			fail("with room for %zu bytes the fact is left open", room);
		f->def->commit(&c);
		arena_free(&c.arena);
		if (fake_net_open() != 0)
			fail("with room for %zu bytes a question stays open", room);
	}
	ok(fits, "memory that runs out anywhere does no harm");
}

static void test_settings(void)
{
	struct check_fixture f;
	const char *text;

	is_int(fixture_load(&f, &greylist_check, ""), 0, "no section");
	ok(f.state == NULL, "then nothing is greylisted");
	fixture_free(&f);
	(void)fixture_load(&f, &greylist_check, "greylist: { enabled = false; delay = \"1m\"; };");
	ok(f.state == NULL, "nor when it is switched off");
	fixture_free(&f);
	(void)fixture_load(&f, &greylist_check, "greylist: { };");
	ok(f.state != NULL, "an empty section is in force");
	text = fixture_rules(&f);
	is_int(fixture_rule_count(&f), 2, "two rules");
	ok(text != NULL && strstr(text, "is_not = \"\"; }, { fact = \"greylist\"; is = \"defer\"") != NULL &&
		   strstr(text, "refuse_at = \"data\"") != NULL,
	   "the null sender waits until DATA");
	ok(strstr(text, "defer = \"451 4.7.1 greylisted, try again in %{greylist_wait} seconds\"") != NULL,
	   "451 4.7.1");
	ok(strstr(text, "shadow") == NULL, "not in shadow");
	answers(GREY_DEFER, 1, 1);
	fake_redis_answers(NULL);
	mail(&f, "192.0.2.77", "alice@example.org");
	(void)ask(&f);
	is_int(fixture_value(&f, FACT_GREYLIST)->on_error, ON_ERROR_DEFER, "redis.on_error, when the section has none");
	fixture_free(&f);
	(void)fixture_load(&f, &greylist_check, "greylist: { shadow = true; ipv4_mask = 32; ipv6_mask = 48; };");
	ok(strstr(fixture_rules(&f), "shadow = true;") != NULL, "in shadow");
	answers(GREY_DEFER, 1, 1);
	mail(&f, "192.0.2.77", "alice@example.org");
	(void)ask(&f);
	ok(strstr(fake_redis_asked(), "{192.0.2.77/32}") != NULL, "the masks are settings");
	fixture_free(&f);
	is_int(fixture_load(&f, &greylist_check, "\ngreylist: { delay = \"6h\"; pass_for = \"0\"; };"), -1,
	       "times that cannot work");
	is_int(f.errors.errors, 2, "both: %s", fixture_errors(&f));
	ok(strstr(fixture_errors(&f), "2: greylist.retry_window must be longer") != NULL, "with their place");
	fixture_free(&f);
}

int main(void)
{
	struct check_fixture f;

	if (fixture_load(&f, &greylist_check, "greylist: { on_error = \"ignore\"; };") != 0)
		bail_out("%s", fixture_errors(&f));
	test_ask(&f);
	test_renewal(&f);
	test_others(&f);
	test_unavailable(&f);
	test_submit(&f);
	test_no_memory(&f);
	test_peek(&f);
	fixture_free(&f);
	test_settings();
	return done_testing();
}
