/*
 * For mime_corpus.py: decodes what it is given on standard input.  A record is its length in decimal, LF and so many
 * bytes; for each the answer is the number of texts, LF, and each text as a record.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mime/header.h"

enum { RECORD_MAX = 1 << 20 };

int main(void)
{
	static const char *const names[] = { "KOI8-R", "windows-1251" };
	const struct mime_charsets charsets = { names, 2 };
	static char value[RECORD_MAX];
	char line[32];

	while (fgets(line, sizeof line, stdin) != NULL) {
		size_t n = strtoul(line, NULL, 10);
		struct arena *a = arena_new(0);
		struct mime_text *texts;
		unsigned found;

		if (n > sizeof value || fread(value, 1, n, stdin) != n ||
		    mime_decode(a, value, n, &charsets, &texts, &found) != 0)
			return 1;
		printf("%u\n", found);
		for (unsigned i = 0; i < found; i++) {
			printf("%zu\n", texts[i].n);
			fwrite(texts[i].p, 1, texts[i].n, stdout);
		}
		fflush(stdout);
		arena_free(&a);
	}
	return 0;
}
