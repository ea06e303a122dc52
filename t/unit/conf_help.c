#include "t/unit/conf_help.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "t/lib/tap.h"
#include "util/sbuf.h"

static char folder[PATH_MAX];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void remove_folder(void)
{
	if (chdir("/") == 0)
		nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void help_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof folder, "%s/millgate-conf-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(folder) == NULL || chdir(folder) != 0)
		bail_out("no temporary folder: %s", strerror(errno));
	atexit(remove_folder);
}

void help_bytes(const char *path, const void *bytes, size_t n)
{
	char part[PATH_MAX];
	FILE *f;

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			bail_out("%s: %s", part, strerror(errno));
	}
	f = fopen(path, "w");
	if (f == NULL || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
		bail_out("%s: %s", path, strerror(errno));
}

void help_file(const char *path, const char *text)
{
	help_bytes(path, text, strlen(text));
}

const char *help_errors(struct error_list *l, struct arena *a)
{
	const char *text;
	struct sbuf b;

	error_sort(l);
	sbuf_heap(&b, 1 << 20);
	for (const struct error_item *e = l->first; e != NULL; e = e->next)
		sbuf_addf(&b, e->line > 0 ? "%s:%d: %s%s\n" : "%s: %.0d%s%s\n", e->file, e->line,
			  e->level == ERROR_WARNING ? "warning: " : "", e->text);
	text = arena_strdup(a, b.p);
	sbuf_done(&b);
	return text;
}
