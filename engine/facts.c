/*
 * Values for the rules: from the front end, the header fields, and the checks, which are awaited when a rule needs them,
 * and, where they write, asked only when nothing before can still decide.
 */
#include <string.h>

#include "engine/session.h"
#include "util/clock.h"

enum { EFFECT_PATIENCE_MS = 1000 }; /* with Redis, which gives up by itself after redis.timeout */

static const struct fact_value unknown = { .state = FACT_UNKNOWN };

/* What the front ends tell, and what is made of the header and the clock. */
static const enum fact_id engine_facts[] = {
	FACT_CLIENT_IP,
	FACT_CLIENT_CONNECTIONS,
	FACT_TRUSTED,
	FACT_RELAY,
	FACT_SMTP,
	FACT_HELO,
	FACT_TLS,
	FACT_AUTH_USER,
	FACT_DIRECTION,
	FACT_SENDER,
	FACT_SENDER_DOMAIN,
	FACT_RECIPIENT,
	FACT_RECIPIENT_DOMAIN,
	FACT_RECIPIENTS,
	FACT_HEADER,
	FACT_SUBJECT,
	FACT_FROM,
	FACT_FROM_DOMAIN,
	FACT_TO,
	FACT_URL_HOST,
	FACT_SIZE,
	FACT_HOUR,
	FACT_WEEKDAY,
};

fact_mask facts_of_engine(void)
{
	fact_mask m = 0;

	for (size_t i = 0; i < sizeof engine_facts / sizeof engine_facts[0]; i++)
		m |= FACT_BIT(engine_facts[i]);
	return m;
}

static struct fact_value *stored(const struct facts_view *v, enum fact_id id)
{
	struct engine_session *s = v->s;

	switch (fact_table[id].scope) {
	case SCOPE_SESSION:
		return &s->conn->facts.v[id];
	case SCOPE_MESSAGE:
		return s->txn != NULL ? &s->txn->facts.v[id] : NULL;
	case SCOPE_RECIPIENT:
		return v->rcpt != NULL ? &v->rcpt->facts.v[id] : NULL;
	}
	return NULL;
}

struct rules_source facts_source(struct facts_view *v)
{
	const struct engine_session *s = v->s;

	return (struct rules_source){
		.get = facts_get,
		.ctx = v,
		.memo = s->memo,
		.never = s->use->never,
		.last = v->stage >= s->use->last,
	};
}

/* ---- Checks ---- */

void facts_make_call(struct engine_session *s, unsigned i, struct rcpt *rcpt, struct check_call *c)
{
	const struct snapshot_check *k = &s->snap->checks[i];
	bool session = k->def->scope == SCOPE_SESSION;

	memset(c, 0, sizeof *c);
	c->state = k->state;
	c->conn = s->conn;
	c->txn = s->txn;
	c->rcpt = k->def->scope == SCOPE_RECIPIENT ? rcpt : NULL;
	c->arena = session ? s->conn->arena : s->txn->arena;
	c->txn_slot = s->txn != NULL ? &s->txn->slots[i] : NULL;
	c->wait = s->wait;
	c->deadline_ms = s->deadline_ms;
	switch (k->def->scope) {
	case SCOPE_SESSION:
		c->facts = &s->conn->facts;
		c->slot = &s->conn->slots[i];
		break;
	case SCOPE_MESSAGE:
		c->facts = &s->txn->facts;
		c->slot = &s->txn->slots[i];
		break;
	case SCOPE_RECIPIENT:
		c->facts = &rcpt->facts;
		c->slot = &rcpt->slots[i];
		break;
	}
}

static bool in_scope(const struct engine_session *s, const struct check *def, const struct rcpt *rcpt)
{
	return def->scope == SCOPE_SESSION || (def->scope == SCOPE_MESSAGE ? s->txn != NULL : rcpt != NULL);
}

/* It will be tried anew: what comes behind must not be asked before what stands before it is known. */
static bool is_in_vain(const struct facts_view *v)
{
	return v->blocked || v->hurried;
}

/* Makes the inputs of a check known, as far as they can be at this stage.  False when one would have to be waited for. */
static bool pull_inputs(struct facts_view *v, const struct check *def)
{
	fact_mask left = def->inputs & ~def->provides;

	while (left != 0) {
		struct fact_ref ref = { .id = fact_take(&left) };

		if (fact_table[ref.id].stage > v->stage)
			continue;
		if (facts_get(v, ref, false)->state == FACT_UNKNOWN && (v->no_wait || v->blocked))
			return false;
	}
	return true;
}

/* The same without waiting for anything. */
static bool inputs_known(const struct facts_view *v, const struct check *def)
{
	struct facts_view now = { .s = v->s, .rcpt = v->rcpt, .stage = v->stage, .no_wait = true, .no_ask = true };

	return pull_inputs(&now, def);
}

static unsigned *started(struct engine_session *s, const struct check *def)
{
	return def->scope == SCOPE_SESSION ? &s->started_conn : &s->started_txn;
}

void facts_start_check(struct engine_session *s, unsigned i)
{
	const struct check *def = s->snap->checks[i].def;
	struct check_call c;

	if (*started(s, def) & (1u << i))
		return;
	*started(s, def) |= 1u << i;
	if (def->start == NULL)
		return;
	facts_make_call(s, i, NULL, &c);
	def->start(&c);
}

/* What a check left open is absent: it had its say. */
static void close_facts(struct fact_set *facts, fact_mask provides)
{
	while (provides != 0) {
		struct fact_value *f = &facts->v[fact_take(&provides)];

		if (f->state == FACT_UNKNOWN)
			fact_set_absent(f);
	}
}

/* Something is not known yet.  for_good: nor will it be, unless somebody waits for it. */
static void block(struct facts_view *v, bool for_good)
{
	v->blocked = true;
	v->s->must_wait = v->s->must_wait || for_good;
}

/* Whether the answer may be collected: where nothing is waited for, only when it is there. */
static bool may_collect(struct facts_view *v, const struct check *def, struct check_call *c)
{
	if (!v->trying || (def->poll != NULL && def->poll(c)))
		return true;
	block(v, def->poll == NULL || clock_mono_ms() >= v->s->deadline_ms);
	return false;
}

/* Has the answer taken, and counts the time that this waits. */
static void collect(struct facts_view *v, bool may_wait, void (*take)(struct check_call *c), struct check_call *c)
{
	int64_t before = 0;

	may_wait = may_wait && !v->trying;
	if (may_wait)
		before = clock_mono_us();
	take(c);
	if (may_wait)
		v->s->waited_us += clock_mono_us() - before;
}

static void run_pure(struct facts_view *v, unsigned i)
{
	struct engine_session *s = v->s;
	const struct check *def = s->snap->checks[i].def;
	struct check_call c;

	if ((v->no_wait && def->start != NULL) || is_in_vain(v))
		return;
	if (!pull_inputs(v, def))
		return;
	facts_start_check(s, i);
	facts_make_call(s, i, v->rcpt, &c);
	if (def->start != NULL && !may_collect(v, def, &c))
		return;
	collect(v, def->start != NULL, def->finish, &c);
	close_facts(c.facts, def->provides);
}

/* From now on the check must be committed or cancelled.  False when out of memory: then the message is deferred. */
static bool note_ask(struct engine_session *s, unsigned i, struct rcpt *rcpt)
{
	struct ask *a = arena_alloc(s->txn->arena, sizeof *a);

	if (a == NULL)
		return false;
	a->check = i;
	a->rcpt = s->snap->checks[i].def->scope == SCOPE_RECIPIENT ? rcpt : NULL;
	a->next = s->asks;
	s->asks = a;
	return true;
}

static bool was_asked(const struct engine_session *s, unsigned i, const struct rcpt *rcpt)
{
	const struct rcpt *whose = s->snap->checks[i].def->scope == SCOPE_RECIPIENT ? rcpt : NULL;

	for (const struct ask *a = s->asks; a != NULL; a = a->next)
		if (a->check == i && a->rcpt == whose)
			return true;
	return false;
}

/* Whether evaluation will reach that effect next, unless the one before it refuses. */
static bool comes_next(const struct facts_view *v, unsigned i)
{
	const struct engine_session *s = v->s;
	const struct snapshot_check *k = &s->snap->checks[i];
	const struct snapshot_reads *reads = &s->use->checks[i];
	section_mask off = v->out->skipped | v->out->doubted;

	return k->state != NULL && reads->wanted != 0 && k->def->submit != NULL && k->def->stage <= v->stage &&
	       (reads->readers & ~off) != 0 && in_scope(s, k->def, v->rcpt) && !was_asked(s, i, v->rcpt);
}

/* What the next effects read is waited for before the first question leaves, so that theirs can leave with it. */
static void pull_next(struct facts_view *v, unsigned after)
{
	for (unsigned i = after + 1; i < v->s->snap->n_checks && v->out != NULL; i++)
		if (comes_next(v, i))
			(void)pull_inputs(v, v->s->snap->checks[i].def);
}

/* The questions of the next effects share the round trip of this one's. */
static void submit_next(struct facts_view *v, unsigned after)
{
	struct engine_session *s = v->s;
	struct check_call c;

	for (unsigned i = after + 1; i < s->snap->n_checks && v->out != NULL; i++) {
		const struct check *def = s->snap->checks[i].def;

		if (!comes_next(v, i) || !inputs_known(v, def) || !note_ask(s, i, v->rcpt))
			continue;
		facts_make_call(s, i, v->rcpt, &c);
		def->submit(&c);
	}
}

/*
 * DNS may have used up the stage's time, and a sender whose own name server is slow may have wanted just that: what is
 * asked of Redis is given a moment all the same, so that nobody escapes a limit or the greylist by it.
 */
static int64_t effect_deadline(const struct engine_session *s)
{
	int64_t at_least = clock_mono_ms() + EFFECT_PATIENCE_MS;

	return s->deadline_ms > at_least ? s->deadline_ms : at_least;
}

static void run_effect(struct facts_view *v, unsigned i)
{
	struct engine_session *s = v->s;
	const struct check *def = s->snap->checks[i].def;
	struct check_call c;

	if (is_in_vain(v))
		return;
	if (v->trying && def->poll == NULL) {
		block(v, true);
		return;
	}
	if (!pull_inputs(v, def))
		return;
	pull_next(v, i);
	if (v->blocked)
		return;
	if (!was_asked(s, i, v->rcpt) && !note_ask(s, i, v->rcpt))
		return;
	facts_make_call(s, i, v->rcpt, &c);
	if (!v->trying)
		c.deadline_ms = effect_deadline(s);
	if (def->submit != NULL)
		def->submit(&c);
	submit_next(v, i);
	if (!may_collect(v, def, &c))
		return;
	collect(v, true, def->ask, &c);
	close_facts(c.facts, def->provides);
}

/* A session or message whose mail no check may touch: sessions without SMTP are never asked of effects. */
static bool may_ask(const struct facts_view *v, const struct check *def, bool settled)
{
	return settled && !v->no_ask && !v->no_wait && v->s->txn != NULL && v->s->smtp && v->stage >= def->stage;
}

static void provide(struct facts_view *v, enum fact_id id, struct fact_value *f, bool settled)
{
	int p = v->s->snap->provider[id];
	const struct check *def;

	if (id == FACT_HOUR || id == FACT_WEEKDAY) {
		fields_fill_time(f, id);
		return;
	}
	if (p == SNAPSHOT_NO_CHECK) {
		if (fact_table[id].stage == STAGE_HEADERS)
			fields_fill(v->s, id, f);
		return;
	}
	def = v->s->snap->checks[p].def;
	if (v->s->snap->checks[p].state == NULL) {
		fact_set_absent(f);
		return;
	}
	if (!in_scope(v->s, def, v->rcpt) || v->stage < def->stage)
		return;
	if (def->kind == CHECK_PURE)
		run_pure(v, (unsigned)p);
	else if (!v->s->smtp)
		fact_set_absent(f);
	else if (may_ask(v, def, settled))
		run_effect(v, (unsigned)p);
}

const struct fact_value *facts_get(void *view, struct fact_ref ref, bool settled)
{
	struct facts_view *v = view;
	struct fact_value *f = stored(v, ref.id);

	if (f == NULL)
		return &unknown;
	if (f->state == FACT_AT_LEAST || (f->state != FACT_UNKNOWN && ref.id != FACT_HEADER))
		return f;
	if (fact_table[ref.id].stage > v->stage)
		return &unknown;
	if (ref.id == FACT_HEADER)
		return fields_named(v->s, ref.slot);
	provide(v, ref.id, f, settled);
	return f;
}
