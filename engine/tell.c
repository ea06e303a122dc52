/*
 * What the checks are told as a transaction goes on: that they may start, the body, recipients whom the MTA refused, how
 * it ends.
 */
#include "engine/session.h"

/* The MTA may have told all that is wanted of a check. */
static bool leaves_open(struct engine_session *s, unsigned i)
{
	const struct check *def = s->snap->checks[i].def;
	const struct fact_set *facts = def->scope == SCOPE_SESSION ? &s->conn->facts : &s->txn->facts;

	fact_mask wanted = s->use->checks[i].wanted;

	while (wanted != 0)
		if (facts->v[fact_take(&wanted)].state == FACT_UNKNOWN)
			return true;
	return false;
}

/* Whether the check can be started at this stage, and somebody may want that. */
static bool may_start(struct engine_session *s, unsigned i, enum stage stage)
{
	const struct snapshot_check *k = &s->snap->checks[i];
	bool due = s->envelope ? k->def->stage <= stage : k->def->stage == stage;

	return k->state != NULL && due && k->def->kind == CHECK_PURE && k->def->start != NULL &&
	       k->def->scope != SCOPE_RECIPIENT && s->use->checks[i].wanted != 0 && leaves_open(s, i);
}

void tell_start(struct engine_session *s, enum stage stage)
{
	struct facts_view view = { .s = s, .stage = stage, .no_wait = true, .no_ask = true };
	struct rules_source src = facts_source(&view);
	struct rules_outcome out;
	section_mask skipped = 0;
	bool evaluated = false;

	/* Where it may be the loop that waits: what a slow pattern would spare is started in vain. */
	src.hurry = s->envelope ? &view.hurried : NULL;
	for (unsigned i = 0; i < s->snap->n_checks; i++) {
		if (!may_start(s, i, stage))
			continue;
		if (!evaluated) {
			if (rules_evaluate(s->snap->rules, stage, &src, session_arena(s), &out) == 0)
				skipped = out.skipped;
			evaluated = true;
		}
		/* Worth it when a rule that is not switched off already, or another check, will read it. */
		if ((s->use->checks[i].readers & ~skipped) != 0)
			facts_start_check(s, i);
	}
	if (s->wait != NULL)
		net_flush(s->wait);
}

void tell_body(struct engine_session *s, const void *p, size_t n)
{
	struct check_call c;

	for (unsigned i = 0; i < s->snap->n_checks; i++) {
		const struct check *def = s->snap->checks[i].def;

		if (def->body == NULL || (s->started_txn & (1u << i)) == 0)
			continue;
		facts_make_call(s, i, NULL, &c);
		def->body(&c, p, n);
	}
}

void tell_refused(struct engine_session *s, const char *reply)
{
	struct facts_view view = { .s = s, .stage = s->txn->stage, .no_ask = true };
	struct rules_source src = facts_source(&view);
	struct rules_outcome out;
	struct check_call c;

	/* Whom a rule spares is not counted either; its checks may still be under way. */
	if (rules_evaluate(s->snap->rules, s->txn->stage, &src, s->txn->arena, &out) != 0)
		return;
	for (unsigned i = 0; i < s->snap->n_checks; i++) {
		const struct snapshot_check *k = &s->snap->checks[i];

		if (k->state == NULL || s->use->checks[i].wanted == 0 || k->def->refused == NULL ||
		    (k->section & out.skipped) != 0)
			continue;
		facts_make_call(s, i, NULL, &c);
		k->def->refused(&c, reply);
	}
}

void tell_authres(struct engine_session *s, struct sbuf *out)
{
	struct facts_view v = { .s = s, .stage = STAGE_END };
	struct check_call c;

	for (unsigned i = 0; i < s->snap->n_checks; i++) {
		const struct snapshot_check *k = &s->snap->checks[i];

		if (!snapshot_stamps(k))
			continue;
		for (unsigned f = 0; f < FACT_COUNT; f++) /* one fact known is all known */
			if (k->def->provides & FACT_BIT(f))
				(void)facts_get(&v, (struct fact_ref){ .id = (enum fact_id)f }, false);
		facts_make_call(s, i, NULL, &c);
		k->def->authres(&c, out);
	}
}

void tell_settle(struct engine_session *s, const struct rcpt *rcpt, bool commit)
{
	struct ask **p = &s->asks;

	while (*p != NULL) {
		struct ask *a = *p;
		const struct check *def = s->snap->checks[a->check].def;
		struct check_call c;

		if (rcpt != NULL && a->rcpt != rcpt) {
			p = &a->next;
			continue;
		}
		*p = a->next;
		facts_make_call(s, a->check, a->rcpt, &c);
		if (commit && def->commit != NULL)
			def->commit(&c);
		else if (!commit && def->cancel != NULL)
			def->cancel(&c);
	}
}

void tell_drop_txn(struct engine_session *s)
{
	struct check_call c;

	for (unsigned i = 0; i < s->snap->n_checks; i++) {
		const struct check *def = s->snap->checks[i].def;

		if (def->drop == NULL || def->scope == SCOPE_SESSION || s->snap->checks[i].state == NULL)
			continue;
		if (def->scope == SCOPE_MESSAGE) {
			facts_make_call(s, i, NULL, &c);
			def->drop(&c);
			continue;
		}
		for (struct rcpt *r = s->txn->rcpts; r != NULL; r = r->next) {
			facts_make_call(s, i, r, &c);
			def->drop(&c);
		}
	}
}

void tell_drop_conn(struct engine_session *s)
{
	struct check_call c;

	for (unsigned i = 0; i < s->snap->n_checks; i++) {
		const struct check *def = s->snap->checks[i].def;

		if (def->drop == NULL || def->scope != SCOPE_SESSION || s->snap->checks[i].state == NULL)
			continue;
		facts_make_call(s, i, NULL, &c);
		def->drop(&c);
	}
}
