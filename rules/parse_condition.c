/*
 * Conditions: { fact = "name"; OPERATOR = value; }, { header = "Name"; OPERATOR = value; } and { any = ( ... ); }.
 */
#include <inttypes.h>
#include <string.h>

#include "rules/internal.h"
#include "rules/limits.h"
#include "util/names.h"

static const struct name_value group_names[] = {
	{ "all", CONDITION_ALL }, { "any", CONDITION_ANY }, { "none", CONDITION_NONE }, { NULL, 0 }
};

/* What stands in the braces of a condition. */
struct parts {
	const struct conf_node *fact, *header, *group, *op, *second;
	enum condition_kind kind;
	const struct rule_op *def;
	bool unknown;
};

static const char *nearest_key(const char *word)
{
	struct names_nearest n;

	names_nearest_init(&n, word);
	names_nearest_try(&n, "fact");
	names_nearest_try(&n, "header");
	for (const struct name_value *g = group_names; g->name != NULL; g++)
		names_nearest_try(&n, g->name);
	for (const struct rule_op *const *o = rules_table_ops; *o != NULL; o++)
		names_nearest_try(&n, (*o)->name);
	return n.best;
}

static void sort_parts(struct rules *r, const struct conf_node *node, struct parts *p, struct error_list *errors)
{
	for (const struct conf_node *k = node->child; k != NULL; k = k->next) {
		const struct rule_op *def = rule_op_by_name(k->name);
		int kind = names_value(group_names, k->name);

		if (strcmp(k->name, "fact") == 0) {
			p->fact = k;
		} else if (strcmp(k->name, "header") == 0) {
			p->header = k;
		} else if (kind >= 0) {
			p->second = p->group;
			p->group = k;
			p->kind = (enum condition_kind)kind;
		} else if (def != NULL) {
			p->second = p->op != NULL ? k : p->second;
			p->op = p->op != NULL ? p->op : k;
			p->def = p->def != NULL ? p->def : def;
		} else {
			error_add(errors, k->file, k->line, "a condition has no \"%s\"%s", k->name,
				  rule_hint(r, nearest_key(k->name)));
			p->unknown = true;
		}
	}
}

static struct condition *parse_group(struct rules *r, struct compiled_rule *c, const struct parts *p,
				     struct error_list *errors, unsigned depth)
{
	const struct conf_node *list = p->group;
	struct condition *group = arena_alloc(r->arena, sizeof *group), **tail;
	bool bad = false;

	if (p->fact != NULL || p->header != NULL || p->op != NULL || p->second != NULL) {
		error_add(errors, list->file, list->line,
			  "a condition is either a group (all, any or none) or a test; put each into braces of its "
			  "own");
		return NULL;
	}
	if ((list->type != CONF_LIST && list->type != CONF_GROUP) || list->n == 0) {
		error_add(errors, list->file, list->line, "\"%s\" is a list of conditions, ( { ... }, { ... } )",
			  list->name);
		return NULL;
	}
	if (depth >= RULES_MAX_DEPTH) {
		error_add(errors, list->file, list->line, "groups are nested more than %d deep", RULES_MAX_DEPTH);
		return NULL;
	}
	if (group == NULL)
		return NULL;
	group->kind = p->kind;
	tail = &group->child;
	for (const struct conf_node *n = rule_values(list); n != NULL; n = rule_values_next(list, n)) {
		*tail = rule_parse_condition(r, c, n, errors, depth + 1);
		bad |= *tail == NULL;
		if (*tail != NULL)
			tail = &(*tail)->next;
	}
	return bad ? NULL : group;
}

enum fact_id rule_parse_fact(struct rules *r, const struct conf_node *at, const char *name, struct error_list *errors)
{
	enum fact_id id = fact_by_name(name);
	struct names_nearest near;

	if (id == FACT_HEADER) {
		error_add(errors, at->file, at->line, "a header is asked for by its name: header = \"List-Id\"");
		return FACT_COUNT;
	}
	if (id != FACT_COUNT && (r->provided & FACT_BIT(id)) != 0)
		return id;
	if (id != FACT_COUNT) {
		error_add(errors, at->file, at->line, "nothing provides the fact \"%s\" in this configuration", name);
		return FACT_COUNT;
	}
	names_nearest_init(&near, name);
	for (unsigned i = 0; i < FACT_COUNT; i++) {
		if (i != FACT_HEADER && (r->provided & FACT_BIT(i)) != 0)
			names_nearest_try(&near, fact_table[i].name);
	}
	error_add(errors, at->file, at->line, "there is no fact \"%s\"%s", name, rule_hint(r, near.best));
	return FACT_COUNT;
}

static int parse_header(struct rules *r, const struct conf_node *node, struct fact_ref *ref, struct error_list *errors)
{
	int slot;

	if ((r->provided & FACT_BIT(FACT_HEADER)) == 0) {
		error_add(errors, node->file, node->line, "nothing provides header fields in this configuration");
		return -1;
	}
	if (node->type != CONF_STRING || !rule_header_name_valid(node->str, strlen(node->str))) {
		error_add(errors, node->file, node->line,
			  "\"header\" is the name of a header field, without its colon: header = \"List-Id\"");
		return -1;
	}
	slot = rules_header_slot(r, node->str);
	if (slot < 0)
		return -1;
	*ref = (struct fact_ref){ .id = FACT_HEADER, .slot = (unsigned)slot };
	return 0;
}

/* Which fact a test looks at; its name for messages to *name. */
static int parse_subject(struct rules *r, const struct parts *p, const struct conf_node *node, struct fact_ref *ref,
			 const char **name, struct error_list *errors)
{
	enum fact_id id;

	if ((p->fact == NULL) == (p->header == NULL)) {
		error_add(errors, node->file, node->line,
			  p->fact == NULL ? "a condition names what it looks at: fact = \"subject\" or header = "
					    "\"List-Id\""
					  : "a condition looks at a fact or at a header, not at both");
		return -1;
	}
	if (p->header != NULL) {
		*name = arena_printf(r->arena, "header \"%s\"", p->header->str != NULL ? p->header->str : "");
		return parse_header(r, p->header, ref, errors);
	}
	if (p->fact->type != CONF_STRING) {
		error_add(errors, p->fact->file, p->fact->line, "\"fact\" is the name of a fact, not %s",
			  conf_type_name(p->fact->type));
		return -1;
	}
	id = rule_parse_fact(r, p->fact, p->fact->str, errors);
	if (id == FACT_COUNT)
		return -1;
	*ref = (struct fact_ref){ .id = id };
	*name = fact_table[id].name;
	return 0;
}

/* "over" on a text: which operators there are instead. */
static int check_fit(const struct rule_op_build *b)
{
	char buf[RULES_MAX_SHOWN];
	struct sbuf fit;

	if (b->op->types & RULE_TYPE(b->type))
		return 0;
	sbuf_fixed(&fit, buf, sizeof buf);
	for (const struct rule_op *const *o = rules_table_ops; *o != NULL; o++) {
		if ((*o)->types & RULE_TYPE(b->type))
			sbuf_addf(&fit, "%s%s", fit.len > 0 ? ", " : "", (*o)->name);
	}
	error_add(b->errors, b->value->file, b->value->line, "\"%s\" does not fit %s, which is %s; these do: %s",
		  b->op->name, b->fact_name, rule_type_name(b->type), buf);
	return -1;
}

static int check_list(const struct rule_op_build *b)
{
	const struct conf_node *v = b->value;

	if (v->type == CONF_LIST && !b->op->list) {
		error_add(b->errors, v->file, v->line, "\"%s\" takes one value, not a list", b->op->name);
		return -1;
	}
	if (v->type == CONF_LIST && v->n == 0) {
		error_add(b->errors, v->file, v->line, "the list of \"%s\" is empty", b->op->name);
		return -1;
	}
	return 0;
}

static void show_value(struct sbuf *out, const struct conf_node *v)
{
	switch (v->type) {
	case CONF_STRING:
		sbuf_addc(out, '"');
		sbuf_add_safe(out, v->str, strlen(v->str));
		sbuf_addc(out, '"');
		break;
	case CONF_INT:
		sbuf_addf(out, "%" PRId64, v->num);
		break;
	case CONF_BOOL:
		sbuf_add(out, v->flag ? "true" : "false");
		break;
	case CONF_FLOAT:
	case CONF_LIST:
	case CONF_GROUP:
		break;
	}
}

/* The value as it was written, for the listing; long lists are cut at an item. */
static const char *show(struct rules *r, const struct conf_node *value)
{
	char buf[RULES_MAX_SHOWN];
	struct sbuf b;
	unsigned left = value->type == CONF_LIST ? value->n : 1;

	sbuf_fixed(&b, buf, sizeof buf);
	for (const struct conf_node *v = rule_values(value); v != NULL; v = rule_values_next(value, v)) {
		size_t kept = b.len;

		sbuf_add(&b, kept > 0 ? ", " : "");
		show_value(&b, v);
		if (b.cut) {
			buf[kept] = '\0';
			if (kept == 0)
				return "...";
			return arena_printf(r->arena, "(%s and %u more)", buf, left);
		}
		left--;
	}
	return arena_printf(r->arena, value->type == CONF_LIST ? "(%s)" : "%s", buf);
}

static struct condition *parse_test(struct rules *r, struct compiled_rule *c, const struct conf_node *node,
				    const struct parts *p, struct error_list *errors)
{
	struct condition *test = arena_alloc(r->arena, sizeof *test);
	struct rule_op_build b = { .rules = r, .cond = test, .op = p->def, .value = p->op, .errors = errors };
	int rc;

	if (test == NULL)
		return NULL;
	test->kind = CONDITION_TEST;
	rc = parse_subject(r, p, node, &test->ref, &b.fact_name, errors);
	if (p->op == NULL && !p->unknown)
		error_add(errors, node->file, node->line,
			  "a condition needs an operator: is, contains, in, over, exists ...");
	if (p->second != NULL) {
		error_add(errors, p->second->file, p->second->line,
			  "a condition has one operator, this one has \"%s\" and \"%s\"; write two conditions",
			  p->op->name, p->second->name);
		rc = -1;
	}
	if (rc != 0 || p->op == NULL || p->unknown)
		return NULL;
	b.type = fact_table[test->ref.id].type;
	test->op = p->def;
	if (check_fit(&b) != 0 || check_list(&b) != 0 || p->def->parse(&b) != 0)
		return NULL;
	test->shown = show(r, p->op);
	test->leaf = r->n_leaves++;
	c->n_tests++;
	return test;
}

struct condition *rule_parse_condition(struct rules *r, struct compiled_rule *c, const struct conf_node *node,
				       struct error_list *errors, unsigned depth)
{
	struct parts p = { 0 };
	struct condition *group;

	if (node->type != CONF_GROUP) {
		error_add(errors, node->file, node->line, "a condition is a group, { fact = \"...\"; ... }, not %s",
			  conf_type_name(node->type));
		return NULL;
	}
	sort_parts(r, node, &p, errors);
	if (p.group == NULL)
		return parse_test(r, c, node, &p, errors);
	group = parse_group(r, c, &p, errors, depth);
	return p.unknown ? NULL : group;
}
