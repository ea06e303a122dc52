/*
 * What happened, told once: to the log, in one structured line, and to the journal, in one entry, for each transaction.
 */
#include <string.h>

#include "engine/journal.h"
#include "engine/session.h"
#include "util/clock.h"
#include "util/log.h"

enum {
	TEXT_MAX = 2048,  /* of one that is put together, as a list of rules */
	TEXTS = 5,        /* of such */
	REASON_MAX = 160, /* of why a fact is unavailable */
	US_PER_MS = 1000
};

/* The log line and the journal's entry of one transaction, while they are written. */
struct story {
	struct log_record line;
	struct journal_entry *entry; /* NULL: none */
	char client[IP_TEXT_SIZE];
	size_t used;
	char texts[TEXTS * TEXT_MAX]; /* of what the entry points to */
};

/* ---- Saying something: to both, unless there is nothing to say ---- */

/* The length of the name is the compiler's work. */
#define TELL(t, name, value) tell(t, name, sizeof name - 1, value)
#define TELL_NUM(t, name, value) tell_num(t, name, sizeof name - 1, value)
#define TELL_TEXT(t, name, b) tell_text(t, name, sizeof name - 1, b)

static void tell_n(struct story *t, const char *name, size_t name_n, const char *value, size_t n)
{
	log_record_text(&t->line, name, name_n, value, n);
	if (t->entry != NULL)
		journal_text(t->entry, name, name_n, value, n);
}

static void tell(struct story *t, const char *name, size_t name_n, const char *value)
{
	if (value != NULL && value[0] != '\0')
		tell_n(t, name, name_n, value, strlen(value));
}

static void tell_num(struct story *t, const char *name, size_t name_n, long long value)
{
	log_record_num(&t->line, name, value);
	if (t->entry != NULL)
		journal_num(t->entry, name, name_n, value);
}

/* Room for the next text, which tell_text() keeps. */
static struct sbuf text_room(struct story *t)
{
	struct sbuf b;

	sbuf_fixed(&b, t->texts + t->used, TEXT_MAX);
	return b;
}

static void tell_text(struct story *t, const char *name, size_t name_n, const struct sbuf *b)
{
	if (b->len == 0)
		return;
	tell_n(t, name, name_n, b->p, b->len);
	t->used += b->len + 1;
}

/* ---- Texts ---- */

static const char *client_text(const struct engine_session *s, char buf[IP_TEXT_SIZE])
{
	if (s->conn->ip.family == IP_NONE)
		return s->smtp ? "unknown" : "local";
	return ip_format(&s->conn->ip, buf);
}

static const char *first_text(const struct fact_value *f)
{
	return f->state == FACT_KNOWN && f->n > 0 ? f->text[0].raw : "";
}

static const char *front_name(const struct engine_session *s)
{
	return s->envelope ? "policy" : "milter";
}

/* Whether the message's size is known: nobody counts the bytes of a body that nobody reads. */
static bool has_size(const struct engine_session *s)
{
	return s->envelope ? s->size >= 0 : s->snap->needs.body;
}

static const char *final_name(const struct engine_session *s)
{
	return s->final.kind == VERDICT_NONE ? "aborted" : verdict_name(s->final.kind);
}

static void add_reply(struct sbuf *b, const struct decision *d)
{
	if (d->reply.code == 0)
		return;
	sbuf_add_num(b, d->reply.code);
	if (d->reply.enhanced[0] != '\0') {
		sbuf_addc(b, ' ');
		sbuf_add(b, d->reply.enhanced);
	}
	if (d->reply.text != NULL) {
		sbuf_addc(b, ' ');
		sbuf_add(b, d->reply.text);
	}
}

static void add_name(struct sbuf *b, const char *name)
{
	if (b->len > 0)
		sbuf_add(b, ", ");
	sbuf_add(b, name);
}

/* Every rule that had a say: those that fired at END, and those that refused recipients before. */
static void add_rules(const struct engine_session *s, bool shadow, struct sbuf *b)
{
	const struct rule *last = NULL;
	bool all_shadow = s->snap->set.shadow;

	for (unsigned i = 0; i < s->n_hits; i++)
		if (s->hits[i].shadow == shadow)
			add_name(b, s->hits[i].rule->name);
	if (s->n_hits > 0)
		return;
	for (const struct rcpt_note *n = s->notes; n != NULL; n = n->next) {
		for (unsigned i = 0; i < n->outcome.n_hits; i++) {
			const struct rules_hit *h = &n->outcome.hits[i];

			if ((h->shadow || all_shadow) != shadow || h->doubtful || h->rule == last)
				continue;
			add_name(b, h->rule->name);
			last = h->rule;
		}
	}
	if (s->notes == NULL && !shadow && s->final.rule != NULL)
		add_name(b, s->final.rule->name);
}

/* What a top-level shadow kept from happening. */
static void add_would(const struct engine_session *s, struct sbuf *b)
{
	if (s->would.kind == VERDICT_NONE)
		return;
	sbuf_add(b, verdict_name(s->would.kind));
	if (s->would.reply.code != 0)
		sbuf_addc(b, ' ');
	add_reply(b, &s->would);
}

/* The fact's value in the scope where it is unavailable; of recipients the first.  NULL: it is not. */
static const struct fact_value *unavailable(const struct engine_session *s, unsigned f)
{
	const struct fact_value *v = &s->conn->facts.v[f];

	if (fact_table[f].scope == SCOPE_MESSAGE)
		v = &s->txn->facts.v[f];
	if (fact_table[f].scope != SCOPE_RECIPIENT)
		return v->state == FACT_UNAVAILABLE ? v : NULL;
	for (const struct rcpt_note *n = s->notes; n != NULL; n = n->next)
		if (n->rcpt->facts.v[f].state == FACT_UNAVAILABLE)
			return &n->rcpt->facts.v[f];
	return NULL;
}

/* What rules wanted to know and nobody could say, which with on_error = "ignore" shows nowhere else. */
static void add_unavailable(const struct engine_session *s, struct sbuf *b)
{
	fact_mask left = s->use->facts;

	while (left != 0) {
		enum fact_id f = fact_take(&left);
		const struct fact_value *v = unavailable(s, f);

		if (v == NULL)
			continue;
		add_name(b, fact_table[f].name);
		if (v->why != NULL) {
			sbuf_add(b, " (");
			sbuf_add_safe(b, v->why, strnlen(v->why, REASON_MAX));
			sbuf_addc(b, ')');
		}
	}
}

static void add_word(struct sbuf *b, const char *word)
{
	sbuf_add(b, " (");
	sbuf_add(b, word);
	sbuf_addc(b, ')');
}

static void add_fate(struct sbuf *b, const char *open, const struct decision *d)
{
	sbuf_add(b, open);
	sbuf_add(b, verdict_name(d->kind));
	if (d->reply.code != 0) {
		sbuf_addc(b, ' ');
		sbuf_add_num(b, d->reply.code);
	}
	sbuf_addc(b, ')');
}

/* What became of each recipient, where it is not what the verdict says. */
static void add_recipients(const struct engine_session *s, struct sbuf *b)
{
	for (const struct rcpt_note *n = s->notes; n != NULL; n = n->next) {
		add_name(b, n->rcpt->address);
		if (!n->rcpt->accepted)
			add_fate(b, " (", &n->decision);
		else if (n->would.kind != VERDICT_NONE)
			add_fate(b, " (would ", &n->would);
		else if (n->fate != NULL && strcmp(n->fate, "accepted") != 0)
			add_word(b, n->fate);
	}
}

/* ---- */

static void tell_who(struct story *t, const struct engine_session *s)
{
	TELL(t, "name", first_text(&s->conn->facts.v[FACT_CLIENT_NAME]));
	TELL(t, "helo", s->conn->helo);
	TELL(t, "user", first_text(&s->txn->facts.v[FACT_AUTH_USER]));
	TELL(t, "direction", first_text(&s->txn->facts.v[FACT_DIRECTION]));
	tell_n(t, "from", sizeof "from" - 1, s->txn->sender, s->txn->sender != NULL ? strlen(s->txn->sender) : 0);
}

static void tell_recipients(struct story *t, const struct engine_session *s)
{
	struct sbuf b = text_room(t);

	add_recipients(s, &b);
	if (b.len > 0)
		log_record_str(&t->line, "to", b.p, b.len);
	if (t->entry != NULL)
		journal_recipients(t->entry, s);
}

static void tell_size(struct story *t, const struct engine_session *s)
{
	if (!has_size(s))
		return;
	if (s->txn->size > 0)
		log_record_num(&t->line, "size", s->txn->size);
	if (t->entry != NULL)
		journal_num(t->entry, "size", sizeof "size" - 1, s->txn->size);
}

static void tell_outcome(struct story *t, const struct engine_session *s)
{
	struct sbuf b = text_room(t);

	TELL(t, "verdict", final_name(s));
	add_reply(&b, &s->final);
	TELL_TEXT(t, "reply", &b);
	TELL(t, "rule", s->final.rule != NULL ? s->final.rule->name : NULL);
	b = text_room(t);
	add_rules(s, false, &b);
	TELL_TEXT(t, "fired", &b);
	b = text_room(t);
	add_rules(s, true, &b);
	TELL_TEXT(t, "shadow", &b);
	b = text_room(t);
	add_would(s, &b);
	TELL_TEXT(t, "would", &b);
	TELL(t, "why", s->final.why);
	b = text_room(t);
	add_unavailable(s, &b);
	TELL_TEXT(t, "unavailable", &b);
}

static void tell_transaction(struct story *t, const struct engine_session *s)
{
	long long took_us = clock_mono_us() - s->started_us;

	TELL(t, "id", s->txn->id);
	TELL(t, "front", front_name(s));
	if (t->entry != NULL)
		journal_num(t->entry, "time", sizeof "time" - 1, s->txn->started_ms);
	TELL(t, "queue_id", s->txn->queue_id);
	TELL(t, "client", client_text(s, t->client));
	tell_who(t, s);
	tell_recipients(t, s);
	tell_size(t, s);
	tell_outcome(t, s);
	if (t->entry != NULL)
		journal_facts(t->entry, s);
	if (s->refused_by_mta > 0)
		log_record_num(&t->line, "refused_by_mta", s->refused_by_mta);
	TELL_NUM(t, "ms", took_us / US_PER_MS);
	TELL_NUM(t, "waited_us", s->waited_us);
}

static bool has_journal(const struct engine_session *s)
{
	return s->snap->set.journal.enabled && s->snap->set.redis.server[0] != '\0' && s->wait != NULL;
}

void record_transaction(struct engine_session *s)
{
	struct journal_entry entry;
	struct story t;

	engine_count(s->engine, s->final.kind);
	t.entry = NULL;
	t.used = 0;
	if (has_journal(s)) {
		journal_begin(&entry, s->snap);
		t.entry = &entry;
	}
	log_record_begin(&t.line, LOG_LVL_INFO, "mail");
	tell_transaction(&t, s);
	log_record_end(&t.line);
	if (t.entry != NULL && !arena_failed(s->txn->arena)) /* then the log line must do */
		journal_send(t.entry, s);
}

void record_session(struct engine_session *s, const struct decision *d, enum stage stage)
{
	struct story t;
	struct sbuf b;

	engine_count(s->engine, d->kind);
	t.entry = NULL;
	t.used = 0;
	log_record_begin(&t.line, LOG_LVL_INFO, "session");
	TELL(&t, "id", session_id(s));
	TELL(&t, "front", front_name(s));
	TELL(&t, "client", client_text(s, t.client));
	TELL(&t, "name", first_text(&s->conn->facts.v[FACT_CLIENT_NAME]));
	TELL(&t, "helo", s->conn->helo);
	TELL(&t, "stage", stage_name(stage));
	TELL(&t, "verdict", verdict_name(d->kind));
	b = text_room(&t);
	add_reply(&b, d);
	TELL_TEXT(&t, "reply", &b);
	TELL(&t, "rule", d->rule != NULL ? d->rule->name : NULL);
	log_record_end(&t.line);
}
