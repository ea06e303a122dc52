#include "util/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct error_list *l, enum error_level level, const char *file, int line, const char *fmt, va_list ap)
	__attribute__((format(printf, 5, 0)));

static void add(struct error_list *l, enum error_level level, const char *file, int line, const char *fmt, va_list ap)
{
	struct error_item *e = calloc(1, sizeof *e);

	if (level == ERROR_ERROR)
		l->errors++;
	else
		l->warnings++;
	if (e == NULL)
		return;
	e->level = level;
	e->line = line;
	if (vasprintf(&e->text, fmt, ap) < 0)
		e->text = NULL;
	if (file != NULL)
		e->file = strdup(file);
	if (e->text == NULL || (file != NULL && e->file == NULL)) {
		free(e->text);
		free(e->file);
		free(e);
		return;
	}
	if (l->last != NULL)
		l->last->next = e;
	else
		l->first = e;
	l->last = e;
}

void error_add(struct error_list *l, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(l, ERROR_ERROR, file, line, fmt, ap);
	va_end(ap);
}

void error_warn(struct error_list *l, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(l, ERROR_WARNING, file, line, fmt, ap);
	va_end(ap);
}

struct ranked {
	struct error_item *item;
	size_t file; /* index of the first item of the same file */
	size_t index;
};

static int ranked_compare(const void *x, const void *y)
{
	const struct ranked *a = x, *b = y;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->item->line != b->item->line)
		return a->item->line < b->item->line ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static bool same_file(const struct error_item *a, const struct error_item *b)
{
	return a->file == b->file || (a->file != NULL && b->file != NULL && strcmp(a->file, b->file) == 0);
}

/* The rank of item i: that of the first item of its file.  Neighbours mostly share the file. */
static size_t file_rank(const struct ranked *v, size_t i)
{
	if (i > 0 && same_file(v[i - 1].item, v[i].item))
		return v[i - 1].file;
	for (size_t j = 0; j < i; j++)
		if (v[j].file == j && same_file(v[j].item, v[i].item))
			return j;
	return i;
}

void error_sort(struct error_list *l)
{
	struct error_item *e;
	struct ranked *v;
	size_t n = 0;

	for (e = l->first; e != NULL; e = e->next)
		n++;
	if (n < 2 || (v = calloc(n, sizeof *v)) == NULL)
		return; /* out of memory: they stay in the order in which they were found */
	n = 0;
	for (e = l->first; e != NULL; e = e->next, n++) {
		v[n].item = e;
		v[n].index = n;
		v[n].file = file_rank(v, n);
	}
	qsort(v, n, sizeof *v, ranked_compare);
	for (size_t i = 0; i < n; i++)
		v[i].item->next = i + 1 < n ? v[i + 1].item : NULL;
	l->first = v[0].item;
	l->last = v[n - 1].item;
	free(v);
}

void error_clear(struct error_list *l)
{
	struct error_item *e, *next;

	for (e = l->first; e != NULL; e = next) {
		next = e->next;
		free(e->file);
		free(e->text);
		free(e);
	}
	*l = (struct error_list)ERROR_LIST_INIT;
}
