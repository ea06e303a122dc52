#include "t/bench/letter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct letter_field default_fields[] = {
	{ "Received",
	  " from mail.example.org (mail.example.org [198.51.100.7])\n\tby mx.example.net (Postfix) with ESMTPS "
	  "id 4X1Y2Z3A4B\n\tfor <user@example.net>; Mon, 02 Nov 2026 10:11:12 +0000 (UTC)" },
	{ "Date", " Mon, 02 Nov 2026 10:11:11 +0000" },
	{ "From", " Alice Example <alice@example.org>" },
	{ "To", " Bob Example <bob@example.net>" },
	{ "Subject", " =?UTF-8?Q?Quarterly_figures_for_M=C3=BCnchen?= and what they mean" },
	{ "Message-ID", " <20261102101111.4711@mail.example.org>" },
	{ "MIME-Version", " 1.0" },
	{ "Content-Type", " text/plain; charset=utf-8" },
	{ "Content-Transfer-Encoding", " 8bit" },
	{ "User-Agent", " Mail/1.0" },
};

/* A load has no use for a failed allocation. */
static void *must(void *p)
{
	if (p == NULL) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

void letter_default(struct letter *l, size_t body_n)
{
	static const char text[] =
		"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor.\r\n";

	*l = (struct letter){ .fields = default_fields, .n_fields = sizeof default_fields / sizeof default_fields[0] };
	l->own_body = must(malloc(body_n + 1));
	for (size_t i = 0; i < body_n; i++)
		l->own_body[i] = text[i % (sizeof text - 1)];
	l->body = l->own_body;
	l->body_n = body_n;
}

/* ---- Reading ---- */

static char *read_all(const char *path, size_t *n)
{
	FILE *f = fopen(path, "r");
	struct stat st;
	char *text;

	if (f == NULL)
		return NULL;
	if (fstat(fileno(f), &st) != 0) {
		fclose(f);
		return NULL;
	}
	text = must(malloc((size_t)st.st_size + 1));
	*n = fread(text, 1, (size_t)st.st_size, f);
	text[*n] = '\0';
	fclose(f);
	return text;
}

/* The line at p, without its end; leaves *p behind it.  NULL: there is none. */
static char *take_line(char **p, const char *end)
{
	char *line = *p, *stop;

	if (line >= end)
		return NULL;
	stop = memchr(line, '\n', (size_t)(end - line));
	*p = stop != NULL ? stop + 1 : line + strlen(line);
	if (stop != NULL)
		*stop = '\0';
	return line;
}

/* 0, or -1: no such word. */
static int read_address(struct letter *l, char *line)
{
	const struct {
		const char *word;
		const char **to;
	} words[] = {
		{ "client", &l->client }, { "helo", &l->helo },   { "mail", &l->mail },
		{ "rcpt", &l->rcpt },     { "login", &l->login },
	};
	char *value = strchr(line, ' '), *host;

	for (size_t i = 0; value != NULL && i < sizeof words / sizeof words[0]; i++) {
		if (strncmp(line, words[i].word, (size_t)(value - line)) != 0)
			continue;
		*words[i].to = value + 1;
		if (words[i].to == &l->client && (host = strchr(value + 1, ' ')) != NULL) {
			*host = '\0';
			l->host = host + 1;
		}
		return 0;
	}
	return -1;
}

/* Parts the field at *p in place.  False when there is none: the body begins. */
static bool take_field(struct letter_field *f, char **p, char *end)
{
	char *stop = *p, *colon = *p + strcspn(*p, ":\n");

	if (*p >= end || *colon != ':' || colon == *p || **p == ' ' || **p == '\t')
		return false;
	/* A line that begins with white space goes on with the field. */
	do {
		stop = memchr(stop, '\n', (size_t)(end - stop));
		if (stop != NULL)
			stop++;
	} while (stop != NULL && (*stop == ' ' || *stop == '\t'));
	*colon = '\0';
	*f = (struct letter_field){ *p, colon + 1 };
	*p = stop != NULL ? stop : end;
	if (stop != NULL)
		stop[-1] = '\0';
	return true;
}

static void read_fields(struct letter *l, char **p, char *end)
{
	size_t room = 0;

	for (;;) {
		if (l->n_fields == room) {
			room = room > 0 ? 2 * room : 32;
			l->own_fields = must(realloc(l->own_fields, room * sizeof *l->own_fields));
		}
		if (!take_field(&l->own_fields[l->n_fields], p, end))
			break;
		l->n_fields++;
	}
	l->fields = l->own_fields;
}

static void read_body(struct letter *l, const char *p, const char *end)
{
	l->own_body = must(malloc(2 * (size_t)(end - p) + 1));
	for (; p < end; p++) {
		if (*p == '\n')
			l->own_body[l->body_n++] = '\r';
		l->own_body[l->body_n++] = *p;
	}
	l->body = l->own_body;
}

int letter_read(struct letter *l, const char *path, bool addressed)
{
	char *p, *end, *line;
	size_t n;

	*l = (struct letter){ .text = read_all(path, &n) };
	if (l->text == NULL)
		return -1;
	p = l->text;
	end = p + n;
	while (addressed && (line = take_line(&p, end)) != NULL && *line != '\0') {
		if (read_address(l, line) != 0) {
			letter_free(l);
			errno = EINVAL;
			return -1;
		}
	}
	read_fields(l, &p, end);
	if (p < end && *p == '\n')
		p++;
	read_body(l, p, end);
	return 0;
}

void letter_free(struct letter *l)
{
	free(l->text);
	free(l->own_body);
	free(l->own_fields);
	*l = (struct letter){ 0 };
}
