/*
 * What is particular to a session that is told of the envelope alone: it is asked about single recipients, and often not
 * told how the transaction ends.
 */
#include <string.h>

#include "engine/events.h"
#include "util/clock.h"

/* So much later than it should, a stage may end at worst. */
enum { LATE_MS = 1000 };

void engine_size(struct engine_session *s, int64_t size)
{
	event_begin(s);
	if (s->txn != NULL)
		s->size = size;
	event_end(s);
}

void engine_park(struct engine_session *s)
{
	event_begin(s);
	if (s->txn != NULL && s->listed)
		engine_txn_park(s, true);
	event_end(s);
}

/* Nobody interrupts who waits for questions on the loop thread: whether each is over, by its own time-out, when the time
 * for the stage is. */
static bool ends_in_time(const struct engine_session *s)
{
	const struct engine_settings *set = &s->snap->set;
	int64_t longest_ms = set->dns.timeout > set->redis.timeout ? set->dns.timeout : set->redis.timeout;

	return clock_mono_ms() + longest_ms <= s->deadline_ms + LATE_MS;
}

struct net_wait *engine_waits_for(struct engine_session *s)
{
	return s->wait != NULL && !s->must_wait && net_is_open(s->wait) && ends_in_time(s) ? s->wait : NULL;
}

void engine_settle(struct engine_session *s)
{
	event_begin(s);
	if (s->txn != NULL && !s->dead) {
		tell_settle(s, NULL, true);
		s->settled = true;
		if (s->wait != NULL)
			net_flush(s->wait);
	}
	event_end(s);
}

/* ---- Header fields that need not wait for the end ---- */

/* Whether all that a rule's texts name is known, as far as it ever will be. */
static bool can_tell(const struct engine_session *s, const struct rule *r)
{
	enum stage now = s->txn->stage;

	for (unsigned f = 0; f < FACT_COUNT && now < s->use->last; f++)
		if ((r->text_facts & ~s->use->never & FACT_BIT(f)) != 0 && fact_table[f].stage > now)
			return false;
	return true;
}

static void add_fields(struct engine_session *s, struct header_edits *h, struct rcpt *rcpt, const struct rule *r)
{
	for (const struct rule_action *a = r->actions; a != NULL; a = a->next)
		if (a->kind == ACTION_ADD_HEADER || a->kind == ACTION_MARK)
			headers_apply(h, a, a->value != NULL ? reply_expand(s, rcpt, a->value, true) : NULL);
}

static void add_for(struct engine_session *s, struct header_edits *h, struct rcpt *rcpt, bool *applied)
{
	struct rules_outcome out;

	decide_additions(s, rcpt, &out);
	for (unsigned i = 0; i < out.n_hits; i++) {
		const struct rule *r = out.hits[i].rule;

		if (out.hits[i].shadow || out.hits[i].doubtful || applied[r->index] || !can_tell(s, r))
			continue;
		applied[r->index] = true;
		add_fields(s, h, rcpt, r);
	}
}

const struct edit *engine_early_headers(struct engine_session *s)
{
	struct edit *edits = NULL, **tail = &edits;
	struct header_edits *h;
	bool *applied;

	event_begin(s);
	if (s->txn != NULL && !s->dead && !s->snap->set.shadow) {
		applied = arena_calloc(s->txn->arena, rules_count(s->snap->rules) + 1, sizeof *applied);
		h = headers_new(s);
		for (struct rcpt_note *n = s->notes; n != NULL && applied != NULL && h != NULL; n = n->next)
			if (n->rcpt->accepted)
				add_for(s, h, n->rcpt, applied);
		if (h != NULL)
			headers_emit(h, &tail);
		if (arena_failed(s->txn->arena))
			edits = NULL;
	}
	event_end(s);
	return edits;
}
