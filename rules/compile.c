/*
 * What follows from the rules as a whole: stages, order of conditions, what waits for what.
 */
#include <string.h>

#include "rules/internal.h"

static enum stage later(enum stage a, enum stage b)
{
	return a > b ? a : b;
}

static enum stage earlier(enum stage a, enum stage b)
{
	return a < b ? a : b;
}

/* ---- Conditions ---- */

static unsigned test_cost(const struct rules *r, const struct condition *c)
{
	if (c->facts & r->effects)
		return COST_EFFECT_CHECK;
	if (c->facts & r->pure)
		return COST_PURE_CHECK;
	return c->op->cost;
}

/* Cheapest first; what costs the same stays in the order of the file. */
static void sort_by_cost(struct condition *group)
{
	struct condition *sorted = NULL, *next;

	for (struct condition *k = group->child; k != NULL; k = next) {
		struct condition **at = &sorted;

		next = k->next;
		while (*at != NULL && (*at)->cost <= k->cost)
			at = &(*at)->next;
		k->next = *at;
		*at = k;
	}
	group->child = sorted;
}

static void compile_test(const struct rules *r, struct condition *c)
{
	const struct fact_def *def = &fact_table[c->ref.id];

	c->facts = FACT_BIT(c->ref.id);
	c->first = def->stage;
	if (c->op == &rule_op_same_as) {
		c->facts |= FACT_BIT(c->other.id);
		c->first = earlier(c->first, fact_table[c->other.id].stage); /* an absent one decides alone */
	}
	if (c->op->early)
		c->first = STAGE_CONNECT;
	c->cost = test_cost(r, c);
}

static void compile_condition(const struct rules *r, struct condition *c)
{
	if (c->kind == CONDITION_TEST) {
		compile_test(r, c);
		return;
	}
	c->first = STAGE_END;
	for (struct condition *k = c->child; k != NULL; k = k->next) {
		compile_condition(r, k);
		c->facts |= k->facts;
		c->cost = k->cost > c->cost ? k->cost : c->cost;
		c->first = earlier(c->first, k->first);
	}
	sort_by_cost(c);
}

/* The stage by which all facts of a set are known. */
static enum stage facts_stage(fact_mask facts)
{
	enum stage s = STAGE_CONNECT;

	for (unsigned id = 0; id < FACT_COUNT; id++) {
		if (facts & FACT_BIT(id))
			s = later(s, fact_table[id].stage);
	}
	return s;
}

static fact_mask facts_of_scope(enum fact_scope scope)
{
	fact_mask facts = 0;

	for (unsigned id = 0; id < FACT_COUNT; id++) {
		if (fact_table[id].scope == scope)
			facts |= FACT_BIT(id);
	}
	return facts;
}

enum fact_id rule_last_fact(const struct rule *r)
{
	enum fact_id last = FACT_COUNT;

	for (unsigned id = 0; id < FACT_COUNT; id++) {
		if ((r->facts & FACT_BIT(id)) && (last == FACT_COUNT || fact_table[id].stage > fact_table[last].stage))
			last = (enum fact_id)id;
	}
	return last;
}

/* ---- The best case: when a condition can be known at the soonest ---- */

/* The earliest stages at which a condition may turn out to hold, and not to hold. */
struct soonest {
	enum stage yes, no;
};

static struct soonest soonest_of(const struct condition *c)
{
	struct soonest all, any;

	if (c == NULL)
		return (struct soonest){ STAGE_CONNECT, STAGE_END };
	if (c->kind == CONDITION_TEST) {
		enum stage s = facts_stage(c->facts);
		bool announced = c->op->early && s > STAGE_MAIL; /* the size, at MAIL */

		return (struct soonest){ .yes = announced ? STAGE_MAIL : s,
					 .no = c->op == &rule_op_same_as ? c->first : s };
	}
	all = any = (struct soonest){ STAGE_CONNECT, STAGE_CONNECT };
	all.no = any.yes = STAGE_END;
	for (const struct condition *k = c->child; k != NULL; k = k->next) {
		struct soonest s = soonest_of(k);

		all.yes = later(all.yes, s.yes);
		all.no = earlier(all.no, s.no);
		any.yes = earlier(any.yes, s.yes);
		any.no = later(any.no, s.no);
	}
	if (c->kind == CONDITION_ALL)
		return all;
	return c->kind == CONDITION_ANY ? any : (struct soonest){ .yes = any.no, .no = any.yes };
}

/* ---- Rules against the rules before them ---- */

static bool refuses(const struct compiled_rule *c)
{
	return c->final != NULL && (c->final->kind == ACTION_REJECT || c->final->kind == ACTION_DEFER);
}

static bool at_end(const struct compiled_rule *c)
{
	return c->final == NULL || c->final->kind == ACTION_DELETE || c->final->kind == ACTION_QUARANTINE;
}

/* Until its stage, this earlier rule may yet switch the section off.  What the built-in rules spare, an early refusal
 * does not wait for: that is what refuse_at asks for. */
static bool may_skip(const struct compiled_rule *before, const struct compiled_rule *c)
{
	if (before->pub.shadow || c->never_later || (before->skips & c->section) == 0)
		return false;
	return before->section == SECTION_USER || c->pub.refuse_at >= STAGE_RCPT ||
	       before->pub.stage <= c->pub.refuse_at;
}

static bool accepts(const struct compiled_rule *c)
{
	return !c->pub.shadow && c->final != NULL && c->final->kind == ACTION_ACCEPT;
}

bool rule_holds_back(const struct compiled_rule *before, const struct compiled_rule *c)
{
	if (may_skip(before, c))
		return true;
	return accepts(before) && c->final != NULL && !c->past_accept && !c->never_later;
}

/* c->known: its own stage, and that of what may switch it off.  It waits for the first of the latest. */
static void compile_waits(const struct rules *r, struct compiled_rule *c)
{
	enum stage until = later(c->pub.stage, refuses(c) ? c->pub.refuse_at : STAGE_CONNECT);
	struct soonest own = soonest_of(c->when);
	enum stage soonest = later(own.yes, c->pub.refuse_at);

	c->known = c->pub.stage;
	c->holds = own.yes;
	c->cleared = own.no;
	c->waits = NULL;
	for (size_t i = 0; i < c->pub.index; i++) {
		const struct compiled_rule *b = r->v[i];

		if (may_skip(b, c)) {
			c->known = later(c->known, b->known);
			c->cleared = earlier(c->cleared, b->holds);
		}
		/* Behind an accept no effect is asked: what reads one may stay open. */
		if ((c->pub.facts & r->effects) != 0 && accepts(b))
			c->known = STAGE_END;
		if (!rule_holds_back(b, c))
			continue;
		soonest = later(soonest, b->cleared);
		if (b->known > until) {
			until = b->known;
			c->waits = b;
		}
	}
	c->pub.decides = until;
	if (at_end(c) && (c->final != NULL || c->accumulates)) {
		c->pub.decides = STAGE_END;
		c->waits = NULL;
	}
	c->soonest = earlier(soonest, c->pub.decides);
}

static void compile_rule(struct rules *r, struct compiled_rule *c)
{
	if (c->when != NULL) {
		compile_condition(r, c->when);
		c->pub.facts = c->when->facts;
	}
	c->pub.stage = facts_stage(c->pub.facts);
	if (c->never_later)
		c->pub.stage = earlier(c->pub.stage, c->pub.refuse_at);
	c->pub.per_recipient = (c->pub.facts & facts_of_scope(SCOPE_RECIPIENT)) != 0;
	c->checks = (c->pub.facts & (r->pure | r->effects)) != 0;
	compile_waits(r, c);
}

/* Whether the rule may refuse after RCPT: itself, or because a check that it reads fails. */
static bool refuses_late(const struct compiled_rule *c)
{
	bool kept = c->final != NULL && c->final->kind != ACTION_ACCEPT && c->final->kind != ACTION_DELETE;

	if (c->pub.shadow || c->pub.decides <= STAGE_RCPT)
		return false;
	return kept || (c->checks && (c->final != NULL || c->skips != 0));
}

/* Whether this rule may spare a recipient from what others meet after RCPT. */
static bool may_spare(const struct rules *r, const struct compiled_rule *c)
{
	bool accept = c->final != NULL && c->final->kind == ACTION_ACCEPT;

	for (size_t i = c->pub.index + 1; i < r->n; i++) {
		const struct compiled_rule *b = r->v[i];

		if (((accept && !b->past_accept) || (c->skips & b->section) != 0) && refuses_late(b))
			return true;
	}
	return false;
}

static void compile_fate(const struct rules *r, struct compiled_rule *c)
{
	bool counts = c->pub.per_recipient && !c->pub.shadow;
	bool kept = c->final != NULL && c->final->kind != ACTION_ACCEPT && c->final->kind != ACTION_DELETE;

	c->fate = counts && (kept || may_spare(r, c));
	c->open_fate = c->fate || (counts && c->checks && (c->final != NULL || c->skips != 0));
}

/* Where a number is known in part before its stage: the size, announced at MAIL. */
static unsigned announced_at(unsigned id)
{
	return fact_table[id].type == FACT_NUMBER && fact_table[id].stage > STAGE_MAIL ? 1U << STAGE_MAIL : 0;
}

/* The stages at which something becomes known that may settle this refusal or a rule before it. */
static unsigned stages_of(const struct rules *r, const struct compiled_rule *c)
{
	unsigned stages = 1U << c->pub.decides | 1U << c->soonest, known = 0;

	for (size_t i = 0; i <= c->pub.index; i++) {
		const struct compiled_rule *b = r->v[i];

		/* What holds it back, and what may switch that off. */
		if (b != c && !rule_holds_back(b, c) && (b->skips == 0 || b->pub.shadow))
			continue;
		for (unsigned id = 0; id < FACT_COUNT; id++) {
			if (b->pub.facts & FACT_BIT(id))
				known |= 1U << fact_table[id].stage | announced_at(id);
		}
	}
	for (unsigned s = c->soonest; s < c->pub.decides; s++)
		stages |= known & 1U << s;
	return stages & ~(1U << STAGE_END);
}

/* Whoever may answer before RCPT: a rule that only skips does so when a check fails. */
static void note_early(struct rules *r, const struct compiled_rule *c)
{
	for (unsigned s = c->pub.refuse_at; s < STAGE_RCPT && !c->pub.shadow; s++)
		r->early[s] = c->pub.index + 1;
}

int rules_compile(struct rules *r, struct error_list *errors)
{
	if (arena_failed(r->arena)) { /* what was added is not whole */
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	r->stages = 0;
	memset(r->early, 0, sizeof r->early);
	for (size_t i = 0; i < r->n; i++)
		compile_rule(r, r->v[i]);
	for (size_t i = 0; i < r->n; i++) {
		note_early(r, r->v[i]);
		compile_fate(r, r->v[i]);
		if (refuses(r->v[i]) && !r->v[i]->pub.shadow)
			r->stages |= stages_of(r, r->v[i]);
	}
	rules_warn(r, errors);
	return 0;
}
