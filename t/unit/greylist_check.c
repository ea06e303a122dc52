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

enum { ANSWER = 5 };

static struct redis_value answer[ANSWER];
static const char *met; /* the key of a correspondent that is there */

static struct redis_value redis(const struct redis_script *script, const struct redis_word *words, size_t n)
{
	if (script == NULL) {
		ok(n == 2 && strcmp(words[0].p, "EXISTS") == 0, "besides the script, a question for a key");
		return (struct redis_value){ .kind = REDIS_INT, .num = met != NULL && strcmp(words[1].p, met) == 0 };
	}
	ok(strcmp(script->text, grey_script) == 0, "the script is called");
	return (struct redis_value){ .kind = REDIS_ARRAY, .v = answer, .n = ANSWER };
}

static void answers_all(enum grey_decision decision, int64_t wait_ms, int64_t left_ms, int64_t age_ms, int64_t count)
{
	const int64_t v[ANSWER] = { (int64_t)decision, wait_ms, left_ms, age_ms, count };

	for (unsigned i = 0; i < ANSWER; i++)
		answer[i] = (struct redis_value){ .kind = REDIS_INT, .num = v[i] };
	met = NULL;
	fake_redis_answers(redis);
	fake_redis_silent(false);
	fake_redis_clear();
}

static void answers(enum grey_decision decision, int64_t wait_ms, int64_t left_ms)
{
	answers_all(decision, wait_ms, left_ms, 0, 1);
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
#define REST " 18000000 5 5184000000 alice@example.org "
#define TIMES " 1209600000 10000" REST "--d\n"
#define MET "EXISTS millgate:met:{alice@example.org}:bob@example.net\n"

/* What SPF and reverse DNS say; NULL: nothing. */
static void known(struct check_fixture *f, const char *spf, const char *mechanism, const char *name, const char *fcrdns)
{
	if (spf != NULL) {
		fact_set_word(&f->txn->facts.v[FACT_SPF], spf);
		fact_set_text(&f->txn->facts.v[FACT_SPF_DOMAIN], f->arena, "example.org", 11);
	}
	if (mechanism != NULL)
		fact_set_text(&f->txn->facts.v[FACT_SPF_MECHANISM], f->arena, mechanism, strlen(mechanism));
	if (name != NULL)
		fact_set_text(&f->conn->facts.v[FACT_CLIENT_NAME], f->arena, name, strlen(name));
	if (fcrdns != NULL)
		fact_set_word(&f->conn->facts.v[FACT_FCRDNS], fcrdns);
}

static void test_ask(struct check_fixture *f)
{
	answers(GREY_DEFER, 10000, 18000000);
	mail(f, "192.0.2.77", "Alice@Example.org");
	is_str(ask(f), "defer", "a new triplet");
	is_str(fixture_fact(f, FACT_GREYLIST_WAIT), "10", "and how long to wait, in seconds");
	is_str(fake_redis_asked(), KEY " ask" TIMES MET, "one call, with the times and why, and whether they have met");
	is_str(ask(f), "defer", "asked again in the same transaction");
	is_str(fake_redis_asked(), KEY " ask" TIMES MET, "no second attempt is counted");
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
	is_str(fake_redis_asked(),
	       "millgate:grey:{2001%3Adb8%3A%3A/64}::bob@example.net ask 1209600000 10000 18000000 5 5184000000  --d\n",
	       "its key, and nobody to ask about");

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
	is_str(fake_redis_asked(), KEY " peek" TIMES MET, "only reads");
	ok(*c.slot == NULL, "and leaves nothing to commit");
}

/* ---- Who the client is ---- */

static void test_identities(struct check_fixture *f)
{
	answers(GREY_DEFER, 10000, 18000000);
	mail(f, "192.0.2.77", "alice@example.org");
	known(f, "pass", "ip4:192.0.2.0/24", "mx.example.com", "pass");
	is_str(ask(f), "defer", "SPF passes");
	is_str(fake_redis_asked(),
	       "millgate:grey:{example.org}:alice@example.org:bob@example.net "
	       "millgate:known:{example.org}:example.org ask 1209600000 10000" REST "pcd\n" MET
	       "EXISTS millgate:met:{example.org}:bob@example.net\n",
	       "its domain is the client, which may be known, and belongs to the sender's domain");
	is_str(fixture_fact(f, FACT_GREYLIST_IDENTITY), "example.org", "it is told");
	is_str(fixture_fact(f, FACT_GREYLIST_WHY), "waits 10s; by SPF", "and why");
	is_str(fixture_fact(f, FACT_GREYLIST_WAITED), "(absent)", "nobody has waited yet");

	answers(GREY_DEFER, 10000, 18000000);
	mail(f, "192.0.2.77", "news-17-bob=example.net@lists.example.org");
	known(f, "none", NULL, "mx.example.com", "pass");
	(void)ask(f);
	is_str(fixture_fact(f, FACT_GREYLIST_SENDER), "news-#@lists.example.org", "the sender is normalised");
	is_str(fixture_fact(f, FACT_GREYLIST_IDENTITY), "example.com", "a confirmed name");
	is_str(fixture_fact(f, FACT_GREYLIST_WHY), "waits 10s; by host name: no SPF record", "and why");
	is_str(fake_redis_asked(),
	       "millgate:grey:{example.com}:news-%23@lists.example.org:bob@example.net "
	       "millgate:known:{example.com}:lists.example.org ask 1209600000 10000 18000000 5 5184000000 "
	       "news-#@lists.example.org -cd\n"
	       "EXISTS millgate:met:{news-17-bob=example.net@lists.example.org}:bob@example.net\n",
	       "a mailbox is not normalised, and the domain is another's");
	is_int(fake_net_open(), 0, "every question was given back");
}

static void test_delays(struct check_fixture *f)
{
	answers(GREY_DEFER, 120000, 18000000);
	mail(f, "192.0.2.77", "alice@example.org");
	known(f, "fail", NULL, NULL, "none");
	(void)ask(f);
	is_str(fake_redis_asked(), KEY " ask 1209600000 120000" REST "f-n\n",
	       "without a name: longer; SPF fails: nobody is asked for");
	is_str(fixture_fact(f, FACT_GREYLIST_WHY),
	       "waits 2m: the client has no confirmed host name; by network: SPF fails, no confirmed host name",
	       "it says so");

	answers(GREY_DEFER, 600000, 18000000);
	mail(f, "192.0.2.77", "alice@example.org");
	known(f, NULL, NULL, NULL, "fail");
	fact_set_num(&f->conn->facts.v[FACT_DNSBL_SCORE], 1);
	(void)ask(f);
	is_str(fake_redis_asked(), KEY " ask 1209600000 600000" REST "--l\n" MET, "listed: the longest");

	answers(GREY_DEFER, 10000, 18000000);
	mail(f, "192.0.2.77", "alice@example.org");
	fact_set_unavailable(&f->conn->facts.v[FACT_FCRDNS], ON_ERROR_DEFER, "DNS is away");
	fact_set_unavailable(&f->conn->facts.v[FACT_CLIENT_NAME], ON_ERROR_DEFER, "DNS is away");
	fact_set_unavailable(&f->txn->facts.v[FACT_SPF], ON_ERROR_DEFER, "DNS is away");
	fact_set_num(&f->conn->facts.v[FACT_DNSBL_SCORE], 0);
	is_str(ask(f), "defer", "what DNS does not tell does not stop greylisting");
	is_str(fake_redis_asked(), KEY " ask 1209600000 10000" REST "uud\n" MET, "and makes nothing longer");
}

/* ---- Who does not wait ---- */

static void test_passed(struct check_fixture *f)
{
	answers_all(GREY_PASS, 0, 14 * (int64_t)DAY_MS, 11500, 2);
	mail(f, "192.0.2.77", "alice@example.org");
	(void)ask(f);
	is_str(fixture_fact(f, FACT_GREYLIST_WAITED), "12", "who passes has waited");
	ok(strstr(fixture_fact(f, FACT_GREYLIST_WHY), "came again after 12s; by network") != NULL, "it says so");

	answers_all(GREY_KNOWN, 0, 14 * (int64_t)DAY_MS, DAY_MS, 9);
	mail(f, "192.0.2.77", "alice@example.org");
	(void)ask(f);
	is_str(fixture_fact(f, FACT_GREYLIST_WAITED), "(absent)", "who passed before has not");
	ok(strstr(fixture_fact(f, FACT_GREYLIST_WHY), "passed before, 9 times in all; ") != NULL, "it says so");

	answers_all(GREY_CLIENT, 0, 59 * (int64_t)DAY_MS, 0, 5);
	mail(f, "192.0.2.77", "alice@example.org");
	known(f, "pass", "a", NULL, NULL);
	is_str(ask(f), "client", "a known client");
	is_str(fixture_fact(f, FACT_GREYLIST_WAITED), "0", "has not waited");
	is_str(fixture_fact(f, FACT_GREYLIST_WHY), "the client has proved itself on 5 days; by SPF", "it says so");
	commit(f);
	ok(strstr(fake_redis_told(), "{example.org}:example.org renew ") != NULL, "use renews it: %s",
	   fake_redis_told());
}

static const char *meet(struct check_fixture *f, const char *key, const char *spf, const char *mechanism,
			const char *name)
{
	answers(GREY_DEFER, 10000, 18000000);
	met = key;
	mail(f, "192.0.2.77", "Alice+x@Mail.Example.org");
	known(f, spf, mechanism, name, NULL);
	return ask(f);
}

static void test_met(struct check_fixture *f)
{
	static const char address[] = "millgate:met:{alice@mail.example.org}:bob@example.net";
	static const char domain[] = "millgate:met:{example.org}:bob@example.net";

	is_str(meet(f, address, "none", NULL, NULL), "met", "a correspondent");
	is_str(fixture_fact(f, FACT_GREYLIST_WAIT), "(absent)", "does not wait");
	is_str(fixture_fact(f, FACT_GREYLIST_WAITED), "0", "and has not");
	ok(strstr(fixture_fact(f, FACT_GREYLIST_WHY), "the recipient has written to alice@mail.example.org; ") != NULL,
	   "it says so");
	is_str(meet(f, address, "softfail", NULL, "out.fwd.example"), "met", "also when SPF is not sure, by a name");
	is_str(meet(f, address, "softfail", NULL, NULL), "defer", "not without one");
	is_str(meet(f, address, "softfail", NULL, "host-192-0-2-77.isp.example"), "defer", "nor by a customer's");
	is_str(meet(f, address, "fail", NULL, NULL), "defer", "not when SPF fails");
	is_str(meet(f, domain, "none", NULL, NULL), "defer", "the domain says nothing of a stranger");
	is_str(meet(f, domain, "pass", "a", NULL), "met", "but of whom SPF lets pass");
	is_str(meet(f, domain, "pass", "exists:%{i}.example.org", NULL), "met", "also by a list made for the client");
	is_str(meet(f, domain, "pass", "+all", NULL), "defer", "not of whom anybody could be");
	is_str(meet(f, domain, "none", NULL, "out7.example.org"), "met", "and of whose name is the domain's");
	is_str(meet(f, domain, "fail", NULL, "out7.example.org"), "met", "whatever SPF says");
	is_str(meet(f, domain, "none", NULL, "host-192-0-2-77.example.org"), "defer", "not of its customers");
	is_str(meet(f, domain, "none", NULL, "mx.example.com"), "defer", "nor of another's");

	answers_all(GREY_PASS, 0, 14 * (int64_t)DAY_MS, 11000, 2);
	met = address;
	mail(f, "192.0.2.77", "alice@mail.example.org");
	is_str(ask(f), "pass", "who has waited has waited");
	is_int(fake_net_open(), 0, "every question was given back");
}

/* The engine sends the question early, so that it shares a round trip with others'. */
static void test_poll(struct check_fixture *f)
{
	struct check_call c;
	unsigned awaits = fake_net_awaits();

	answers(GREY_DEFER, 10000, 18000000);
	fake_redis_silent(true);
	mail(f, "192.0.2.77", "alice@example.org");
	c = fixture_call(f, NULL);
	ok(!f->def->poll(&c), "not before it was submitted");
	f->def->submit(&c);
	ok(!f->def->poll(&c) && !f->def->poll(&c), "there is no answer yet");
	is_str(fake_redis_asked(), KEY " ask" TIMES, "one question");
	fake_net_answer();
	ok(!f->def->poll(&c) && !f->def->poll(&c), "who would have to wait may have met the recipient");
	is_str(fake_redis_asked(), KEY " ask" TIMES MET, "which is asked once");
	fake_net_answer();
	ok(f->def->poll(&c), "now all is known");
	is_str(fixture_fact(f, FACT_GREYLIST), "(unknown)", "nothing is set");
	is_int(fake_net_awaits() - awaits, 0, "nor waited for");
	is_str(ask(f), "defer", "asking says it");
	ok(f->def->poll(&c), "from then on it does not wait");
	is_str(fake_redis_asked(), KEY " ask" TIMES MET, "nor ask");

	answers(GREY_DEFER, 10000, 18000000);
	met = "millgate:met:{alice@example.org}:bob@example.net";
	fake_redis_silent(true);
	mail(f, "192.0.2.77", "alice@example.org");
	c = fixture_call(f, NULL);
	f->def->submit(&c);
	for (unsigned i = 0; i < 2; i++) {
		fake_net_answer();
		ok(f->def->poll(&c) == (i > 0), "one answer after the other");
	}
	is_str(ask(f), "met", "a correspondent is found");

	answers(GREY_KNOWN, 0, 14 * (int64_t)DAY_MS);
	mail(f, "192.0.2.77", "alice@example.org");
	c = fixture_call(f, NULL);
	f->def->submit(&c);
	ok(f->def->poll(&c), "who is known has one question");
	is_str(ask(f), "known", "with its answer");

	answers(GREY_DEFER, 10000, 18000000);
	mail(f, "192.0.2.77", "alice@example.org");
	c = fixture_call(f, NULL);
	f->def->submit(&c);
	fake_redis_silent(true);
	ok(!f->def->poll(&c), "a question more");
	f->def->cancel(&c);
	is_int(fake_net_open(), 0, "is given back by cancel");

	fake_redis_answers(NULL);
	fake_redis_silent(false);
	mail(f, "192.0.2.77", "alice@example.org");
	c = fixture_call(f, NULL);
	f->def->submit(&c);
	ok(f->def->poll(&c), "nobody waits for a Redis that is away");
	is_str(ask(f), "(unavailable: Redis is away)", "it is said");

	mail(f, NULL, "alice@example.org");
	c = fixture_call(f, NULL);
	f->def->submit(&c);
	ok(f->def->poll(&c), "nor in a session without an address");
	is_str(ask(f), "(absent)", "which is not asked about");
	is_int(fake_net_open(), 0, "every question was given back");
}

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
	is_str(fake_redis_asked(), KEY " ask" TIMES MET, "one question in all");

	mail(f, "192.0.2.77", "alice@example.org");
	c = fixture_call(f, NULL);
	f->def->submit(&c);
	f->def->cancel(&c);
	is_int(fake_net_open(), 0, "what is never asked for is given back by cancel");
	is_str(fake_redis_told(), "", "and takes back nothing");
}

/* SPF could not be had, and may pass at the next attempt. */
static void test_note(struct check_fixture *f)
{
	struct check_call c;

	answers(GREY_DEFER, 10000, 18000000);
	mail(f, "192.0.2.77", "alice@example.org");
	known(f, NULL, NULL, NULL, NULL);
	fact_set_unavailable(&f->txn->facts.v[FACT_SPF], ON_ERROR_IGNORE, "DNS is away");
	fact_set_text(&f->txn->facts.v[FACT_SPF_DOMAIN], f->arena, "example.org", 11);
	is_str(ask(f), "defer", "SPF cannot be had: the network waits");
	is_str(fake_redis_told(),
	       "millgate:grey:{example.org}:alice@example.org:bob@example.net note 1209600000 10000" REST "u-d\n",
	       "and the domain begins to, for the next attempt");

	answers(GREY_KNOWN, 0, 14 * (int64_t)DAY_MS);
	mail(f, "192.0.2.77", "alice@example.org");
	fact_set_unavailable(&f->txn->facts.v[FACT_SPF], ON_ERROR_IGNORE, "DNS is away");
	fact_set_text(&f->txn->facts.v[FACT_SPF_DOMAIN], f->arena, "example.org", 11);
	is_str(ask(f), "known", "who need not wait");
	is_str(fake_redis_told(), "", "needs no such thing");

	answers(GREY_DEFER, 10000, 18000000);
	mail(f, "192.0.2.77", "alice@example.org");
	fact_set_unavailable(&f->txn->facts.v[FACT_SPF], ON_ERROR_IGNORE, "DNS is away");
	fact_set_text(&f->txn->facts.v[FACT_SPF_DOMAIN], f->arena, "example.org", 11);
	c = fixture_call(f, NULL);
	f->def->peek(&c);
	is_str(fake_redis_told(), "", "peeking writes nothing");
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
	is_int(fixture_load(&f, &greylist_check, "greylist: { delay_listed = \"3h\";\ndelay_no_fcrdns = \"150m\"; };"),
	       -1, "a delay beyond half of the window");
	is_str(fixture_errors(&f), "1: greylist.delay_listed must not be longer than half of greylist.retry_window\n",
	       "with its place");
	fixture_free(&f);
	is_int(fixture_load(&f, &greylist_check, "greylist: { known_for = \"0\"; };"), -1, "no time to be known");
	fixture_free(&f);
	is_int(fixture_load(&f, &greylist_check,
			    "greylist: { delay = \"1s\"; retry_window = \"1m\"; known_after = 0; met_for = \"0\"; };"),
	       0, "a short window: the defaults give way");
	answers(GREY_DEFER, 1, 1);
	mail(&f, "192.0.2.77", "alice@example.org");
	known(&f, "pass", "a", NULL, "none");
	(void)ask(&f);
	is_str(fake_redis_asked(),
	       "millgate:grey:{example.org}:alice@example.org:bob@example.net ask 1209600000 30000 60000 0 5184000000 "
	       "alice@example.org p-n\n",
	       "to half of it; what is switched off is not asked");
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
	test_identities(&f);
	test_delays(&f);
	test_passed(&f);
	test_met(&f);
	test_submit(&f);
	test_poll(&f);
	test_note(&f);
	test_no_memory(&f);
	test_peek(&f);
	fixture_free(&f);
	test_settings();
	return done_testing();
}
