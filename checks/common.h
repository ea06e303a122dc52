/*
 * Words and texts that the settings and the built-in rules of several checks share.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_COMMON_H
#define MILLGATE_CHECKS_COMMON_H

#include <stdbool.h>
#include <stddef.h>

#include "mail/fact.h"
#include "net/net.h"
#include "util/names.h"
#include "util/sbuf.h"

/* on_error of a section: a value of enum on_error, or what the whole of dns or redis says. */
enum { CHECKS_INHERIT = 100 };
extern const struct name_value checks_on_error[]; /* inherit, ignore, defer */
enum on_error checks_on_error_of(int set, enum on_error inherited);

/* The earliest stage at which a section refuses. */
enum checks_refuse_at { CHECKS_AT_RCPT, CHECKS_AT_CONNECT };
extern const struct name_value checks_refuse_at[]; /* rcpt, connect */

/* What a section does about a result. */
enum checks_outcome { CHECKS_IGNORE, CHECKS_MARK, CHECKS_DEFER, CHECKS_REJECT };
extern const struct name_value checks_outcome[]; /* ignore, mark, defer, reject */

/*
 * Built-in rules as text of the rule language.  Rules between begin and end; `shadow` marks each of them; refuse_at may
 * be NULL (as the language has it).  `body` holds the match, when and then parts.
 */
struct checks_rules {
	struct sbuf *out;
	unsigned n;
};
void checks_rules_begin(struct checks_rules *r, struct sbuf *out);
void checks_rules_add(struct checks_rules *r, bool shadow, const char *name, const char *refuse_at, const char *body,
		      ...) __attribute__((format(printf, 5, 6)));
void checks_rules_end(struct checks_rules *r);

/* Whether all of the questions have their answers; NULL ones are passed over. */
bool checks_answered(struct net_op *const *ops, size_t n);

/* A string of the rule language, with its quotes; no control characters in s. */
void checks_quote(struct sbuf *out, const char *s);

/* A value of Authentication-Results (RFC 8601, section 2.2): a token, or a quoted string; bytes that neither may hold
 * become '?'. */
void checks_add_pvalue(struct sbuf *out, const char *s);

#endif
