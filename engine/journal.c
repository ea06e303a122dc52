#include "engine/journal.h"

#include <string.h>

enum { FACT_MAX = 200 }; /* of one fact's value */

/* ,"name": of every fact */
#define FACT_KEY_(id, nm, tp, st, sc, wd, dc) [FACT_##id] = { ",\"" #nm "\":", sizeof ",\"" #nm "\":" - 1 },
static const struct {
	const char *p;
	size_t n;
} keys[FACT_COUNT] = { FACTS(FACT_KEY_) };

#define FACT_RCPT_(id, nm, tp, st, sc, wd, dc) | (SCOPE_##sc == SCOPE_RECIPIENT ? FACT_BIT(FACT_##id) : 0)
static const fact_mask of_recipients = 0 FACTS(FACT_RCPT_);

/* ---- Words ---- */

static void add_word(struct journal_entry *e, const char *p, size_t n)
{
	e->words[e->n++] = (struct redis_word){ p, n };
}

void journal_begin(struct journal_entry *e, const struct snapshot *snap)
{
	e->n = e->numbers_n = 0;
	add_word(e, "XADD", sizeof "XADD" - 1);
	add_word(e, snap->journal_key, strlen(snap->journal_key));
	add_word(e, "MAXLEN", sizeof "MAXLEN" - 1);
	add_word(e, "~", 1);
	add_word(e, snap->journal_keep, strlen(snap->journal_keep));
	add_word(e, "*", 1);
}

void journal_text(struct journal_entry *e, const char *name, size_t name_n, const char *value, size_t n)
{
	if (e->n + 2 > JOURNAL_WORDS)
		return;
	add_word(e, name, name_n);
	add_word(e, value, n);
}

void journal_num(struct journal_entry *e, const char *name, size_t name_n, long long value)
{
	struct sbuf b;

	sbuf_fixed(&b, e->numbers + e->numbers_n, sizeof e->numbers - e->numbers_n);
	sbuf_add_num(&b, value);
	if (b.cut)
		return;
	e->numbers_n += b.len; /* words need no NUL */
	journal_text(e, name, name_n, b.p, b.len);
}

/* ---- Facts and recipients ---- */

static void add_value(struct sbuf *b, enum fact_id id, const struct fact_value *f)
{
	char buf[FACT_MAX];
	struct sbuf v;

	if (f->state == FACT_KNOWN && f->n == 1 && f->text[0].raw_n < FACT_MAX) { /* most are such */
		sbuf_add_json(b, f->text[0].raw, f->text[0].raw_n);
		return;
	}
	sbuf_fixed(&v, buf, sizeof buf);
	fact_format(f, id, &v);
	sbuf_add_json(b, v.p, v.len);
}

/* {"name":"value",...} of those that are known, or could not be had. */
static void add_facts(struct sbuf *b, fact_mask which, const struct fact_set *set, const struct fact_set *session)
{
	size_t start = b->len;

	while (which != 0) {
		enum fact_id id = fact_take(&which);
		const struct fact_value *f = fact_table[id].scope == SCOPE_SESSION ? &session->v[id] : &set->v[id];

		if (f->state != FACT_KNOWN && f->state != FACT_UNAVAILABLE)
			continue;
		sbuf_addn(b, keys[id].p, keys[id].n);
		add_value(b, id, f);
	}
	if (b->len > start)
		b->p[start] = '{'; /* instead of the first one's comma */
	else
		sbuf_addc(b, '{');
	sbuf_addc(b, '}');
}

/* What checks know of recipients. */
static fact_mask checked_facts(const struct snapshot *snap)
{
	fact_mask left = of_recipients, checked = 0;

	while (left != 0) {
		enum fact_id id = fact_take(&left);

		if (snap->provider[id] != SNAPSHOT_NO_CHECK)
			checked |= FACT_BIT(id);
	}
	return checked;
}

static void add_name(struct sbuf *b, const char *key, const char *name)
{
	sbuf_add(b, key);
	sbuf_add(b, name);
	sbuf_addc(b, '"');
}

static void add_recipient(struct sbuf *b, const struct engine_session *s, const struct rcpt_note *n, fact_mask checked)
{
	enum verdict_kind k = n->rcpt->accepted && n->decision.kind == VERDICT_NONE ? s->final.kind : n->decision.kind;
	const struct rule *rule = n->would.rule != NULL ? n->would.rule : n->decision.rule;

	sbuf_add(b, n == s->notes ? "{\"to\":" : ",{\"to\":");
	sbuf_add_json(b, n->rcpt->address, strlen(n->rcpt->address));
	add_name(b, ",\"verdict\":\"", k == VERDICT_NONE ? "aborted" : verdict_name(k));
	if (n->fate != NULL)
		add_name(b, ",\"fate\":\"", n->fate);
	if (n->decision.reply.code != 0) {
		sbuf_add(b, ",\"code\":");
		sbuf_add_num(b, n->decision.reply.code);
	}
	if (rule != NULL) {
		sbuf_add(b, ",\"rule\":");
		sbuf_add_json(b, rule->name, strlen(rule->name));
	}
	if (n->would.kind != VERDICT_NONE)
		add_name(b, ",\"would\":\"", verdict_name(n->would.kind));
	sbuf_add(b, ",\"facts\":");
	add_facts(b, checked, &n->rcpt->facts, NULL);
	sbuf_addc(b, '}');
}

/* Half a list is none. */
static void add_json(struct journal_entry *e, const char *name, const struct sbuf *b, const char *none)
{
	const char *p = b->cut ? none : b->p;

	journal_text(e, name, strlen(name), p, b->cut ? strlen(none) : b->len);
}

void journal_recipients(struct journal_entry *e, const struct engine_session *s)
{
	fact_mask checked = checked_facts(s->snap);
	struct sbuf b;

	sbuf_fixed(&b, e->recipients, sizeof e->recipients);
	sbuf_addc(&b, '[');
	for (const struct rcpt_note *n = s->notes; n != NULL && b.len < JOURNAL_MAX / 2; n = n->next)
		add_recipient(&b, s, n, checked);
	sbuf_addc(&b, ']');
	add_json(e, "recipients", &b, "[]");
}

void journal_facts(struct journal_entry *e, const struct engine_session *s)
{
	struct sbuf b;

	sbuf_fixed(&b, e->facts, sizeof e->facts);
	add_facts(&b, s->use->facts & ~of_recipients, &s->txn->facts, &s->conn->facts);
	add_json(e, "facts", &b, "{}");
}

void journal_send(const struct journal_entry *e, struct engine_session *s)
{
	redis_tell(s->wait, e->words, e->n);
}
