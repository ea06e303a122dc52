#include "util/error.h"

#include <stdio.h>
#include <string.h>

#include "t/lib/tap.h"

/* All items as "file:line:text " in their order. */
static const char *all(const struct error_list *l, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (const struct error_item *e = l->first; e != NULL; e = e->next)
		n += (size_t)snprintf(buf + n, size - n, "%s:%d:%s ", e->file != NULL ? e->file : "-", e->line,
				      e->text);
	return buf;
}

int main(void)
{
	struct error_list l = ERROR_LIST_INIT;
	char buf[512], file[] = "b";

	is_str(all(&l, buf, sizeof buf), "", "empty");
	error_sort(&l);
	error_add(&l, file, 7, "%s", "one");
	file[0] = 'a';
	error_add(&l, "a", 3, "two");
	error_warn(&l, "b", 2, "three");
	error_add(&l, NULL, 0, "four");
	error_add(&l, "a", 1, "five");
	error_add(&l, "b", 7, "six");
	error_add(&l, "a", 3, "seven");
	is_int(l.errors, 6, "errors are counted");
	is_int(l.warnings, 1, "warnings too");
	ok(l.first->next->next->level == ERROR_WARNING, "the level is kept");
	is_str(all(&l, buf, sizeof buf), "b:7:one a:3:two b:2:three -:0:four a:1:five b:7:six a:3:seven ",
	       "in the order in which they were added; the file's name is copied");
	error_sort(&l);
	is_str(all(&l, buf, sizeof buf), "b:2:three b:7:one b:7:six a:1:five a:3:two a:3:seven -:0:four ",
	       "sorted by file, in order of first appearance, and line; stable");
	error_add(&l, "z", 1, "last");
	is_str(l.last->text, "last", "what is added after sorting is the last");
	error_clear(&l);
	ok(l.first == NULL && l.last == NULL && l.errors == 0 && l.warnings == 0, "cleared");
	error_clear(&l);
	return done_testing();
}
