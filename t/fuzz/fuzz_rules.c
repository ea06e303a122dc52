/*
 * Fuzz target (libFuzzer): the text of rules.  It is parsed, compiled, listed and evaluated over facts that follow from
 * the text; what a stage refuses, no later one may accept.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LISTING_MAX = 1 << 24, MEMORY_MAX = 1 << 26 };

#define PROMISE(cond)                                                                                                  \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			abort();                                                                                       \
	} while (0)

struct world {
	struct arena *arena;
	const char *text;
	size_t n;
	enum stage stage;
	fact_mask asked;
	bool early; /* built-in rules may refuse before RCPT: that does not wait for what spares them later */
};

static const fact_mask effects = FACT_BIT(FACT_GREYLIST) | FACT_BIT(FACT_RATE) | FACT_BIT(FACT_GREYLIST_WAIT);
static const fact_mask pure = FACT_BIT(FACT_DNSBL) | FACT_BIT(FACT_DNSBL_SCORE) | FACT_BIT(FACT_FCRDNS);

/* A number that depends on the text and the fact alone: the same at every stage. */
static unsigned roll(const struct world *w, struct fact_ref ref, unsigned salt)
{
	unsigned h = 2166136261U ^ (unsigned)ref.id ^ ref.slot << 8 ^ salt << 16;

	for (size_t i = 0; i < w->n && i < 64; i++)
		h = (h ^ (unsigned char)w->text[w->n - 1 - i]) * 16777619U;
	return h >> 8;
}

/* A piece of the text itself, so that conditions often hold. */
static void add_piece(const struct world *w, struct fact_ref ref, unsigned salt, struct fact_value *v)
{
	size_t from = w->n > 0 ? roll(w, ref, salt) % w->n : 0;
	size_t n = roll(w, ref, salt + 1) % 24;

	fact_add_text(v, w->arena, w->text + from, n < w->n - from ? n : w->n - from);
}

static void set_word(const struct world *w, struct fact_ref ref, struct fact_value *v)
{
	const char *word = fact_table[ref.id].words, *next;
	unsigned left = roll(w, ref, 3) % 4;

	while (left-- > 0 && (next = strchr(word, '|')) != NULL)
		word = next + 1;
	fact_add_text(v, w->arena, word, strcspn(word, "|"));
}

static void set_known(const struct world *w, struct fact_ref ref, struct fact_value *v)
{
	struct ip ip = { .family = IP_V4 };

	switch (fact_table[ref.id].type) {
	case FACT_NUMBER:
		fact_set_num(v, (int)(roll(w, ref, 1) % 64) - 8);
		break;
	case FACT_IP:
		memcpy(ip.b, w->text, w->n < 4 ? w->n : 4);
		fact_set_ip(v, &ip);
		break;
	case FACT_WORD:
		set_word(w, ref, v);
		break;
	case FACT_TEXT:
	case FACT_ADDRESS:
	case FACT_DOMAIN:
		add_piece(w, ref, 1, v);
		if (roll(w, ref, 9) % 3 == 0)
			add_piece(w, ref, 5, v);
		break;
	}
}

static const struct fact_value *get(void *ctx, struct fact_ref ref, bool settled)
{
	struct world *w = ctx;
	struct fact_value *v = arena_alloc(w->arena, sizeof *v);
	unsigned state = roll(w, ref, 0) % 8;
	fact_mask bit = FACT_BIT(ref.id);

	PROMISE(v != NULL);
	if (settled && w->stage >= fact_table[ref.id].stage)
		w->asked |= bit;
	if (w->stage < fact_table[ref.id].stage || ((effects & bit) && !(w->asked & bit)))
		return v;
	if (state == 0)
		fact_set_absent(v);
	else if (state == 1 && ((pure | effects) & bit))
		fact_set_unavailable(v, roll(w, ref, 2) % 2 ? ON_ERROR_DEFER : ON_ERROR_IGNORE, "fuzz");
	else
		set_known(w, ref, v);
	return v;
}

static void evaluate(const struct rules *r, struct world *w)
{
	struct rules_source src = { .get = get, .ctx = w };
	bool refused = false;

	for (int s = 0; s < STAGE_COUNT; s++) {
		struct rules_outcome o;

		w->stage = (enum stage)s;
		if (rules_evaluate(r, w->stage, &src, w->arena, &o) != 0) {
			PROMISE(arena_failed(w->arena) && o.kind == VERDICT_DEFER);
			return;
		}
		PROMISE(o.n_hits <= rules_count(r));
		PROMISE(s < STAGE_END || o.kind != VERDICT_NONE);
		PROMISE(s == STAGE_END || o.kind == VERDICT_NONE || o.kind == VERDICT_REJECT ||
			o.kind == VERDICT_DEFER);
		PROMISE(!refused || w->early || (o.kind != VERDICT_NONE && o.kind != VERDICT_ACCEPT));
		refused = o.kind != VERDICT_NONE;
		for (const struct rule_action *a = o.action; a != NULL; a = a->next)
			PROMISE(a->text == NULL || rules_expand(r, a->text, &src, NULL, NULL, w->arena) != NULL ||
				arena_failed(w->arena));
	}
}

static void list(const struct rules *r)
{
	for (int json = 0; json < 2; json++) {
		struct sbuf b;

		sbuf_heap(&b, LISTING_MAX);
		rules_print(r, json != 0, &b);
		sbuf_done(&b);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct world w = { .arena = arena_new(MEMORY_MAX), .n = size };
	struct rules *r = rules_new();
	struct conf_node *root;

	PROMISE(w.arena != NULL && r != NULL);
	w.text = arena_strndup(w.arena, (const char *)data, size);
	/* Files are not what this is about, and /dev has bad ones. */
	root = strstr(w.text, "file:") == NULL ? conf_parse(w.text, "fuzz", w.arena, &errors) : NULL;
	rules_section(r, "dnsbl");
	rules_section(r, "greylist");
	rules_set_cost(r, pure, effects);
	if (root != NULL && conf_child(root, "rules") != NULL) {
		unsigned before = errors.errors; /* what the text as such has */
		int rc = rules_add(r, NULL, conf_child(root, "rules"), &errors);

		PROMISE((rc == 0) == (errors.errors == before));
		rules_add(r, "dnsbl", conf_child(root, "more"), &errors);
		rules_compile(r, &errors);
		w.early = conf_child(root, "more") != NULL && strstr(w.text, "refuse_at") != NULL;
		list(r);
		evaluate(r, &w);
	}
	error_clear(&errors);
	rules_free(&r);
	arena_free(&w.arena);
	return 0;
}
