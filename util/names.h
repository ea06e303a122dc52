/*
 * Tables of names: words to numbers and back, and the nearest known name for a typo.
 */
#ifndef MILLGATE_UTIL_NAMES_H
#define MILLGATE_UTIL_NAMES_H

#include <stddef.h>

struct name_value {
	const char *name; /* NULL ends a table */
	int value;
};

/* The value of a name (exact), or -1. */
int names_value(const struct name_value *table, const char *name);

/* The name of a value, or NULL. */
const char *names_name(const struct name_value *table, int value);

/*
 * The candidate nearest to `word` (Damerau-Levenshtein, case-blind, at most a third of its letters wrong and at least
 * one edit allowed), or NULL.  Feed candidates one by one: names_nearest_init, names_nearest_try..., result in .best.
 */
struct names_nearest {
	const char *word;
	const char *best;
	unsigned distance;
};
void names_nearest_init(struct names_nearest *n, const char *word);
void names_nearest_try(struct names_nearest *n, const char *candidate);

#endif
