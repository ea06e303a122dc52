/*
 * contains, contains_not, starts_with, ends_with: parts of texts, folded on both sides.
 */
#include <string.h>

#include "rules/internal.h"
#include "util/bytes.h"
#include "util/fold.h"

struct needle {
	const char *p;
	size_t n;
};
struct needles {
	struct needle *v;
	unsigned n;
};

static int add_needle(struct needles *ns, const struct rule_op_build *b, const struct conf_node *v)
{
	const char *text = rule_value_text(b, v), *p;
	struct needle *needle = &ns->v[ns->n];

	if (text == NULL)
		return -1;
	if (text[0] == '\0') {
		error_add(b->errors, v->file, v->line, "\"%s\" with an empty text would hold always", b->op->name);
		return -1;
	}
	p = fold_text(b->rules->arena, text, strlen(text), &needle->n);
	needle->p = p == text ? arena_strndup(b->rules->arena, text, needle->n) : p;
	if (needle->p == NULL)
		return -1;
	ns->n++;
	return 0;
}

static int parse_needles(struct rule_op_build *b)
{
	struct needles *ns = arena_alloc(b->rules->arena, sizeof *ns);
	int rc = 0;

	if (ns == NULL)
		return -1;
	ns->v = arena_calloc(b->rules->arena, b->value->type == CONF_LIST ? b->value->n : 1, sizeof *ns->v);
	if (ns->v == NULL)
		return -1;
	for (const struct conf_node *v = rule_values(b->value); v != NULL; v = rule_values_next(b->value, v)) {
		if (add_needle(ns, b, v) != 0)
			rc = -1;
	}
	b->cond->arg = ns;
	return rc;
}

/* Any value of the fact against any text of the rule. */
static enum match hold_any(const struct condition *c, const struct fact_value *v,
			   bool (*holds)(const struct fact_text *t, const struct needle *n))
{
	const struct needles *ns = c->arg;

	for (unsigned i = 0; i < v->n; i++) {
		for (unsigned k = 0; k < ns->n; k++) {
			if (ns->v[k].n <= v->text[i].folded_n && holds(&v->text[i], &ns->v[k]))
				return MATCH_YES;
		}
	}
	return MATCH_NO;
}

static bool within(const struct fact_text *t, const struct needle *n)
{
	return bytes_find(t->folded, t->folded_n, n->p, n->n) != NULL;
}

static bool at_start(const struct fact_text *t, const struct needle *n)
{
	return memcmp(t->folded, n->p, n->n) == 0;
}

static bool at_end(const struct fact_text *t, const struct needle *n)
{
	return memcmp(t->folded + t->folded_n - n->n, n->p, n->n) == 0;
}

static enum match hold_contains(const struct condition *c, const struct fact_value *v, struct rule_eval *e)
{
	(void)e;
	return hold_any(c, v, within);
}

static enum match hold_starts(const struct condition *c, const struct fact_value *v, struct rule_eval *e)
{
	(void)e;
	return hold_any(c, v, at_start);
}

static enum match hold_ends(const struct condition *c, const struct fact_value *v, struct rule_eval *e)
{
	(void)e;
	return hold_any(c, v, at_end);
}

const struct rule_op rule_op_contains = { .name = "contains",
					  .doc = "Holds the text, or one of a list, anywhere.",
					  .types = RULE_TYPES_TEXT,
					  .cost = COST_SEARCH,
					  .list = true,
					  .parse = parse_needles,
					  .hold = hold_contains };

const struct rule_op rule_op_contains_not = { .name = "contains_not",
					      .doc = "Holds none of the texts.",
					      .types = RULE_TYPES_TEXT,
					      .cost = COST_SEARCH,
					      .list = true,
					      .negative = true,
					      .parse = parse_needles,
					      .hold = hold_contains };

const struct rule_op rule_op_starts_with = { .name = "starts_with",
					     .doc = "Begins with the text, or with one of a list.",
					     .types = RULE_TYPES_TEXT,
					     .cost = COST_SEARCH,
					     .list = true,
					     .parse = parse_needles,
					     .hold = hold_starts };

const struct rule_op rule_op_ends_with = { .name = "ends_with",
					   .doc = "Ends with the text, or with one of a list.",
					   .types = RULE_TYPES_TEXT,
					   .cost = COST_SEARCH,
					   .list = true,
					   .parse = parse_needles,
					   .hold = hold_ends };
