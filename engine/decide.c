/*
 * Answers before the end of the message: given as soon as no undecided rule could still change them.
 */
#include <string.h>

#include "engine/session.h"

static bool refuses(enum verdict_kind k)
{
	return k == VERDICT_REJECT || k == VERDICT_DEFER;
}

/* A 5xx to our own relay would be backscatter, and a session without SMTP has nobody to refuse to: these become marks
 * or redirections at END. */
static bool would_refuse(const struct engine_session *s, enum verdict_kind k)
{
	return s->smtp && !(s->relay && k == VERDICT_REJECT);
}

/* In shadow nothing is refused; what would have been is noted, and END tells it anew. */
static bool may_refuse(const struct engine_session *s, enum verdict_kind k)
{
	return would_refuse(s, k) && !s->snap->set.shadow;
}

static void evaluate_from(struct engine_session *s, const struct rules_source *src, enum stage stage,
			  struct rules_outcome *out)
{
	if (rules_evaluate(s->snap->rules, stage, src, session_arena(s), out) == 0 && !arena_failed(s->conn->arena))
		return;
	out->kind = VERDICT_DEFER;
	out->rule = NULL;
	out->action = NULL;
	out->unavailable = true;
	out->why = "the rules could not be evaluated";
}

static void evaluate(struct engine_session *s, enum stage stage, struct rcpt *rcpt, struct rules_outcome *out)
{
	struct facts_view view = { .s = s, .rcpt = rcpt, .stage = stage, .out = out };
	struct rules_source src = facts_source(&view);

	evaluate_from(s, &src, stage, out);
}

void decide_additions(struct engine_session *s, struct rcpt *rcpt, struct rules_outcome *out)
{
	struct facts_view view = { .s = s, .rcpt = rcpt, .stage = s->txn->stage, .no_ask = true };
	struct rules_source src = facts_source(&view);

	src.adding = true;
	evaluate_from(s, &src, s->txn->stage, out);
}

static void take(struct decision *d, const struct rules_outcome *out)
{
	memset(d, 0, sizeof *d);
	d->kind = out->kind;
	d->rule = out->rule;
	d->action = out->action;
	d->unavailable = out->unavailable;
	d->why = out->why;
}

void decide_session(struct engine_session *s, enum stage stage, struct decision *d)
{
	struct rules_outcome out;

	memset(d, 0, sizeof *d);
	evaluate(s, stage, NULL, &out);
	if (!refuses(out.kind) || !may_refuse(s, out.kind))
		return;
	take(d, &out);
	reply_make(s, NULL, d);
}

/* Recipients that different rules may refuse at END must not share a transaction. */
static bool must_split(struct engine_session *s, const struct rules_outcome *out)
{
	return s->snap->set.mixed_recipients == MIXED_SPLIT && may_refuse(s, VERDICT_DEFER) && s->any_accepted &&
	       out->pending != s->split;
}

/* What the outcome of an evaluation at `stage` makes of the recipient. */
static void conclude(struct engine_session *s, enum stage stage, struct rcpt_note *note)
{
	struct decision *d = &note->decision;

	take(d, &note->outcome);
	memset(&note->would, 0, sizeof note->would);
	if (!refuses(d->kind) || !would_refuse(s, d->kind)) {
		d->kind = VERDICT_NONE;
		if (stage == STAGE_RCPT && must_split(s, &note->outcome))
			reply_plain(s, d, VERDICT_DEFER, 452, "4.5.3",
				    "this recipient needs a transaction of its own, send again");
		return;
	}
	reply_make(s, note->rcpt, d);
	if (may_refuse(s, d->kind))
		return;
	note->would = *d;
	memset(d, 0, sizeof *d);
}

void decide_rcpt(struct engine_session *s, enum stage stage, struct rcpt_note *note)
{
	evaluate(s, stage, note->rcpt, &note->outcome);
	conclude(s, stage, note);
}

bool decide_rcpt_try(struct engine_session *s, enum stage stage, struct rcpt_note *note)
{
	struct facts_view view = { .s = s, .rcpt = note->rcpt, .stage = stage, .out = &note->outcome, .trying = true };
	struct rules_source src = facts_source(&view);

	src.hurry = &view.hurried;
	evaluate_from(s, &src, stage, &note->outcome);
	if (view.hurried)
		s->must_wait = true;
	if (view.blocked || view.hurried)
		return false;
	conclude(s, stage, note);
	return true;
}

void decide_message(struct engine_session *s, enum stage stage, struct decision *d)
{
	const struct decision *refusal = NULL;

	memset(d, 0, sizeof *d);
	for (struct rcpt_note *n = s->notes; n != NULL; n = n->next) {
		if (!n->rcpt->accepted)
			continue;
		decide_rcpt(s, stage, n);
		if (n->decision.kind == VERDICT_NONE)
			return; /* it may still be accepted; END decides what the others get */
		if (refusal == NULL || n->decision.kind == VERDICT_DEFER)
			refusal = refusal == NULL || refusal->kind == VERDICT_REJECT ? &n->decision : refusal;
	}
	if (refusal != NULL)
		*d = *refusal;
}

static void decide_at_end(struct engine_session *s, struct rcpt_note *n)
{
	evaluate(s, STAGE_END, n->rcpt, &n->outcome);
	take(&n->decision, &n->outcome);
	if (n->decision.kind == VERDICT_NONE)
		n->decision.kind = VERDICT_ACCEPT;
}

void decide_end(struct engine_session *s)
{
	bool held = false;

	for (struct rcpt_note *n = s->notes; n != NULL; n = n->next) {
		if (!n->rcpt->accepted)
			continue;
		decide_at_end(s, n);
		held = held || n->decision.kind == VERDICT_QUARANTINE;
	}
	/* A check that was asked about a later recipient may hold the message for those before it, too. */
	for (struct rcpt_note *n = s->notes; held && n != NULL; n = n->next)
		if (n->rcpt->accepted && n->decision.kind == VERDICT_ACCEPT)
			decide_at_end(s, n);
}
