/*
 * Words and texts that the settings and the built-in rules of several checks share.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_OPTIONS_H
#define MILLGATE_CHECKS_OPTIONS_H

#include <stdbool.h>

#include "mail/fact.h"
#include "util/names.h"
#include "util/sbuf.h"

/* on_error of a section: a value of enum on_error, or what the whole of dns or redis says. */
enum { OPTION_INHERIT = 100 };
extern const struct name_value option_on_error[]; /* inherit, ignore, defer */
enum on_error option_on_error_of(int set, enum on_error inherited);

/* The earliest stage at which a section refuses. */
enum option_refuse_at { OPTION_AT_RCPT, OPTION_AT_CONNECT };
extern const struct name_value option_refuse_at[]; /* rcpt, connect */

/* What a section does about a result. */
enum option_outcome { OPTION_IGNORE, OPTION_MARK, OPTION_DEFER, OPTION_REJECT };
extern const struct name_value option_outcome[]; /* ignore, mark, defer, reject */

/*
 * Built-in rules as text of the rule language.  Rules between begin and end; `shadow` marks each of them; refuse_at may
 * be NULL (as the language has it).  `body` holds the match, when and then parts.
 */
struct option_rules {
	struct sbuf *out;
	unsigned n;
};
void option_rules_begin(struct option_rules *r, struct sbuf *out);
void option_rules_add(struct option_rules *r, bool shadow, const char *name, const char *refuse_at, const char *body,
		      ...) __attribute__((format(printf, 5, 6)));
void option_rules_end(struct option_rules *r);

/* A string of the rule language, with its quotes; no control characters in s. */
void option_quote(struct sbuf *out, const char *s);

#endif
