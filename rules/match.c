/*
 * Conditions against facts, in the logic of four values.
 *
 *            a NO decides | an open question | a failed check | else
 *   all      NO           | UNKNOWN          | UNAVAILABLE    | YES
 *   any      (a YES: YES) | UNKNOWN          | UNAVAILABLE    | NO
 *   none     the opposite of any; UNKNOWN and UNAVAILABLE stay
 */
#include "rules/internal.h"

static const struct fact_value unknown_value = { .state = FACT_UNKNOWN };

const struct fact_value *rule_fact_get(struct rule_eval *e, struct fact_ref ref, bool settled)
{
	const struct fact_def *def = &fact_table[ref.id];
	const struct fact_value *v;

	/* A number may be known in part before its stage: the size announced at MAIL. */
	if (def->stage > e->stage && def->type != FACT_NUMBER)
		return &unknown_value;
	v = e->src->get(e->src->ctx, ref, settled);
	if (def->stage > e->stage && v->state != FACT_AT_LEAST)
		return &unknown_value;
	return v;
}

enum match rule_eval_unavailable(struct rule_eval *e, enum on_error on_error, const char *why)
{
	if (e->why == NULL || (on_error == ON_ERROR_DEFER && e->on_error == ON_ERROR_IGNORE)) {
		e->on_error = on_error;
		e->why = why != NULL ? why : "a check failed";
	}
	return MATCH_UNAVAILABLE;
}

static enum match opposite(enum match m)
{
	switch (m) {
	case MATCH_NO:
		return MATCH_YES;
	case MATCH_YES:
		return MATCH_NO;
	case MATCH_UNKNOWN:
	case MATCH_UNAVAILABLE:
		break;
	}
	return m;
}

/* The positive of an operator. */
static enum match match_positive(const struct condition *c, const struct fact_value *v, struct rule_eval *e)
{
	switch (v->state) {
	case FACT_UNKNOWN:
		return MATCH_UNKNOWN;
	case FACT_ABSENT:
		return MATCH_NO;
	case FACT_AT_LEAST:
		return c->op->early && c->op->hold(c, v, e) == MATCH_YES ? MATCH_YES : MATCH_UNKNOWN;
	case FACT_UNAVAILABLE:
		return c->temperror ? MATCH_YES : rule_eval_unavailable(e, v->on_error, v->why);
	case FACT_KNOWN:
		break;
	}
	return c->op->hold(c, v, e);
}

static enum match match_test(const struct condition *c, struct rule_eval *e, bool settled)
{
	const struct fact_value *v = rule_fact_get(e, c->ref, settled);
	enum match m;

	if (c->op->states != NULL)
		return c->op->states(c, v, e, settled);
	m = match_positive(c, v, e);
	return c->op->negative ? opposite(m) : m;
}

/* `decider` ends the group at once; else the weakest of what was seen counts. */
static enum match match_group(const struct condition *c, struct rule_eval *e, bool settled, enum match decider)
{
	enum match result = opposite(decider);

	for (const struct condition *k = c->child; k != NULL; k = k->next) {
		/* While something cheaper is open, an effect need not be asked: it may never matter. */
		enum match m = rule_condition_match(k, e, settled && result != MATCH_UNKNOWN);

		if (m == decider)
			return decider;
		if (m == MATCH_UNKNOWN || (m == MATCH_UNAVAILABLE && result != MATCH_UNKNOWN))
			result = m;
	}
	return result;
}

static enum match match_kind(const struct condition *c, struct rule_eval *e, bool settled)
{
	switch (c->kind) {
	case CONDITION_ALL:
		return match_group(c, e, settled, MATCH_NO);
	case CONDITION_ANY:
		return match_group(c, e, settled, MATCH_YES);
	case CONDITION_NONE:
		return opposite(match_group(c, e, settled, MATCH_YES));
	case CONDITION_TEST:
		break;
	}
	return match_test(c, e, settled);
}

enum match rule_condition_match(const struct condition *c, struct rule_eval *e, bool settled)
{
	enum on_error on_error = e->on_error;
	const char *why = e->why;
	enum match m;

	if (c->first > e->stage)
		return MATCH_UNKNOWN;
	m = match_kind(c, e, settled);
	if (m == MATCH_YES || m == MATCH_NO) {
		/* What failed inside did not matter; else the answer would depend on the order of looking. */
		e->on_error = on_error;
		e->why = why;
	}
	return m;
}

/* ---- Residues ---- */

enum { RESIDUE_NO = 0, RESIDUE_YES = 1, RESIDUE_UNAVAILABLE = 2, RESIDUE_FIRST = 16 };

uint64_t rule_mix(uint64_t x)
{
	/* splitmix64's finaliser: every bit of x counts in every bit of the answer */
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint64_t residue_of_known(enum match m)
{
	return m == MATCH_YES ? RESIDUE_YES : m == MATCH_NO ? RESIDUE_NO : RESIDUE_UNAVAILABLE;
}

/* The conditions of a group in any order: their residues are added up. */
static uint64_t residue_of_group(const struct condition *c, struct rule_eval *e)
{
	bool all = c->kind == CONDITION_ALL;
	uint64_t sum = 0;

	for (const struct condition *k = c->child; k != NULL; k = k->next) {
		uint64_t r = rule_condition_residue(k, e);

		if (r != (all ? RESIDUE_YES : RESIDUE_NO)) /* such a one no longer matters */
			sum += rule_mix(r + RESIDUE_FIRST);
	}
	return rule_mix(sum + c->kind) | RESIDUE_FIRST;
}

uint64_t rule_condition_residue(const struct condition *c, struct rule_eval *e)
{
	enum match m = rule_condition_match(c, e, false);

	if (m != MATCH_UNKNOWN)
		return residue_of_known(m);
	if (c->kind == CONDITION_TEST)
		return rule_mix(c->leaf + RESIDUE_FIRST) | RESIDUE_FIRST;
	return residue_of_group(c, e);
}
