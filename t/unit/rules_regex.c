/*
 * Patterns on long and hostile texts.
 */
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/rules_fixture.h"

enum { LONG = 60000 };

static struct rules_outcome match(const char *pattern, const char *text, size_t n)
{
	struct fixture f;
	struct rules_outcome o;

	fixture_open(&f);
	fixture_add(&f, NULL,
		    "rules = ( { name = \"a\"; when = ( { fact = \"subject\"; matches = \"%s\"; } );"
		    " then = { reject = true; }; } );",
		    pattern);
	fixture_compile(&f);
	is_int(f.errors.errors, 0, "%s loads", pattern);
	fact_set_text(&f.facts.v[FACT_SUBJECT], f.arena, text, n);
	fixture_verdict(&f, STAGE_HEADERS, &o);
	fixture_close(&f);
	return o;
}

static void test_long(void)
{
	static char text[LONG];
	struct rules_outcome o;

	for (size_t i = 0; i < LONG; i++)
		text[i] = i % 2 ? 'b' : 'a';
	o = match("^(a|b)*b$", text, LONG / 4);
	is_int(o.kind, VERDICT_REJECT, "a long text that needs more than JIT's stack");
	o = match("^(?:a|b)*c", text, LONG);
	ok(o.kind == VERDICT_NONE || o.unavailable, "the same, without a match");
	o = match("b$", text, LONG);
	is_int(o.kind, VERDICT_REJECT, "a plain pattern at the end of it");
}

static void test_hostile(void)
{
	static const char *const patterns[] = { "^(a+)+$", "^(a|a)*$", "(x+x+)+y", "^(?:(?:a|aa)+)+$", "(.*)*=" };
	static char text[LONG];
	struct rules_outcome o;

	memset(text, 'a', LONG - 1);
	text[LONG - 1] = '!';
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		o = match(patterns[i], text, LONG);
		ok(o.kind == VERDICT_NONE || (o.kind == VERDICT_DEFER && o.unavailable), "%s ends", patterns[i]);
	}
	o = match("^(?:(?:a|aa)+)+$", text, LONG);
	ok(o.unavailable && o.action == NULL, "and says why: %s", o.why != NULL ? o.why : "it does not");
}

/* ---- What a transaction may cost ---- */

struct attack {
	struct fixture f;
};

static void attack_open(struct attack *a, const char *pattern)
{
	fixture_open(&a->f);
	fixture_add(&a->f, NULL,
		    "rules = ( { name = \"a\"; when = ( { fact = \"subject\"; matches = \"%s\"; } );"
		    " then = { reject = true; }; } );",
		    pattern);
	fixture_compile(&a->f);
	a->f.source.memo = rules_memo_new(a->f.rules, a->f.arena);
}

/* One more value: n letters a, and what follows. */
static void attack_add(struct attack *a, size_t n, const char *tail)
{
	char *text = arena_alloc(a->f.arena, n + strlen(tail) + 1);

	memset(text, 'a', n);
	memcpy(text + n, tail, strlen(tail));
	fact_add_text(&a->f.facts.v[FACT_SUBJECT], a->f.arena, text, n + strlen(tail));
}

static const char *attack_result(struct attack *a)
{
	struct rules_outcome o;

	fixture_verdict(&a->f, STAGE_HEADERS, &o);
	return o.unavailable ? "unavailable" : o.kind == VERDICT_REJECT ? "reject" : "nothing";
}

static void attack_clear(struct attack *a)
{
	memset(&a->f.facts.v[FACT_SUBJECT], 0, sizeof a->f.facts.v[FACT_SUBJECT]);
}

static void test_given_up(void)
{
	enum { VALUES = 400, RECIPIENTS = 50 };
	struct attack a;

	attack_open(&a, "^(\\\\w+\\\\s?)*$");
	for (unsigned i = 0; i < VALUES; i++)
		attack_add(&a, 60, "!");
	attack_add(&a, 60, "");
	is_str(attack_result(&a), "unavailable", "a pattern that gave up is not tried on the next values");
	for (unsigned i = 1; i < RECIPIENTS; i++)
		(void)attack_result(&a);
	is_str(attack_result(&a), "unavailable", "nor for the next recipients");
	attack_clear(&a);
	attack_add(&a, 3, "");
	is_str(attack_result(&a), "unavailable", "nor on other values in the transaction");
	a.f.source.memo = rules_memo_new(a.f.rules, a.f.arena);
	is_str(attack_result(&a), "reject", "but in the next one");
	fixture_close(&a.f);
}

static void test_patience(void)
{
	enum { SOME = 16, LENGTH = 20 }; /* no match, after more steps than most patterns ever take */
	struct attack a;

	attack_open(&a, "^(?:a|aa)+$");
	for (unsigned i = 0; i < SOME; i++)
		attack_add(&a, LENGTH, "!");
	is_str(attack_result(&a), "nothing", "what takes long is given its time");
	attack_add(&a, LENGTH, "!");
	is_str(attack_result(&a), "unavailable", "some times in a transaction");
	fixture_close(&a.f);
}

/* Where there is little time, what takes long is left to a later evaluation, which is given the time. */
static void test_hurry(void)
{
	enum { SHORT = 300, LONGER = 400 };
	bool hurry = false;
	struct attack a;

	attack_open(&a, "b$");
	a.f.source.hurry = &hurry;
	attack_add(&a, SHORT, "b");
	is_str(attack_result(&a), "reject", "what is quick is matched in a hurry, too");
	ok(!hurry, "nothing was put off");
	attack_clear(&a);
	attack_add(&a, LONGER, "b");
	is_str(attack_result(&a), "nothing", "a long text is not matched in a hurry");
	ok(hurry, "it is put off");
	fixture_close(&a.f);

	hurry = false;
	attack_open(&a, "^(?:a|aa)+!?$");
	a.f.source.hurry = &hurry;
	attack_add(&a, 20, "?");
	attack_add(&a, 3, "");
	is_str(attack_result(&a), "nothing", "nor is what takes many steps");
	ok(hurry, "it is put off, too");
	a.f.source.hurry = NULL;
	is_str(attack_result(&a), "reject", "with time, it is matched");
	fixture_close(&a.f);
}

static void test_places(void)
{
	struct attack a;
	static char runs[LONG + 1];

	for (size_t i = 0; i < LONG; i++)
		runs[i] = i % 17 == 16 ? '!' : 'a';
	attack_open(&a, "(a+)+[bc]");
	attack_add(&a, 0, runs);
	is_str(attack_result(&a), "unavailable", "nor is each place of a long text, by itself below the limit");
	fixture_close(&a.f);
}

static void test_much(void)
{
	struct attack a;

	attack_open(&a, "b$");
	for (unsigned i = 0; i < 2; i++)
		attack_add(&a, LONG, "");
	is_str(attack_result(&a), "nothing", "the values together may be long");
	attack_add(&a, LONG, "b");
	is_str(attack_result(&a), "unavailable", "but not without end");
	fixture_close(&a.f);
	attack_open(&a, "b$");
	attack_add(&a, LONG, "b");
	for (unsigned i = 0; i < 3; i++)
		attack_add(&a, LONG, "");
	is_str(attack_result(&a), "reject", "a match before the end counts");
	fixture_close(&a.f);
}

static void test_remembered(void)
{
	struct attack a;
	struct fact_value *v;

	attack_open(&a, "^a*$");
	v = &a.f.facts.v[FACT_SUBJECT];
	attack_add(&a, 5, "");
	is_str(attack_result(&a), "reject", "it matches");
	((char *)v->text->raw)[0] = 'b'; /* of the arena: nothing else would show */
	is_str(attack_result(&a), "reject", "the same values are not looked at again");
	attack_add(&a, 5, "");
	((char *)v->text[1].raw)[0] = 'b';
	is_str(attack_result(&a), "nothing", "one value more is");
	attack_clear(&a);
	attack_add(&a, 5, "");
	is_str(attack_result(&a), "reject", "and so are others");
	fixture_close(&a.f);
}

static void test_bytes(void)
{
	static const char broken[] = "\xff\xfe"
				     "abc\xc3"
				     "def\0ghi\xf0\x9f";
	static const char overlong[] = "\xc0\xaf/etc";
	struct rules_outcome o;

	o = match("abc.?", broken, sizeof broken - 1);
	is_int(o.kind, VERDICT_REJECT, "between broken bytes");
	o = match("ghi", broken, sizeof broken - 1);
	is_int(o.kind, VERDICT_REJECT, "behind a NUL");
	o = match("abc.def", broken, sizeof broken - 1);
	is_int(o.kind, VERDICT_NONE, "a broken byte is no character");
	o = match("^/etc", overlong, sizeof overlong - 1);
	is_int(o.kind, VERDICT_NONE, "an overlong form is broken");
	o = match("^$", "", 0);
	is_int(o.kind, VERDICT_REJECT, "an empty text");
}

int main(void)
{
	test_long();
	test_hostile();
	test_bytes();
	test_given_up();
	test_patience();
	test_hurry();
	test_places();
	test_much();
	test_remembered();
	return done_testing();
}
