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
	return done_testing();
}
