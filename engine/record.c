/*
 * What happened, written down: one structured log line and one journal entry (a Redis stream) for each transaction.
 */
#include <stdio.h>
#include <string.h>

#include "engine/session.h"
#include "net/redis.h"
#include "util/clock.h"
#include "util/log.h"

enum {
	LIST_MAX = 2048,     /* of recipients or rules, in the log line */
	JOURNAL_MAX = 16384, /* of one field of an entry */
	FACT_MAX = 200,      /* of one fact's value */
	REASON_MAX = 160,    /* of why a fact is unavailable */
	WORDS_MAX = 64,      /* of one XADD */
	NUM_MAX = 24         /* of a number */
};

/* ---- Texts ---- */

static const char *client_text(const struct engine_session *s, char buf[IP_TEXT_SIZE])
{
	return s->conn->ip.family == IP_NONE ? "local" : ip_format(&s->conn->ip, buf);
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

/* ---- The log line ---- */

static void add_rcpts(const struct engine_session *s, struct sbuf *b)
{
	for (const struct rcpt_note *n = s->notes; n != NULL; n = n->next) {
		add_name(b, n->rcpt->address);
		if (!n->rcpt->accepted)
			sbuf_addf(b, " (%s %d)", verdict_name(n->decision.kind), n->decision.reply.code);
		else if (n->would.kind != VERDICT_NONE)
			sbuf_addf(b, " (would %s %d)", verdict_name(n->would.kind), n->would.reply.code);
		else if (n->fate != NULL && strcmp(n->fate, "accepted") != 0)
			sbuf_addf(b, " (%s)", n->fate);
	}
}

static void log_field(struct log_record *r, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		log_record_str(r, name, value, strlen(value));
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

/* What the log line and the journal entry both say. */
struct story {
	long long took_ms;
	char client[IP_TEXT_SIZE];
	char reply[LIST_MAX], fired[LIST_MAX], shadow[LIST_MAX], would[LIST_MAX], unavailable[LIST_MAX];
};

static void make_story(struct engine_session *s, struct story *t)
{
	char ip[IP_TEXT_SIZE];
	struct sbuf b;

	t->took_ms = (clock_mono_us() - s->started_us) / 1000;
	sbuf_fixed(&b, t->client, sizeof t->client);
	sbuf_add(&b, client_text(s, ip));
	sbuf_fixed(&b, t->reply, sizeof t->reply);
	add_reply(&b, &s->final);
	sbuf_fixed(&b, t->fired, sizeof t->fired);
	add_rules(s, false, &b);
	sbuf_fixed(&b, t->shadow, sizeof t->shadow);
	add_rules(s, true, &b);
	sbuf_fixed(&b, t->would, sizeof t->would);
	add_would(s, &b);
	sbuf_fixed(&b, t->unavailable, sizeof t->unavailable);
	add_unavailable(s, &b);
}

static void log_transaction(struct engine_session *s, const struct story *t)
{
	struct log_record r;
	char to[LIST_MAX];
	struct sbuf b;

	sbuf_fixed(&b, to, sizeof to);
	add_rcpts(s, &b);
	log_record_begin(&r, LOG_LVL_INFO, "mail");
	log_field(&r, "id", s->txn->id);
	log_field(&r, "front", front_name(s));
	log_field(&r, "queue_id", s->txn->queue_id);
	log_field(&r, "client", t->client);
	log_field(&r, "name", first_text(&s->conn->facts.v[FACT_CLIENT_NAME]));
	log_field(&r, "helo", s->conn->helo);
	log_field(&r, "user", first_text(&s->txn->facts.v[FACT_AUTH_USER]));
	log_field(&r, "direction", first_text(&s->txn->facts.v[FACT_DIRECTION]));
	log_record_str(&r, "from", s->txn->sender, s->txn->sender != NULL ? strlen(s->txn->sender) : 0);
	log_field(&r, "to", to);
	if (has_size(s) && s->txn->size > 0)
		log_record_num(&r, "size", s->txn->size);
	log_field(&r, "verdict", final_name(s));
	log_field(&r, "reply", t->reply);
	log_field(&r, "rule", s->final.rule != NULL ? s->final.rule->name : NULL);
	log_field(&r, "fired", t->fired);
	log_field(&r, "shadow", t->shadow);
	log_field(&r, "would", t->would);
	log_field(&r, "why", s->final.why);
	log_field(&r, "unavailable", t->unavailable);
	if (s->refused_by_mta > 0)
		log_record_num(&r, "refused_by_mta", s->refused_by_mta);
	log_record_num(&r, "ms", t->took_ms);
	log_record_num(&r, "waited_us", s->waited_us);
	log_record_end(&r);
}

/* ---- The journal ---- */

struct entry {
	struct arena *arena;
	struct redis_word words[WORDS_MAX];
	size_t n;
};

static void entry_word(struct entry *e, const char *p, size_t n)
{
	if (e->n < WORDS_MAX) {
		e->words[e->n].p = p;
		e->words[e->n++].n = n;
	}
}

static void entry_str(struct entry *e, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0' || e->n + 2 > WORDS_MAX)
		return;
	entry_word(e, name, strlen(name));
	entry_word(e, value, strlen(value));
}

static void entry_num(struct entry *e, const char *name, long long value)
{
	char buf[NUM_MAX];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add_num(&b, value);
	entry_str(e, name, arena_strndup(e->arena, b.p, b.len));
}

static void add_fact(struct sbuf *b, enum fact_id id, const struct fact_value *f, bool *first)
{
	char buf[FACT_MAX];
	struct sbuf v;

	if (f->state == FACT_UNKNOWN || f->state == FACT_ABSENT || f->state == FACT_AT_LEAST)
		return;
	sbuf_add(b, *first ? "\"" : ",\"");
	sbuf_add(b, fact_table[id].name);
	sbuf_add(b, "\":");
	if (f->state == FACT_KNOWN && f->n == 1 && f->text[0].raw_n < FACT_MAX) { /* most are such */
		sbuf_add_json(b, f->text[0].raw, f->text[0].raw_n);
	} else {
		sbuf_fixed(&v, buf, sizeof buf);
		fact_format(f, id, &v);
		sbuf_add_json(b, v.p, v.len);
	}
	*first = false;
}

/* What checks know of this recipient. */
static void add_rcpt_facts(const struct engine_session *s, const struct rcpt *r, struct sbuf *b)
{
	bool first = true;

	sbuf_add(b, ",\"facts\":{");
	for (unsigned f = 0; f < FACT_COUNT; f++)
		if (fact_table[f].scope == SCOPE_RECIPIENT && s->snap->provider[f] != SNAPSHOT_NO_CHECK)
			add_fact(b, (enum fact_id)f, &r->facts.v[f], &first);
	sbuf_addc(b, '}');
}

/* What each recipient got, as a JSON list. */
static const char *rcpts_json(const struct engine_session *s, struct sbuf *b)
{
	sbuf_reset(b);
	sbuf_addc(b, '[');
	for (const struct rcpt_note *n = s->notes; n != NULL && b->len < JOURNAL_MAX / 2; n = n->next) {
		enum verdict_kind k =
			n->rcpt->accepted && n->decision.kind == VERDICT_NONE ? s->final.kind : n->decision.kind;
		const char *verdict = k == VERDICT_NONE ? "aborted" : verdict_name(k);

		sbuf_add(b, n == s->notes ? "{\"to\":" : ",{\"to\":");
		sbuf_add_json(b, n->rcpt->address, strlen(n->rcpt->address));
		sbuf_add(b, ",\"verdict\":\"");
		sbuf_add(b, verdict);
		sbuf_addc(b, '"');
		if (n->fate != NULL)
			sbuf_addf(b, ",\"fate\":\"%s\"", n->fate);
		if (n->decision.reply.code != 0)
			sbuf_addf(b, ",\"code\":%d", n->decision.reply.code);
		if (n->decision.rule != NULL) {
			sbuf_add(b, ",\"rule\":");
			sbuf_add_json(b, n->decision.rule->name, strlen(n->decision.rule->name));
		}
		if (n->would.kind != VERDICT_NONE)
			sbuf_addf(b, ",\"would\":\"%s\"", verdict_name(n->would.kind));
		add_rcpt_facts(s, n->rcpt, b);
		sbuf_addc(b, '}');
	}
	sbuf_addc(b, ']');
	return b->cut ? "[]" : b->p; /* half a list is none */
}

/* The facts that some rule read and that came to be known; those of recipients are with them. */
static const char *facts_json(const struct engine_session *s, struct sbuf *b)
{
	fact_mask left = s->use->facts;
	bool first = true;

	sbuf_reset(b);
	sbuf_addc(b, '{');
	while (left != 0) {
		enum fact_id f = fact_take(&left);

		if (fact_table[f].scope == SCOPE_SESSION)
			add_fact(b, f, &s->conn->facts.v[f], &first);
		else if (fact_table[f].scope == SCOPE_MESSAGE)
			add_fact(b, f, &s->txn->facts.v[f], &first);
	}
	sbuf_addc(b, '}');
	return b->cut ? "{}" : b->p;
}

static void fill_entry(struct engine_session *s, struct entry *e, const struct story *t, struct sbuf *b)
{
	entry_str(e, "id", s->txn->id);
	entry_str(e, "front", front_name(s));
	entry_num(e, "time", s->txn->started_ms);
	entry_str(e, "queue_id", s->txn->queue_id);
	entry_str(e, "client", t->client);
	entry_str(e, "name", first_text(&s->conn->facts.v[FACT_CLIENT_NAME]));
	entry_str(e, "helo", s->conn->helo);
	entry_str(e, "user", first_text(&s->txn->facts.v[FACT_AUTH_USER]));
	entry_str(e, "direction", first_text(&s->txn->facts.v[FACT_DIRECTION]));
	entry_word(e, "from", 4);
	entry_word(e, s->txn->sender != NULL ? s->txn->sender : "",
		   s->txn->sender != NULL ? strlen(s->txn->sender) : 0);
	entry_str(e, "recipients", arena_strdup(e->arena, rcpts_json(s, b)));
	if (has_size(s))
		entry_num(e, "size", s->txn->size);
	entry_str(e, "verdict", final_name(s));
	entry_str(e, "reply", t->reply);
	entry_str(e, "rule", s->final.rule != NULL ? s->final.rule->name : NULL);
	entry_str(e, "fired", t->fired);
	entry_str(e, "shadow", t->shadow);
	entry_str(e, "would", t->would);
	entry_str(e, "why", s->final.why);
	entry_str(e, "unavailable", t->unavailable);
	entry_str(e, "facts", arena_strdup(e->arena, facts_json(s, b)));
	entry_num(e, "ms", t->took_ms);
	entry_num(e, "waited_us", s->waited_us);
}

static void journal_transaction(struct engine_session *s, const struct story *t)
{
	struct entry e = { .arena = s->txn->arena };
	char text[JOURNAL_MAX];
	struct sbuf b;
	const char *key = s->snap->journal_key, *keep = s->snap->journal_keep;

	if (s->wait == NULL)
		return;
	sbuf_fixed(&b, text, sizeof text);
	entry_word(&e, "XADD", 4);
	entry_word(&e, key, strlen(key));
	entry_word(&e, "MAXLEN", 6);
	entry_word(&e, "~", 1);
	entry_word(&e, keep, strlen(keep));
	entry_word(&e, "*", 1);
	fill_entry(s, &e, t, &b);
	if (arena_failed(e.arena))
		return; /* the log line is there */
	redis_tell(s->wait, e.words, e.n);
}

/* ---- */

void record_transaction(struct engine_session *s)
{
	struct story t;

	make_story(s, &t);
	engine_count(s->engine, s->final.kind);
	log_transaction(s, &t);
	if (s->snap->set.journal.enabled && s->snap->set.redis.server[0] != '\0')
		journal_transaction(s, &t);
}

void record_session(struct engine_session *s, const struct decision *d, enum stage stage)
{
	struct log_record r;
	char ip[IP_TEXT_SIZE], reply[LIST_MAX];
	struct sbuf b;

	engine_count(s->engine, d->kind);
	sbuf_fixed(&b, reply, sizeof reply);
	add_reply(&b, d);
	log_record_begin(&r, LOG_LVL_INFO, "session");
	log_field(&r, "id", session_id(s));
	log_field(&r, "front", front_name(s));
	log_field(&r, "client", client_text(s, ip));
	log_field(&r, "name", first_text(&s->conn->facts.v[FACT_CLIENT_NAME]));
	log_field(&r, "helo", s->conn->helo);
	log_field(&r, "stage", stage_name(stage));
	log_field(&r, "verdict", verdict_name(d->kind));
	log_field(&r, "reply", reply);
	log_field(&r, "rule", d->rule != NULL ? d->rule->name : NULL);
	log_record_end(&r);
}
