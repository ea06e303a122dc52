/*
 * After the verdict on an accepted message: Authentication-Results for inbound mail, and the finishers (signing).
 */
#include <string.h>

#include "engine/session.h"
#include "util/bytes.h"
#include "util/clock.h"

enum {
	SPOOL_MEMORY = 256 << 10, /* a larger body goes to a file */
	AUTHRES_MAX = 16 << 10
};

/* ---- Before END ---- */

static void make_finish(struct engine_session *s, const struct snapshot_finisher *k, struct finish_call *c)
{
	memset(c, 0, sizeof *c);
	c->state = k->state;
	c->conn = s->conn;
	c->txn = s->txn;
	c->arena = s->txn->arena;
	c->spool = s->spool;
	c->wait = s->wait;
	c->deadline_ms = s->deadline_ms;
}

/* What a finisher reads must be known when it begins. */
static void pull(struct engine_session *s, fact_mask inputs)
{
	struct facts_view v = { .s = s, .stage = STAGE_HEADERS };

	for (unsigned f = 0; f < FACT_COUNT; f++)
		if (inputs & ~s->use->never & FACT_BIT(f))
			(void)facts_get(&v, (struct fact_ref){ .id = (enum fact_id)f }, false);
}

void finish_begin(struct engine_session *s)
{
	struct finish_call c;
	bool body = false;

	for (unsigned i = 0; i < s->snap->n_finishers; i++) {
		const struct snapshot_finisher *k = &s->snap->finishers[i];

		if (k->state == NULL || (s->envelope && !k->def->envelope))
			continue;
		make_finish(s, k, &c);
		pull(s, k->def->inputs);
		if (!k->def->begin(&c))
			continue;
		s->finishing |= 1u << i;
		body = body || (k->def->body && !s->envelope);
	}
	if (body)
		s->spool = spool_new(SPOOL_MEMORY, NULL);
}

void finish_body(struct engine_session *s, const void *p, size_t n)
{
	if (s->spool != NULL)
		(void)spool_append(s->spool, p, n); /* a failure is sticky, and seen at END */
}

void finish_drop(struct engine_session *s)
{
	s->finishing = 0;
	spool_free(&s->spool);
}

/* ---- Authentication-Results ---- */

static bool is_inbound(const struct engine_session *s)
{
	const struct fact_value *f = &s->txn->facts.v[FACT_DIRECTION];

	return f->state == FACT_KNOWN && strcmp(f->text->raw, "inbound") == 0;
}

/* What did not fit is left out from the last whole result on: half a result would make the field unreadable. */
static void cut_back(struct sbuf *b, size_t head)
{
	static const char between[] = ";\n\t";
	size_t at = b->len;

	while (at > head && strncmp(b->p + at, between, sizeof between - 1) != 0)
		at--;
	b->len = at;
	b->p[at] = '\0';
	b->cut = false;
}

static void stamp(struct engine_session *s, struct header_edits *h)
{
	char buf[AUTHRES_MAX];
	struct sbuf b;
	size_t head;

	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add(&b, s->snap->hostname);
	head = b.len;
	tell_authres(s, &b);
	if (b.cut)
		cut_back(&b, head);
	if (b.len == head)
		sbuf_add(&b, "; none");
	headers_insert(h, "Authentication-Results", arena_strndup(s->txn->arena, b.p, b.len));
}

/* ---- Finishers ---- */

struct inserter {
	struct engine_session *s;
	struct header_edits *h;
};

static void insert(void *ctx, const char *name, const char *value)
{
	struct inserter *i = ctx;

	headers_insert(i->h, arena_strdup(i->s->txn->arena, name), arena_strdup(i->s->txn->arena, value));
}

static bool run_one(struct engine_session *s, const struct snapshot_finisher *k, struct header_edits *h)
{
	struct inserter i = { s, h };
	struct finish_call c;
	int64_t before = clock_mono_us();
	bool done;

	make_finish(s, k, &c);
	if (k->def->all_headers && headers_final(h, &c.fields, &c.n_fields) != 0)
		return false;
	if (k->def->body && !s->envelope && (s->spool == NULL || spool_failed(s->spool)))
		return false;
	c.insert = insert;
	c.ctx = &i;
	done = k->def->run(&c) == 0;
	s->waited_us += clock_mono_us() - before;
	return done;
}

const char *finish_message(struct engine_session *s, struct header_edits *h)
{
	for (unsigned i = 0; i < s->snap->n_finishers; i++)
		if ((s->finishing & (1u << i)) != 0 && !run_one(s, &s->snap->finishers[i], h))
			return s->snap->finishers[i].def->name;
	if (s->snap->authres && !s->envelope && is_inbound(s))
		stamp(s, h);
	return NULL;
}

void finish_settled(struct engine_session *s)
{
	struct header_edits *h = headers_new(s);

	finish_begin(s);
	if (h != NULL)
		(void)finish_message(s, h); /* nobody is left to be told that it failed, or to be given a field */
}
