/*
 * Rates over bytes, over a Redis of a few lines: what is asked at the end of a message, held, and given back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/rates.h"
#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"

/* ---- A Redis that counts microseconds of cost ---- */

enum { KEYS = 32 };
static struct {
	char key[256];
	long long taken, limit;
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
	store[n_keys].limit = 1000000000000;
	return n_keys++;
}

static struct redis_value redis(const struct redis_script *script, const struct redis_word *words, size_t n)
{
	static struct redis_value answers[KEYS][4];
	static unsigned at;
	struct redis_value *v = answers[at++ % KEYS];
	unsigned i;
	long long cost;
	bool over;

	if (script == NULL || n != 6)
		return (struct redis_value){ .kind = REDIS_ERROR, .str = "ERR not a rate" };
	i = find(words[0].p);
	cost = atoll(words[4].p);
	over = strcmp(words[1].p, "give") != 0 && store[i].taken + cost > store[i].limit;
	if (strcmp(words[1].p, "give") == 0)
		store[i].taken -= cost;
	else if (!over && strcmp(words[1].p, "take") == 0)
		store[i].taken += cost;
	for (unsigned k = 0; k < 4; k++)
		v[k] = (struct redis_value){ .kind = REDIS_INT, .num = k == 0 && over };
	return (struct redis_value){ .kind = REDIS_ARRAY, .v = v, .n = 4 };
}

static long long taken(const char *key)
{
	return store[find(key)].taken;
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

#define BY_IP "millgate:rate:{ip:192.0.2.1}"
#define BY_TO(who) "millgate:rate:{to:" who "}"

/* A byte costs 1000 microseconds of the one, 10 of the other. */
static const char conf[] =
	"limits: { emergency = false; rates = (\n"
	"  { name = \"ip\"; by = ( \"client_ip\" ); bytes = \"3600000\"; per = \"1h\"; },\n"
	"  { name = \"count\"; by = ( \"client_ip\" ); messages = 5; per = \"1h\"; },\n"
	"  { name = \"to\"; by = ( \"recipient\" ); bytes = \"360000000\"; per = \"1h\"; action = \"reject\"; "
	"except = \"free@example.net\"; } ); };";

static void message(struct check_fixture *f, int64_t size, const char *const *rcpts)
{
	fixture_client(f, "192.0.2.1");
	fixture_mail(f, "alice@example.org", NULL);
	for (; *rcpts != NULL; rcpts++) {
		fixture_rcpt(f, *rcpts)->accepted = true;
		f->txn->n_rcpts++;
	}
	if (size >= 0)
		fact_set_num(&f->txn->facts.v[FACT_SIZE], size);
}

static const char *ask(struct check_fixture *f)
{
	struct check_call c = fixture_call(f, NULL);

	f->def->ask(&c);
	return fixture_fact(f, FACT_VOLUME);
}

static void cancel(struct check_fixture *f)
{
	struct check_call c = fixture_call(f, NULL);

	f->def->cancel(&c);
}

static const char *const two[] = { "bob@example.net", "carol@example.net", NULL };

static void test_taking(void)
{
	static const char *const doubled[] = { "bob@example.net", "BOB@example.net", "free@example.net", NULL };
	struct check_fixture f;
	struct check_call c;
	unsigned awaits;

	reset();
	if (fixture_load(&f, &volume_check, conf) != 0)
		bail_out("%s", fixture_errors(&f));
	message(&f, 5000, two);
	f.txn->rcpts->accepted = false;
	awaits = fake_net_awaits();
	is_str(ask(&f), "(absent)", "nothing is used up");
	is_int(fake_net_awaits() - awaits, 1, "all rates and keys in one round trip");
	is_str(fake_redis_asked(),
	       BY_IP " take 3600000000 1 5000000 3600000000\n" BY_TO(
		       "carol@example.net") " take 3600000000 1 50000 3600000000\n",
	       "by the real size; only who was accepted; messages are another check's");
	(void)ask(&f);
	is_int(taken(BY_IP), 5000000, "asked again: not taken twice");
	cancel(&f);
	is_int(taken(BY_IP) + taken(BY_TO("carol@example.net")), 0, "given back");
	cancel(&f);
	is_int(taken(BY_IP), 0, "once");

	reset();
	message(&f, 5000, doubled);
	(void)ask(&f);
	is_int(taken(BY_TO("bob@example.net")), 50000, "a key is asked once, whoever shares it");
	ok(strstr(fake_redis_asked(), "free@") == NULL, "an exception is not counted");

	reset();
	message(&f, -1, two);
	is_str(ask(&f), "(absent)", "a size that nobody told");
	is_str(fake_redis_asked(), "", "is not counted");

	message(&f, 5000, two);
	c = fixture_call(&f, NULL);
	f.def->submit(&c);
	cancel(&f);
	is_int(taken(BY_IP), 0, "what was submitted and never asked for is given back");
	is_int(fake_net_open(), 0, "every question was given back");
	fixture_free(&f);
}

static void test_refusal(void)
{
	struct check_fixture f;
	struct check_call c;

	reset();
	(void)fixture_load(&f, &volume_check, conf);
	store[find(BY_TO("carol@example.net"))].limit = 10;
	message(&f, 5000, two);
	c = fixture_call(&f, NULL);
	f.def->peek(&c);
	is_str(fixture_fact(&f, FACT_VOLUME), "to", "peek sees what is used up");
	is_int(taken(BY_IP), 0, "and takes nothing");
	message(&f, 5000, two);
	is_str(ask(&f), "to", "one of two mailboxes is full");
	is_int(taken(BY_IP) + taken(BY_TO("bob@example.net")), 0, "all is given back");
	cancel(&f);
	is_int(taken(BY_IP) + taken(BY_TO("bob@example.net")), 0, "once");
	fixture_free(&f);
}

static void test_unavailable(void)
{
	struct check_fixture f;

	reset();
	(void)fixture_load(&f, &volume_check, conf);
	fake_redis_answers(NULL);
	message(&f, 5000, two);
	is_str(ask(&f), "(unavailable: Redis is away)", "Redis is away");
	cancel(&f);
	is_str(fake_redis_told(), "", "nothing was taken, nothing is given back");
	fixture_free(&f);

	(void)fixture_load(&f, &volume_check,
			   "limits: { rates = ( { name = \"ip\"; by = \"client_ip\"; bytes = \"6K\"; "
			   "per = \"1h\"; } ); };");
	message(&f, 5000, two);
	is_str(ask(&f), "(absent)", "the daemon counts by itself");
	cancel(&f);
	message(&f, 5000, two);
	is_str(ask(&f), "(absent)", "what was given back is there");
	message(&f, 5000, two);
	is_str(ask(&f), "ip", "what was not is not");
	fixture_free(&f);
}

static void test_no_memory(void)
{
	struct check_fixture f;
	bool fits = false;

	reset();
	(void)fixture_load(&f, &volume_check, conf);
	for (size_t room = 1; !fits && room < 65536; room += 64) {
		struct check_call c;

		reset();
		message(&f, 5000, two);
		c = fixture_call(&f, NULL);
		c.arena = arena_new(room);
		if (c.arena == NULL)
			continue;
		f.def->ask(&c);
		fits = !arena_failed(c.arena);
		f.def->cancel(&c);
		arena_free(&c.arena);
		if (taken(BY_IP) != 0)
			fail("with room for %zu bytes something stays taken", room);
		if (fake_net_open() != 0)
			fail("with room for %zu bytes a question stays open", room);
	}
	ok(fits, "memory that runs out anywhere does no harm");
	fixture_free(&f);
}

static void test_rules(void)
{
	struct check_fixture f;

	(void)fixture_load(&f, &volume_check, conf);
	is_int(fixture_rule_count(&f), 2, "a rule for each rate in bytes");
	ok(strstr(fixture_rules(&f), "{ fact = \"volume\"; is = \"to\"; } );\n    then = { reject = \"550 5.7.1 ") !=
		   NULL,
	   "on the fact volume");
	fixture_free(&f);
}

int main(void)
{
	test_taking();
	test_refusal();
	test_unavailable();
	test_no_memory();
	test_rules();
	return done_testing();
}
