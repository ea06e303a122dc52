#include "conf/scan.h"

#include <string.h>

#include "conf/file.h"

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

static int list_token(struct scan *s, const struct lex_token *t)
{
	struct scan_frame *f = &s->frames[s->depth];

	if (conf_scan_is_value(t)) {
		if (f->state == SCAN_AFTER && t->kind == LEX_STRING && f->last.kind == LEX_STRING)
			error_add(s->errors, f->last.file, f->last.line,
				  "a comma is missing between %.*s and %.*s; libconfig would make one string of them",
				  SCAN_SHOW(&f->last), SCAN_SHOW(t));
		else if (f->state == SCAN_AFTER)
			error_add(s->errors, t->file, t->line, "syntax error: a comma is missing before %.*s",
				  SCAN_SHOW(t));
		return conf_scan_value(s, t);
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
			  SCAN_SHOW(t), f->open, f->line);
	return -1;
}

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
		return conf_scan_no_assign(s, t);
	if (f->state == SCAN_VALUE)
		return conf_scan_unexpected(s, t);
	if (f->state == SCAN_NEXT)
		error_add(s->errors, f->last.file, f->last.line,
			  "syntax error: a comma behind the last item of a list; take it away");
	if (f->open == '{')
		conf_scan_end_setting(s);
	s->depth--;
	conf_scan_emit(s, *t->p == '}' ? "}" : ")", 1);
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
		return conf_scan_no_assign(s, t);
	if (f->state == SCAN_VALUE)
		return conf_scan_unexpected(s, t);
	if (depth == 0)
		conf_scan_end_setting(s);
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
			rc = conf_scan_group(s, &t);
	}
	return rc;
}
