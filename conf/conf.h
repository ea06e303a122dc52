/*
 * The mechanism of settings: one libconfig file in, a neutral tree with file:line out; and tables of declarations that
 * turn a group of that tree into a checked struct.  Knows no setting by name.  Layer 1; the one user of libconfig.
 * Loading is single-threaded; what comes out is immutable.
 */
#ifndef MILLGATE_CONF_CONF_H
#define MILLGATE_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/error.h"
#include "util/names.h"
#include "util/sbuf.h"

/* ---- The tree ---- */

enum conf_type { CONF_GROUP, CONF_LIST, CONF_STRING, CONF_INT, CONF_FLOAT, CONF_BOOL };

struct conf_node {
	enum conf_type type;
	const char *name;                        /* NULL in a list */
	const char *file;                        /* as the administrator would open it */
	int line;                                /* of the name, or of the value in a list; 0 for the root */
	const char *str;                         /* CONF_STRING; the text as written for CONF_INT and CONF_FLOAT */
	int64_t num;                             /* CONF_INT */
	double real;                             /* CONF_FLOAT */
	bool flag;                               /* CONF_BOOL */
	struct conf_node *parent, *next, *child; /* child: the first one */
	unsigned n;                              /* children */
};

/*
 * Reads a file with its @include files (relative to the including file) and, beside it, rules.d/ *.conf, whose `rules`
 * lists are appended to the root's in the order of their names.  All memory is of the arena.
 *
 * NULL after a syntax error that loses the thread, or when the file cannot be read.  After one that can be mended (a
 * missing comma, a setting given twice, 10s without quotes ...) the tree comes all the same, so that one run finds the
 * other errors too: whether the configuration may be used is what errors->errors says, never this pointer alone.
 */
struct conf_node *conf_load(const char *path, struct arena *a, struct error_list *errors);

/* The same from text; `label` stands for the file.  No includes. */
struct conf_node *conf_parse(const char *text, const char *label, struct arena *a, struct error_list *errors);

/* The child of that name, or NULL. */
const struct conf_node *conf_child(const struct conf_node *group, const char *name);

/* "a string", "a list", "true or false" ...: for error texts. */
const char *conf_type_name(enum conf_type type);

/* ---- Lists of strings, with where each stood ---- */

struct conf_item {
	const char *s;
	const char *file;
	int line;
};
struct conf_strings {
	struct conf_item *v;
	unsigned n;
};

/*
 * A string or a list of strings; an item "file:/path" is replaced by that file's lines (blank ones and #-comments
 * left out, white space trimmed; a path without a leading slash is taken from the configuration file's folder).  0, or
 * -1 with errors added, and what could be read in *out.
 */
int conf_strings(const struct conf_node *node, struct conf_strings *out, struct arena *a, struct error_list *errors);

/* ---- Tables of declarations ----
 *
 * A section is declared once, as a list of rows  S(TYPE, name, arg, default, doc):
 *
 *	#define GREYLIST_SETTINGS(S)                                                    \
 *		S(BOOL, enabled, 0, "false", "Whether greylisting refuses anything.")   \
 *		S(DURATION, delay, 0, "10s", "How long a new triplet is deferred.")
 *	CONF_STRUCT(grey_settings, GREYLIST_SETTINGS);              in a header: the struct
 *
 *	#define CONF_SELF struct grey_settings                      in one .c file: the table `grey_settings_table`
 *	CONF_TABLE(grey_settings, GREYLIST_SETTINGS, grey_verify);
 *	#undef CONF_SELF
 *
 * TYPE       C type                 arg                       default (text)
 * BOOL       bool                   0                         "true", "false"
 * INT        int64_t                CONF_RANGE(lo, hi) or 0   "5"
 * STRING     const char *           0                         text, or NULL: absent is NULL
 * DURATION   int64_t, milliseconds  0                         "10s"
 * SIZE       int64_t, bytes         0                         "100M"; "0" may mean none
 * MODE       int64_t, permissions   0                         "0660"
 * ENUM       int                    a struct name_value []    "ignore"
 * STRINGS    struct conf_strings    0                         NULL: empty
 * GROUP      struct ARG             the sub-struct's tag      NULL (its own defaults)
 * GROUPS     struct conf_groups     the element's tag         NULL: empty list of groups
 * NODE       const struct conf_node * 0                       NULL: kept as it is (for rules)
 *
 * After binding, every struct has a leading field `where` with the place of its group (file NULL when absent).
 */
struct conf_range {
	int64_t lo, hi;
};
struct conf_groups {
	void *v; /* n structs of the element's type, one behind the other */
	unsigned n;
};
struct conf_place {
	const char *file;
	int line;
	bool present; /* the group stands in the file */
};

enum conf_kind {
	CONF_K_BOOL,
	CONF_K_INT,
	CONF_K_STRING,
	CONF_K_DURATION,
	CONF_K_SIZE,
	CONF_K_MODE,
	CONF_K_ENUM,
	CONF_K_STRINGS,
	CONF_K_GROUP,
	CONF_K_GROUPS,
	CONF_K_NODE
};

struct conf_table;
struct conf_row {
	const char *name;
	enum conf_kind kind;
	size_t offset;
	const void *arg; /* struct conf_range, struct name_value [] or struct conf_table */
	const char *dflt;
	const char *doc;
};
struct conf_table {
	const char *name;
	size_t size;
	const struct conf_row *rows;
	unsigned n;
	/*
	 * Checks what one row cannot: NULL, or answers 0, or -1 with errors added.  Called for groups that stand in the
	 * file, once all their rows were right; `group` is never NULL.
	 */
	int (*verify)(void *settings, const struct conf_node *group, struct error_list *errors);
};

#define CONF_C_BOOL(arg) bool
#define CONF_C_INT(arg) int64_t
#define CONF_C_STRING(arg) const char *
#define CONF_C_DURATION(arg) int64_t
#define CONF_C_SIZE(arg) int64_t
#define CONF_C_MODE(arg) int64_t
#define CONF_C_ENUM(arg) int
#define CONF_C_STRINGS(arg) struct conf_strings
#define CONF_C_GROUP(arg) struct arg
#define CONF_C_GROUPS(arg) struct conf_groups
#define CONF_C_NODE(arg) const struct conf_node *

#define CONF_A_BOOL(arg) NULL
#define CONF_A_INT(arg) (arg)
#define CONF_A_STRING(arg) NULL
#define CONF_A_DURATION(arg) NULL
#define CONF_A_SIZE(arg) NULL
#define CONF_A_MODE(arg) NULL
#define CONF_A_ENUM(arg) (arg)
#define CONF_A_STRINGS(arg) NULL
#define CONF_A_GROUP(arg) &arg##_table
#define CONF_A_GROUPS(arg) &arg##_table
#define CONF_A_NODE(arg) NULL

#define CONF_RANGE(low, high) (&(const struct conf_range){ .lo = (low), .hi = (high) })

#define CONF_FIELD_(TYPE, fname, arg, dflt, doc) CONF_C_##TYPE(arg) fname;
#define CONF_STRUCT(tag, ROWS)                                                                                         \
	struct tag {                                                                                                   \
		struct conf_place where;                                                                               \
		ROWS(CONF_FIELD_)                                                                                      \
	};                                                                                                             \
	extern const struct conf_table tag##_table

/* CONF_TABLE needs the row macro to know the struct: rows are written as S(TYPE, ...) and get it through CONF_SELF. */
#define CONF_ROW_(TYPE, fname, rarg, rdflt, rdoc)                                                                      \
	{ .name = #fname,                                                                                              \
	  .kind = CONF_K_##TYPE,                                                                                       \
	  .offset = offsetof(CONF_SELF, fname),                                                                        \
	  .arg = CONF_A_##TYPE(rarg),                                                                                  \
	  .dflt = (rdflt),                                                                                             \
	  .doc = (rdoc) },
/* Use:  #define CONF_SELF struct grey_settings
 *       CONF_TABLE(grey_settings, GREYLIST_SETTINGS, NULL);
 *       #undef CONF_SELF
 */
#define CONF_TABLE(tag, ROWS, verify_fn)                                                                               \
	static const struct conf_row tag##_rows[] = { ROWS(CONF_ROW_) };                                               \
	const struct conf_table tag##_table = { .name = #tag,                                                          \
						.size = sizeof(struct tag),                                            \
						.rows = tag##_rows,                                                    \
						.n = sizeof tag##_rows / sizeof tag##_rows[0],                         \
						.verify = verify_fn }

/*
 * Fills *out (table->size bytes) from a group; group NULL gives the defaults.  Names that the table does not declare
 * are errors, with the nearest known name, unless they are in `others` (NULL-terminated; may be NULL).  0, or -1 with
 * errors added; *out is filled in either case.
 */
int conf_bind(const struct conf_table *table, const struct conf_node *group, void *out, const char *const *others,
	      struct arena *a, struct error_list *errors);

/* The manual's text of a table, in man(7) source, headed by the section's name. */
void conf_manual(const struct conf_table *table, const char *section, struct sbuf *out);

#endif
