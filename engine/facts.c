/*
 * Values for the rules: from the front end, the header fields, and the checks, which are started early, awaited when a
 * rule needs them, and, where they write, asked only when nothing before can still decide.
 */
#include <string.h>
#include <time.h>

#include "engine/session.h"
#include "util/bytes.h"
#include "util/clock.h"

enum { EFFECT_PATIENCE_MS = 1000 }; /* with Redis, which gives up by itself after redis.timeout */

static const struct fact_value unknown = { .state = FACT_UNKNOWN };
static const struct fact_value absent = { .state = FACT_ABSENT };

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

/* ---- Header fields ---- */

static void add_decoded(struct engine_session *s, const struct txn_header *h, struct fact_value *out)
{
	struct mime_text *texts;
	unsigned n;

	if (mime_decode(s->txn->arena, h->value, h->value_n, &s->snap->charsets, &texts, &n) != 0)
		return;
	for (unsigned i = 0; i < n; i++)
		fact_add_text(out, s->txn->arena, texts[i].p, texts[i].n);
}

static void decode_fields(struct engine_session *s, const char *name, struct fact_value *out)
{
	fact_set_absent(out);
	for (const struct txn_header *h = s->txn->headers; h != NULL; h = h->next)
		if (txn_header_is(h->name, name))
			add_decoded(s, h, out);
}

static void add_addresses(struct engine_session *s, const char *name, struct fact_value *out)
{
	const char **v;
	unsigned n;

	for (const struct txn_header *h = s->txn->headers; h != NULL; h = h->next) {
		if (!txn_header_is(h->name, name) || mime_addresses(s->txn->arena, h->value, h->value_n, &v, &n) != 0)
			continue;
		for (unsigned i = 0; i < n; i++)
			fact_add_text(out, s->txn->arena, v[i], strlen(v[i]));
	}
}

static void from_domains(struct engine_session *s, struct fact_value *out)
{
	const char **v;
	unsigned n;

	for (const struct txn_header *h = s->txn->headers; h != NULL; h = h->next) {
		if (!txn_header_is(h->name, "From") || mime_addresses(s->txn->arena, h->value, h->value_n, &v, &n) != 0)
			continue;
		for (unsigned i = 0; i < n; i++) {
			const char *domain = addr_domain(s->txn->arena, v[i]);

			if (domain != NULL)
				fact_add_text(out, s->txn->arena, domain, strlen(domain));
		}
	}
}

static void fill_from_headers(struct engine_session *s, enum fact_id id, struct fact_value *out)
{
	fact_set_absent(out);
	switch (id) {
	case FACT_SUBJECT:
		decode_fields(s, "Subject", out);
		break;
	case FACT_FROM:
		add_addresses(s, "From", out);
		break;
	case FACT_FROM_DOMAIN:
		from_domains(s, out);
		break;
	case FACT_TO:
		add_addresses(s, "To", out);
		add_addresses(s, "Cc", out);
		break;
	default:
		break;
	}
}

static const struct fact_value *header_value(struct engine_session *s, unsigned slot)
{
	const char *const *names;
	struct fact_value *f;

	if (slot >= rules_headers(s->snap->rules, &names))
		return &absent;
	if (s->txn->header_facts == NULL) {
		s->txn->header_facts = arena_calloc(s->txn->arena, rules_headers(s->snap->rules, &names), sizeof *f);
		if (s->txn->header_facts == NULL)
			return &absent; /* the arena has failed: the message is deferred */
	}
	f = &s->txn->header_facts[slot];
	if (f->state == FACT_UNKNOWN)
		decode_fields(s, names[slot], f);
	return f;
}

/* ---- Time ---- */

static void fill_time(struct fact_value *out, enum fact_id id)
{
	static const char *const days[] = {
		"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"
	};
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL)
		fact_set_absent(out);
	else if (id == FACT_HOUR)
		fact_set_num(out, tm.tm_hour);
	else
		fact_set_word(out, days[tm.tm_wday]);
}

/* ---- Checks ---- */

static void make_call(struct engine_session *s, unsigned i, struct rcpt *rcpt, struct check_call *c)
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

/* Makes the inputs of a check known, as far as they can be at this stage.  False when one would have to be waited for. */
static bool pull_inputs(struct facts_view *v, const struct check *def)
{
	fact_mask left = def->inputs & ~def->provides;

	while (left != 0) {
		struct fact_ref ref = { .id = fact_take(&left) };

		if (fact_table[ref.id].stage > v->stage)
			continue;
		if (facts_get(v, ref, false)->state == FACT_UNKNOWN && v->no_wait)
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

static void start_check(struct engine_session *s, unsigned i)
{
	const struct check *def = s->snap->checks[i].def;
	struct check_call c;

	if (*started(s, def) & (1u << i))
		return;
	*started(s, def) |= 1u << i;
	if (def->start == NULL)
		return;
	make_call(s, i, NULL, &c);
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

static void run_pure(struct facts_view *v, unsigned i)
{
	struct engine_session *s = v->s;
	const struct check *def = s->snap->checks[i].def;
	struct check_call c;
	int64_t before;

	if (v->no_wait && def->start != NULL)
		return;
	if (!pull_inputs(v, def))
		return;
	start_check(s, i);
	make_call(s, i, v->rcpt, &c);
	before = clock_mono_us();
	def->finish(&c);
	s->waited_us += clock_mono_us() - before;
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
		make_call(s, i, v->rcpt, &c);
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
	int64_t before;

	if (v->submit_only && (def->submit == NULL || was_asked(s, i, v->rcpt)))
		return;
	if (!pull_inputs(v, def))
		return;
	pull_next(v, i);
	if (!was_asked(s, i, v->rcpt) && !note_ask(s, i, v->rcpt))
		return;
	make_call(s, i, v->rcpt, &c);
	c.deadline_ms = effect_deadline(s);
	if (def->submit != NULL)
		def->submit(&c);
	submit_next(v, i);
	if (v->submit_only)
		return;
	before = clock_mono_us();
	def->ask(&c);
	s->waited_us += clock_mono_us() - before;
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
		fill_time(f, id);
		return;
	}
	if (p == SNAPSHOT_NO_CHECK) {
		if (fact_table[id].stage == STAGE_HEADERS)
			fill_from_headers(v->s, id, f);
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
		return header_value(v->s, ref.slot);
	provide(v, ref.id, f, settled);
	return f;
}

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

void facts_start(struct engine_session *s, enum stage stage)
{
	struct facts_view view = { .s = s, .stage = stage, .no_wait = true, .no_ask = true };
	struct rules_source src = facts_source(&view);
	struct rules_outcome out;
	section_mask skipped = 0;
	bool evaluated = false;

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
			start_check(s, i);
	}
	if (s->wait != NULL)
		net_flush(s->wait);
}

void facts_body(struct engine_session *s, const void *p, size_t n)
{
	struct check_call c;

	for (unsigned i = 0; i < s->snap->n_checks; i++) {
		const struct check *def = s->snap->checks[i].def;

		if (def->body == NULL || (s->started_txn & (1u << i)) == 0)
			continue;
		make_call(s, i, NULL, &c);
		def->body(&c, p, n);
	}
}

void facts_refused(struct engine_session *s, const char *reply)
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
		make_call(s, i, NULL, &c);
		k->def->refused(&c, reply);
	}
}

void facts_authres(struct engine_session *s, struct sbuf *out)
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
		make_call(s, i, NULL, &c);
		k->def->authres(&c, out);
	}
}

void facts_settle(struct engine_session *s, const struct rcpt *rcpt, bool commit)
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
		make_call(s, a->check, a->rcpt, &c);
		if (commit && def->commit != NULL)
			def->commit(&c);
		else if (!commit && def->cancel != NULL)
			def->cancel(&c);
	}
}

void facts_drop_txn(struct engine_session *s)
{
	struct check_call c;

	for (unsigned i = 0; i < s->snap->n_checks; i++) {
		const struct check *def = s->snap->checks[i].def;

		if (def->drop == NULL || def->scope == SCOPE_SESSION || s->snap->checks[i].state == NULL)
			continue;
		if (def->scope == SCOPE_MESSAGE) {
			make_call(s, i, NULL, &c);
			def->drop(&c);
			continue;
		}
		for (struct rcpt *r = s->txn->rcpts; r != NULL; r = r->next) {
			make_call(s, i, r, &c);
			def->drop(&c);
		}
	}
}

void facts_drop_conn(struct engine_session *s)
{
	struct check_call c;

	for (unsigned i = 0; i < s->snap->n_checks; i++) {
		const struct check *def = s->snap->checks[i].def;

		if (def->drop == NULL || def->scope != SCOPE_SESSION || s->snap->checks[i].state == NULL)
			continue;
		make_call(s, i, NULL, &c);
		def->drop(&c);
	}
}
