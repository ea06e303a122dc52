/*
 * What rules come to, by the plainest way there is: it knows nothing of rules/, and evaluates the abstract rules that the
 * text was printed from, without stages, costs or short cuts.
 */
#ifndef MILLGATE_T_UNIT_RULES_REFERENCE_H
#define MILLGATE_T_UNIT_RULES_REFERENCE_H

#include "t/unit/rules_drawn.h"

struct answer {
	enum match m;
	bool defer; /* UNAVAILABLE: some on_error that matters says defer */
};
struct answer reference_holds(const struct cond *c, const struct truth *facts);

/* The facts that a condition reads; it may be NULL. */
fact_mask reference_reads(const struct cond *c);

struct reference {
	enum verdict_kind kind;
	int rule; /* -1: nobody */
	bool unavailable;
	unsigned skipped;
	bool vague;        /* a skip depends on an effect that nobody may ask */
	fact_mask may_ask; /* effects read by rules that neither an accept nor a skip has put out of reach */
};
/* never: what nobody tells. */
void reference_make(const struct abstract *rules, unsigned n, const struct truth *facts, fact_mask never,
		    struct reference *ref);

#endif
