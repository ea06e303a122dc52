/*
 * Files: what is read, from where, and the names and lines that errors give.
 */
#include "conf/conf.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "t/lib/tap.h"
#include "t/unit/conf_help.h"

static struct arena *arena;
static struct error_list errors;
static const struct conf_node *root;

static void load(const char *path)
{
	error_clear(&errors);
	arena_free(&arena);
	arena = arena_new(0);
	root = conf_load(path, arena, &errors);
}

static void is_place(const struct conf_node *node, const char *file, int line)
{
	if (!ok(node != NULL, "%s:%d is there", file, line))
		return;
	is_str(node->file, file, "its file");
	is_int(node->line, line, "its line");
}

static void test_include(void)
{
	help_file("etc/main.conf", "a = 1;\n@include \"sub/one.conf\"\nz = 26; # z\n");
	help_file("etc/sub/one.conf", "# one\nb = 2;\n  @include \"two.conf\" # beside it\nd = 4;");
	help_file("etc/sub/two.conf", "\n\n\nc = ( \"x\",\n  { deep = true; } );\n");
	load("etc/main.conf");
	is_str(help_errors(&errors, arena), "", "includes of includes are read, each from its own folder");
	is_str(root->file, "etc/main.conf", "the root is the main file's");
	is_int(root->line, 0, "as a whole");
	is_place(conf_child(root, "a"), "etc/main.conf", 1);
	is_place(conf_child(root, "b"), "etc/sub/one.conf", 2);
	is_place(conf_child(root, "c"), "etc/sub/two.conf", 4);
	is_place(conf_child(root, "c")->child->next->child, "etc/sub/two.conf", 5);
	is_place(conf_child(root, "d"), "etc/sub/one.conf", 4);
	is_place(conf_child(root, "z"), "etc/main.conf", 3);

	help_file("etc/in.conf",
		  "g = {\n@include \"sub/part.conf\"\n  last = 3;\n};\nl = (\n@include \"sub/items.conf\"\n);\n");
	help_file("etc/sub/part.conf", "p = 1;\nq = 2;\n");
	help_file("etc/sub/items.conf", "\"i\",\n\"j\"\n");
	load("etc/in.conf");
	is_str(help_errors(&errors, arena), "", "an include within a group, and within a list");
	is_place(conf_child(conf_child(root, "g"), "q"), "etc/sub/part.conf", 2);
	is_place(conf_child(conf_child(root, "g"), "last"), "etc/in.conf", 3);
	is_int(conf_child(root, "l")->n, 2, "two items");
	is_place(conf_child(root, "l")->child->next, "etc/sub/items.conf", 2);
}

static void test_include_errors(void)
{
	help_file("e/main.conf", "a = 1;\n@include \"bad.conf\"\na = 2;\nb = 3;\n");
	help_file("e/bad.conf", "# fine\nb = yes;\n");
	load("e/main.conf");
	is_str(help_errors(&errors, arena),
	       "e/bad.conf:2: syntax error: `yes` is unknown here; write true\n"
	       "e/main.conf:3: `a` is set twice, first on line 1; several values are written as one list\n"
	       "e/main.conf:4: `b` is set twice, first on line 2 of e/bad.conf; several values are written as one list\n",
	       "errors give the file that they are in");
	ok(root != NULL, "and the rest is read");

	help_file("e/none.conf", "\n@include \"missing.conf\"\n@include \"/nowhere/x.conf\"\nb = 10s;\n");
	load("e/none.conf");
	is_str(help_errors(&errors, arena),
	       "e/none.conf:2: the included file e/missing.conf cannot be read: No such file or directory\n"
	       "e/none.conf:3: the included file /nowhere/x.conf cannot be read: No such file or directory\n"
	       "e/none.conf:4: syntax error: 10s must stand in quotes: \"10s\"\n",
	       "files that are not there");

	help_file("e/self.conf", "\n@include \"self.conf\"\n");
	load("e/self.conf");
	is_str(help_errors(&errors, arena),
	       "e/self.conf:2: @include stands more than 10 files deep; does a file include itself?\n",
	       "a file that includes itself");
	ok(root == NULL, "gives nothing");

	help_file("e/semi.conf", "a = 1;\n@include \"x.conf\";\n");
	load("e/semi.conf");
	is_str(help_errors(&errors, arena),
	       "e/semi.conf:2: syntax error: write @include \"file\" alone on its line, without a semicolon\n",
	       "a semicolon behind @include");
	help_file("e/same.conf", "a = 1; @include \"x.conf\"\n");
	load("e/same.conf");
	is_str(help_errors(&errors, arena),
	       "e/same.conf:1: syntax error: write @include \"file\" alone on its line, without a semicolon\n",
	       "@include behind something else");

	help_file("e/open.conf", "g = {\n@include \"close.conf\"\n");
	help_file("e/close.conf", "a = 1; };\n");
	load("e/open.conf");
	is_str(help_errors(&errors, arena),
	       "e/close.conf:1: syntax error: `}` closes what line 1 of e/open.conf opened; a bracket is closed in its own file\n",
	       "a bracket is closed in its own file");
	help_file("e/opens.conf", "@include \"unclosed.conf\"\na = 1;\n");
	help_file("e/unclosed.conf", "\ng = {\n");
	load("e/opens.conf");
	is_str(help_errors(&errors, arena), "e/unclosed.conf:2: syntax error: `{` of this line is never closed\n",
	       "a bracket that an included file leaves open");
	help_file("e/comma.conf", "l = ( \"a\"\n@include \"item.conf\"\n);\n");
	help_file("e/item.conf", "\n\"b\"\n");
	load("e/comma.conf");
	is_str(help_errors(&errors, arena),
	       "e/comma.conf:1: a comma is missing between \"a\" and \"b\"; libconfig would make one string of them\n",
	       "a comma that is missing between two files");
}

static void test_files(void)
{
	static const char nul[] = "a = 1;\nb = 2;\n\0c = 3;\n";
	static const char wide[] = "\xff\xfe"
				   "a\0 \0=\0 \0"
				   "1\0;\0";

	load("f/none.conf");
	is_str(help_errors(&errors, arena), "f/none.conf: this file cannot be read: No such file or directory\n",
	       "a file that is not there");
	ok(root == NULL, "gives nothing");
	mkdir("f", 0700);
	load("f");
	is_str(help_errors(&errors, arena), "f: this file cannot be read: it is a folder\n", "a folder");
	mkfifo("f/pipe", 0600);
	load("f/pipe");
	is_str(help_errors(&errors, arena), "f/pipe: this file cannot be read: it is not a regular file\n",
	       "a pipe, which would never end");
	help_file("f/empty.conf", "");
	load("f/empty.conf");
	ok(root != NULL && root->n == 0 && errors.errors == 0, "an empty file is an empty configuration");
	help_file("f/bom.conf", "\xef\xbb\xbf"
				"a = 1;\n");
	load("f/bom.conf");
	is_str(help_errors(&errors, arena), "", "a byte order mark is passed over");
	is_place(conf_child(root, "a"), "f/bom.conf", 1);
	help_file("f/inc.conf", "@include \"bom.conf\"\n");
	load("f/inc.conf");
	is_str(help_errors(&errors, arena), "", "in an included file too");
	help_bytes("f/nul.conf", nul, sizeof nul - 1);
	load("f/nul.conf");
	is_str(help_errors(&errors, arena),
	       "f/nul.conf:3: syntax error: a NUL byte, behind which nothing would be read; save the file as plain text "
	       "in UTF-8\n",
	       "a NUL");
	help_bytes("f/wide.conf", wide, sizeof wide - 1);
	load("f/wide.conf");
	is_str(help_errors(&errors, arena),
	       "f/wide.conf:1: syntax error: a NUL byte, behind which nothing would be read; save the file as plain text "
	       "in UTF-8\n",
	       "UTF-16");
	help_file("f/koi.conf", "# \xce\xc5 in a comment is nobody's business\na = \"\xce\xc5\";\n");
	load("f/koi.conf");
	is_str(help_errors(&errors, arena), "f/koi.conf:2: this string is not UTF-8; save the file in that encoding\n",
	       "KOI8-R");
}

static void test_rules_folder(void)
{
	const struct conf_node *rules, *rule;

	help_file("r/main.conf", "rules = ( { name = \"main\"; } );\nuser = \"x\";\n");
	help_file("r/rules.d/20-b.conf", "# b\nrules = (\n  { name = \"b\"; } );\n");
	help_file("r/rules.d/10-a.conf", "rules = ( { name = \"a1\"; },\n { name = \"a2\"; } );\n");
	help_file("r/rules.d/30-none.conf", "# nothing yet\n");
	help_file("r/rules.d/.hidden.conf", "junk");
	help_file("r/rules.d/10-a.conf.bak", "junk");
	help_file("r/rules.d/README", "junk");
	load("r/main.conf");
	is_str(help_errors(&errors, arena), "", "rules.d is read; what does not end in .conf, or is hidden, is not");
	rules = conf_child(root, "rules");
	is_int(rules->n, 4, "four rules");
	rule = rules->child;
	is_str(conf_child(rule, "name")->str, "main", "the main file's first");
	is_str(conf_child(rule->next, "name")->str, "a1", "then by the files' names");
	is_str(conf_child(rule->next->next, "name")->str, "a2", "then by the files' names");
	rule = rule->next->next->next;
	is_str(conf_child(rule, "name")->str, "b", "then by the files' names");
	is_place(rule, "r/rules.d/20-b.conf", 3);
	ok(rule->parent == rules && rule->next == NULL, "and they hang together");

	help_file("r/main.conf", "user = \"x\";\n");
	load("r/main.conf");
	is_str(help_errors(&errors, arena), "", "without rules in the main file");
	is_int(conf_child(root, "rules")->n, 3, "those of rules.d alone");

	help_file("r/rules.d/40-bad.conf", "user = \"y\";\n\nrules = { a = 1; };\n");
	help_file("r/rules.d/50-bad.conf", "rules = (\n { name = 'q'; }\n");
	load("r/main.conf");
	is_str(help_errors(&errors, arena),
	       "r/rules.d/40-bad.conf:1: `user` cannot stand in a file of rules.d, which holds `rules = ( ... );` alone; "
	       "move it to the main file\n"
	       "r/rules.d/40-bad.conf:3: `rules` wants a list of rules; a group stands here\n"
	       "r/rules.d/50-bad.conf:1: syntax error: `(` of this line is never closed\n"
	       "r/rules.d/50-bad.conf:2: syntax error: single quotes; write \"q\"\n",
	       "what may not stand there");
	ok(root != NULL, "the main file's tree comes all the same");

	help_file("r/main.conf", "user = ;\n");
	load("r/main.conf");
	ok(root == NULL, "a main file that cannot be read gives nothing");
	is_int(errors.errors, 5, "and rules.d is checked all the same");

	help_file("q/main.conf", "rules = 5;\n");
	help_file("q/rules.d/a.conf", "rules = ( { name = \"a\"; } );\n");
	load("q/main.conf");
	is_str(help_errors(&errors, arena), "", "rules of a wrong type are left to the table");
	is_int(conf_child(root, "rules")->type, CONF_INT, "as they are");
	help_file("p/rules.d", "a file");
	help_file("p/main.conf", "a = 1;\n");
	load("p/main.conf");
	is_str(help_errors(&errors, arena), "p/rules.d: this folder cannot be read: Not a directory\n",
	       "a file in the place of rules.d");
}

int main(void)
{
	help_folder();
	test_include();
	test_include_errors();
	test_files();
	test_rules_folder();
	error_clear(&errors);
	arena_free(&arena);
	return done_testing();
}
