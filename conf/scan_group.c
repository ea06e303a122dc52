/* Groups, the file as a whole among them: names and their values. */
#include "conf/scan.h"

#include <string.h>

#include "conf/word.h"

struct scan_name {
	struct scan_name *next;
	const char *name, *file;
	int line;
};

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
void conf_scan_end_setting(struct scan *s)
{
	struct scan_frame *f = &s->frames[s->depth];

	if (f->state == SCAN_AFTER)
		conf_scan_emit(s, ";\n", 2);
	if (f->muted)
		s->muted--;
	f->muted = false;
	f->state = SCAN_NAME;
}

static int name(struct scan *s, const struct lex_token *t)
{
	struct scan_frame *f = &s->frames[s->depth];

	conf_scan_end_setting(s);
	if (!conf_word_is_name(t->p, t->n)) {
		error_add(s->errors, t->file, t->line,
			  "syntax error: the name of a setting should stand here, not %.*s (a name begins with a "
			  "letter, and has letters, digits, - and _)",
			  SCAN_SHOW(t));
		return -1;
	}
	f->name = arena_strndup(s->scratch, t->p, t->n);
	if (f->name == NULL)
		return -1;
	f->name_file = t->file;
	f->name_line = t->line;
	f->state = SCAN_ASSIGN;
	check_twice(s, t);
	conf_scan_emit(s, t->p, t->n);
	return 0;
}

/* What stands behind a name and is no = . */
int conf_scan_no_assign(struct scan *s, const struct lex_token *t)
{
	const struct scan_frame *f = &s->frames[s->depth];

	if (f->last.kind != LEX_END && f->last.line == f->name_line)
		error_add(s->errors, t->file, t->line,
			  "syntax error: `%s` behind the value %.*s; does the value lack quotes, or a semicolon behind "
			  "it?",
			  f->name, SCAN_SHOW(&f->last));
	else
		error_add(s->errors, f->name_file, f->name_line, "syntax error: `%s` is not followed by `=` or `:`",
			  f->name);
	return -1;
}

int conf_scan_unexpected(struct scan *s, const struct lex_token *t)
{
	const struct scan_frame *f = &s->frames[s->depth];

	if (f->state == SCAN_VALUE)
		error_add(s->errors, f->name_file, f->name_line, "syntax error: `%s` has no value", f->name);
	else if (f->state == SCAN_AFTER)
		error_add(s->errors, t->file, t->line,
			  "syntax error: %.*s stands behind the value of `%s`; is a semicolon missing, or a bracket "
			  "around several values?",
			  SCAN_SHOW(t), f->name);
	else
		error_add(s->errors, t->file, t->line,
			  "syntax error: the name of a setting should stand here, not %.*s", SCAN_SHOW(t));
	return -1;
}

int conf_scan_group(struct scan *s, const struct lex_token *t)
{
	struct scan_frame *f = &s->frames[s->depth];

	if (f->state == SCAN_ASSIGN) {
		if (t->kind != LEX_ASSIGN)
			return conf_scan_no_assign(s, t);
		conf_scan_emit(s, "=", 1);
		f->state = SCAN_VALUE;
		return 0;
	}
	if (f->state == SCAN_VALUE && conf_scan_is_value(t))
		return conf_scan_value(s, t);
	if (f->state == SCAN_AFTER && t->kind == LEX_STRING && f->last.kind == LEX_STRING) {
		conf_scan_emit(s, t->p, t->n); /* a long text in pieces: libconfig joins them */
		return 0;
	}
	if (f->state == SCAN_AFTER && (t->kind == LEX_SEMICOLON || t->kind == LEX_COMMA)) {
		conf_scan_end_setting(s);
		f->last = (struct lex_token){ .kind = LEX_END };
		return 0;
	}
	if (f->state == SCAN_NAME && t->kind == LEX_SEMICOLON)
		return 0; /* one too many: harmless */
	if ((f->state == SCAN_NAME || f->state == SCAN_AFTER) && t->kind == LEX_WORD)
		return name(s, t);
	return conf_scan_unexpected(s, t);
}
