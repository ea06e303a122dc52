/*
 * The words of a configuration file, so that the mistakes libconfig cannot name are found before it is asked.  For this
 * folder alone.
 */
#ifndef MILLGATE_CONF_LEX_H
#define MILLGATE_CONF_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"
#include "util/error.h"

enum lex_kind {
	LEX_END,
	LEX_ERROR, /* told already; no use to go on */
	LEX_OPEN,  /* { ( [ */
	LEX_CLOSE, /* } ) ] */
	LEX_COMMA,
	LEX_SEMICOLON,
	LEX_ASSIGN, /* = : */
	LEX_STRING, /* with its quotes */
	LEX_WORD,   /* a name, a number, true, false, or what ought to stand in quotes */
	LEX_INCLUDE /* the path, decoded */
};

struct lex_token {
	enum lex_kind kind;
	const char *p;
	size_t n;
	const char *file;
	int line;
};

struct lex {
	const char *file;
	const char *p, *end;
	const char *line_start;
	int line;
	struct arena *arena;
	struct error_list *errors;
};

void conf_lex_init(struct lex *l, const char *file, const char *text, size_t n, struct arena *a,
		   struct error_list *errors);

/* The next word.  value: a value may stand here, so that 192.0.2.1 and unix:/path are one word. */
void conf_lex_next(struct lex *l, bool value, struct lex_token *t);

#endif
