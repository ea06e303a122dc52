#include "conf/scan.h"

#include <string.h>

#include "conf/file.h"
#include "conf/word.h"

enum { SCAN_SHOWN = 60 }; /* bytes of a word in an error's text */

struct scan_name {
	struct scan_name *next;
	const char *name, *file;
	int line;
};

/* How much of a token is shown: not all of a long one, and whole characters. */
static int shown(const struct lex_token *t)
{
	size_t n = t->n;

	if (n > SCAN_SHOWN)
		for (n = SCAN_SHOWN; n > 0 && ((unsigned char)t->p[n] & 0xc0) == 0x80; n--)
			;
	return (int)n;
}

#define SHOWN(t) shown(t), (t)->p /* for %.*s */

void conf_scan_init(struct scan *s, bool no_includes, struct arena *names, struct arena *scratch,
		    struct error_list *errors)
{
	*s = (struct scan){ .no_includes = no_includes, .names = names, .scratch = scratch, .errors = errors };
	sbuf_heap(&s->text, SCAN_TEXT_MAX);
}

void conf_scan_done(struct scan *s)
{
	sbuf_done(&s->text);
}

static void emit(struct scan *s, const char *p, size_t n)
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
		emit(s, ",", 1);
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
		emit(s, t->p, t->n);
		break;
	case WORD_INT:
	case WORD_FLOAT:
		text = arena_strndup(s->names, t->p, t->n);
		emit(s, t->p, t->n);
		break;
	case WORD_WIDE:
		text = arena_strndup(s->names, t->p, t->n);
		emit(s, t->p, t->n);
		emit(s, "L", 1);
		break;
	case WORD_TOO_WIDE:
		error_add(s->errors, t->file, t->line, "the number %.*s is too large", SHOWN(t));
		emit(s, "0", 1);
		break;
	case WORD_YES:
		error_add(s->errors, t->file, t->line, "syntax error: `%.*s` is unknown here; write true", SHOWN(t));
		emit(s, "true", 4);
		break;
	case WORD_NO:
		error_add(s->errors, t->file, t->line, "syntax error: `%.*s` is unknown here; write false", SHOWN(t));
		emit(s, "false", 5);
		break;
	case WORD_TEXT:
		error_add(s->errors, t->file, t->line, "syntax error: %.*s must stand in quotes: \"%.*s\"", SHOWN(t),
			  SHOWN(t));
		emit(s, "\"", 1);
		emit(s, t->p, memchr(t->p, '\\', t->n) == NULL ? t->n : 0);
		emit(s, "\"", 1);
		break;
	}
	emit(s, " ", 1);
	record(s, t, text);
	end_value(s, t);
}

static int open_frame(struct scan *s, const struct lex_token *t)
{
	struct scan_frame *f;

	begin_value(s);
	record(s, t, NULL);
	emit(s, *t->p == '{' ? "{" : "(", 1); /* an array is a list here */
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

static int value(struct scan *s, const struct lex_token *t)
{
	if (t->kind == LEX_OPEN)
		return open_frame(s, t);
	if (t->kind == LEX_WORD) {
		bare_word(s, t);
		return 0;
	}
	begin_value(s);
	emit(s, t->p, t->n);
	record(s, t, NULL);
	end_value(s, t);
	return 0;
}

static bool is_value(const struct lex_token *t)
{
	return t->kind == LEX_OPEN || t->kind == LEX_WORD || t->kind == LEX_STRING;
}

/* ---- In a list ---- */

static int list_token(struct scan *s, const struct lex_token *t)
{
	struct scan_frame *f = &s->frames[s->depth];

	if (is_value(t)) {
		if (f->state == SCAN_AFTER && t->kind == LEX_STRING && f->last.kind == LEX_STRING)
			error_add(s->errors, f->last.file, f->last.line,
				  "a comma is missing between %.*s and %.*s; libconfig would make one string of them",
				  SHOWN(&f->last), SHOWN(t));
		else if (f->state == SCAN_AFTER)
			error_add(s->errors, t->file, t->line, "syntax error: a comma is missing before %.*s",
				  SHOWN(t));
		return value(s, t);
	}
	if (t->kind == LEX_COMMA && f->state == SCAN_AFTER) {
		f->state = SCAN_NEXT;
		f->last = *t;
		return 0;
	}
	if (t->kind == LEX_COMMA)
		error_add(s->errors, t->file, t->line, "syntax error: nothing stands before this comma");
	else if (t->kind == LEX_SEMICOLON)
		error_add(s->errors, t->file, t->line,
			  "syntax error: a semicolon in a list; its items are separated by commas, and `%c` of line %d "
			  "is not closed yet",
			  f->open, f->line);
	else
		error_add(s->errors, t->file, t->line,
			  "syntax error: `%.*s` in a list; named settings stand in { }, and `%c` of line %d is not "
			  "closed yet",
			  SHOWN(t), f->open, f->line);
	return -1;
}

/* ---- In a group ---- */

/* A name that the group has already: told, and what follows is not passed on, so that the rest can be checked too. */
static void check_twice(struct scan *s, const struct lex_token *t)
{
	struct scan_frame *f = &s->frames[s->depth];
	struct scan_name *n;

	for (n = f->names; n != NULL && strcmp(n->name, f->name) != 0; n = n->next)
		;
	if (n != NULL) {
		error_add(s->errors, t->file, t->line,
			  strcmp(n->file, t->file) == 0
				  ? "`%s` is set twice, first on line %d; several values are written as one list"
				  : "`%s` is set twice, first on line %d of %s; several values are written as one list",
			  f->name, n->line, n->file);
		f->muted = true;
		s->muted++;
		return;
	}
	if ((n = arena_alloc(s->scratch, sizeof *n)) == NULL)
		return;
	*n = (struct scan_name){ .next = f->names, .name = f->name, .file = t->file, .line = t->line };
	f->names = n;
}

/* A setting is over. */
static void end_setting(struct scan *s)
{
	struct scan_frame *f = &s->frames[s->depth];

	if (f->state == SCAN_AFTER)
		emit(s, ";\n", 2);
	if (f->muted)
		s->muted--;
	f->muted = false;
	f->state = SCAN_NAME;
}

static int name(struct scan *s, const struct lex_token *t)
{
	struct scan_frame *f = &s->frames[s->depth];

	end_setting(s);
	if (!conf_word_is_name(t->p, t->n)) {
		error_add(s->errors, t->file, t->line,
			  "syntax error: the name of a setting should stand here, not %.*s (a name begins with a "
			  "letter, and has letters, digits, - and _)",
			  SHOWN(t));
		return -1;
	}
	f->name = arena_strndup(s->scratch, t->p, t->n);
	if (f->name == NULL)
		return -1;
	f->name_file = t->file;
	f->name_line = t->line;
	f->state = SCAN_ASSIGN;
	check_twice(s, t);
	emit(s, t->p, t->n);
	return 0;
}

/* What stands behind a name and is no = . */
static int no_assign(struct scan *s, const struct lex_token *t)
{
	const struct scan_frame *f = &s->frames[s->depth];

	if (f->last.kind != LEX_END && f->last.line == f->name_line)
		error_add(s->errors, t->file, t->line,
			  "syntax error: `%s` behind the value %.*s; does the value lack quotes, or a semicolon behind "
			  "it?",
			  f->name, SHOWN(&f->last));
	else
		error_add(s->errors, f->name_file, f->name_line, "syntax error: `%s` is not followed by `=` or `:`",
			  f->name);
	return -1;
}

static int unexpected(struct scan *s, const struct lex_token *t)
{
	const struct scan_frame *f = &s->frames[s->depth];

	if (f->state == SCAN_VALUE)
		error_add(s->errors, f->name_file, f->name_line, "syntax error: `%s` has no value", f->name);
	else if (f->state == SCAN_AFTER)
		error_add(s->errors, t->file, t->line,
			  "syntax error: %.*s stands behind the value of `%s`; is a semicolon missing, or a bracket "
			  "around several values?",
			  SHOWN(t), f->name);
	else
		error_add(s->errors, t->file, t->line,
			  "syntax error: the name of a setting should stand here, not %.*s", SHOWN(t));
	return -1;
}

static int group_token(struct scan *s, const struct lex_token *t)
{
	struct scan_frame *f = &s->frames[s->depth];

	if (f->state == SCAN_ASSIGN) {
		if (t->kind != LEX_ASSIGN)
			return no_assign(s, t);
		emit(s, "=", 1);
		f->state = SCAN_VALUE;
		return 0;
	}
	if (f->state == SCAN_VALUE && is_value(t))
		return value(s, t);
	if (f->state == SCAN_AFTER && t->kind == LEX_STRING && f->last.kind == LEX_STRING) {
		emit(s, t->p, t->n); /* a long text in pieces: libconfig joins them */
		return 0;
	}
	if (f->state == SCAN_AFTER && (t->kind == LEX_SEMICOLON || t->kind == LEX_COMMA)) {
		end_setting(s);
		f->last = (struct lex_token){ .kind = LEX_END };
		return 0;
	}
	if (f->state == SCAN_NAME && t->kind == LEX_SEMICOLON)
		return 0; /* one too many: harmless */
	if ((f->state == SCAN_NAME || f->state == SCAN_AFTER) && t->kind == LEX_WORD)
		return name(s, t);
	return unexpected(s, t);
}

/* ---- Brackets, files ---- */

static char closing(char open)
{
	return open == '{' ? '}' : open == '(' ? ')' : ']';
}

static int close_frame(struct scan *s, const struct lex_token *t)
{
	struct scan_frame *f = &s->frames[s->depth];

	if (f->open == '\0') {
		error_add(s->errors, t->file, t->line, "syntax error: nothing is open that this `%c` could close",
			  *t->p);
		return -1;
	}
	if (f->file != t->file) {
		error_add(s->errors, t->file, t->line,
			  "syntax error: `%c` closes what line %d of %s opened; a bracket is closed in its own file",
			  *t->p, f->line, f->file);
		return -1;
	}
	if (*t->p != closing(f->open)) {
		error_add(s->errors, t->file, t->line, "syntax error: `%c` where `%c` of line %d wants its `%c`", *t->p,
			  f->open, f->line, closing(f->open));
		return -1;
	}
	if (f->state == SCAN_ASSIGN)
		return no_assign(s, t);
	if (f->state == SCAN_VALUE)
		return unexpected(s, t);
	if (f->state == SCAN_NEXT)
		error_add(s->errors, f->last.file, f->last.line,
			  "syntax error: a comma behind the last item of a list; take it away");
	if (f->open == '{')
		end_setting(s);
	s->depth--;
	emit(s, *t->p == '}' ? "}" : ")", 1);
	return 0;
}

static int include(struct scan *s, const struct lex_token *t)
{
	const char *why = NULL;
	char *path, *text;
	size_t n;
	int rc;

	if (s->no_includes) {
		error_add(s->errors, t->file, t->line, "@include is not possible here");
		return -1;
	}
	if (s->includes == SCAN_INCLUDE_MAX) {
		error_add(s->errors, t->file, t->line,
			  "@include stands more than %d files deep; does a file include itself?", SCAN_INCLUDE_MAX);
		return -1;
	}
	path = arena_strndup(s->scratch, t->p, t->n);
	if (path == NULL || (path = conf_file_beside(t->file, path, s->names)) == NULL)
		return -1;
	text = conf_file_read(path, s->scratch, &n, &why);
	if (text == NULL) {
		error_add(s->errors, t->file, t->line, "the included file %s cannot be read: %s", path, why);
		return 0;
	}
	s->includes++;
	rc = conf_scan(s, path, text, n);
	s->includes--;
	return rc;
}

/* A frame that a file opened is closed in the same file. */
static int end_file(struct scan *s, const struct lex_token *t, unsigned depth)
{
	struct scan_frame *f = &s->frames[s->depth];

	if (s->depth > depth) {
		error_add(s->errors, f->file, f->line, "syntax error: `%c` of this line is never closed", f->open);
		return -1;
	}
	if (f->state == SCAN_ASSIGN)
		return no_assign(s, t);
	if (f->state == SCAN_VALUE)
		return unexpected(s, t);
	if (depth == 0)
		end_setting(s);
	return 0;
}

static bool has_nul(struct scan *s, const char *file, const char *text, size_t n)
{
	const char *nul = memchr(text, '\0', n);
	int line = 1;

	if (nul == NULL)
		return false;
	for (; text < nul; text++)
		line += *text == '\n';
	error_add(s->errors, file, line,
		  "syntax error: a NUL byte, behind which nothing would be read; save the file as plain text in UTF-8");
	return true;
}

int conf_scan(struct scan *s, const char *file, const char *text, size_t n)
{
	unsigned depth = s->depth;
	struct lex_token t;
	struct lex l;
	int rc = 0;

	if (has_nul(s, file, text, n))
		return -1;
	conf_lex_init(&l, file, text, n, s->scratch, s->errors);
	while (rc == 0) {
		struct scan_frame *f = &s->frames[s->depth];

		conf_lex_next(&l, f->state == SCAN_VALUE || f->open == '(' || f->open == '[', &t);
		if (t.kind == LEX_END)
			return end_file(s, &t, depth);
		if (t.kind == LEX_ERROR)
			rc = -1;
		else if (t.kind == LEX_INCLUDE)
			rc = include(s, &t);
		else if (t.kind == LEX_CLOSE)
			rc = close_frame(s, &t);
		else if (f->open == '(' || f->open == '[')
			rc = list_token(s, &t);
		else
			rc = group_token(s, &t);
	}
	return rc;
}
