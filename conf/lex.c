#include "conf/lex.h"

#include <string.h>

#include "util/bytes.h"
#include "util/utf8.h"

void conf_lex_init(struct lex *l, const char *file, const char *text, size_t n, struct arena *a,
		   struct error_list *errors)
{
	*l = (struct lex){ .file = file, .p = text, .end = text + n, .line_start = text, .line = 1 };
	l->arena = a;
	l->errors = errors;
}

static void newline(struct lex *l)
{
	l->line++;
	l->line_start = l->p + 1;
}

static bool at(const struct lex *l, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(l->end - l->p) >= n && memcmp(l->p, text, n) == 0;
}

static void skip_line(struct lex *l)
{
	while (l->p < l->end && *l->p != '\n')
		l->p++;
}

/* A comment from slash-star to star-slash.  -1 when it does not end. */
static int skip_block(struct lex *l)
{
	int line = l->line;

	for (l->p += 2; l->p < l->end; l->p++) {
		if (at(l, "*/")) {
			l->p += 2;
			return 0;
		}
		if (*l->p == '\n')
			newline(l);
	}
	error_add(l->errors, l->file, line,
		  "syntax error: the comment that begins here is never closed; end it with */");
	return -1;
}

static int skip_space(struct lex *l)
{
	while (l->p < l->end) {
		if (*l->p == '\n') {
			newline(l);
			l->p++;
		} else if (ascii_is_space(*l->p)) {
			l->p++;
		} else if (*l->p == '#' || at(l, "//")) {
			skip_line(l);
		} else if (at(l, "/*")) {
			if (skip_block(l) != 0)
				return -1;
		} else {
			break;
		}
	}
	return 0;
}

/* What a backslash and the character behind it say, where versions of libconfig differ or C strings end. */
static void check_escape(struct lex *l)
{
	char c = l->p + 1 < l->end ? l->p[1] : '\0';

	if (c == 'a' || c == 'b' || c == 'v')
		error_add(l->errors, l->file, l->line,
			  "\\%c in a string is read in different ways by different versions of libconfig; write \\\\%c",
			  c, c);
	else if (c == 'x' && at(l, "\\x00"))
		error_add(l->errors, l->file, l->line, "\\x00 would end the string here; a setting cannot hold a NUL");
}

/* A string in double quotes, on one line. */
static void string(struct lex *l, struct lex_token *t)
{
	t->kind = LEX_STRING;
	for (l->p++; l->p < l->end && *l->p != '\n'; l->p++) {
		if (*l->p == '"') {
			l->p++;
			t->n = (size_t)(l->p - t->p);
			if (!utf8_valid(t->p, t->n))
				error_add(l->errors, l->file, t->line,
					  "this string is not UTF-8; save the file in that encoding");
			return;
		}
		if (*l->p == '\\' && l->p + 1 < l->end && l->p[1] != '\n') {
			check_escape(l);
			l->p++;
		}
	}
	error_add(l->errors, l->file, t->line,
		  "syntax error: the string that begins here has no closing quote on its line "
		  "(a line break in a text is written \\n)");
	t->kind = LEX_ERROR;
}

/* What stands in single quotes is told, and taken as the string that it was meant to be. */
static void single_quoted(struct lex *l, struct lex_token *t)
{
	const char *end = memchr(l->p + 1, '\'', (size_t)(l->end - l->p - 1));
	const char *line_end = memchr(l->p, '\n', (size_t)(l->end - l->p));
	size_t n;

	if (end == NULL || (line_end != NULL && line_end < end)) {
		error_add(l->errors, l->file, l->line,
			  "syntax error: a single quote; strings stand in double quotes, \"...\"");
		t->kind = LEX_ERROR;
		return;
	}
	n = (size_t)(end - l->p - 1);
	error_add(l->errors, l->file, l->line, "syntax error: single quotes; write \"%.*s\"", (int)n, l->p + 1);
	l->p = end + 1;
	t->kind = LEX_STRING;
	t->p = "\"\"";
	t->n = 2;
	if (memchr(end - n, '"', n) == NULL && memchr(end - n, '\\', n) == NULL &&
	    (t->p = arena_printf(l->arena, "\"%.*s\"", (int)n, end - n)) != NULL)
		t->n = n + 2;
}

/* The rest of a line behind @include "path": nothing, or a comment. */
static bool nothing_more(const struct lex *l)
{
	const char *p = l->p;

	while (p < l->end && *p != '\n' && ascii_is_space(*p))
		p++;
	return p == l->end || *p == '\n' || *p == '#' || (*p == '/' && p + 1 < l->end && p[1] == '/');
}

/* @include "path", alone on its line. */
static void include(struct lex *l, struct lex_token *t)
{
	static const char word[] = "@include";
	char *path, *out;
	const char *p;
	bool alone = true;

	for (p = l->line_start; p < l->p; p++)
		alone = alone && ascii_is_space(*p);
	t->kind = LEX_ERROR;
	if (!alone || !at(l, word))
		goto bad;
	for (l->p += sizeof word - 1; l->p < l->end && (*l->p == ' ' || *l->p == '\t'); l->p++)
		;
	if (l->p == l->end || *l->p != '"')
		goto bad;
	path = out = arena_alloc(l->arena, (size_t)(l->end - l->p));
	if (out == NULL)
		return;
	for (l->p++; l->p < l->end && *l->p != '"' && *l->p != '\n'; l->p++) {
		if (*l->p == '\\' && l->p + 1 < l->end && (l->p[1] == '\\' || l->p[1] == '"'))
			l->p++;
		*out++ = *l->p;
	}
	if (l->p == l->end || *l->p++ != '"' || !nothing_more(l))
		goto bad;
	t->kind = LEX_INCLUDE;
	t->p = path;
	t->n = (size_t)(out - path);
	return;
bad:
	error_add(l->errors, l->file, l->line,
		  "syntax error: write @include \"file\" alone on its line, without a semicolon");
}

static bool ends_word(const struct lex *l, bool value)
{
	if (ascii_is_space(*l->p) || strchr(",;(){}[]\"'#=", *l->p) != NULL)
		return true;
	return *l->p == ':' && !(value && l->p + 1 < l->end && !ascii_is_space(l->p[1]));
}

static void word(struct lex *l, bool value, struct lex_token *t)
{
	t->kind = LEX_WORD;
	while (l->p < l->end && !ends_word(l, value))
		l->p++;
	t->n = (size_t)(l->p - t->p);
}

void conf_lex_next(struct lex *l, bool value, struct lex_token *t)
{
	static const char signs[] = "{([})],;=:";
	static const enum lex_kind kinds[] = { LEX_OPEN,  LEX_OPEN,  LEX_OPEN,      LEX_CLOSE,  LEX_CLOSE,
					       LEX_CLOSE, LEX_COMMA, LEX_SEMICOLON, LEX_ASSIGN, LEX_ASSIGN };
	const char *sign;

	*t = (struct lex_token){ .kind = LEX_ERROR, .p = l->p, .file = l->file, .line = l->line };
	if (skip_space(l) != 0)
		return;
	t->p = l->p;
	t->line = l->line;
	t->n = 1;
	if (l->p == l->end) {
		t->kind = LEX_END;
		t->n = 0;
	} else if ((sign = strchr(signs, *l->p)) != NULL) {
		t->kind = kinds[sign - signs];
		l->p++;
	} else if (*l->p == '"') {
		string(l, t);
	} else if (*l->p == '\'') {
		single_quoted(l, t);
	} else if (*l->p == '@') {
		include(l, t);
	} else {
		word(l, value, t);
	}
}
