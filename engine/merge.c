/*
 * The verdict at the end of the message: what each recipient got, made into the one answer that SMTP has, and the edits
 * that carry out the rest.
 */
#include <string.h>

#include "engine/session.h"
#include "util/bytes.h"

enum {
	REDIRECTED_MAX = 900,    /* RFC 5322, section 2.1.1: a line of at most 998 characters */
	HEADER_CHANGES_MAX = 100 /* of received fields: Postfix takes quadratic time, and panics at some 14,000 */
};

struct merge {
	struct engine_session *s;
	struct header_edits *headers;
	/* All deletions go before all additions: the MTA would delete what was added. */
	struct edit *dels, **dels_tail, *adds, **adds_tail;
	bool *applied; /* by rule index: its edits are in already */
	struct rules_hit *hits;
	unsigned n_hits, room;
	unsigned remaining, refused, held, rejected; /* recipients that are not deleted; of them */
	bool holds_all;                              /* one of those held is by a rule that holds for all */
};

/* What the session's nature makes of a verdict. */
static bool must_soften(const struct engine_session *s, const struct decision *d)
{
	if (d->kind == VERDICT_REJECT)
		return !s->smtp || s->relay;
	return d->kind == VERDICT_DEFER && !s->smtp;
}

static bool restricted(const struct decision *d)
{
	return d->kind == VERDICT_REJECT || d->kind == VERDICT_DEFER || d->kind == VERDICT_QUARANTINE;
}

static struct edit *new_edit(struct merge *m, enum edit_kind kind, const char *value, bool quiet)
{
	struct edit *e = arena_alloc(m->s->txn->arena, sizeof *e);

	if (e == NULL)
		return NULL;
	e->kind = kind;
	e->value = value;
	e->quiet = quiet;
	return e;
}

/* quiet: nobody outside may learn of the address; mail that is moved must bounce when it cannot be delivered. */
static void add_rcpt(struct merge *m, const char *address, bool quiet)
{
	struct edit *e;

	for (e = m->adds; e != NULL; e = e->next) {
		if (ascii_equal(e->value, address)) {
			e->quiet = e->quiet && quiet;
			return;
		}
	}
	e = new_edit(m, EDIT_ADD_RCPT, address, quiet);
	if (e == NULL)
		return;
	*m->adds_tail = e;
	m->adds_tail = &e->next;
}

static bool is_deleted(const struct merge *m, const struct rcpt *r)
{
	for (const struct edit *e = m->dels; e != NULL; e = e->next)
		if (e->value == r->arg)
			return true;
	return false;
}

static void del_rcpt(struct merge *m, const struct rcpt *r)
{
	struct edit *e = is_deleted(m, r) ? NULL : new_edit(m, EDIT_DEL_RCPT, r->arg, false);

	if (e == NULL)
		return;
	*m->dels_tail = e;
	m->dels_tail = &e->next;
}

/* ---- One recipient ---- */

/* Why a recipient's mail is not as it should be, for a header: no rule's name, it is for the log. */
static const char *reason(struct engine_session *s, struct rcpt *r, const struct decision *d)
{
	const char *text =
		d->action != NULL && d->action->text != NULL ? reply_expand(s, r, d->action->text, true) : NULL;

	if (d->unavailable)
		text = "a check was unavailable";
	return arena_printf(s->txn->arena, "%s%s%s", verdict_name(d->kind), text != NULL && text[0] != '\0' ? "; " : "",
			    text != NULL ? text : "");
}

static void redirect(struct merge *m, struct rcpt *r, const struct decision *d)
{
	const char *why = reason(m->s, r, d);
	char buf[REDIRECTED_MAX];
	struct sbuf b;

	del_rcpt(m, r);
	add_rcpt(m, m->s->snap->set.quarantine_address, false);
	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add_safe(&b, r->address, strlen(r->address));
	sbuf_addf(&b, "; %s", why != NULL ? why : "");
	headers_add(m->headers, "X-Millgate-Redirected", arena_strdup(m->s->txn->arena, buf));
}

static void apply_action(struct merge *m, struct rcpt *r, const struct rule *rule, const struct rule_action *a)
{
	struct engine_session *s = m->s;
	bool first = !m->applied[rule->index];

	switch (a->kind) {
	case ACTION_MOVE:
		del_rcpt(m, r);
		add_rcpt(m, reply_expand(s, r, a->value, true), false);
		break;
	case ACTION_COPY:
		add_rcpt(m, reply_expand(s, r, a->value, true), true);
		break;
	case ACTION_ADD_HEADER:
	case ACTION_SET_HEADER:
	case ACTION_REMOVE_HEADER:
	case ACTION_TAG_SUBJECT:
	case ACTION_MARK:
		if (first)
			headers_apply(m->headers, a, a->value != NULL ? reply_expand(s, r, a->value, true) : NULL);
		break;
	default:
		break;
	}
}

static void note_hit(struct merge *m, const struct rules_hit *hit)
{
	for (unsigned i = 0; i < m->n_hits; i++)
		if (m->hits[i].rule == hit->rule)
			return;
	if (m->n_hits < m->room)
		m->hits[m->n_hits++] = *hit;
}

static void apply_hits(struct merge *m, struct rcpt_note *n)
{
	for (unsigned i = 0; i < n->outcome.n_hits; i++) {
		const struct rules_hit *hit = &n->outcome.hits[i];

		if (hit->doubtful)
			continue;
		note_hit(m, hit);
		if (hit->shadow)
			continue;
		for (const struct rule_action *a = hit->rule->actions; a != NULL; a = a->next)
			apply_action(m, n->rcpt, hit->rule, a);
		m->applied[hit->rule->index] = true;
	}
}

/* ---- All of them ---- */

static void count(struct merge *m)
{
	for (struct rcpt_note *n = m->s->notes; n != NULL; n = n->next) {
		if (!n->rcpt->accepted || n->decision.kind == VERDICT_DISCARD)
			continue;
		m->remaining++;
		if (must_soften(m->s, &n->decision))
			continue;
		m->refused += n->decision.kind == VERDICT_REJECT || n->decision.kind == VERDICT_DEFER;
		m->rejected += n->decision.kind == VERDICT_REJECT;
		m->held += n->decision.kind == VERDICT_QUARANTINE;
		m->holds_all = m->holds_all || (n->decision.kind == VERDICT_QUARANTINE && n->decision.rule != NULL &&
						n->decision.rule->for_all);
	}
}

static const struct rcpt_note *first_with(const struct engine_session *s, enum verdict_kind k)
{
	for (const struct rcpt_note *n = s->notes; n != NULL; n = n->next)
		if (n->rcpt->accepted && n->decision.kind == k)
			return n;
	return NULL;
}

/* Every remaining recipient is refused: with a reject only when all are rejected, since a deferred one comes again. */
static void refuse_all(struct merge *m)
{
	struct engine_session *s = m->s;
	enum verdict_kind kind = m->rejected == m->remaining ? VERDICT_REJECT : VERDICT_DEFER;
	const struct rcpt_note *n = first_with(s, kind);

	s->final = n->decision;
	reply_make(s, n->rcpt, &s->final);
	s->verdict.kind = kind;
	s->verdict.reply = s->final.reply;
}

static bool gets_it_anyway(const struct merge *m, const char *address)
{
	for (const struct rcpt_note *n = m->s->notes; n != NULL; n = n->next)
		if (n->rcpt->accepted && ascii_equal(n->rcpt->address, address) && !is_deleted(m, n->rcpt))
			return true;
	return false;
}

/* Who is a recipient already, and stays one, is not added: the MTA would deliver twice. */
static void drop_doubles(struct merge *m)
{
	struct edit **at = &m->adds;

	while (*at != NULL) {
		if (gets_it_anyway(m, (*at)->value))
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
	m->adds_tail = at;
}

static bool any_left(const struct merge *m)
{
	for (const struct rcpt_note *n = m->s->notes; n != NULL; n = n->next)
		if (n->rcpt->accepted && !is_deleted(m, n->rcpt))
			return true;
	return false;
}

/* What fits some only is softened; then everything else is carried out. */
static void deliver(struct merge *m, bool hold)
{
	struct engine_session *s = m->s;
	bool redirects = s->snap->set.mixed_recipients == MIXED_REDIRECT;

	for (struct rcpt_note *n = s->notes; n != NULL; n = n->next) {
		if (!n->rcpt->accepted)
			continue;
		if (restricted(&n->decision) && !hold && redirects) {
			redirect(m, n->rcpt, &n->decision);
			n->fate = "redirected";
			continue; /* its mail does not reach it: no copy, no move */
		}
		apply_hits(m, n);
		if (n->decision.kind == VERDICT_DISCARD) {
			del_rcpt(m, n->rcpt);
			n->fate = "deleted";
		} else if (restricted(&n->decision) && !hold) {
			headers_mark(m->headers, reason(s, n->rcpt, &n->decision));
			n->fate = "marked";
		} else {
			n->fate = hold ? "held" : is_deleted(m, n->rcpt) ? "moved" : "accepted";
		}
	}
	drop_doubles(m);
	if (m->adds == NULL && !any_left(m)) {
		s->verdict.kind = s->final.kind = VERDICT_DISCARD;
		return;
	}
	s->verdict.kind = s->final.kind = hold ? VERDICT_QUARANTINE : VERDICT_ACCEPT;
}

/* More of them than anybody means: each is work for the MTA, and Postfix breaks over thousands. */
static void too_many_edits(struct merge *m)
{
	struct engine_session *s = m->s;

	if (s->smtp && !s->relay) {
		reply_plain(s, &s->final, VERDICT_REJECT, 554, "5.6.0", "too many header fields of one kind");
		s->verdict.kind = VERDICT_REJECT;
		s->verdict.reply = s->final.reply;
		return;
	}
	headers_forgo(m->headers);
	headers_mark(m->headers, "too many header fields of one kind");
}

static void emit(struct merge *m)
{
	struct engine_session *s = m->s;
	struct edit **tail = &s->verdict.edits;
	const char *failed;

	headers_clean(m->headers);
	if (headers_changed(m->headers) > HEADER_CHANGES_MAX)
		too_many_edits(m);
	if (s->verdict.kind == VERDICT_REJECT)
		return;
	failed = s->verdict.kind == VERDICT_DISCARD ? NULL : finish_message(s, m->headers);
	if (failed != NULL) {
		reply_plain(s, &s->final, VERDICT_DEFER, 451, "4.3.0",
			    "the message cannot be finished, try again later");
		s->final.why = failed;
		s->verdict.kind = VERDICT_DEFER;
		s->verdict.reply = s->final.reply;
		return;
	}
	headers_emit(m->headers, &tail);
	*m->dels_tail = m->adds;
	*tail = m->dels;
}

static void hold(struct merge *m)
{
	struct engine_session *s = m->s;
	const struct rcpt_note *n = first_with(s, VERDICT_QUARANTINE);
	char buf[256];
	struct sbuf b;

	deliver(m, true);
	if (s->verdict.kind != VERDICT_QUARANTINE)
		return;
	s->final = n->decision;
	sbuf_fixed(&b, buf, sizeof buf);
	if (n->decision.action != NULL && n->decision.action->text != NULL) {
		const char *text = reply_expand(s, n->rcpt, n->decision.action->text, true);

		sbuf_add_reply(&b, text, strlen(text));
	} else {
		sbuf_add(&b, "held by local policy");
	}
	sbuf_addf(&b, " [id %s]", s->txn->id);
	s->verdict.reason = arena_strdup(s->txn->arena, buf);
}

static bool prepare(struct merge *m, struct engine_session *s)
{
	size_t n = rules_count(s->snap->rules);

	memset(m, 0, sizeof *m);
	m->s = s;
	m->dels_tail = &m->dels;
	m->adds_tail = &m->adds;
	m->room = (unsigned)n;
	m->applied = arena_calloc(s->txn->arena, n + 1, sizeof *m->applied);
	m->hits = arena_calloc(s->txn->arena, n + 1, sizeof *m->hits);
	m->headers = headers_new(s);
	return m->applied != NULL && m->hits != NULL && m->headers != NULL;
}

/* What kept a recipient from the mail is part of the story; what else fired for it was not carried out. */
static void collect_hits(struct merge *m)
{
	for (struct rcpt_note *n = m->s->notes; n != NULL; n = n->next) {
		for (unsigned i = 0; i < n->outcome.n_hits; i++) {
			const struct rules_hit *hit = &n->outcome.hits[i];

			if (!hit->doubtful && (hit->shadow || hit->rule == n->decision.rule))
				note_hit(m, hit);
		}
	}
}

/* The recipient gets the mail as it came; what would have been is noted, with the reply if it would be a refusal. */
static void spare(struct engine_session *s, struct rcpt_note *n)
{
	const struct decision *d = &n->decision;

	if (d->kind != VERDICT_ACCEPT && d->kind != n->would.kind) {
		n->would = *d;
		if (d->kind == VERDICT_REJECT || d->kind == VERDICT_DEFER)
			reply_make(s, n->rcpt, &n->would);
	}
	n->decision = (struct decision){ .kind = VERDICT_ACCEPT };
	n->fate = "accepted";
}

/* Everything was evaluated as if it counted; what it came to is for the log, and the mail leaves as it came. */
static void cast_shadow(struct merge *m)
{
	struct engine_session *s = m->s;

	for (struct rcpt_note *n = s->notes; n != NULL; n = n->next)
		if (n->rcpt->accepted)
			spare(s, n);
	for (unsigned i = 0; i < m->n_hits; i++)
		m->hits[i].shadow = true;
	s->would = s->final;
	memset(&s->final, 0, sizeof s->final);
	memset(&s->verdict, 0, sizeof s->verdict);
	s->final.kind = s->verdict.kind = VERDICT_ACCEPT;
}

static void run(struct merge *m)
{
	count(m);
	if (m->remaining > 0 && m->refused == m->remaining) {
		refuse_all(m);
	} else if (m->held > 0 && (m->holds_all || m->held + m->refused == m->remaining)) {
		/* All are restricted, some by holding: the message is held, nothing reaches anybody, nothing is lost.  And
		 * what is held for its sender's sake must not slip out by one recipient whom a rule spares. */
		hold(m);
		emit(m);
	} else {
		deliver(m, false);
		emit(m);
	}
	collect_hits(m);
	if (m->s->snap->set.shadow)
		cast_shadow(m);
	m->s->hits = m->hits;
	m->s->n_hits = m->n_hits;
}

void merge_verdict(struct engine_session *s)
{
	struct merge m;

	memset(&s->verdict, 0, sizeof s->verdict);
	if (prepare(&m, s))
		run(&m);
	if (!arena_failed(s->txn->arena) && !arena_failed(s->conn->arena))
		return;
	memset(&s->final, 0, sizeof s->final);
	s->verdict.edits = NULL;
	s->final.kind = s->verdict.kind = VERDICT_DEFER;
	s->final.why = "out of memory";
	s->final.reply = (struct reply){ .code = 451, .enhanced = "4.3.0", .text = "out of memory, try again later" };
	s->verdict.reply = s->final.reply;
}
