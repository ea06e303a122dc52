/* Values: passed on to libconfig, mended where they have to be, and written down. */
#include "conf/scan.h"

#include <string.h>

#include "conf/word.h"

enum { SCAN_SHOWN = 60 }; /* bytes of a word in an error's text */

/* How much of a token is shown: not all of a long one, and whole characters. */
int conf_scan_shown(const struct lex_token *t)
{
	size_t n = t->n;

	if (n > SCAN_SHOWN)
		for (n = SCAN_SHOWN; n > 0 && ((unsigned char)t->p[n] & 0xc0) == 0x80; n--)
			;
	return (int)n;
}

void conf_scan_emit(struct scan *s, const char *p, size_t n)
{
	if (s->muted == 0)
		sbuf_addn(&s->text, p, n);
}

/* Remembers where a value stands.  In a group that is where its name stands. */
static void record(struct scan *s, const struct lex_token *t, const char *text)
{
	struct scan_frame *f = &s->frames[s->depth];
	bool named = f->state == SCAN_VALUE;
	struct scan_value *v;

	if (s->muted > 0 || (v = arena_alloc(s->scratch, sizeof *v)) == NULL)
		return;
	v->file = named ? f->name_file : t->file;
	v->line = named ? f->name_line : t->line;
	v->text = text;
	if (s->last != NULL)
		s->last->next = v;
	else
		s->first = v;
	s->last = v;
}

/* Puts the comma before the second and later values of a list. */
static void begin_value(struct scan *s)
{
	struct scan_frame *f = &s->frames[s->depth];

	if (f->state != SCAN_VALUE && f->n++ > 0)
		conf_scan_emit(s, ",", 1);
}

static void end_value(struct scan *s, const struct lex_token *t)
{
	s->frames[s->depth].state = SCAN_AFTER;
	s->frames[s->depth].last = *t;
}

static void bare_word(struct scan *s, const struct lex_token *t)
{
	const char *text = NULL;

	begin_value(s);
	switch (conf_word_kind(t->p, t->n)) {
	case WORD_BOOL:
		conf_scan_emit(s, t->p, t->n);
		break;
	case WORD_INT:
	case WORD_FLOAT:
		text = arena_strndup(s->names, t->p, t->n);
		conf_scan_emit(s, t->p, t->n);
		break;
	case WORD_WIDE:
		text = arena_strndup(s->names, t->p, t->n);
		conf_scan_emit(s, t->p, t->n);
		conf_scan_emit(s, "L", 1);
		break;
	case WORD_TOO_WIDE:
		error_add(s->errors, t->file, t->line, "the number %.*s is too large", SCAN_SHOW(t));
		conf_scan_emit(s, "0", 1);
		break;
	case WORD_YES:
		error_add(s->errors, t->file, t->line, "syntax error: `%.*s` is unknown here; write true",
			  SCAN_SHOW(t));
		conf_scan_emit(s, "true", 4);
		break;
	case WORD_NO:
		error_add(s->errors, t->file, t->line, "syntax error: `%.*s` is unknown here; write false",
			  SCAN_SHOW(t));
		conf_scan_emit(s, "false", 5);
		break;
	case WORD_TEXT:
		error_add(s->errors, t->file, t->line, "syntax error: %.*s must stand in quotes: \"%.*s\"",
			  SCAN_SHOW(t), SCAN_SHOW(t));
		conf_scan_emit(s, "\"", 1);
		conf_scan_emit(s, t->p, memchr(t->p, '\\', t->n) == NULL ? t->n : 0);
		conf_scan_emit(s, "\"", 1);
		break;
	}
	conf_scan_emit(s, " ", 1);
	record(s, t, text);
	end_value(s, t);
}

static int open_frame(struct scan *s, const struct lex_token *t)
{
	struct scan_frame *f;

	begin_value(s);
	record(s, t, NULL);
	conf_scan_emit(s, *t->p == '{' ? "{" : "(", 1); /* an array is a list here */
	end_value(s, t);
	if (s->depth + 1 == SCAN_DEPTH_MAX) {
		error_add(s->errors, t->file, t->line, "syntax error: brackets stand more than %d deep here",
			  SCAN_DEPTH_MAX - 1);
		return -1;
	}
	f = &s->frames[++s->depth];
	*f = (struct scan_frame){ .open = *t->p, .file = t->file, .line = t->line };
	f->state = f->open == '{' ? SCAN_NAME : SCAN_FIRST;
	return 0;
}

int conf_scan_value(struct scan *s, const struct lex_token *t)
{
	if (t->kind == LEX_OPEN)
		return open_frame(s, t);
	if (t->kind == LEX_WORD) {
		bare_word(s, t);
		return 0;
	}
	begin_value(s);
	conf_scan_emit(s, t->p, t->n);
	record(s, t, NULL);
	end_value(s, t);
	return 0;
}

bool conf_scan_is_value(const struct lex_token *t)
{
	return t->kind == LEX_OPEN || t->kind == LEX_WORD || t->kind == LEX_STRING;
}
