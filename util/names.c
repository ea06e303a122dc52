#include "util/names.h"

#include <string.h>

#include "util/bytes.h"

enum { NAMES_LONGEST = 48 }; /* no name of ours is longer; longer words are nobody's typo */

int names_value(const struct name_value *table, const char *name)
{
	for (; table->name != NULL; table++)
		if (strcmp(table->name, name) == 0)
			return table->value;
	return -1;
}

const char *names_name(const struct name_value *table, int value)
{
	for (; table->name != NULL; table++)
		if (table->value == value)
			return table->name;
	return NULL;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits from a to b: insert, delete, replace, swap neighbours (optimal string alignment). */
static unsigned distance(const char *a, size_t an, const char *b, size_t bn)
{
	unsigned rows[3][NAMES_LONGEST + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= bn; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= an; i++) {
		unsigned *spare = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= bn; j++) {
			char x = ascii_lower(a[i - 1]), y = ascii_lower(b[j - 1]);

			row[j] = least(last[j - 1] + (x != y), least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && x == ascii_lower(b[j - 2]) && ascii_lower(a[i - 2]) == y)
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[bn];
}

void names_nearest_init(struct names_nearest *n, const char *word)
{
	size_t third = strlen(word) / 3;

	*n = (struct names_nearest){ .word = word, .distance = third > 0 ? (unsigned)third + 1 : 2 };
}

void names_nearest_try(struct names_nearest *n, const char *candidate)
{
	size_t wn = strlen(n->word), cn = strlen(candidate);
	unsigned d;

	if (wn > NAMES_LONGEST || cn > NAMES_LONGEST)
		return;
	d = distance(n->word, wn, candidate, cn);
	/* Words that share no letter are not near, however short they are. */
	if (d < n->distance && d < wn && d < cn) {
		n->best = candidate;
		n->distance = d;
	}
}
