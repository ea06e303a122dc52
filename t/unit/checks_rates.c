/*
 * Rates, over a Redis of a few lines: what is taken, held, and given back, and when.  The script has a test of its own.
 */
#include "checks/rates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"

/* ---- A Redis that counts ---- */

enum { KEYS = 32 };
static struct {
	char key[256];
	int taken, limit;
	bool broken, told;
} store[KEYS];
static unsigned n_keys;

static unsigned find(const char *key)
{
	for (unsigned i = 0; i < n_keys; i++)
		if (strcmp(store[i].key, key) == 0)
			return i;
	if (n_keys == KEYS)
		bail_out("too many keys");
	snprintf(store[n_keys].key, sizeof store[0].key, "%s", key);
	store[n_keys].limit = 1000;
	return n_keys++;
}

/* What the script answers; {0} is granted. */
static struct redis_value answer(int64_t verdict, int64_t wait, bool first)
{
	static struct redis_value v[16][4]; /* one for each answer of a round trip */
	static unsigned at;
	struct redis_value *w = v[at++ % 16];
	const int64_t numbers[] = { verdict, wait, first, 0 };

	for (unsigned i = 0; i < 4; i++)
		w[i] = (struct redis_value){ .kind = REDIS_INT, .num = numbers[i] };
	return (struct redis_value){ .kind = REDIS_ARRAY, .v = w, .n = 4 };
}

static struct redis_value redis(const struct redis_script *script, const struct redis_word *words, size_t n)
{
	bool wide = n > 3 && strstr(words[1].p, ":nets") != NULL;
	const char *verb = n > 3 ? words[wide ? 3 : 1].p : "";
	unsigned i;

	if (script == NULL)
		return (struct redis_value){ .kind = REDIS_INT, .num = 1 }; /* HINCRBY, EXPIRE */
	if (n < 6)
		return (struct redis_value){ .kind = REDIS_ERROR, .str = "ERR not a rate" };
	i = find(words[0].p);
	if (store[i].broken)
		return (struct redis_value){ .kind = REDIS_ERROR, .str = "WRONGTYPE" };
	if (strcmp(verb, "give") == 0)
		store[i].taken--;
	else if (store[i].taken >= store[i].limit) {
		bool first = strcmp(verb, "take") == 0 && !store[i].told;

		store[i].told = store[i].told || first;
		return answer(wide ? 2 : 1, 6000, first);
	} else if (strcmp(verb, "take") == 0)
		store[i].taken++;
	return answer(0, 0, false);
}

static int taken(const char *key)
{
	return store[find(key)].taken;
}

static void limit(const char *key, int n)
{
	store[find(key)].limit = n;
}

static void reset(void)
{
	memset(store, 0, sizeof store);
	n_keys = 0;
	fake_redis_answers(redis);
	fake_redis_silent(false);
	fake_redis_clear();
}

/* ---- Driving ---- */

static const char *ask(struct check_fixture *f)
{
	struct check_call c = fixture_call(f, NULL);

	f->def->ask(&c);
	return fixture_fact(f, FACT_RATE);
}

static void cancel(struct check_fixture *f, struct rcpt *r)
{
	struct check_call c = fixture_call(f, r);

	f->def->cancel(&c);
}

#define BY_IP "millgate:rate:{ip:192.0.2.1}"
#define BY_USER "millgate:rate:{user:alice}"
#define BY_RCPT "millgate:rate:{rcpts:192.0.2.1}"
#define BY_TO "millgate:rate:{to:bob@example.net}"

#define FIFTY "fifty letters, fifty letters, fifty letters, fifty"
#define LONG_NAME FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY

#define CONF(settings)                                                                                                        \
	"limits: { " settings " rates = (\n"                                                                                  \
	"  { name = \"ip\"; by = ( \"client_ip\" ); messages = 10; per = \"1m\"; },\n"                                        \
	"  { name = \"user\"; by = ( \"auth_user\" ); messages = 10; per = \"1m\"; },\n"                                      \
	"  { name = \"rcpts\"; by = ( \"client_ip\" ); recipients = 100; per = \"1h\"; burst = 50; action = \"reject\"; },\n" \
	"  { name = \"to\"; by = ( \"recipient\" ); recipients = 100; per = \"1h\"; } ); };"
static const char conf[] = CONF("");
static const char no_emergency[] = CONF("emergency = false;");

static void test_taking(void)
{
	struct check_fixture f;
	struct rcpt *first, *second;
	unsigned awaits;

	reset();
	if (fixture_load(&f, &rates_check, conf) != 0)
		bail_out("%s", fixture_errors(&f));
	fixture_client(&f, "192.0.2.1");
	fixture_mail(&f, "eve@example.org", NULL);
	first = fixture_rcpt(&f, "Bob@Example.NET");
	awaits = fake_net_awaits();
	is_str(ask(&f), "(absent)", "nothing is used up");
	is_int(fake_net_awaits() - awaits, 1, "all rates in one round trip");
	is_str(fake_redis_asked(),
	       BY_IP " take 60000000 1 6000000 60000000\n" BY_RCPT " take 3600000000 1 36000000 1800000000\n" BY_TO
		     " take 3600000000 1 36000000 3600000000\n",
	       "what does not apply is not asked; the period, what one costs, and the burst");
	is_str(ask(&f), "(absent)", "asked again for the same recipient");
	is_int(taken(BY_IP) + taken(BY_RCPT) + taken(BY_TO), 3, "nothing is taken twice");

	second = fixture_rcpt(&f, "carol@example.net");
	(void)ask(&f);
	is_int(taken(BY_IP), 1, "a message is taken once per transaction");
	is_int(taken(BY_RCPT), 2, "a recipient is taken each time");
	is_int(taken("millgate:rate:{to:carol@example.net}"), 1, "by its own key");

	cancel(&f, first);
	is_int(taken(BY_RCPT), 1, "a cancelled recipient is given back");
	is_int(taken(BY_TO), 0, "from every rate");
	is_int(taken(BY_IP), 1, "the message is held by the other");
	cancel(&f, first);
	is_int(taken(BY_RCPT), 1, "and only once");
	cancel(&f, second);
	is_int(taken(BY_IP) + taken(BY_RCPT), 0, "the last recipient gives the message back");

	(void)fixture_rcpt(&f, "dave@example.net");
	(void)ask(&f);
	is_int(taken(BY_IP), 1, "one more recipient takes it again");
	is_int(fake_net_open(), 0, "every question was given back");
	fixture_free(&f);
}

static void test_keys(void)
{
	struct check_fixture f;

	reset();
	(void)fixture_load(
		&f, &rates_check,
		"limits: { rates = ( { by = ( \"client_net\", \"sender_domain\" ); messages = 5; per = \"90s\"; },\n"
		"  { name = \"s\"; by = \"sender\"; messages = 5; per = \"1m\"; },\n"
		"  { name = \"d\"; by = \"recipient_domain\"; messages = 5; per = \"1m\"; } ); };");
	fixture_client(&f, "2001:db8:1:2:3::4");
	fixture_mail(&f, "a:b{}%@Example.org", NULL);
	(void)fixture_rcpt(&f, "x@one.example");
	(void)ask(&f);
	is_str(fake_redis_asked(),
	       "millgate:rate:{5%20messages%20per%2090s%20by%20client_net%2C%20sender_domain:2001%3Adb8%3A1%3A2%3A%3A/64:"
	       "example.org} take 90000000 1 18000000 90000000\n"
	       "millgate:rate:{s:a%3Ab%7B%7D%25@example.org} take 60000000 1 12000000 60000000\n"
	       "millgate:rate:{d:one.example} take 60000000 1 12000000 60000000\n",
	       "keys are encoded, networks masked, addresses folded");
	fake_redis_clear();
	(void)fixture_rcpt(&f, "y@two.example");
	(void)ask(&f);
	is_str(fake_redis_asked(), "millgate:rate:{d:two.example} take 60000000 1 12000000 60000000\n",
	       "a message counts once for each key of its recipients");

	fake_redis_clear();
	fixture_mail(&f, "", NULL);
	(void)fixture_rcpt(&f, "x@one.example");
	(void)ask(&f);
	is_str(fake_redis_asked(), "millgate:rate:{d:one.example} take 60000000 1 12000000 60000000\n",
	       "the null sender is nobody: rates by sender do not apply to it");
	fake_redis_clear();
	fixture_client(&f, NULL);
	fixture_mail(&f, "a@example.org", NULL);
	(void)fixture_rcpt(&f, "x@one.example");
	(void)ask(&f);
	ok(strstr(fake_redis_asked(), "client_net") == NULL, "without an address rates by client do not apply");
	fixture_free(&f);
}

static void test_long_values(void)
{
	struct check_fixture f;
	char local[4000];

	reset();
	(void)fixture_load(&f, &rates_check,
			   "limits: { rates = ( { name = \"s\"; by = \"sender\"; messages = 5; per = \"1m\"; } ); };");
	memset(local, '"', sizeof local - 1);
	local[sizeof local - 1] = '\0';
	fixture_client(&f, "192.0.2.1");
	fixture_mail(&f, local, NULL);
	(void)fixture_rcpt(&f, "x@one.example");
	(void)ask(&f);
	ok(strlen(fake_redis_asked()) < 1100, "an overlong value makes no overlong key");
	fixture_free(&f);
}

static void test_refusal(void)
{
	struct check_fixture f;
	struct rcpt *first;

	reset();
	(void)fixture_load(&f, &rates_check, conf);
	limit(BY_RCPT, 1);
	fixture_client(&f, "192.0.2.1");
	fixture_mail(&f, "eve@example.org", "alice");
	first = fixture_rcpt(&f, "bob@example.net");
	is_str(ask(&f), "(absent)", "the first recipient");
	(void)fixture_rcpt(&f, "carol@example.net");
	is_str(ask(&f), "rcpts", "the second is one too many");
	is_int(taken("millgate:rate:{to:carol@example.net}"), 0, "what other rates granted is given back");
	is_int(taken(BY_IP), 1, "the message is still held by the first");
	is_int(taken(BY_USER), 1, "in every rate");
	cancel(&f, NULL);
	is_int(taken(BY_IP), 1, "a refused recipient holds nothing");
	cancel(&f, first);
	is_int(taken(BY_IP) + taken(BY_USER) + taken(BY_RCPT) + taken(BY_TO), 0, "all is given back with the first");
	fixture_free(&f);
}

static void test_message_refusal(void)
{
	struct check_fixture f;

	reset();
	(void)fixture_load(&f, &rates_check, conf);
	limit(BY_IP, 0);
	limit(BY_USER, 0);
	fixture_client(&f, "192.0.2.1");
	fixture_mail(&f, "eve@example.org", "alice");
	(void)fixture_rcpt(&f, "bob@example.net");
	is_str(ask(&f), "ip, user", "all rates that are used up are named");
	is_int(taken(BY_RCPT) + taken(BY_TO), 0, "nothing stays taken");
	fake_redis_clear();
	(void)fixture_rcpt(&f, "carol@example.net");
	is_str(ask(&f), "ip, user", "the transaction stays refused");
	is_str(fake_redis_asked(), "", "without another question");

	fixture_mail(&f, "eve@example.org", "alice");
	limit(BY_IP, 5);
	limit(BY_USER, 5);
	(void)fixture_rcpt(&f, "bob@example.net");
	is_str(ask(&f), "(absent)", "the next one is asked anew");
	fixture_free(&f);
}

static void test_unavailable(void)
{
	struct check_fixture f;

	reset();
	(void)fixture_load(&f, &rates_check, no_emergency);
	fake_redis_answers(NULL);
	fixture_client(&f, "192.0.2.1");
	fixture_mail(&f, "eve@example.org", NULL);
	(void)fixture_rcpt(&f, "bob@example.net");
	is_str(ask(&f), "(unavailable: Redis is away)", "Redis is away");
	is_int(fixture_value(&f, FACT_RATE)->on_error, ON_ERROR_DEFER, "redis.on_error, when the section has none");
	cancel(&f, NULL);
	is_str(fake_redis_told(), "", "nothing was taken, nothing is given back");

	reset();
	(void)find(BY_TO);
	store[0].broken = true;
	(void)fixture_rcpt(&f, "bob@example.net");
	is_str(ask(&f), "(unavailable: Redis answers: WRONGTYPE)", "one rate's key is broken");
	is_int(taken(BY_IP), 1, "the others were taken");
	cancel(&f, NULL);
	is_int(taken(BY_IP), 0, "and are given back");

	limit(BY_RCPT, 0);
	(void)fixture_rcpt(&f, "bob@example.net");
	is_str(ask(&f), "rcpts", "a rate that is used up refuses, whatever the broken one would say");

	reset();
	fake_redis_silent(true);
	(void)fixture_rcpt(&f, "dora@example.net");
	is_str(ask(&f), "(unavailable: Redis is away)", "no answer until the deadline");
	ok(fake_net_deadline() == f.deadline_ms, "which was the stage's");
	is_int(fake_net_open(), 0, "every question was given back");
	fixture_free(&f);
}

static void test_emergency(void)
{
	struct check_fixture f;

	reset();
	(void)fixture_load(
		&f, &rates_check,
		"limits: { rates = ( { name = \"ip\"; by = \"client_ip\"; messages = 2; per = \"1h\"; } ); };");
	fake_redis_answers(NULL);
	fixture_client(&f, "192.0.2.1");
	for (unsigned i = 0; i < 2; i++) {
		fixture_mail(&f, "eve@example.org", NULL);
		(void)fixture_rcpt(&f, "bob@example.net");
		is_str(ask(&f), "(absent)", "Redis is away: the daemon counts by itself");
	}
	cancel(&f, NULL);
	is_str(fake_redis_told(), "", "and gives back to itself");
	fixture_mail(&f, "eve@example.org", NULL);
	(void)fixture_rcpt(&f, "bob@example.net");
	is_str(ask(&f), "(absent)", "what was given back is there");
	fixture_mail(&f, "eve@example.org", NULL);
	(void)fixture_rcpt(&f, "bob@example.net");
	is_str(ask(&f), "ip", "no more than that");
	fake_redis_answers(redis);
	fixture_mail(&f, "eve@example.org", NULL);
	(void)fixture_rcpt(&f, "bob@example.net");
	is_str(ask(&f), "(absent)", "Redis is back: it alone counts");
	is_int(taken(BY_IP), 1, "anew");
	fixture_free(&f);
}

/* A message is held for all of its recipients. */
static void test_hold(void)
{
	struct check_fixture f;
	struct rcpt *first;

	reset();
	(void)fixture_load(
		&f, &rates_check,
		"limits: { rates = ( { name = \"ip\"; by = \"client_ip\"; messages = 9; per = \"1h\"; },\n"
		"{ name = \"user\"; by = \"auth_user\"; recipients = 1; per = \"1h\"; action = \"hold\"; } ); };");
	ok(strstr(fixture_rules(&f), "name = \"user\"") < strstr(fixture_rules(&f), "name = \"ip\""),
	   "what holds comes before what refuses");
	limit(BY_USER, 1);
	fixture_client(&f, "192.0.2.1");
	fixture_mail(&f, "eve@example.org", "alice");
	first = fixture_rcpt(&f, "bob@example.net");
	is_str(ask(&f), "(absent)", "the first recipient");
	ok(strstr(fake_redis_asked(), BY_USER " " BY_USER ":nets " BY_USER ":held take ") != NULL,
	   "all keys have one tag");
	(void)fixture_rcpt(&f, "carol@example.net");
	is_str(ask(&f), "user", "the second one has the message held");
	is_str(first->facts.v[FACT_RATE].text[0].raw, "user", "for the first one, too");
	is_int(first->facts.v[FACT_RATE].n, 1, "which is said once");
	cancel(&f, NULL);
	cancel(&f, first);
	is_int(taken(BY_IP) + taken(BY_USER), 0, "all is given back");
	fixture_free(&f);
}

static void test_except(void)
{
	struct check_fixture f;

	reset();
	if (fixture_load(
		    &f, &rates_check,
		    "limits: { rates = (\n"
		    "{ name = \"n\"; by = \"client_net\"; messages = 1; per = \"1h\"; except = \"192.0.2.0/28\"; },\n"
		    "{ name = \"u\"; by = \"auth_user\"; messages = 1; per = \"1h\";\n"
		    "  except = ( \"alice\", \"@example.com\" ); },\n"
		    "{ name = \"d\"; by = \"sender_domain\"; messages = 1; per = \"1h\"; except = \".example.org\"; },\n"
		    "{ name = \"b\"; by = ( \"client_ip\", \"recipient\" ); messages = 1; per = \"1h\";\n"
		    "  except = \"example.net\"; } ); };") != 0)
		bail_out("%s", fixture_errors(&f));
	fixture_client(&f, "192.0.2.1");
	fixture_mail(&f, "x@mail.example.org", "Alice");
	(void)fixture_rcpt(&f, "bob@example.net");
	(void)ask(&f);
	is_str(fake_redis_asked(), "", "networks, users in any case, domains; any of several values");
	fixture_client(&f, "192.0.2.16");
	fixture_mail(&f, "x@example.org", "bob");
	(void)fixture_rcpt(&f, "bob@sub.example.net");
	(void)ask(&f);
	is_int(n_keys, 4, "what is not excepted is counted");
	fixture_mail(&f, "x@mail.example.org", "bob@example.com");
	fake_redis_clear();
	(void)fixture_rcpt(&f, "bob@example.net");
	(void)ask(&f);
	ok(strstr(fake_redis_asked(), "{u:") == NULL, "logins that are addresses, by their domain");
	is_int(f.errors.warnings, 0, "no warnings");
	fixture_client(&f, "127.0.0.1");
	fixture_mail(&f, "", NULL);
	fake_redis_clear();
	(void)fixture_rcpt(&f, "postmaster@example.com");
	(void)ask(&f);
	is_str(fake_redis_asked(), "", "what the machine tells itself: its alarms have no sender");
	fixture_mail(&f, "www@example.com", NULL);
	(void)fixture_rcpt(&f, "postmaster@example.com");
	(void)ask(&f);
	ok(strstr(fake_redis_asked(), "{n:127.0.0.0/24}") != NULL, "its other mail is counted");
	fixture_client(&f, "192.0.2.16");
	fixture_mail(&f, "", NULL);
	fake_redis_clear();
	(void)fixture_rcpt(&f, "postmaster@example.com");
	(void)ask(&f);
	ok(strstr(fake_redis_asked(), "{n:192.0.2.0/24}") != NULL, "and others' bounces are");
	fixture_free(&f);
	(void)fixture_load(
		&f, &rates_check,
		"limits: { rates = (\n"
		"{ by = \"sender\"; messages = 1; per = \"1h\"; except = ( \"192.0.2.0/28\", \"a@example.org\" ); },\n"
		"{ by = \"client_ip\"; messages = 1; per = \"1h\"; except = ( \"192.0.2.1\", \"alice\" ); } ); };");
	is_int(f.errors.warnings, 2, "exceptions that can never match: %s", fixture_errors(&f));
	fixture_free(&f);
}

/* The engine sends the question early, so that it shares a round trip with others'. */
static void test_poll(void)
{
	struct check_fixture f;
	struct check_call c;
	unsigned awaits = fake_net_awaits();

	reset();
	(void)fixture_load(&f, &rates_check, conf);
	fixture_client(&f, "192.0.2.1");
	fixture_mail(&f, "eve@example.org", "alice");
	(void)fixture_rcpt(&f, "bob@example.net");
	c = fixture_call(&f, NULL);
	fake_redis_silent(true);
	ok(!f.def->poll(&c), "not before it was submitted");
	f.def->submit(&c);
	ok(!f.def->poll(&c), "there are no answers yet");
	fake_net_answer();
	ok(f.def->poll(&c), "now there are");
	is_str(fixture_fact(&f, FACT_RATE), "(unknown)", "nothing is set");
	is_int(fake_net_awaits() - awaits, 0, "nor waited for");
	is_str(ask(&f), "(absent)", "asking says it");
	ok(f.def->poll(&c), "from then on it does not wait");
	is_int(taken(BY_IP), 1, "taken once");
	cancel(&f, NULL);

	fake_redis_silent(false);
	limit(BY_IP, 0);
	is_str(ask(&f), "ip", "a rate is used up");
	(void)fixture_rcpt(&f, "carol@example.net");
	c = fixture_call(&f, NULL);
	fake_redis_silent(true);
	f.def->submit(&c);
	ok(f.def->poll(&c), "a message that is refused already asks for nothing");
	is_str(ask(&f), "ip", "and is refused");
	cancel(&f, NULL);
	is_int(fake_net_open(), 0, "every question was given back");
	fixture_free(&f);
}

static void test_submit(void)
{
	struct check_fixture f;
	struct check_call c;
	unsigned awaits;

	reset();
	(void)fixture_load(&f, &rates_check, conf);
	fixture_client(&f, "192.0.2.1");
	fixture_mail(&f, "eve@example.org", NULL);
	(void)fixture_rcpt(&f, "bob@example.net");
	c = fixture_call(&f, NULL);
	awaits = fake_net_awaits();
	f.def->submit(&c);
	is_int(fake_net_awaits() - awaits, 0, "submitting waits for nothing");
	is_str(fixture_fact(&f, FACT_RATE), "(unknown)", "and sets nothing");
	is_str(ask(&f), "(absent)", "asking collects");
	is_int(taken(BY_IP), 1, "what was taken once");
	cancel(&f, NULL);
	is_int(taken(BY_IP), 0, "and it is given back");

	(void)fixture_rcpt(&f, "carol@example.net");
	c = fixture_call(&f, NULL);
	f.def->submit(&c);
	cancel(&f, NULL);
	is_int(taken(BY_IP) + taken(BY_RCPT), 0, "what was submitted and never asked for is given back, too");
	is_int(fake_net_open(), 0, "every question was given back");
	fixture_free(&f);
}

/* Memory that runs out at any point: no crash, and nothing stays taken. */
static void test_no_memory(void)
{
	struct check_fixture f;
	bool fits = false;

	reset();
	(void)fixture_load(&f, &rates_check, conf);
	for (size_t room = 1; !fits && room < 65536; room += 64) {
		struct check_call c;

		reset();
		fixture_client(&f, "192.0.2.1");
		fixture_mail(&f, "eve@example.org", "alice");
		(void)fixture_rcpt(&f, "bob@example.net");
		c = fixture_call(&f, NULL);
		c.arena = arena_new(room);
		if (c.arena == NULL)
			continue;
		f.def->ask(&c);
		fits = !arena_failed(c.arena);
		f.def->cancel(&c);
		*c.txn_slot = NULL;
		arena_free(&c.arena);
		if (taken(BY_IP) != 0 || taken(BY_RCPT) != 0 || taken(BY_TO) != 0 || taken(BY_USER) != 0)
			fail("with room for %zu bytes something stays taken", room);
		if (fake_net_open() != 0)
			fail("with room for %zu bytes a question stays open", room);
	}
	ok(fits, "memory that runs out anywhere does no harm");
	fixture_free(&f);
}

static void test_peek(void)
{
	struct check_fixture f;
	struct check_call c;

	reset();
	(void)fixture_load(&f, &rates_check, conf);
	limit(BY_RCPT, 0);
	fixture_client(&f, "192.0.2.1");
	fixture_mail(&f, "eve@example.org", NULL);
	(void)fixture_rcpt(&f, "bob@example.net");
	c = fixture_call(&f, NULL);
	f.def->peek(&c);
	is_str(fixture_fact(&f, FACT_RATE), "rcpts", "peek sees what is used up");
	is_int(taken(BY_IP) + taken(BY_TO), 0, "and takes nothing");
	ok(*c.slot == NULL && *c.txn_slot == NULL, "nor holds anything");
	is_str(fake_redis_told(), "", "nor gives back");
	fixture_free(&f);
}

static void test_rules(void)
{
	struct check_fixture f;
	const char *text;

	(void)fixture_load(&f, &rates_check, conf);
	text = fixture_rules(&f);
	is_int(fixture_rule_count(&f), 4, "a rule for each rate");
	ok(strstr(text, "is = \"ip\"; } );\n    then = { defer = \"450 4.7.1 ") != NULL, "defer says 450 4.7.1");
	ok(strstr(text, "is = \"rcpts\"; } );\n    then = { reject = \"550 5.7.1 ") != NULL, "reject says 550 5.7.1");
	fixture_free(&f);
	(void)fixture_load(
		&f, &rates_check,
		"limits: { shadow = true; rates = ( { name = \"a \\\"b\\\" c\\\\d\"; by = \"client_ip\"; messages = 1; "
		"per = \"1m\"; } ); };");
	ok(fixture_rules(&f) != NULL, "a name with quotes makes no broken rule");
	ok(strstr(fixture_rules(&f), "shadow = true;") != NULL, "shadow reaches the rule");
	fixture_free(&f);
}

static void test_errors(void)
{
	struct check_fixture f;

	is_int(fixture_load(&f, &rates_check,
			    "limits: { rates = (\n"
			    "{ by = \"client_ip\"; messages = 1; recipients = 1; per = \"1m\"; },\n"
			    "{ by = \"client_ip\"; per = \"1m\"; },\n"
			    "{ by = \"client_ip\"; messages = 1; },\n"
			    "{ messages = 1; per = \"1m\"; },\n"
			    "{ by = \"clientip\"; messages = 1; per = \"1m\"; },\n"
			    "{ by = ( \"sender\", \"sender\" ); messages = 1; per = \"1m\"; },\n"
			    "{ by = \"sender\"; messages = 1; per = \"1m\"; },\n"
			    "{ by = \"sender\"; messages = 1; per = \"60s\"; action = \"reject\"; } ); };"),
	       -1, "wrong rates are refused");
	is_int(f.errors.errors, 7, "each of them: %s", fixture_errors(&f));
	ok(strstr(fixture_errors(&f), "6: a rate cannot be counted by \"clientip\"; did you mean \"client_ip\"?") !=
		   NULL,
	   "with the nearest name");
	ok(strstr(fixture_errors(&f), "9: there is a rate \"1 messages per 1m by sender\" already") != NULL,
	   "two rates of one name would share a key");
	fixture_free(&f);
	is_int(fixture_load(
		       &f, &rates_check,
		       "limits: { rates = (\n"
		       "{ by = \"sender\"; messages = 1; per = \"40000d\"; },\n"
		       "{ by = \"sender\"; messages = 1; per = \"1d\"; burst = 1000000000; },\n"
		       "{ by = \"sender\"; bytes = \"1\"; per = \"1d\"; burst_bytes = \"100G\"; },\n"
		       "{ by = \"sender\"; networks = 2; per = \"40000d\"; },\n"
		       "{ by = \"auth_user\"; messages = 1; per = \"1d\"; action = \"hold\"; hold_for = \"40000d\"; },\n"
		       "{ by = \"sender\"; messages = 1; per = \"1d\"; name = \"" LONG_NAME "\"; },\n"
		       "{ by = \"sender\"; bytes = \"1\"; per = \"36500d\"; } ); };"),
	       -1, "what no number can hold is refused");
	is_int(f.errors.errors, 6, "each of them: %s", fixture_errors(&f));
	fixture_free(&f);
	is_int(fixture_load(
		       &f, &rates_check,
		       "limits: { rates = (\n"
		       "{ by = \"sender_domain\"; messages = 9; per = \"1h\"; action = \"hold\"; },\n"
		       "{ by = ( \"sender\", \"auth_user\" ); messages = 9; per = \"1h\"; action = \"hold\"; } ); };"),
	       0, "mail by a forged sender may be held");
	is_int(f.errors.warnings, 1, "with a warning: %s", fixture_errors(&f));
	fixture_free(&f);
	is_int(fixture_load(&f, &rates_check, "limits: { recipients = 3; };"), 0, "no rates");
	ok(f.state == NULL, "then there is nothing to do");
	fixture_free(&f);
}

int main(void)
{
	test_taking();
	test_keys();
	test_long_values();
	test_refusal();
	test_message_refusal();
	test_unavailable();
	test_emergency();
	test_hold();
	test_except();
	test_submit();
	test_poll();
	test_no_memory();
	test_peek();
	test_rules();
	test_errors();
	return done_testing();
}
