#include "t/unit/rules_reference.h"

#include <stdlib.h>
#include <string.h>

static bool text_holds(enum op op, const char *value, const char *want)
{
	if (op == OP_CONTAINS || op == OP_CONTAINS_NOT)
		return strstr(value, want) != NULL;
	return strcmp(value, want) == 0;
}

static bool positive(const struct cond *c, const struct truth *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		for (unsigned k = 0; k < c->n; k++) {
			long long v = atoll(t->values[i]), w = atoll(c->values[k]);

			if (c->op == OP_OVER       ? v > w
			    : c->op == OP_UNDER    ? v < w
			    : c->op == OP_AT_LEAST ? v >= w
						   : text_holds(c->op, t->values[i], c->values[k]))
				return true;
		}
	}
	return false;
}

static struct answer test_truth(const struct cond *c, const struct truth *t)
{
	bool negative = c->op == OP_IS_NOT || c->op == OP_CONTAINS_NOT;
	bool holds;

	if (t->state == FACT_UNAVAILABLE && !c->temperror)
		return (struct answer){ MATCH_UNAVAILABLE, t->on_error == ON_ERROR_DEFER };
	if (c->op == OP_EXISTS)
		holds = (t->state == FACT_KNOWN) == c->wanted;
	else if (t->state == FACT_UNAVAILABLE)
		holds = !negative;
	else
		holds = (t->state == FACT_KNOWN && positive(c, t)) != negative;
	return (struct answer){ holds ? MATCH_YES : MATCH_NO, false };
}

struct answer reference_holds(const struct cond *c, const struct truth *facts)
{
	struct answer sum = { MATCH_NO, false };
	enum match decider = c->group == 0 ? MATCH_NO : MATCH_YES;

	if (c->group < 0)
		return test_truth(c, &facts[c->subject]);
	sum.m = decider == MATCH_NO ? MATCH_YES : MATCH_NO;
	for (unsigned i = 0; i < c->n_kids; i++) {
		struct answer k = reference_holds(c->kids[i], facts);

		if (sum.m == decider)
			continue;
		if (k.m == decider)
			sum = (struct answer){ decider, false };
		else if (k.m == MATCH_UNAVAILABLE)
			sum = (struct answer){ MATCH_UNAVAILABLE, sum.defer || k.defer };
	}
	if (c->group == 2 && sum.m != MATCH_UNAVAILABLE)
		sum.m = sum.m == MATCH_YES ? MATCH_NO : MATCH_YES;
	return sum;
}

fact_mask reference_reads(const struct cond *c)
{
	fact_mask facts = 0;

	if (c == NULL)
		return 0;
	if (c->group < 0)
		return FACT_BIT(drawn_subjects[c->subject].id);
	for (unsigned i = 0; i < c->n_kids; i++)
		facts |= reference_reads(c->kids[i]);
	return facts;
}

void reference_make(const struct abstract *rules, unsigned n, const struct truth *facts, fact_mask never,
		    struct reference *ref)
{
	static const enum verdict_kind kinds[] = { VERDICT_ACCEPT, VERDICT_REJECT, VERDICT_DEFER, VERDICT_DISCARD,
						   VERDICT_QUARANTINE };
	bool accepted = false, refused = false;
	unsigned skipped = 0;

	*ref = (struct reference){ .kind = VERDICT_ACCEPT, .rule = -1 };
	for (unsigned i = 0; i < n; i++) {
		const struct abstract *r = &rules[i];
		struct answer a = { MATCH_YES, false };

		if (r->never_later || (reference_reads(r->when) & never) != 0 ||
		    (r->section > 0 && (skipped & 1U << r->section) != 0))
			continue;
		if (r->when != NULL)
			a = reference_holds(r->when, facts);
		if (!accepted)
			ref->may_ask |= reference_reads(r->when) & drawn_effect_facts;
		if (r->shadow)
			continue;
		if (a.m == MATCH_UNAVAILABLE && a.defer && (!accepted || r->past_accept) &&
		    (r->final >= 0 || r->skips != 0)) {
			if (!refused) {
				ref->kind = VERDICT_DEFER;
				ref->rule = (int)i;
				ref->unavailable = true;
			}
			refused = true;
		}
		if (a.m != MATCH_YES)
			continue;
		skipped |= r->skips;
		if (!refused)
			ref->skipped = skipped;
		ref->vague |= accepted && r->skips != 0 && (reference_reads(r->when) & drawn_effect_facts) != 0;
		if (r->final < 0 || (accepted && !r->past_accept))
			continue;
		if (!refused) {
			ref->kind = kinds[r->final];
			ref->rule = (int)i;
		}
		accepted |= r->final == ACTION_ACCEPT;
		refused |= r->final != ACTION_ACCEPT;
	}
}
