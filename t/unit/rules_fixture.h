/*
 * What the unit tests of rules/ share: rules from text, and a source of a few facts.
 */
#ifndef MILLGATE_T_UNIT_RULES_FIXTURE_H
#define MILLGATE_T_UNIT_RULES_FIXTURE_H

#include "rules/rules.h"

struct fixture {
	struct arena *arena;
	struct rules *rules;
	struct error_list errors;
	struct fact_set facts;
	struct fact_value headers[8]; /* by slot */
	struct rules_source source;   /* answers from facts and headers */
};

/* An empty set of rules with the sections dnsbl and greylist; every fact is absent.  Ends the test when out of memory. */
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);

/* Adds rules; the text may be a printf format.  Errors stay in f->errors. */
void fixture_add(struct fixture *f, const char *section, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void fixture_compile(struct fixture *f);

void fixture_text(struct fixture *f, enum fact_id id, const char *text);

/* Evaluates at a stage and answers the verdict. */
enum verdict_kind fixture_verdict(struct fixture *f, enum stage stage, struct rules_outcome *out);

/* "LINE: text" of the nth error or warning (from 0), or NULL. */
const char *fixture_error(const struct fixture *f, unsigned nth);

#endif
