/*
 * The walk through all rules.  What comes out is what evaluating everything at END would give, as soon as no earlier
 * rule that is still open could make it milder.
 */
#include <string.h>

#include "rules/internal.h"

enum { FIRST_HITS = 8 }; /* rules that fire: few, however many there are */

struct walk {
	struct rule_eval e;
	struct arena *arena;
	struct rules_outcome *out;
	section_mask doubted; /* sections that a rule still open may switch off */
	section_mask spared;  /* sections that a built-in rule still open may: early refusals do not wait for that */
	bool undecided;       /* an earlier accept may still come: nothing later is decided, no effect asked */
	bool waiting;         /* a refusal waits for that accept: only what does not is still looked at */
	bool accepted;        /* refusing has ended */
	bool failed;          /* out of memory */
	unsigned room_hits;
};

/* ---- The digest of what is open about this recipient ---- */

static void note_pending(struct walk *w, const struct compiled_rule *c, uint64_t residue)
{
	uint64_t digest = rule_mix(rule_mix(c->pub.index + UINT64_C(1)) ^ residue);

	if (w->e.stage < STAGE_RCPT || w->e.stage == STAGE_END)
		return;
	w->out->pending += digest; /* in any order */
	if (w->out->pending == 0)
		w->out->pending = 1;
}

/* Equal for all recipients for whom the rule holds, or for whom a check failed. */
enum { RESIDUE_HOLDS = 3, RESIDUE_FAILED = 4 };

/* ---- One rule ---- */

static void add_hit(struct walk *w, const struct compiled_rule *c, bool doubtful)
{
	struct rules_outcome *out = w->out;

	if (out->n_hits == w->room_hits) {
		unsigned room = w->room_hits > 0 ? w->room_hits * 2 : FIRST_HITS;
		struct rules_hit *more = arena_calloc(w->arena, room, sizeof *more);

		if (more == NULL) {
			w->failed = true;
			return;
		}
		if (out->n_hits > 0)
			memcpy(more, out->hits, out->n_hits * sizeof *more);
		out->hits = more;
		w->room_hits = room;
	}
	out->hits[out->n_hits++] = (struct rules_hit){ .rule = &c->pub, .shadow = c->pub.shadow, .doubtful = doubtful };
}

static void doubt_sections(struct walk *w, const struct compiled_rule *c)
{
	if (c->section == SECTION_USER)
		w->doubted |= c->skips;
	else
		w->spared |= c->skips;
	w->out->doubted |= c->skips;
}

static void skip_sections(struct walk *w, const struct compiled_rule *c, bool doubtful)
{
	if (doubtful)
		doubt_sections(w, c);
	else
		w->out->skipped |= c->skips;
}

/* A final action that may still come.  One that refuses, deletes or holds the mail itself keeps no later refusal back:
 * either way it does not arrive. */
static void leave_open(struct walk *w, const struct compiled_rule *c)
{
	if (c->final->kind == ACTION_ACCEPT)
		w->undecided = true;
}

/* Of a final action. */
static enum verdict_kind kind_of(const struct rule_action *a)
{
	static const enum verdict_kind kinds[] = { [ACTION_ACCEPT] = VERDICT_ACCEPT,
						   [ACTION_REJECT] = VERDICT_REJECT,
						   [ACTION_DEFER] = VERDICT_DEFER,
						   [ACTION_DELETE] = VERDICT_DISCARD,
						   [ACTION_QUARANTINE] = VERDICT_QUARANTINE };

	return kinds[a->kind];
}

/* An open accept keeps the rule from deciding. */
static bool waits(const struct walk *w, const struct compiled_rule *c)
{
	return w->undecided && !c->past_accept && !c->never_later;
}

/* The rule ends evaluation, now or, when it is not its stage yet, for certain later.  True: it waits, go on. */
static bool decide(struct walk *w, const struct compiled_rule *c, enum verdict_kind kind, bool unavailable)
{
	bool at_end = kind == VERDICT_DISCARD || kind == VERDICT_QUARANTINE;
	struct rules_outcome *out = w->out;

	if (waits(w, c)) {
		w->waiting = true;
		return true;
	}
	if (w->e.stage < (at_end ? STAGE_END : c->pub.refuse_at)) {
		out->provisional = &c->pub;
		return false;
	}
	out->kind = kind;
	out->rule = &c->pub;
	out->action = unavailable ? NULL : c->final;
	out->unavailable = unavailable;
	out->why = unavailable ? w->e.why : NULL;
	return false;
}

/* Whether the rule's final action still counts. */
static bool may_end(const struct walk *w, const struct compiled_rule *c)
{
	return c->final != NULL && (!w->accepted || c->past_accept);
}

/* Behind a refusal that waits only what does not wait may still decide, and only a skip still matters to it. */
static bool is_behind(const struct walk *w, const struct compiled_rule *c)
{
	return w->waiting && waits(w, c);
}

/* Nothing after a rule that decides is reached; each of these answers true to go on. */

static bool on_yes(struct walk *w, const struct compiled_rule *c, bool doubtful)
{
	bool behind = is_behind(w, c), final = may_end(w, c) && !behind;

	if (c->pub.shadow) {
		add_hit(w, c, doubtful);
		return true;
	}
	if (!behind && (final || c->skips != 0 || c->accumulates))
		add_hit(w, c, doubtful);
	skip_sections(w, c, doubtful);
	if (c->fate && (final || c->skips != 0))
		note_pending(w, c, RESIDUE_HOLDS);
	if (!final)
		return true;
	if (doubtful) {
		leave_open(w, c);
		return true;
	}
	if (c->final->kind == ACTION_ACCEPT) {
		w->accepted = true;
		if (w->e.stage == STAGE_END)
			decide(w, c, VERDICT_ACCEPT, false);
		return true;
	}
	return decide(w, c, kind_of(c->final), false);
}

static bool on_unknown(struct walk *w, const struct compiled_rule *c)
{
	/* What is not known by now never will be, or comes too late: no. */
	if (c->pub.shadow || c->never_later || w->e.stage == STAGE_END || w->e.src->last)
		return true;
	doubt_sections(w, c);
	if (c->final != NULL && !w->accepted)
		leave_open(w, c);
	if (c->open_fate && !w->accepted)
		note_pending(w, c, rule_condition_residue(c->when, &w->e));
	return true;
}

static bool on_unavailable(struct walk *w, const struct compiled_rule *c, bool doubtful)
{
	bool matters = !c->pub.shadow && (may_end(w, c) || (c->skips != 0 && !w->accepted));

	if (!matters || w->e.on_error == ON_ERROR_IGNORE)
		return true;
	if (c->open_fate)
		note_pending(w, c, RESIDUE_FAILED);
	if (doubtful)
		return true;
	return decide(w, c, VERDICT_DEFER, true);
}

/* ---- All rules ---- */

/* Before RCPT few rules answer.  Behind the last of them nobody waits for what the next stage will ask anyway. */
static bool is_early(const struct walk *w, const struct compiled_rule *c)
{
	return w->e.stage < STAGE_RCPT && !w->e.src->adding && c->pub.index >= w->e.rules->early[w->e.stage];
}

/* Whether the rule's answer can matter now. */
static bool wanted(const struct walk *w, const struct compiled_rule *c)
{
	if ((c->pub.facts & w->e.src->never) != 0 || (w->out->skipped & c->section) != 0 ||
	    (c->never_later && w->e.stage != c->pub.refuse_at))
		return false;
	if (is_behind(w, c) || is_early(w, c))
		return c->skips != 0 && !c->pub.shadow;
	if (c->final != NULL && !may_end(w, c))
		return c->accumulates || c->skips != 0;
	/* What only adds is carried out at END: until then nobody waits for a check on its behalf. */
	return w->e.stage == STAGE_END || w->e.src->adding || c->final != NULL || c->skips != 0 || !c->checks;
}

static bool visit(struct walk *w, const struct compiled_rule *c)
{
	section_mask doubts = c->pub.refuse_at < STAGE_RCPT ? w->doubted : w->doubted | w->spared;
	bool doubtful = !c->never_later && (doubts & c->section) != 0;
	bool settled = !doubtful && !w->undecided && !w->accepted && !is_early(w, c);

	if (!wanted(w, c))
		return true;
	w->e.on_error = ON_ERROR_IGNORE;
	w->e.why = NULL;
	switch (c->when != NULL ? rule_condition_match(c->when, &w->e, settled) : MATCH_YES) {
	case MATCH_NO:
		break;
	case MATCH_YES:
		return on_yes(w, c, doubtful);
	case MATCH_UNKNOWN:
		return on_unknown(w, c);
	case MATCH_UNAVAILABLE:
		return on_unavailable(w, c, doubtful);
	}
	return true;
}

int rules_evaluate(const struct rules *r, enum stage stage, const struct rules_source *src, struct arena *a,
		   struct rules_outcome *out)
{
	struct walk w = { .e = { .rules = r, .src = src, .stage = stage }, .arena = a, .out = out };

	*out = (struct rules_outcome){ .kind = VERDICT_NONE };
	w.failed = rule_regex_begin(&w.e, a) != 0;
	for (size_t i = 0; i < r->n && !w.failed && visit(&w, r->v[i]); i++)
		;
	rule_regex_done(&w.e);
	if (out->kind != VERDICT_NONE)
		out->pending = 0;
	if (w.failed || arena_failed(a)) {
		*out = (struct rules_outcome){ .kind = VERDICT_DEFER, .unavailable = true, .why = "out of memory" };
		return -1;
	}
	if (stage == STAGE_END && out->kind == VERDICT_NONE)
		out->kind = VERDICT_ACCEPT;
	return 0;
}
