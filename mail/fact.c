/*
 * The table of facts, and the values' setters.
 */
#include "mail/fact.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "util/fold.h"
#include "util/sbuf.h"

#define FACT_ROW_(id, nm, tp, st, sc, wd, dc)                                                                          \
	[FACT_##id] = {                                                                                                \
		.name = #nm, .type = FACT_##tp, .stage = STAGE_##st, .scope = SCOPE_##sc, .words = (wd), .doc = (dc)   \
	},
const struct fact_def fact_table[FACT_COUNT] = { FACTS(FACT_ROW_) };

enum fact_id fact_by_name(const char *name)
{
	for (unsigned id = 0; id < FACT_COUNT; id++) {
		if (strcmp(fact_table[id].name, name) == 0)
			return (enum fact_id)id;
	}
	return FACT_COUNT;
}

/*
 * The values of all words, in the order of strcmp(): a word needs no memory of a message.
 */
#define WORD(w)                                                                                                        \
	{                                                                                                              \
		.raw = (w), .raw_n = sizeof(w) - 1, .folded = (w), .folded_n = sizeof(w) - 1                           \
	}
static const struct fact_text words[] = {
	WORD("address"),  WORD("allow"),     WORD("client"),  WORD("close"),      WORD("defer"),   WORD("deny"),
	WORD("fail"),     WORD("friday"),    WORD("inbound"), WORD("known"),      WORD("met"),     WORD("monday"),
	WORD("mx"),       WORD("neutral"),   WORD("no"),      WORD("none"),       WORD("null_mx"), WORD("outbound"),
	WORD("pass"),     WORD("permerror"), WORD("policy"),  WORD("quarantine"), WORD("refuse"),  WORD("reject"),
	WORD("saturday"), WORD("several"),   WORD("slow"),    WORD("softfail"),   WORD("sunday"),  WORD("temperror"),
	WORD("thursday"), WORD("trick"),     WORD("tuesday"), WORD("wednesday"),  WORD("yes"),
};
#undef WORD

static int word_compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct fact_text *)row)->raw);
}

/* Most text is folded as it comes; then one copy is both. */
static bool text_make(struct fact_text *t, struct arena *a, const char *p, size_t n)
{
	t->folded = fold_text(a, p, n, &t->folded_n);
	if (t->folded == NULL)
		return false;
	t->raw_n = n;
	t->raw = t->folded_n == n && memcmp(t->folded, p, n) == 0 ? t->folded : arena_strndup(a, p, n);
	return t->raw != NULL;
}

void fact_set_text(struct fact_value *f, struct arena *a, const char *p, size_t n)
{
	struct fact_text *t = arena_alloc(a, sizeof *t);

	if (t == NULL || !text_make(t, a, p, n))
		return;
	f->state = FACT_KNOWN;
	f->text = t;
	f->n = 1;
}

void fact_add_text(struct fact_value *f, struct arena *a, const char *p, size_t n)
{
	struct fact_text *t;

	if (f->state != FACT_KNOWN || f->n == 0) {
		fact_set_text(f, a, p, n);
		return;
	}
	/* Room grows at powers of two; a single value may be one of the static words, and is left alone. */
	t = (struct fact_text *)f->text;
	if ((f->n & (f->n - 1)) == 0) {
		t = arena_calloc(a, (size_t)f->n * 2, sizeof *t);
		if (t == NULL)
			return;
		memcpy(t, f->text, f->n * sizeof *t);
		f->text = t;
	}
	if (text_make(&t[f->n], a, p, n))
		f->n++;
}

void fact_set_word(struct fact_value *f, const char *word)
{
	const struct fact_text *t = bsearch(word, words, sizeof words / sizeof words[0], sizeof words[0], word_compare);

	assert(t != NULL); /* a new fact's words belong into the table above */
	f->state = FACT_KNOWN;
	f->text = t;
	f->n = 1;
}

void fact_set_num(struct fact_value *f, int64_t num)
{
	f->state = FACT_KNOWN;
	f->num = num;
}

void fact_set_at_least(struct fact_value *f, int64_t num)
{
	f->state = FACT_AT_LEAST;
	f->num = num;
}

void fact_set_ip(struct fact_value *f, const struct ip *ip)
{
	f->state = FACT_KNOWN;
	f->ip = *ip;
}

void fact_set_absent(struct fact_value *f)
{
	f->state = FACT_ABSENT;
	f->text = NULL;
	f->n = 0;
}

void fact_set_unavailable(struct fact_value *f, enum on_error on_error, const char *why)
{
	f->state = FACT_UNAVAILABLE;
	f->on_error = on_error;
	f->why = why;
	f->text = NULL;
	f->n = 0;
}

static void format_known(const struct fact_value *f, enum fact_id id, struct sbuf *out)
{
	char buf[IP_TEXT_SIZE];

	switch (fact_table[id].type) {
	case FACT_IP:
		sbuf_add(out, ip_format(&f->ip, buf));
		return;
	case FACT_NUMBER:
		sbuf_add_num(out, f->num);
		return;
	case FACT_TEXT:
	case FACT_WORD:
	case FACT_ADDRESS:
	case FACT_DOMAIN:
		break;
	}
	for (unsigned i = 0; i < f->n; i++) {
		if (i > 0)
			sbuf_add(out, ", ");
		sbuf_addn(out, f->text[i].raw, f->text[i].raw_n);
	}
}

void fact_format(const struct fact_value *f, enum fact_id id, struct sbuf *out)
{
	switch (f->state) {
	case FACT_UNKNOWN:
		sbuf_add(out, "(unknown)");
		break;
	case FACT_ABSENT:
		sbuf_add(out, "(absent)");
		break;
	case FACT_KNOWN:
		format_known(f, id, out);
		break;
	case FACT_AT_LEAST:
		sbuf_add(out, "at least ");
		sbuf_add_num(out, f->num);
		break;
	case FACT_UNAVAILABLE:
		sbuf_add(out, "(unavailable: ");
		sbuf_add(out, f->why != NULL ? f->why : "no reason given");
		sbuf_addc(out, ')');
		break;
	}
}
