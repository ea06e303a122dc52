/*
 * For mime_python.py: the text parts of messages, as mime_texts sees them.  A message is its length in decimal, LF and so
 * many bytes on standard input; for each, the answer is a line for every text ("html" or "plain", its length), the text,
 * and LF; then a line "end".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mime/texts.h"

enum { MESSAGE_MAX = 4 << 20, PIECE = 1000 };

static void print(void *ctx, const struct mime_part_text *t)
{
	(void)ctx;
	printf("%s %zu\n", t->html ? "html" : "plain", t->n);
	fwrite(t->p, 1, t->n, stdout);
	putchar('\n');
}

/* The fields as an MTA hands them over: one by one, folded lines parted by LF.  Answers where the body begins. */
static const char *tell_fields(struct mime_texts *t, const char *p, const char *end)
{
	while (p < end && *p != '\r') {
		const char *colon = memchr(p, ':', (size_t)(end - p)), *stop = p;
		char name[256];

		do {
			stop = memchr(stop, '\n', (size_t)(end - stop));
			stop = stop != NULL ? stop + 1 : end;
		} while (stop < end && (*stop == ' ' || *stop == '\t'));
		if (colon == NULL || colon > stop || (size_t)(colon - p) >= sizeof name)
			exit(1);
		memcpy(name, p, (size_t)(colon - p));
		name[colon - p] = '\0';
		mime_texts_field(t, name, colon + 1, (size_t)(stop - colon - 1));
		p = stop;
	}
	return p + 2 < end ? p + 2 : end;
}

int main(void)
{
	static char message[MESSAGE_MAX];
	char line[32];

	while (fgets(line, sizeof line, stdin) != NULL) {
		size_t n = strtoul(line, NULL, 10);
		struct arena *a = arena_new(0);
		struct mime_texts *t = mime_texts_new(a, print, NULL);
		const char *end = message + n, *p;

		if (n > sizeof message || fread(message, 1, n, stdin) != n || t == NULL)
			return 1;
		p = tell_fields(t, message, end);
		for (; p < end; p += PIECE)
			mime_texts_body(t, p, (size_t)(end - p) < PIECE ? (size_t)(end - p) : PIECE);
		mime_texts_end(t);
		puts("end");
		fflush(stdout);
		arena_free(&a);
	}
	return 0;
}
