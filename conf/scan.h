/*
 * The check before libconfig: follows the grammar of a file and of what it includes, names what is wrong, and writes one
 * plain text for libconfig, mended where a mistake was told, together with the place of each value in it.  For this
 * folder alone.
 */
#ifndef MILLGATE_CONF_SCAN_H
#define MILLGATE_CONF_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/lex.h"
#include "util/arena.h"
#include "util/error.h"
#include "util/sbuf.h"

/* One value, scalar or not, in the order of the text. */
struct scan_value {
	struct scan_value *next;
	const char *file;
	int line;         /* of the name, or of the value in a list */
	const char *text; /* a number as it was written, else NULL */
};

enum scan_state {
	SCAN_NAME,   /* in a group: a name, or its end */
	SCAN_ASSIGN, /* = or : */
	SCAN_VALUE,
	SCAN_AFTER, /* behind a value */
	SCAN_FIRST, /* in a list: a value, or its end */
	SCAN_NEXT   /* behind a comma */
};

struct scan_name;
struct scan_frame {
	char open; /* { ( [, or 0 for the file */
	enum scan_state state;
	const char *file;
	int line;
	struct scan_name *names; /* of a group, so far */
	const char *name;        /* the setting being read */
	const char *name_file;
	int name_line;
	bool muted; /* it was set before: not passed on */
	unsigned n; /* items of a list */
	struct lex_token last;
};

enum {
	SCAN_DEPTH_MAX = 64,   /* nobody nests deeper; spares libconfig's parser and our recursion */
	SCAN_INCLUDE_MAX = 10, /* as libconfig */
	SCAN_TEXT_MAX = 128 * 1024 * 1024
};

struct scan {
	struct sbuf text;
	struct scan_value *first, *last;
	struct scan_frame frames[SCAN_DEPTH_MAX];
	unsigned depth; /* index of the innermost frame */
	unsigned muted; /* frames that are */
	unsigned includes;
	bool no_includes;
	struct arena *names;   /* what outlives the scan: names of files, texts of numbers */
	struct arena *scratch; /* the rest */
	struct error_list *errors;
};

/* Scans text, which stands for `file`.  0; -1 when the grammar is lost (told).  conf_scan_done() in either case. */
int conf_scan(struct scan *s, const char *file, const char *text, size_t n);
void conf_scan_init(struct scan *s, bool no_includes, struct arena *names, struct arena *scratch,
		    struct error_list *errors);
void conf_scan_done(struct scan *s);

/* ---- Between the files of the scan; int functions answer 0, or -1 when the grammar is lost (told) ---- */

/* Passes n bytes on to libconfig. */
void conf_scan_emit(struct scan *s, const char *p, size_t n);

/* How much of a token an error shows: not all of a long one, and whole characters. */
int conf_scan_shown(const struct lex_token *t);
#define SCAN_SHOW(t) conf_scan_shown(t), (t)->p /* for %.*s */

/* A token that begins a value, and what is done with it where one may stand. */
bool conf_scan_is_value(const struct lex_token *t);
int conf_scan_value(struct scan *s, const struct lex_token *t);

/* A token that stands directly in a group. */
int conf_scan_group(struct scan *s, const struct lex_token *t);
/* The innermost group's setting is over. */
void conf_scan_end_setting(struct scan *s);
/* Tell that t stands where = should, or where nothing of its kind should.  Answer -1. */
int conf_scan_no_assign(struct scan *s, const struct lex_token *t);
int conf_scan_unexpected(struct scan *s, const struct lex_token *t);

#endif
