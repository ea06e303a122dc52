/*
 * A collector of errors and warnings, so that one run reports all of them.  Used where input is read by people:
 * configuration, rules, key files.  Not thread-safe; one list per load.
 */
#ifndef MILLGATE_UTIL_ERROR_H
#define MILLGATE_UTIL_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

enum error_level { ERROR_WARNING, ERROR_ERROR };

struct error_item {
	struct error_item *next;
	enum error_level level;
	char *file; /* NULL: no place */
	int line;   /* 0: the file as a whole */
	char *text; /* a sentence: what is wrong, and what to do */
};

struct error_list {
	struct error_item *first, *last;
	unsigned errors, warnings;
};

#define ERROR_LIST_INIT                                                                                                \
	{                                                                                                              \
		0                                                                                                      \
	}

/* Adds one item; file may be NULL.  Out of memory: counted, text lost. */
void error_add(struct error_list *l, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void error_warn(struct error_list *l, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Sorts by file (in order of first appearance) and line, stable. */
void error_sort(struct error_list *l);

/* Frees the items and empties the list. */
void error_clear(struct error_list *l);

#endif
