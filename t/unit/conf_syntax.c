/*
 * What is no configuration, and what is said of it; and what is one, and what comes of it.
 */
#include "conf/conf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/conf_help.h"

/* ---- What comes out ---- */

/* The tree on one line: name@line=value, lists in ( ), groups in { }. */
static void print(const struct conf_node *n, struct sbuf *out)
{
	if (n->name != NULL)
		sbuf_addf(out, "%s@%d=", n->name, n->line);
	else if (n->parent != NULL)
		sbuf_addf(out, "@%d=", n->line);
	switch (n->type) {
	case CONF_STRING:
		sbuf_addf(out, "\"%s\"", n->str);
		break;
	case CONF_INT:
		sbuf_addf(out, "%" PRId64 "[%s]", n->num, n->str);
		break;
	case CONF_FLOAT:
		sbuf_addf(out, "%g[%s]", n->real, n->str);
		break;
	case CONF_BOOL:
		sbuf_add(out, n->flag ? "true" : "false");
		break;
	case CONF_GROUP:
	case CONF_LIST:
		sbuf_add(out, n->type == CONF_GROUP ? "{ " : "( ");
		for (const struct conf_node *c = n->child; c != NULL; c = c->next) {
			ok(c->parent == n, "the parent is known");
			print(c, out);
			sbuf_addc(out, ' ');
		}
		sbuf_add(out, n->type == CONF_GROUP ? "}" : ")");
		break;
	}
}

static void is_tree(const char *text, const char *want)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct arena *a = arena_new(0);
	struct conf_node *root = conf_parse(text, "t.conf", a, &errors);
	char got[2048] = "";
	struct sbuf b;

	is_str(help_errors(&errors, a), "", "no error in %s", want);
	sbuf_fixed(&b, got, sizeof got);
	if (root != NULL)
		print(root, &b);
	is_str(got, want, "the tree of %s", want);
	error_clear(&errors);
	arena_free(&a);
}

static void test_trees(void)
{
	is_tree("", "{ }");
	is_tree("# nothing\n// at /* all\n/* a = 1;\n */", "{ }");
	is_tree("a = 1; b : \"x\", c = true\nd = FALSE;;", "{ a@1=1[1] b@1=\"x\" c@1=true d@2=false }");
	is_tree("a = 1.5; b = -2; c = +3; d = 0x1F; e = 1e3; f = .5; g = 2.;",
		"{ a@1=1.5[1.5] b@1=-2[-2] c@1=3[+3] d@1=31[0x1F] e@1=1000[1e3] f@1=0.5[.5] g@1=2[2.] }");
	is_tree("a = 2147483648; b = -2147483649; c = 10000000000; d = 5L; e = 6LL; f = 0xFFFFFFFF; g = 2147483647;",
		"{ a@1=2147483648[2147483648] b@1=-2147483649[-2147483649] c@1=10000000000[10000000000] d@1=5[5L] "
		"e@1=6[6LL] f@1=4294967295[0xFFFFFFFF] g@1=2147483647[2147483647] }");
	is_tree("a = 9223372036854775807; b = -9223372036854775808;",
		"{ a@1=9223372036854775807[9223372036854775807] b@1=-9223372036854775808[-9223372036854775808] }");
	is_tree("mode = 0660;", "{ mode@1=660[0660] }");
	is_tree("a = \"\\\"q\\\" \\\\ \\t \\x41 \\d+ # ; // (\";", "{ a@1=\"\"q\" \\ \t A \\d+ # ; // (\" }");
	is_tree("a = \"не спам\";", "{ a@1=\"не спам\" }");
	is_tree("a = \"one \"\n    \"two\"; # long texts in pieces\nb = \"c\";", "{ a@1=\"one two\" b@3=\"c\" }");
	is_tree("a = ();\nb = {};\nc = [];", "{ a@1=( ) b@2={ } c@3=( ) }");
	is_tree("a =\n  ( \"x\",\n    \"y\"\n    ,\n    3, true );", "{ a@1=( @2=\"x\" @3=\"y\" @5=3[3] @5=true ) }");
	is_tree("a = [ 1, \"x\", 2.5 ];", "{ a@1=( @1=1[1] @1=\"x\" @1=2.5[2.5] ) }");
	is_tree("r = (\n { name = \"x\";\n   when = ( { fact = \"a\"; over = 5; } ); },\n { name = \"y\" }\n);\nz = 1",
		"{ r@1=( @2={ name@2=\"x\" when@3=( @3={ fact@3=\"a\" over@3=5[5] } ) } @4={ name@4=\"y\" } ) z@6=1[1] }");
	is_tree("a = 1;\r\nb = \"x\";\r\n", "{ a@1=1[1] b@2=\"x\" }");
	is_tree("a-b_c* = 1; *x = 2;", "{ a-b_c*@1=1[1] *x@1=2[2] }");
	is_tree("a = /* c */ 5 /* d */;", "{ a@1=5[5] }");
	is_tree("a = 5# c\n;b=\"x\"//d\n;", "{ a@1=5[5] b@2=\"x\" }");
}

/* ---- What is said ---- */

static void is_refused(const char *text, const char *want)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct arena *a = arena_new(0);

	conf_parse(text, "t", a, &errors);
	is_str(help_errors(&errors, a), want, "%s", text);
	ok(errors.errors > 0, "it counts as an error");
	error_clear(&errors);
	arena_free(&a);
}

static void test_lists(void)
{
	is_refused(
		"a = ( \"x@a.org\" \"y@b.org\" );",
		"t:1: a comma is missing between \"x@a.org\" and \"y@b.org\"; libconfig would make one string of them\n");
	is_refused("a = (\n  \"x\", # one\n  \"y\"\n\n  \"z\"\n  \"w\"\n);",
		   "t:3: a comma is missing between \"y\" and \"z\"; libconfig would make one string of them\n"
		   "t:5: a comma is missing between \"z\" and \"w\"; libconfig would make one string of them\n");
	is_refused("a = [ \"x\" \"y\" ];",
		   "t:1: a comma is missing between \"x\" and \"y\"; libconfig would make one string of them\n");
	is_refused("a = ( { b = 1; }\n { b = 2; } );", "t:2: syntax error: a comma is missing before {\n");
	is_refused("a = ( 1 2 );", "t:1: syntax error: a comma is missing before 2\n");
	is_refused("a = ( 1,\n 2,\n);", "t:2: syntax error: a comma behind the last item of a list; take it away\n");
	is_refused("a = ( , 1 );", "t:1: syntax error: nothing stands before this comma\n");
	is_refused("a = ( 1,, 2 );", "t:1: syntax error: nothing stands before this comma\n");
	is_refused("a = (\n 1; 2 );",
		   "t:2: syntax error: a semicolon in a list; its items are separated by commas, and "
		   "`(` of line 1 is not closed yet\n");
	is_refused("a = ( \"b\" = 1 );",
		   "t:1: syntax error: `=` in a list; named settings stand in { }, and `(` of line "
		   "1 is not closed yet\n");
}

static void test_values(void)
{
	is_refused("delay = 10s;", "t:1: syntax error: 10s must stand in quotes: \"10s\"\n");
	is_refused("a = 192.0.2.1;", "t:1: syntax error: 192.0.2.1 must stand in quotes: \"192.0.2.1\"\n");
	is_refused("a = 2001:db8::1;", "t:1: syntax error: 2001:db8::1 must stand in quotes: \"2001:db8::1\"\n");
	is_refused("a = ( example.net );", "t:1: syntax error: example.net must stand in quotes: \"example.net\"\n");
	is_refused("a = unix:/run/x;", "t:1: syntax error: unix:/run/x must stand in quotes: \"unix:/run/x\"\n");
	is_refused("a = yes;\nb = on;\nc = No;\nd = off;", "t:1: syntax error: `yes` is unknown here; write true\n"
							   "t:2: syntax error: `on` is unknown here; write true\n"
							   "t:3: syntax error: `No` is unknown here; write false\n"
							   "t:4: syntax error: `off` is unknown here; write false\n");
	is_refused("a = 'x';\nb = ( 'y', 'z' );", "t:1: syntax error: single quotes; write \"x\"\n"
						  "t:2: syntax error: single quotes; write \"y\"\n"
						  "t:2: syntax error: single quotes; write \"z\"\n");
	is_refused("a = 'x;\nb = 1;", "t:1: syntax error: a single quote; strings stand in double quotes, \"...\"\n");
	is_refused("a = 9223372036854775808;", "t:1: the number 9223372036854775808 is too large\n");
	is_refused("a = 0xFFFFFFFFFFFFFFFF;", "t:1: the number 0xFFFFFFFFFFFFFFFF is too large\n");
	is_refused("a = 1-2; b = 0x; c = 1.2.3; d = -; e = 5LLL;",
		   "t:1: syntax error: 1-2 must stand in quotes: \"1-2\"\n"
		   "t:1: syntax error: 0x must stand in quotes: \"0x\"\n"
		   "t:1: syntax error: 1.2.3 must stand in quotes: \"1.2.3\"\n"
		   "t:1: syntax error: - must stand in quotes: \"-\"\n"
		   "t:1: syntax error: 5LLL must stand in quotes: \"5LLL\"\n");
	is_refused("a = 10 s;",
		   "t:1: syntax error: `s` behind the value 10; does the value lack quotes, or a semicolon "
		   "behind it?\n");
	is_refused("a = \"x\" 5;",
		   "t:1: syntax error: the name of a setting should stand here, not 5 (a name begins with "
		   "a letter, and has letters, digits, - and _)\n");
	is_refused("a = 1 \"x\";",
		   "t:1: syntax error: \"x\" stands behind the value of `a`; is a semicolon missing, or a "
		   "bracket around several values?\n");
	is_refused("a = ;", "t:1: syntax error: `a` has no value\n");
	is_refused("g = {\n a = \n};", "t:2: syntax error: `a` has no value\n");
	is_refused("a =", "t:1: syntax error: `a` has no value\n");
}

static void test_strings(void)
{
	is_refused(
		"a = 1;\nb = \"x;\nc = \"y\";",
		"t:2: syntax error: the string that begins here has no closing quote on its line (a line break in a text "
		"is written \\n)\n");
	is_refused("a = \"x\\",
		   "t:1: syntax error: the string that begins here has no closing quote on its line (a line "
		   "break in a text is written \\n)\n");
	is_refused("a = \"\\bwin\\b\";",
		   "t:1: \\b in a string is read in different ways by different versions of libconfig; write \\\\b\n"
		   "t:1: \\b in a string is read in different ways by different versions of libconfig; write \\\\b\n");
	is_refused("a = \"x\\x00y\";", "t:1: \\x00 would end the string here; a setting cannot hold a NUL\n");
	is_refused("a = \"\xce\xc5\";", "t:1: this string is not UTF-8; save the file in that encoding\n");
}

static void test_names(void)
{
	is_refused("a = 1;\ng = {\n  b = 1;\n  c = 2;\n  b = 3;\n};\na = { d = 5; e = 10s; };",
		   "t:5: `b` is set twice, first on line 3; several values are written as one list\n"
		   "t:7: `a` is set twice, first on line 1; several values are written as one list\n"
		   "t:7: syntax error: 10s must stand in quotes: \"10s\"\n");
	is_refused("a = ( { b = 1; b = 2; } );",
		   "t:1: `b` is set twice, first on line 1; several values are written as one list\n");
	is_refused("milter {\n a = 1; }", "t:1: syntax error: `milter` is not followed by `=` or `:`\n");
	is_refused("a = 1;\nmilter", "t:2: syntax error: `milter` is not followed by `=` or `:`\n");
	is_refused("g = { a };", "t:1: syntax error: `a` is not followed by `=` or `:`\n");
	is_refused("9a = 1;",
		   "t:1: syntax error: the name of a setting should stand here, not 9a (a name begins with a "
		   "letter, and has letters, digits, - and _)\n");
	is_refused("\"a\" = 1;", "t:1: syntax error: the name of a setting should stand here, not \"a\"\n");
	is_refused("имя = 1;",
		   "t:1: syntax error: the name of a setting should stand here, not имя (a name begins with a "
		   "letter, and has letters, digits, - and _)\n");
	is_refused("a = 1;\n= 2;", "t:2: syntax error: the name of a setting should stand here, not =\n");
	is_refused("\n@includes \"x\"",
		   "t:2: syntax error: write @include \"file\" alone on its line, without a semicolon\n");
	is_refused("@include \"x\"\n", "t:1: @include is not possible here\n");
}

static void test_brackets(void)
{
	char deep[512] = "a = ", *p = deep + 4;

	is_refused("g = {\n a = 1;\n", "t:1: syntax error: `{` of this line is never closed\n");
	is_refused("a = (\n { b = 1;\n );", "t:3: syntax error: `)` where `{` of line 2 wants its `}`\n");
	is_refused("a = 1; }\n", "t:1: syntax error: nothing is open that this `}` could close\n");
	is_refused("a = 1;\n/* no end\n\n",
		   "t:2: syntax error: the comment that begins here is never closed; end it with */\n");
	memset(p, '(', 100);
	is_refused(deep, "t:1: syntax error: brackets stand more than 63 deep here\n");
}

/* One run, all errors. */
static void test_all_at_once(void)
{
	is_refused("a = ( \"x\" \"y\" );\nb = yes;\nc = 'q';\nd = 5m;\na = 2;\ne = ( 1, );\nf { };",
		   "t:1: a comma is missing between \"x\" and \"y\"; libconfig would make one string of them\n"
		   "t:2: syntax error: `yes` is unknown here; write true\n"
		   "t:3: syntax error: single quotes; write \"q\"\n"
		   "t:4: syntax error: 5m must stand in quotes: \"5m\"\n"
		   "t:5: `a` is set twice, first on line 1; several values are written as one list\n"
		   "t:6: syntax error: a comma behind the last item of a list; take it away\n"
		   "t:7: syntax error: `f` is not followed by `=` or `:`\n");
}

/* What can be mended is, so that the rest can be looked at. */
static void test_mended(void)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct arena *a = arena_new(0);
	struct conf_node *root =
		conf_parse("a = ( \"x\" \"y\", );\nb = yes;\nc = 5m;\na = 7;\nd = 'z';", "t", a, &errors);
	char got[512];
	struct sbuf b;

	is_int(errors.errors, 6, "six errors");
	if (!ok(root != NULL, "and a tree"))
		return;
	sbuf_fixed(&b, got, sizeof got);
	print(root, &b);
	is_str(got, "{ a@1=( @1=\"x\" @1=\"y\" ) b@2=true c@3=\"5m\" d@5=\"z\" }", "that says what was meant");
	error_clear(&errors);
	arena_free(&a);
}

/* Whatever bytes come: no crash, and a tree or an error. */
static void test_noise(void)
{
	static const char *const bits[] = { "{",    "}",          "(",     ")",    "[",
					    "]",    ",",          ";",     "=",    ":",
					    "a",    "b",          "\"x\"", "\"",   "'",
					    "5",    "1.5",        "10s",   "\n",   " ",
					    "#",    "/*",         "*/",    "//",   "@include \"x\"\n",
					    "\\",   "true",       "yes",   "\xff", "99999999999",
					    "a = ", "{ b = 1; }", "0x",    "-" };
	int nothing = 0;

	srandom(3);
	for (int i = 0; i < 30000; i++) {
		struct error_list errors = ERROR_LIST_INIT;
		struct arena *a = arena_new(0);
		char text[256] = "";
		struct sbuf b;

		sbuf_fixed(&b, text, sizeof text);
		for (long n = random() % 14; n >= 0; n--)
			sbuf_add(&b, bits[(size_t)random() % (sizeof bits / sizeof *bits)]);
		if (conf_parse(text, "t", a, &errors) == NULL && errors.errors == 0)
			nothing++;
		if (strstr(help_errors(&errors, a), "libconfig refuses") != NULL) {
			nothing++;
			diag("libconfig refuses: %s", text);
		}
		error_clear(&errors);
		arena_free(&a);
	}
	is_int(nothing, 0, "noise gives a tree or an error, and nothing that only libconfig notices");
}

int main(void)
{
	test_trees();
	test_lists();
	test_values();
	test_strings();
	test_names();
	test_brackets();
	test_all_at_once();
	test_mended();
	test_noise();
	return done_testing();
}
