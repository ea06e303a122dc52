/*
 * Tables of declarations: what is filled in, and what is said of what does not fit.
 */
#include "conf/conf.h"

#include <stdio.h>
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/conf_help.h"

static const struct name_value on_error[] = { { "ignore", 0 }, { "defer", 1 }, { NULL, 0 } };

#define INNER_SETTINGS(S)                                                                                              \
	S(STRING, listen, 0, "unix:x", "Where.")                                                                       \
	S(MODE, mode, 0, "0660", "Permissions.")
CONF_STRUCT(inner, INNER_SETTINGS);

#define ENTRY_SETTINGS(S)                                                                                              \
	S(STRING, zone, 0, NULL, "The zone.")                                                                          \
	S(INT, weight, CONF_RANGE(-100, 100), "1", "Its weight.")
CONF_STRUCT(entry, ENTRY_SETTINGS);

#define OUTER_SETTINGS(S)                                                                                              \
	S(BOOL, enabled, 0, "true", "Whether it is on.  `false` is off.")                                              \
	S(INT, count, CONF_RANGE(1, INT64_MAX), "5", "How many.")                                                      \
	S(INT, any, 0, "-3", "Any number.")                                                                            \
	S(STRING, name, 0, NULL, "Its name; \"quoted\" \\ and .dotted.")                                               \
	S(DURATION, delay, 0, "10s", "How long.")                                                                      \
	S(SIZE, limit, 0, "100M", "How much.")                                                                         \
	S(ENUM, on_error, on_error, "ignore", "What then.")                                                            \
	S(STRINGS, lists, 0, NULL, ".leading dot.")                                                                    \
	S(GROUP, inner, inner, NULL, "A group.")                                                                       \
	S(GROUPS, entries, entry, NULL, "Groups.")                                                                     \
	S(NODE, rules, 0, NULL, "As it is.")
CONF_STRUCT(outer, OUTER_SETTINGS);

static int verify_entry(void *settings, const struct conf_node *group, struct error_list *errors)
{
	const struct entry *e = settings;

	if (e->zone != NULL)
		return 0;
	error_add(errors, group->file, group->line, "`zone` is missing");
	return -1;
}

static int verify_outer(void *settings, const struct conf_node *group, struct error_list *errors)
{
	const struct outer *o = settings;

	(void)group;
	(void)errors;
	return o->count == 13 ? -1 : 0;
}

#define CONF_SELF struct inner
CONF_TABLE(inner, INNER_SETTINGS, NULL);
#undef CONF_SELF
#define CONF_SELF struct entry
CONF_TABLE(entry, ENTRY_SETTINGS, verify_entry);
#undef CONF_SELF
#define CONF_SELF struct outer
CONF_TABLE(outer, OUTER_SETTINGS, verify_outer);
#undef CONF_SELF

static struct arena *arena;
static struct error_list errors;
static struct outer outer;

/* Binds text; answers what conf_bind() does. */
static int bind(const char *text)
{
	static const char *const others[] = { "greylist", "dnsbl", NULL };

	error_clear(&errors);
	arena_free(&arena);
	arena = arena_new(0);
	memset(&outer, 0xff, sizeof outer);
	return conf_bind(&outer_table, conf_parse(text, "t", arena, &errors), &outer, others, arena, &errors);
}

static void is_refused(const char *text, const char *want)
{
	int rc = bind(text);

	is_str(help_errors(&errors, arena), want, "%s", text);
	is_int(rc, -1, "and refused");
}

static void is_default(void)
{
	ok(outer.enabled && outer.count == 5 && outer.any == -3, "defaults: bool, int");
	ok(outer.name == NULL && outer.delay == 10000 && outer.limit == 104857600, "string, duration, size");
	ok(outer.on_error == 0 && outer.lists.n == 0 && outer.entries.n == 0 && outer.rules == NULL, "lists");
	is_str(outer.inner.listen, "unix:x", "of a group: string");
	is_int(outer.inner.mode, 0660, "mode");
}

static void test_values(void)
{
	const struct entry *e;

	is_int(bind(""), 0, "an empty file");
	is_default();
	ok(!outer.inner.where.present && outer.inner.where.file == NULL, "a group that is not there");
	ok(outer.where.present, "the file itself is present");
	is_int(conf_bind(&outer_table, NULL, &outer, NULL, arena, &errors), 0, "no group at all");
	is_default();
	ok(!outer.where.present, "and nothing is present");

	is_int(bind("enabled = false; count = 9000000000; any = 0; name = \"n\";\n"
		    "delay = \"5h\"; limit = \"5000K\"; on_error = \"defer\"; lists = ( \"a\", \"b\" );\n"
		    "inner = { mode = \"0600\"; };\n"
		    "entries = ( { zone = \"z1\"; weight = -3; },\n"
		    "            { zone = \"z2\"; } );\n"
		    "rules = ( 1 ); greylist = { whatever = 1; };"),
	       0, "everything set");
	is_str(help_errors(&errors, arena), "", "without errors");
	ok(!outer.enabled && outer.count == 9000000000 && outer.any == 0, "bool, int");
	is_str(outer.name, "n", "string");
	ok(outer.delay == 18000000 && outer.limit == 5120000 && outer.on_error == 1, "duration, size, enum");
	ok(outer.lists.n == 2 && strcmp(outer.lists.v[1].s, "b") == 0 && outer.lists.v[1].line == 2, "list of strings");
	ok(outer.inner.mode == 0600 && strcmp(outer.inner.listen, "unix:x") == 0, "group, with its defaults");
	ok(outer.inner.where.present && outer.inner.where.line == 3, "and its place");
	is_int(outer.entries.n, 2, "groups");
	e = outer.entries.v;
	ok(strcmp(e[0].zone, "z1") == 0 && e[0].weight == -3 && e[0].where.line == 4, "the first");
	ok(strcmp(e[1].zone, "z2") == 0 && e[1].weight == 1 && e[1].where.line == 5, "the second");
	ok(outer.rules != NULL && outer.rules->n == 1, "a node");

	is_int(bind("lists = \"one\"; entries = { zone = \"z\"; };"), 0, "one where several may stand");
	ok(outer.lists.n == 1 && outer.entries.n == 1, "is a list of one");
	is_int(bind("delay = \"0\"; limit = \"0\"; lists = (); entries = ();"), 0, "nothing");
	ok(outer.delay == 0 && outer.limit == 0 && outer.lists.n == 0 && outer.entries.n == 0, "is nothing");
}

static void test_types(void)
{
	is_refused("enabled = \"true\";", "t:1: `enabled` wants true or false, without quotes; \"true\" stands here\n");
	is_refused("enabled = 1;", "t:1: `enabled` wants true or false, without quotes; the number 1 stands here\n");
	is_refused("count = \"5\";", "t:1: `count` wants an integer, without quotes; \"5\" stands here\n");
	is_refused("count = 5.5;", "t:1: `count` wants an integer, without quotes; the number 5.5 stands here\n");
	is_refused("name = 5;", "t:1: `name` wants a string in quotes; the number 5 stands here\n");
	is_refused("name = ( \"a\" );", "t:1: `name` wants a string in quotes; a list stands here\n");
	is_refused("\n\ndelay = 10;",
		   "t:3: `delay` wants a duration in quotes with its unit (ms, s, m, h, d or w), such as "
		   "\"10s\"; the number 10 stands here\n");
	is_refused("limit = 100;",
		   "t:1: `limit` wants a size in quotes, such as \"100M\" (units K, M, G); the number 100 "
		   "stands here\n");
	is_refused("inner = { mode = 0660; };",
		   "t:1: `mode` wants octal permissions in quotes, such as \"0660\"; the number "
		   "0660 stands here\n");
	is_refused("on_error = true;", "t:1: `on_error` wants a word in quotes: ignore or defer; true stands here\n");
	is_refused("inner = \"x\";", "t:1: `inner` wants a group: inner = { ... }; \"x\" stands here\n");
	is_refused("entries = 5;",
		   "t:1: `entries` wants a list of groups: ( { ... }, { ... } ); the number 5 stands here\n");
	is_refused("entries = (\n \"z\" );", "t:2: `entries` wants groups, { ... }; \"z\" stands here\n");
	is_refused("lists = 5;",
		   "t:1: `lists` wants a string, or a list of strings: ( \"a\", \"b\" ); an integer stands here\n");
	is_refused("lists = ( \"a\",\n 5 );", "t:2: `lists` wants strings in quotes; an integer stands here\n");
}

static void test_texts(void)
{
	static const char *const durations[] = { "10", "10x", "", "-1s", "99999999999999999999s" };
	static const char *const modes[] = { "0888", "66", "01777", "rw", "" };
	char text[128], want[256];

	for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
		snprintf(text, sizeof text, "delay = \"%s\";", durations[i]);
		snprintf(
			want, sizeof want,
			"t:1: `delay` wants a duration in quotes with its unit (ms, s, m, h, d or w), such as \"10s\"; "
			"\"%s\" stands here\n",
			durations[i]);
		is_refused(text, want);
	}
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		snprintf(text, sizeof text, "inner = { mode = \"%s\"; };", modes[i]);
		snprintf(want, sizeof want,
			 "t:1: `mode` wants octal permissions in quotes, such as \"0660\"; \"%s\" stands here\n",
			 modes[i]);
		is_refused(text, want);
	}
	is_refused("limit = \"100T\";",
		   "t:1: `limit` wants a size in quotes, such as \"100M\" (units K, M, G); \"100T\" stands here\n");
	is_refused("count = 0;", "t:1: `count` is 0; it must be at least 1\n");
	is_refused("entries = ( { zone = \"z\"; weight = 101; } );",
		   "t:1: `weight` is 101; it must be between -100 and 100\n");
	is_refused("on_error = \"ignroe\";",
		   "t:1: `on_error` cannot be \"ignroe\"; did you mean \"ignore\"? It can be ignore or defer\n");
	is_refused("on_error = \"bounce\";", "t:1: `on_error` cannot be \"bounce\"; it can be ignore or defer\n");
}

static void test_names(void)
{
	is_refused("dealy = \"1s\";", "t:1: unknown setting `dealy`; did you mean `delay`?\n");
	is_refused("gerylist = { };", "t:1: unknown setting `gerylist`; did you mean `greylist`?\n");
	is_refused("something_else = 1;", "t:1: unknown setting `something_else`; take it out\n");
	is_refused("inner = {\n modes = \"0660\"; };",
		   "t:2: unknown setting `modes` in `inner`; did you mean `mode`?\n");
	is_refused("entries = ( { zone = \"z\";\n wieght = 2; } );",
		   "t:2: unknown setting `wieght` in `entries`; did you mean `weight`?\n");
}

static void test_verify(void)
{
	is_refused("entries = ( { weight = 2; },\n { zone = \"z\"; },\n { } );",
		   "t:1: `zone` is missing\nt:3: `zone` is missing\n");
	is_refused("entries = ( { weight = 200; } );", "t:1: `weight` is 200; it must be between -100 and 100\n");
	is_refused("entries = ( { zoen = \"z\"; } );",
		   "t:1: unknown setting `zoen` in `entries`; did you mean `zone`?\n");
	is_refused("count = 13;", "t: these settings do not fit together\n");
}

static void test_five(void)
{
	is_refused("enabled = \"no\";\ncount = 0;\ninner = {\n  mode = \"999\";\n  lisen = \"x\";\n};\non_error = 5;\n",
		   "t:1: `enabled` wants true or false, without quotes; \"no\" stands here\n"
		   "t:2: `count` is 0; it must be at least 1\n"
		   "t:4: `mode` wants octal permissions in quotes, such as \"0660\"; \"999\" stands here\n"
		   "t:5: unknown setting `lisen` in `inner`; did you mean `listen`?\n"
		   "t:7: `on_error` wants a word in quotes: ignore or defer; the number 5 stands here\n");
	is_default();
}

static void test_memory(void)
{
	struct arena *small = arena_new(4000);
	struct conf_node *root = conf_parse("entries = ( { zone = \"z\"; }, { zone = \"z\"; } );", "t", small, &errors);

	error_clear(&errors);
	if (!ok(root != NULL, "a tree"))
		return;
	arena_fail(small);
	is_int(conf_bind(&outer_table, root, &outer, NULL, small, &errors), -1, "out of memory is an error");
	is_str(errors.first->text, "out of memory", "and says so");
	arena_free(&small);
}

static void test_manual(void)
{
	struct sbuf b;

	sbuf_heap(&b, 1 << 20);
	conf_manual(&outer_table, "outer", &b);
	is_str(b.p,
	       ".SS outer\n"
	       ".TP\n\\fBenabled\\fR (true or false; default true)\nWhether it is on.  \\fBfalse\\fR is off.\n"
	       ".TP\n\\fBcount\\fR (integer, at least 1; default 5)\nHow many.\n"
	       ".TP\n\\fBany\\fR (integer; default \\-3)\nAny number.\n"
	       ".TP\n\\fBname\\fR (string)\nIts name; \\(dqquoted\\(dq \\e and .dotted.\n"
	       ".TP\n\\fBdelay\\fR (duration; default \\(dq10s\\(dq)\nHow long.\n"
	       ".TP\n\\fBlimit\\fR (size; default \\(dq100M\\(dq)\nHow much.\n"
	       ".TP\n\\fBon_error\\fR (one of ignore or defer; default \\(dqignore\\(dq)\nWhat then.\n"
	       ".TP\n\\fBlists\\fR (list of strings)\n\\&.leading dot.\n"
	       ".TP\n\\fBinner\\fR (group)\nA group.\n.RS\n"
	       ".TP\n\\fBlisten\\fR (string; default \\(dqunix:x\\(dq)\nWhere.\n"
	       ".TP\n\\fBmode\\fR (octal permissions; default \\(dq0660\\(dq)\nPermissions.\n.RE\n"
	       ".TP\n\\fBentries\\fR (list of groups)\nGroups.\n.RS\n"
	       ".TP\n\\fBzone\\fR (string)\nThe zone.\n"
	       ".TP\n\\fBweight\\fR (integer from \\-100 to 100; default 1)\nIts weight.\n.RE\n"
	       ".TP\n\\fBrules\\fR (list)\nAs it is.\n",
	       "the manual of a table");
	sbuf_done(&b);
}

int main(void)
{
	test_values();
	test_types();
	test_texts();
	test_names();
	test_verify();
	test_five();
	test_manual();
	test_memory();
	error_clear(&errors);
	arena_free(&arena);
	return done_testing();
}
