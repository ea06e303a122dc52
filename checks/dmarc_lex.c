#include "checks/dmarc_lex.h"

#include <string.h>

#include "checks/dmarc_words.h"
#include "util/bytes.h"

enum {
	COMMENT_DEPTH = 32,
	COMMENTS_OPEN = 32 /* that do not end: then no more are looked for, since each is read to the end */
};

struct lexer {
	struct dmarc_token *v;
	size_t n;
	bool broken;
	/* What is known not to end from here on is not looked for again: time stays linear. */
	bool no_quotes, no_literals, no_words;
	unsigned open_comments;
};

static struct dmarc_token *push(struct lexer *s, enum dmarc_token_kind kind, const char *p, size_t n, bool gap)
{
	struct dmarc_token *t = &s->v[s->n++];

	*t = (struct dmarc_token){ .kind = kind, .p = p, .n = n, .gap = gap };
	return t;
}

/* Behind a comment's end; NULL when it has none. */
static const char *comment_end(const char *p, const char *end)
{
	unsigned depth = 0;

	for (; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '(' && ++depth > COMMENT_DEPTH)
			return NULL;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return NULL;
}

/* Behind what ends with `close`; NULL when nothing does. */
static const char *delimited_end(const char *p, const char *end, char close, bool *escapes)
{
	for (p++; p < end; p++) {
		if (*p == '\\') {
			*escapes = true;
			p++;
		} else if (*p == close) {
			return p + 1;
		}
	}
	return NULL;
}

static bool is_special(char c)
{
	return c == '\0' || strchr("()<>[]:;@,\"\\", c) != NULL;
}

size_t dmarc_lex_at(const char *p, size_t n)
{
	static const char fullwidth[] = "\xef\xbc\xa0", small[] = "\xef\xb9\xab"; /* U+FF20, U+FE6B */
	enum { WIDE = sizeof fullwidth - 1 };

	if (n > 0 && *p == '@')
		return 1;
	return n >= WIDE && (memcmp(p, fullwidth, WIDE) == 0 || memcmp(p, small, WIDE) == 0) ? WIDE : 0;
}

/* The end of a delimited token that begins at p, with its kind; NULL: none does, or it does not end. */
static const char *delimited(struct lexer *s, const char *p, const char *end, enum dmarc_token_kind *kind,
			     bool *escapes)
{
	const char *behind = NULL;

	*escapes = false;
	if (*p == '(' && s->open_comments < COMMENTS_OPEN) {
		*kind = DMARC_COMMENT;
		behind = comment_end(p, end);
		s->open_comments += behind == NULL;
	} else if (*p == '"' && !s->no_quotes) {
		*kind = DMARC_QUOTED;
		behind = delimited_end(p, end, '"', escapes);
		s->no_quotes = behind == NULL;
	} else if (*p == '[' && !s->no_literals) {
		*kind = DMARC_LITERAL;
		behind = delimited_end(p, end, ']', escapes);
		s->no_literals = behind == NULL;
	} else {
		return NULL;
	}
	s->broken = s->broken || behind == NULL;
	return behind;
}

static void read_all(struct lexer *s, const char *p, const char *end)
{
	bool gap = false, escapes;

	while (p < end) {
		const char *behind, *from = p;
		enum dmarc_token_kind kind;
		size_t n;

		if (ascii_is_space(*p)) {
			gap = true;
			p++;
		} else if ((n = dmarc_words_match(p, (size_t)(end - p), &s->no_words)) > 0) {
			push(s, DMARC_ENCODED, p, n, gap);
			p += n;
			gap = false;
		} else if ((behind = delimited(s, p, end, &kind, &escapes)) != NULL) {
			push(s, kind, p + 1, (size_t)(behind - p) - 2, gap)->escapes = escapes;
			p = behind;
			gap = kind == DMARC_COMMENT;
		} else if ((n = dmarc_lex_at(p, (size_t)(end - p))) > 0) {
			push(s, DMARC_SPECIAL, p, n, gap)->c = '@';
			p += n;
			gap = false;
		} else if (is_special(*p)) {
			push(s, DMARC_SPECIAL, p, 1, gap)->c = *p;
			p++;
			gap = false;
		} else {
			while (p < end && !is_special(*p) && !ascii_is_space(*p) &&
			       dmarc_lex_at(p, (size_t)(end - p)) == 0 &&
			       (p == from || dmarc_words_match(p, (size_t)(end - p), &s->no_words) == 0))
				p++;
			push(s, DMARC_WORD, from, (size_t)(p - from), gap);
			gap = false;
		}
	}
}

struct dmarc_token *dmarc_lex(struct arena *a, const char *p, size_t n, size_t *count, bool *broken)
{
	struct lexer s = { .v = arena_calloc(a, n + 1, sizeof *s.v) };

	if (s.v == NULL)
		return NULL;
	read_all(&s, p, p + n);
	*count = s.n;
	*broken = s.broken;
	return s.v;
}
