/*
 * Lists of strings, and the files that they name.
 */
#include "conf/conf.h"

#include <stdio.h>
#include <unistd.h>

#include "t/lib/tap.h"
#include "t/unit/conf_help.h"

static struct arena *arena;
static struct error_list errors;

/* Loads l.conf and reads its `list`; the items as "FILE:LINE=TEXT ". */
static const char *items(const char *path, int *rc)
{
	struct conf_strings got = { 0 };
	const struct conf_node *root;
	const char *text;
	struct sbuf b;

	error_clear(&errors);
	arena_free(&arena);
	arena = arena_new(0);
	root = conf_load(path, arena, &errors);
	*rc = conf_strings(conf_child(root, "list"), &got, arena, &errors);
	sbuf_heap(&b, 1 << 20);
	for (unsigned i = 0; i < got.n; i++)
		sbuf_addf(&b, "%s:%d=%s ", got.v[i].file, got.v[i].line, got.v[i].s);
	text = arena_strdup(arena, b.p);
	sbuf_done(&b);
	return text;
}

static void is_items(const char *path, const char *want)
{
	int rc;

	is_str(items(path, &rc), want, "the items of %s", path);
	is_str(help_errors(&errors, arena), "", "without errors");
	is_int(rc, 0, "and 0");
}

static void is_refused(const char *path, const char *want_items, const char *want_errors)
{
	int rc;

	is_str(items(path, &rc), want_items, "the items of %s that could be read", path);
	is_str(help_errors(&errors, arena), want_errors, "the errors");
	is_int(rc, -1, "and -1");
}

static void test_files(void)
{
	static const char nul[] = "one\nt\0o\nthree\n";
	char cwd[2048], text[4096], want[8192];

	help_file("c/l.conf", "list = ( \"a\",\n  \"file:names\",\n  \"redis:set\" );\n");
	help_file("c/names", "\xef\xbb\xbf"
			     "# people\n\n  one  \n\ttwo words\r\n#three\n\n four#five");
	is_items("c/l.conf",
		 "c/l.conf:1=a c/names:3=one c/names:4=two words c/names:7=four#five c/l.conf:3=redis:set ");
	help_file("c/l.conf", "list = \"file:names\";\n");
	is_items("c/l.conf", "c/names:3=one c/names:4=two words c/names:7=four#five ");
	help_file("c/empty", "");
	help_file("c/l.conf", "list = ( \"file:empty\", \"\" );\n");
	is_items("c/l.conf", "c/l.conf:1= ");
	help_file("c/l.conf", "list = ();\n");
	is_items("c/l.conf", "");

	if (getcwd(cwd, sizeof cwd) == NULL)
		bail_out("getcwd");
	snprintf(text, sizeof text, "list = ( \"file:%s/c/names\" );\n", cwd);
	snprintf(want, sizeof want, "%s/c/names:3=one %s/c/names:4=two words %s/c/names:7=four#five ", cwd, cwd, cwd);
	help_file("d/l.conf", text);
	is_items("d/l.conf", want);

	help_file("d/l.conf", "list = ( \"a\",\n \"file:none\",\n \"file:\",\n \"b\" );\n");
	is_refused("d/l.conf", "d/l.conf:1=a d/l.conf:4=b ",
		   "d/l.conf:2: the list \"file:none\" cannot be read: No such file or directory\n"
		   "d/l.conf:3: the list \"file:\" cannot be read: it is a folder\n");
	help_bytes("d/nul", nul, sizeof nul - 1);
	help_file("d/koi", "a\n\xce\xc5\n");
	help_file("d/l.conf", "list = ( \"file:nul\", \"file:koi\" );\n");
	is_refused("d/l.conf", "d/nul:1=one d/nul:3=three d/koi:1=a ",
		   "d/nul:2: this line is not plain text in UTF-8; save the file in that encoding\n"
		   "d/koi:2: this line is not plain text in UTF-8; save the file in that encoding\n");
	help_file("d/l.conf", "list = ( \"a\", { b = 1; } );\n");
	is_refused("d/l.conf", "d/l.conf:1=a ", "d/l.conf:1: `list` wants strings in quotes; a group stands here\n");
}

static void test_many(void)
{
	enum { MANY = 20000 };
	const struct conf_node *root;
	struct conf_strings got;
	struct sbuf b;

	help_file("m/l.conf", "list = ( \"file:many\" );\n");
	sbuf_heap(&b, 1 << 20);
	for (int i = 1; i <= MANY; i++)
		sbuf_addf(&b, "name-%d\n", i);
	help_file("m/many", b.p);
	sbuf_done(&b);
	root = conf_load("m/l.conf", arena, &errors);
	is_int(conf_strings(conf_child(root, "list"), &got, arena, &errors), 0, "a long list");
	is_int(got.n, MANY, "all of it");
	is_str(got.v[MANY - 1].s, "name-20000", "to the last");
	is_int(got.v[MANY - 1].line, MANY, "with its line");
}

int main(void)
{
	help_folder();
	test_files();
	test_many();
	error_clear(&errors);
	arena_free(&arena);
	return done_testing();
}
