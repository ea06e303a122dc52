/*
 * The events of a mail transaction, MAIL to the end of the message.
 */
#include <string.h>

#include "engine/events.h"
#include "util/bytes.h"
#include "util/clock.h"

enum {
	TXN_ARENA_MAX = 128 << 20,
	TXN_ARENA_USUAL = 24 << 10, /* one recipient, and the journal entry */
	HEADER_BYTES_MAX = 2 << 20,
	US_PER_MS = 1000
};

/* ---- Begin and end ---- */

static int txn_begin(struct engine_session *s)
{
	if (s->txn_arena == NULL)
		s->txn_arena = arena_new_for(TXN_ARENA_MAX, TXN_ARENA_USUAL);
	else
		arena_reset(s->txn_arena);
	s->txn = s->txn_arena != NULL ? txn_new(s->txn_arena, s->conn) : NULL;
	if (s->txn == NULL)
		return -1;
	s->started_txn = 0;
	s->started_us = clock_mono_us();
	s->waited_us = 0;
	s->memo = rules_memo_new(s->snap->rules, s->txn_arena);
	s->asks = NULL;
	s->notes = s->notes_last = NULL;
	s->split = 0;
	s->any_accepted = false;
	s->must_wait = false;
	s->settled = false;
	s->size = -1;
	s->refused_by_mta = 0;
	s->header_bytes = 0;
	s->links = NULL;
	memset(&s->final, 0, sizeof s->final);
	memset(&s->would, 0, sizeof s->would);
	memset(&s->verdict, 0, sizeof s->verdict);
	s->hits = NULL;
	s->n_hits = 0;
	return 0;
}

static void flush(struct engine_session *s)
{
	if (s->wait != NULL)
		net_flush(s->wait);
}

/* The transaction is over: what was asked is settled, what happened is written down, its memory is forgotten at the
 * next MAIL (answers may still point into it). */
static void txn_end(struct engine_session *s, bool commit)
{
	if (s->txn == NULL)
		return;
	tell_settle(s, NULL, commit);
	tell_drop_txn(s);
	finish_drop(s);
	flush(s); /* what was told, at once */
	record_transaction(s);
	if (s->wait != NULL)
		net_flush_later(s->wait);
	if (s->listed)
		engine_txn_end(s);
	s->listed = false;
	s->memo = NULL;
	s->txn = NULL;
}

/* Whether engine_rcpt_try() has left a question open, of which nobody could know yet what to give back. */
static bool is_trying(const struct engine_session *s)
{
	const struct rcpt_note *n = s->txn != NULL ? s->notes : NULL;

	while (n != NULL && n->tried_us == 0)
		n = n->next;
	return n != NULL;
}

bool session_give_back(struct engine_session *s)
{
	if (pthread_mutex_trylock(&s->lock) != 0)
		return false;
	if (is_trying(s)) {
		pthread_mutex_unlock(&s->lock);
		return false;
	}
	if (!s->dead && s->txn != NULL) {
		tell_settle(s, NULL, false);
		flush(s);
	}
	s->dead = true;
	pthread_mutex_unlock(&s->lock);
	return true;
}

/* Refuses and ends the transaction. */
static void refuse(struct engine_session *s, const struct decision *d, struct answer *a)
{
	s->final = *d;
	answer_from(d, a);
	txn_end(s, false);
}

static void refuse_stopping(struct engine_session *s, struct answer *a)
{
	static const struct decision stopping = {
		.kind = VERDICT_DEFER,
		.why = "stopping",
		.reply = { .code = 451, .enhanced = "4.3.2", .text = "the mail filter is restarting, try again later" },
	};

	refuse(s, &stopping, a);
}

static void refuse_memory(struct engine_session *s, struct answer *a)
{
	static const struct decision memory = {
		.kind = VERDICT_DEFER,
		.why = "out of memory",
		.reply = { .code = 451, .enhanced = "4.3.0", .text = "out of memory, try again later" },
	};

	refuse(s, &memory, a);
}

/* ---- MAIL ---- */

static void set_text(struct engine_session *s, enum fact_id id, const char *text)
{
	struct fact_value *f = &s->txn->facts.v[id];

	if (text == NULL || text[0] == '\0')
		fact_set_absent(f);
	else
		fact_set_text(f, s->txn->arena, text, strlen(text));
}

static void set_mail_facts(struct engine_session *s, const struct engine_mail *m)
{
	struct txn *t = s->txn;
	struct fact_set *f = &t->facts;
	bool auth = m->auth_user != NULL && m->auth_user[0] != '\0';
	const struct fact_value *known = &s->conn->facts.v[FACT_TRUSTED];
	bool trusted = known->state == FACT_KNOWN && strcmp(known->text->raw, "yes") == 0;

	t->sender_arg = arena_strdup(t->arena, m->arg);
	t->sender = addr_from_path(t->arena, m->arg);
	t->queue_id = arena_strdup(t->arena, m->queue_id);
	t->started_ms = clock_wall_ms();
	if (t->sender != NULL) {
		fact_set_text(&f->v[FACT_SENDER], t->arena, t->sender, strlen(t->sender));
		set_text(s, FACT_SENDER_DOMAIN, addr_domain(t->arena, t->sender));
	}
	set_text(s, FACT_AUTH_USER, m->auth_user);
	set_text(s, FACT_TLS, m->tls);
	fact_set_word(&f->v[FACT_DIRECTION], auth || trusted || !s->smtp ? "outbound" : "inbound");
	fact_set_at_least(&f->v[FACT_RECIPIENTS], 0);
	if (m->size > 0)
		fact_set_at_least(&f->v[FACT_SIZE], m->size);
}

static bool no_helo(const struct engine_session *s)
{
	return s->conn->facts.v[FACT_HELO].state == FACT_UNKNOWN;
}

void engine_mail(struct engine_session *s, const struct engine_mail *m, struct answer *a)
{
	struct decision d;

	event_begin(s);
	answer_continue(a);
	txn_end(s, false); /* a MAIL without RSET: the open one is aborted */
	if (session_refused(s, a))
		goto out;
	s->stage = STAGE_MAIL;
	if (no_helo(s))
		fact_set_absent(&s->conn->facts.v[FACT_HELO]);
	if (txn_begin(s) != 0) {
		refuse_memory(s, a);
		goto out;
	}
	s->txn->stage = STAGE_MAIL;
	set_mail_facts(s, m);
	s->listed = engine_txn_begin(s);
	if (!s->listed || s->dead) {
		refuse_stopping(s, a);
		goto out;
	}
	tell_start(s, STAGE_MAIL);
	if (session_decides_at(s, STAGE_MAIL)) {
		decide_session(s, STAGE_MAIL, &d);
		if (d.kind != VERDICT_NONE)
			refuse(s, &d, a);
	}
out:
	event_end(s);
}

/* ---- RCPT ---- */

static struct rcpt_note *add_note(struct engine_session *s, const char *arg)
{
	struct rcpt_note *n = arena_alloc(s->txn->arena, sizeof *n);
	struct rcpt *r = n != NULL ? txn_add_rcpt(s->txn, arg) : NULL;
	const char *domain;

	if (r == NULL)
		return NULL;
	fact_set_text(&r->facts.v[FACT_RECIPIENT], s->txn->arena, r->address, strlen(r->address));
	domain = addr_domain(s->txn->arena, r->address);
	if (domain != NULL)
		fact_set_text(&r->facts.v[FACT_RECIPIENT_DOMAIN], s->txn->arena, domain, strlen(domain));
	else
		fact_set_absent(&r->facts.v[FACT_RECIPIENT_DOMAIN]);
	n->rcpt = r;
	if (s->notes_last != NULL)
		s->notes_last->next = n;
	else
		s->notes = n;
	s->notes_last = n;
	return n;
}

static void accept_rcpt(struct engine_session *s, struct rcpt_note *n)
{
	n->rcpt->accepted = true;
	s->txn->n_rcpts++;
	if (!s->any_accepted)
		s->split = n->outcome.pending;
	s->any_accepted = true;
}

/* Whether events of a transaction can go on; answers for those that can't. */
static bool is_open(struct engine_session *s, struct answer *a)
{
	if (s->txn == NULL) {
		/* The MTA goes on after a refusal: nothing left to say.  Who asks about each recipient has not been refused
		 * the others yet. */
		if (s->envelope && s->final.kind != VERDICT_NONE)
			answer_from(&s->final, a);
		return false;
	}
	if (!s->dead)
		return true;
	refuse_stopping(s, a);
	return false;
}

/* One that was tried and not told yet; NULL: none of that argument. */
static struct rcpt_note *find_tried(const struct engine_session *s, const char *arg)
{
	struct rcpt_note *n = s->notes;

	while (n != NULL && !(n->tried_us != 0 && strcmp(n->rcpt->arg, arg) == 0))
		n = n->next;
	return n;
}

/* Evaluates.  False: nothing is to be waited for, and something is not known yet. */
static bool decide_this(struct engine_session *s, struct rcpt_note *n, bool may_wait)
{
	if (!s->envelope && !s->snap->needs.reply[STAGE_RCPT])
		return true;
	if (may_wait) {
		decide_rcpt(s, STAGE_RCPT, n);
		return true;
	}
	if (decide_rcpt_try(s, STAGE_RCPT, n)) {
		s->waited_us += n->tried_us != 0 ? clock_mono_us() - n->tried_us : 0;
		return true;
	}
	if (n->tried_us == 0)
		n->tried_us = clock_mono_us();
	flush(s);
	return false;
}

static void tell_rcpt(struct engine_session *s, struct rcpt_note *n, struct answer *a)
{
	n->tried_us = 0;
	if (n->decision.kind == VERDICT_NONE) {
		accept_rcpt(s, n);
		return;
	}
	answer_from(&n->decision, a);
	tell_settle(s, n->rcpt, false);
	flush(s);
}

/* True, with the answer; false only when nothing is to be waited for. */
static bool rcpt(struct engine_session *s, const char *arg, bool may_wait, struct answer *a)
{
	struct rcpt_note *n;
	bool told;

	answer_continue(a);
	if (!is_open(s, a))
		return true;
	s->txn->stage = STAGE_RCPT;
	n = find_tried(s, arg);
	if (n == NULL && (n = add_note(s, arg)) == NULL) {
		refuse_memory(s, a);
		return true;
	}
	if (n->tried_us != 0) /* the time for it has begun then */
		s->deadline_ms = n->tried_us / US_PER_MS + s->snap->deadline_ms;
	fact_set_at_least(&s->txn->facts.v[FACT_RECIPIENTS], (int64_t)s->txn->n_rcpts + 1);
	told = decide_this(s, n, may_wait);
	if (told)
		tell_rcpt(s, n, a);
	fact_set_at_least(&s->txn->facts.v[FACT_RECIPIENTS], s->txn->n_rcpts);
	return told;
}

void engine_rcpt(struct engine_session *s, const char *arg, struct answer *a)
{
	event_begin(s);
	(void)rcpt(s, arg, true, a);
	event_end(s);
}

bool engine_rcpt_try(struct engine_session *s, const char *arg, struct answer *a)
{
	bool told;

	event_begin(s);
	told = rcpt(s, arg, false, a);
	event_end(s);
	return told;
}

static bool is_inbound(const struct engine_session *s)
{
	const struct fact_value *f = &s->txn->facts.v[FACT_DIRECTION];

	return f->state == FACT_KNOWN && strcmp(f->text->raw, "inbound") == 0;
}

void engine_refused_rcpt(struct engine_session *s, const char *arg, const char *reply)
{
	(void)arg;
	event_begin(s);
	s->refused_by_mta++;
	if (s->txn != NULL && !s->dead && s->smtp && !s->relay && is_inbound(s))
		tell_refused(s, reply);
	event_end(s);
}

/* ---- DATA and the message ---- */

static void set_queue_id(struct engine_session *s, const char *queue_id)
{
	if (s->txn->queue_id == NULL && queue_id != NULL && queue_id[0] != '\0')
		s->txn->queue_id = arena_strdup(s->txn->arena, queue_id);
}

/* Evaluates where a refusal is possible. */
static void decide_all(struct engine_session *s, enum stage stage, struct answer *a)
{
	struct decision d;

	if ((s->use->stages & (1u << stage)) == 0 || s->txn->n_rcpts == 0)
		return;
	decide_message(s, stage, &d);
	if (d.kind != VERDICT_NONE)
		refuse(s, &d, a);
}

void engine_data(struct engine_session *s, const char *queue_id, struct answer *a)
{
	event_begin(s);
	answer_continue(a);
	if (is_open(s, a)) {
		s->txn->stage = STAGE_DATA;
		set_queue_id(s, queue_id);
		fact_set_num(&s->txn->facts.v[FACT_RECIPIENTS], s->txn->n_rcpts);
		decide_all(s, STAGE_DATA, a);
	}
	event_end(s);
}

static bool keeps(const struct engine_session *s, const char *name)
{
	static const char ours[] = "X-Millgate-";

	if (s->snap->all_headers)
		return true;
	for (unsigned i = 0; i < s->snap->n_keep; i++)
		if (txn_header_is(name, s->snap->keep[i]))
			return true;
	return txn_header_begins(name, ours);
}

/* As it was on the wire, where lines end in CRLF. */
static int64_t wire_size(const char *value, size_t n)
{
	int64_t size = (int64_t)n;

	for (size_t i = 0; i < n; i++)
		size += value[i] == '\n' && (i == 0 || value[i - 1] != '\r');
	return size;
}

void engine_header(struct engine_session *s, const char *name, const char *value, struct answer *a)
{
	size_t n = strlen(value);

	event_begin(s);
	answer_continue(a);
	if (is_open(s, a)) {
		s->txn->stage = STAGE_HEADERS;
		s->txn->size += (int64_t)strlen(name) + 1 + wire_size(value, n) + 2;
		if (keeps(s, name)) {
			s->header_bytes += n;
			if (s->header_bytes > HEADER_BYTES_MAX || txn_add_header(s->txn, name, value, n) == NULL)
				refuse_memory(s, a);
		}
	}
	event_end(s);
}

void engine_headers_end(struct engine_session *s, struct answer *a)
{
	event_begin(s);
	answer_continue(a);
	if (is_open(s, a)) {
		s->txn->stage = STAGE_HEADERS;
		s->txn->size += 2;
		tell_start(s, STAGE_HEADERS);
		decide_all(s, STAGE_HEADERS, a);
		if (s->txn != NULL) {
			view_begin(s);
			finish_begin(s);
		}
	}
	event_end(s);
}

void engine_body(struct engine_session *s, const void *p, size_t n, struct answer *a)
{
	event_begin(s);
	answer_continue(a);
	if (is_open(s, a)) {
		s->txn->stage = STAGE_BODY;
		s->txn->size += (int64_t)n;
		tell_body(s, p, n);
		view_body(s, p, n);
		finish_body(s, p, n);
	}
	event_end(s);
}

/* ---- END ---- */

/* What is known of the size in the end. */
static void set_size(struct engine_session *s)
{
	struct fact_value *f = &s->txn->facts.v[FACT_SIZE];

	if (s->envelope && s->size >= 0)
		s->txn->size = s->size;
	if (s->envelope ? s->size >= 0 : s->snap->needs.body)
		fact_set_num(f, s->txn->size);
	else if (!s->envelope || f->state != FACT_AT_LEAST) /* what an envelope claims stays a claim */
		fact_set_absent(f);
}

const struct verdict *engine_end(struct engine_session *s, const char *queue_id)
{
	static const struct verdict nothing = {
		.kind = VERDICT_DEFER,
		.reply = { .code = 451, .enhanced = "4.3.2", .text = "the mail filter is restarting, try again later" },
	};
	const struct verdict *v = &nothing;

	event_begin(s);
	if (s->txn != NULL && !s->dead) {
		s->txn->stage = STAGE_END;
		set_queue_id(s, queue_id);
		set_size(s);
		view_end(s);
		fact_set_num(&s->txn->facts.v[FACT_RECIPIENTS], s->txn->n_rcpts);
		if (s->envelope)
			finish_begin(s);
		decide_end(s);
		merge_verdict(s);
		v = &s->verdict;
	}
	event_end(s);
	return v;
}

void engine_finish(struct engine_session *s, bool carried_out)
{
	bool accepted = s->verdict.kind == VERDICT_ACCEPT || s->verdict.kind == VERDICT_QUARANTINE ||
			s->verdict.kind == VERDICT_DISCARD;

	event_begin(s);
	if (s->txn != NULL && !carried_out) {
		s->final = (struct decision){ .kind = VERDICT_DEFER, .why = "the MTA did not carry out the verdict" };
		s->final.reply.code = 451;
	}
	txn_end(s, carried_out && accepted);
	event_end(s);
}

/* What `shadow` at the top kept from a transaction that ended before END: a refusal, if it was one for all. */
static void judge_shadow(struct engine_session *s)
{
	for (const struct rcpt_note *n = s->notes; n != NULL; n = n->next) {
		if (n->would.kind == VERDICT_NONE) {
			s->would = (struct decision){ .kind = VERDICT_ACCEPT };
			return;
		}
		if (s->would.kind == VERDICT_NONE || n->would.kind == VERDICT_DEFER)
			s->would = n->would;
	}
}

/* The verdict of a transaction that ended before END: that of its recipients, when all were refused. */
static void judge_aborted(struct engine_session *s)
{
	if (s->settled && s->any_accepted) {
		s->final.kind = VERDICT_ACCEPT;
		if (s->snap->set.shadow)
			judge_shadow(s);
	}
	if (s->notes == NULL || s->any_accepted)
		return;
	for (const struct rcpt_note *n = s->notes; n != NULL; n = n->next)
		if (s->final.kind == VERDICT_NONE || n->decision.kind == VERDICT_DEFER)
			s->final = n->decision;
}

void engine_abort(struct engine_session *s)
{
	event_begin(s);
	if (s->txn != NULL) {
		judge_aborted(s);
		if (s->final.kind == VERDICT_ACCEPT) /* given back by a drain or not: who was accepted is */
			finish_settled(s);
		txn_end(s, false);
	}
	event_end(s);
}
