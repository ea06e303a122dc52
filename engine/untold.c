/*
 * Sessions that are told of the envelope alone (Postfix's policy protocol): what they never hear of, and where a refusal
 * is possible in them.
 */
#include "engine/snapshot.h"

/* Numbers that count in part before they are final: a recipient more, the size that the client claims.  What is over a
 * limit by then is over it. */
#define COUNTED (FACT_BIT(FACT_SIZE) | FACT_BIT(FACT_RECIPIENTS))

/* Facts without a check behind them. */
static fact_mask never_told(enum stage last)
{
	/* Such a session has no connection of its own to count, and no text with URLs in it. */
	fact_mask never = FACT_BIT(FACT_CLIENT_CONNECTIONS) | FACT_BIT(FACT_URL_HOST);

	for (unsigned f = 0; f < FACT_COUNT; f++) {
		enum stage known = fact_table[f].stage;

		/* The fields and the text are never told; what is known at END comes of them, but for the COUNTED. */
		if (known == STAGE_HEADERS || known == STAGE_BODY || known > last)
			never |= FACT_BIT(f);
	}
	return never & ~COUNTED;
}

/* Whether a check can do its work without what is never told. */
static bool can_work(const struct check *def, fact_mask never, enum stage last)
{
	bool message = def->all_headers || def->body != NULL;

	return !message && def->stage <= last && ((def->inputs & ~def->provides) & never) == 0;
}

fact_mask untold_facts(const struct snapshot *s, enum stage last)
{
	fact_mask never = never_told(last), before;

	do {
		before = never;
		for (unsigned i = 0; i < s->n_checks; i++)
			if (!can_work(s->checks[i].def, never, last))
				never |= s->checks[i].def->provides;
	} while (never != before);
	return never;
}

static enum stage last_of(unsigned stages)
{
	enum stage last = STAGE_RCPT;

	for (unsigned stage = STAGE_RCPT; stage < STAGE_COUNT; stage++)
		if (stages & (1u << stage))
			last = (enum stage)stage;
	return last;
}

/*
 * Rules that are left out delay nobody, so a refusal may come as soon as its rule lets it; but all events up to RCPT
 * come at once, and what need not be asked before RCPT is not.
 */
static unsigned find_stages(const struct snapshot *s, fact_mask never)
{
	unsigned stages = 1u << STAGE_RCPT | 1u << STAGE_DATA;

	for (size_t i = 0; i < rules_count(s->rules); i++) {
		const struct rule *r = rules_at(s->rules, i);

		for (unsigned stage = r->refuse_at;
		     r->final && !r->shadow && (r->facts & never) == 0 && stage < STAGE_RCPT; stage++)
			stages |= 1u << stage;
	}
	return stages;
}

void untold_compute(struct snapshot *s)
{
	struct snapshot_use *use = &s->envelope;

	use->last = last_of(settings_policyd_stages(&s->set.policyd));
	use->never = untold_facts(s, use->last);
	use->stages = find_stages(s, use->never);
}
