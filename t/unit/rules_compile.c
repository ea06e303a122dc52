/*
 * What is worked out from the rules as a whole: stages, waiting, needs.
 */
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/rules_fixture.h"

static const char listed[] = "rules = ( { name = \"listed\"; when = ( { fact = \"dnsbl_score\"; at_least = 5; } );"
			     " then = { reject = \"554 5.7.1 listed by %{dnsbl}\"; }; } );";
static const char greylisted[] =
	"rules = ( { name = \"greylisted\"; when = ( { fact = \"greylist\"; is = \"defer\"; } );"
	" then = { defer = \"451 4.7.1 later\"; }; } );";

static void test_empty(void)
{
	struct fixture f;
	struct rules_outcome o;
	const char *const *names;

	fixture_open(&f);
	is_int(rules_add(f.rules, NULL, NULL, &f.errors), 0, "no rules at all");
	fixture_compile(&f);
	is_int(rules_count(f.rules), 0, "none");
	is_int(rules_stages(f.rules), 0, "no stage refuses");
	is_int(rules_facts(f.rules, 0), 0, "no fact is needed");
	is_int(rules_headers(f.rules, &names), 0, "no header is needed");
	is_int(fixture_verdict(&f, STAGE_RCPT, &o), VERDICT_NONE, "nothing at RCPT");
	is_int(fixture_verdict(&f, STAGE_END, &o), VERDICT_ACCEPT, "accepted at END");
	ok(o.rule == NULL && o.n_hits == 0, "by nobody");
	fixture_close(&f);
}

static void test_stages(void)
{
	struct fixture f;

	fixture_open(&f);
	fixture_add(&f, "dnsbl", "%s", listed);
	fixture_add(&f, "greylist", "%s", greylisted);
	fixture_compile(&f);
	is_int(rules_stages(f.rules), 1 << STAGE_RCPT, "refusals come at RCPT");
	is_int(rules_at(f.rules, 0)->stage, STAGE_CONNECT, "known at CONNECT");
	is_int(rules_at(f.rules, 0)->decides, STAGE_RCPT, "not given before RCPT");
	is_str(rules_at(f.rules, 0)->section, "dnsbl", "of its section");
	is_str(rules_at(f.rules, 0)->file, "test.conf", "its file");
	is_int(rules_at(f.rules, 0)->line, 1, "its line");
	ok(rules_at(f.rules, 1)->per_recipient, "greylisting is for a recipient");
	ok(rules_facts(f.rules, 0) == (FACT_BIT(FACT_DNSBL_SCORE) | FACT_BIT(FACT_DNSBL) | FACT_BIT(FACT_GREYLIST)),
	   "facts of conditions and of texts");
	ok(rules_readers(f.rules, FACT_DNSBL, 0) == rules_section_bit(f.rules, "dnsbl"), "a text reads as well");
	ok(rules_readers(f.rules, FACT_SUBJECT, 0) == 0, "nobody reads the subject");
	ok(rules_use(f.rules, ACTION_DEFER) && !rules_use(f.rules, ACTION_MOVE), "actions in use");
	is_int(f.errors.warnings, 0, "nothing to warn of");
	fixture_close(&f);
}

static void test_waits(void)
{
	struct fixture f;

	fixture_open(&f);
	fixture_add(&f, NULL,
		    "rules = ( { name = \"ticket\"; when = ( { fact = \"subject\"; contains = \"[t\"; },"
		    " { header = \"List-Id\"; exists = false; } ); then = { accept = true; }; } );");
	fixture_add(&f, "dnsbl", "%s", listed);
	fixture_compile(&f);
	is_int(rules_stages(f.rules), 1 << STAGE_HEADERS, "the refusal has to wait");
	is_int(rules_at(f.rules, 1)->decides, STAGE_HEADERS, "and says so");
	is_int(f.errors.warnings, 1, "with a warning");
	fixture_close(&f);

	fixture_open(&f);
	fixture_add(&f, NULL,
		    "rules = ( { name = \"ticket\"; when = ( { fact = \"subject\"; contains = \"[t\"; },"
		    " { fact = \"recipient\"; is = \"help@example.net\"; } ); then = { accept = true; }; } );");
	fixture_add(&f, "dnsbl", "%s", listed);
	fixture_compile(&f);
	is_int(rules_stages(f.rules), 1 << STAGE_HEADERS | 1 << STAGE_RCPT, "for other recipients it need not");
	fixture_close(&f);
}

static void test_size(void)
{
	struct fixture f;

	fixture_open(&f);
	fixture_add(
		&f, NULL,
		"rules = ( { name = \"big\"; refuse_at = \"mail\"; when = ( { fact = \"size\"; over = \"100M\"; } );"
		" then = { reject = \"552 5.3.4 too large\"; }; } );");
	fixture_compile(&f);
	is_int(rules_stages(f.rules), 1 << STAGE_MAIL, "the announced size may refuse at MAIL");
	is_int(rules_at(f.rules, 0)->stage, STAGE_END, "it is known at END");
	fixture_close(&f);
}

static void test_headers(void)
{
	struct fixture f;
	const char *const *names;

	fixture_open(&f);
	fixture_add(&f, NULL,
		    "rules = ( { name = \"a\"; when = ( { header = \"List-Id\"; exists = true; },"
		    " { header = \"list-ID\"; contains = \"x\"; }, { header = \"X-A\"; exists = true; } );"
		    " then = { mark = \"%%{header:X-B} %%{header:x-a}\"; }; } );");
	fixture_compile(&f);
	is_int(rules_headers(f.rules, &names), 3, "three names");
	is_str(names[0], "List-Id", "the first");
	is_str(names[1], "X-A", "the second");
	is_str(names[2], "X-B", "one from a text");
	ok(rules_facts(f.rules, 0) & FACT_BIT(FACT_HEADER), "headers are needed");
	fixture_close(&f);
}

static void test_actions(void)
{
	struct fixture f;
	const struct rule_action *a;

	fixture_open(&f);
	fixture_add(&f, NULL,
		    "rules = ( { name = \"a\"; match = \"always\"; then = { reject = \"550 5.7.1 not  here\"; }; },"
		    " { name = \"b\"; match = \"always\"; then = { reject = \"5.7.1\"; }; },"
		    " { name = \"c\"; match = \"always\"; then = { reject = true; }; },"
		    " { name = \"d\"; match = \"always\"; then = { defer = \"421 slow down\"; }; },"
		    " { name = \"e\"; match = \"always\"; then = { add_header = ( \"X-A:  1 2\", \"X-B:\" ); }; } );");
	fixture_compile(&f);
	is_int(f.errors.errors, 0, "loaded");
	a = rules_at(f.rules, 0)->actions;
	is_int(a->code, 550, "code");
	is_str(a->enhanced, "5.7.1", "enhanced code");
	is_str(a->text, "not  here", "text");
	a = rules_at(f.rules, 1)->actions;
	is_int(a->code, 0, "no code");
	is_str(a->enhanced, "5.7.1", "the enhanced code alone");
	is_str(a->text, NULL, "no text");
	a = rules_at(f.rules, 2)->actions;
	ok(a->code == 0 && a->enhanced[0] == '\0' && a->text == NULL, "true: all is left to the engine");
	a = rules_at(f.rules, 3)->actions;
	is_int(a->code, 421, "421");
	is_str(a->enhanced, "", "no enhanced code");
	is_str(a->text, "slow down", "text");
	a = rules_at(f.rules, 4)->actions;
	is_str(a->name, "X-A", "a header's name");
	is_str(a->value, "1 2", "its value, without leading spaces");
	is_str(a->next->name, "X-B", "the second of a list");
	is_str(a->next->value, "", "an empty value");
	fixture_close(&f);
}

static void test_sections(void)
{
	struct rules *r = rules_new();
	section_mask a = rules_section(r, "a"), b = rules_section(r, "b");

	ok(a != 0 && b != 0 && (a & b) == 0 && ((a | b) & SECTION_USER) == 0, "bits of their own");
	ok(rules_section(r, "a") == a, "declared twice: the same");
	rules_section_group(r, "both", a | b);
	ok(rules_section_bit(r, "both") == 0, "a group is no section");
	ok(rules_section_bit(r, "c") == 0, "unknown");
	ok(rules_section(r, "c") != 0 && rules_section_bit(r, "c") != 0, "after a group");
	rules_free(&r);
	ok(r == NULL, "cleared");
	rules_free(&r);
}

/* Limits that no file of rule tests would like to hold. */
static void test_limits(void)
{
	enum { DEEP = 200 };
	struct fixture f;
	struct rules_outcome o;
	struct sbuf b;

	sbuf_heap(&b, 1 << 20);
	for (int i = 0; i < DEEP; i++)
		sbuf_add(&b, "{ any = ( ");
	sbuf_add(&b, "{ fact = \"helo\"; is = \"a\"; }");
	for (int i = 0; i < DEEP; i++)
		sbuf_add(&b, " ); }");
	fixture_open(&f);
	fixture_add(&f, NULL, "rules = ( { name = \"a\"; when = ( %s ); then = { reject = true; }; } );", b.p);
	ok(f.errors.errors == 1 && strstr(f.errors.first->text, "deep") != NULL, "groups nested too deep: %s",
	   f.errors.first != NULL ? f.errors.first->text : "no error");
	fixture_close(&f);

	sbuf_reset(&b);
	for (int i = 0; i < 500; i++)
		sbuf_addc(&b, 'x');
	fixture_open(&f);
	fixture_add(&f, NULL, "rules = ( { name = \"a\"; match = \"always\"; then = { reject = \"550 %s\"; }; } );",
		    b.p);
	is_str(fixture_error(&f, 0), "1: a reply's text has 400 characters at the most, not 500", "a long reply");
	fixture_close(&f);

	sbuf_reset(&b);
	for (int i = 0; i < 40; i++)
		sbuf_addf(&b, "%s{ name = \"%d\"; match = \"always\"; then = { mark = \"x\"; }; }", i > 0 ? ", " : "",
			  i);
	fixture_open(&f);
	fixture_add(&f, NULL, "rules = ( %s );", b.p);
	fixture_compile(&f);
	fixture_verdict(&f, STAGE_END, &o);
	is_int(o.n_hits, 40, "many rules fire");
	ok(o.hits[0].rule == rules_at(f.rules, 0) && o.hits[39].rule == rules_at(f.rules, 39), "in order");
	fixture_close(&f);
	sbuf_done(&b);
}

/* Memory that runs out in the middle of an evaluation defers. */
static void test_memory(void)
{
	struct fixture f;
	struct rules_outcome o;
	struct arena *small = arena_new(8);

	fixture_open(&f);
	fixture_add(&f, NULL, "rules = ( { name = \"a\"; match = \"always\"; then = { accept = true; }; } );");
	fixture_compile(&f);
	is_int(rules_evaluate(f.rules, STAGE_END, &f.source, small, &o), -1, "out of memory");
	is_int(o.kind, VERDICT_DEFER, "is a defer");
	ok(o.unavailable && o.n_hits == 0, "of its own kind");
	arena_free(&small);
	fixture_close(&f);
}

int main(void)
{
	test_empty();
	test_stages();
	test_waits();
	test_size();
	test_headers();
	test_actions();
	test_sections();
	test_limits();
	test_memory();
	return done_testing();
}
