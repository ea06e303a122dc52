/*
 * Runs the rule tests: the files named on the command line, or all *.rt beside the sources.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/tap.h"
#include "t/rules/rt.h"

static void run_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct arena *a = arena_new(0);

	for (struct rt_block *b = rt_read(path, a); b != NULL; b = b->next)
		rt_run(slash != NULL ? slash + 1 : path, b);
	arena_free(&a);
}

int main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char pattern[4096];
	glob_t found;

	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	if (argc > 1)
		return done_testing();
	snprintf(pattern, sizeof pattern, "%s/t/rules/*.rt", top != NULL ? top : ".");
	if (glob(pattern, 0, NULL, &found) != 0)
		bail_out("no rule tests: %s", pattern);
	for (size_t i = 0; i < found.gl_pathc; i++)
		run_file(found.gl_pathv[i]);
	globfree(&found);
	return done_testing();
}
