/*
 * From the tree of a configuration to rules: what a rule is made of.  All errors are found in one run.
 */
#include <assert.h>
#include <string.h>

#include "rules/internal.h"
#include "rules/limits.h"
#include "util/fold.h"
#include "util/names.h"

enum rule_match { WHEN_ALL, WHEN_ANY, WHEN_NONE, WHEN_ALWAYS };

static const struct name_value match_names[] = {
	{ "all", WHEN_ALL }, { "any", WHEN_ANY }, { "none", WHEN_NONE }, { "always", WHEN_ALWAYS }, { NULL, 0 }
};

static const struct name_value refuse_names[] = { { "connect", STAGE_CONNECT },
						  { "mail", STAGE_MAIL },
						  { "rcpt", STAGE_RCPT },
						  { "data", STAGE_DATA },
						  { NULL, 0 } };

static const char *const rule_keys[] = { "name", "match", "when", "then", "shadow", "refuse_at", NULL };
/* In built-in rules alone.  past_accept: `accept` ends refusing, but not every limit.  never_later: the rule is asked at
 * its refuse_at and nowhere else, by what is known then; what is open then neither keeps it back nor spares anybody.
 * for_all: a message that it holds for one recipient is held for all. */
static const char past_accept_key[] = "past_accept", never_later_key[] = "never_later", for_all_key[] = "for_all";
static const char *const built_in_keys[] = { past_accept_key, never_later_key, for_all_key, NULL };

const char *rule_find_control(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)p[i] < ' ' || p[i] == '\x7f')
			return p + i;
	}
	return NULL;
}

const char *rule_hint(struct rules *r, const char *best)
{
	const char *hint = best != NULL ? arena_printf(r->arena, "; did you mean \"%s\"?", best) : NULL;

	return hint != NULL ? hint : "";
}

static const char *nearest(const char *const *candidates, const char *word)
{
	struct names_nearest n;

	names_nearest_init(&n, word);
	for (; *candidates != NULL; candidates++)
		names_nearest_try(&n, *candidates);
	return n.best;
}

static bool is_one_of(const char *const *names, const char *name)
{
	while (*names != NULL && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

static void check_keys(struct rules *r, const struct conf_node *node, bool built_in, struct error_list *errors)
{
	for (const struct conf_node *k = node->child; k != NULL; k = k->next) {
		if (is_one_of(rule_keys, k->name) || (built_in && is_one_of(built_in_keys, k->name)))
			continue;
		if (rule_op_by_name(k->name) != NULL || strcmp(k->name, "fact") == 0 || strcmp(k->name, "header") == 0)
			error_add(errors, k->file, k->line,
				  "\"%s\" belongs into a condition: when = ( { fact = \"...\"; ... } )", k->name);
		else
			error_add(errors, k->file, k->line, "a rule has no \"%s\"%s", k->name,
				  rule_hint(r, nearest(rule_keys, k->name)));
	}
}

static int parse_name(struct rules *r, struct compiled_rule *c, const struct conf_node *node, struct error_list *errors)
{
	const struct conf_node *name = conf_child(node, "name");
	size_t n;

	if (name == NULL) {
		error_add(errors, node->file, node->line, "a rule needs a name: name = \"...\"");
		return -1;
	}
	if (name->type != CONF_STRING) {
		error_add(errors, name->file, name->line, "a rule's name is a string, not %s",
			  conf_type_name(name->type));
		return -1;
	}
	n = strlen(name->str);
	if (n == 0 || n > RULES_MAX_NAME) {
		error_add(errors, name->file, name->line, "a rule's name has 1 to %d bytes, not %zu", RULES_MAX_NAME,
			  n);
		return -1;
	}
	if (rule_find_control(name->str, n) != NULL || !utf8_valid(name->str, n)) {
		error_add(errors, name->file, name->line, "a rule's name is UTF-8 text without control characters");
		return -1;
	}
	c->pub.name = arena_strdup(r->arena, name->str);
	return 0;
}

/* A word of a table; `what` is for the message.  0 (also when absent: *value stays), or -1. */
static int parse_word(struct rules *r, const struct conf_node *group, const char *key, const struct name_value *table,
		      int *value, struct error_list *errors)
{
	const struct conf_node *node = conf_child(group, key);
	struct names_nearest near;
	char buf[RULES_MAX_SHOWN];
	struct sbuf words;
	int found;

	if (node == NULL)
		return 0;
	if (node->type != CONF_STRING) {
		error_add(errors, node->file, node->line, "\"%s\" is a word, not %s", key, conf_type_name(node->type));
		return -1;
	}
	found = names_value(table, node->str);
	if (found >= 0) {
		*value = found;
		return 0;
	}
	names_nearest_init(&near, node->str);
	sbuf_fixed(&words, buf, sizeof buf);
	for (const struct name_value *t = table; t->name != NULL; t++) {
		names_nearest_try(&near, t->name);
		sbuf_addf(&words, "%s%s", t != table ? ", " : "", t->name);
	}
	error_add(errors, node->file, node->line, "\"%s\" is one of %s, not \"%s\"%s", key, buf, node->str,
		  rule_hint(r, near.best));
	return -1;
}

static int parse_conditions(struct rules *r, struct compiled_rule *c, const struct conf_node *list,
			    struct condition *group, struct error_list *errors)
{
	struct condition **tail = &group->child;
	int rc = 0;

	for (const struct conf_node *n = rule_values(list); n != NULL; n = rule_values_next(list, n)) {
		*tail = rule_parse_condition(r, c, n, errors, 1);
		if (*tail == NULL)
			rc = -1;
		else
			tail = &(*tail)->next;
	}
	return rc;
}

static int parse_when(struct rules *r, struct compiled_rule *c, const struct conf_node *node, struct error_list *errors)
{
	static const enum condition_kind kinds[] = {
		[WHEN_ALL] = CONDITION_ALL, [WHEN_ANY] = CONDITION_ANY, [WHEN_NONE] = CONDITION_NONE
	};
	const struct conf_node *when = conf_child(node, "when");
	bool empty = when == NULL || (when->type == CONF_LIST && when->n == 0);
	int match = WHEN_ALL;

	if (parse_word(r, node, "match", match_names, &match, errors) != 0)
		match = empty ? WHEN_ALWAYS : WHEN_ALL; /* go on, to find more */
	if (match == WHEN_ALWAYS) {
		if (!empty)
			error_add(errors, when->file, when->line,
				  "match = \"always\" takes no conditions; leave out "
				  "either");
		return empty ? 0 : -1;
	}
	if (empty) {
		error_add(errors, when != NULL ? when->file : node->file, when != NULL ? when->line : node->line,
			  "a rule needs conditions: when = ( { fact = \"...\"; ... } ); one for all mail says match = "
			  "\"always\"");
		return -1;
	}
	if (when->type != CONF_LIST && when->type != CONF_GROUP) {
		error_add(errors, when->file, when->line, "\"when\" is a list of conditions, not %s",
			  conf_type_name(when->type));
		return -1;
	}
	c->when = arena_alloc(r->arena, sizeof *c->when);
	if (c->when == NULL)
		return -1;
	c->when->kind = kinds[match];
	return parse_conditions(r, c, when, c->when, errors);
}

static bool parse_built_in(const struct conf_node *node, const char *key)
{
	const struct conf_node *flag = conf_child(node, key);

	return flag != NULL && flag->flag;
}

static int parse_flags(struct rules *r, struct compiled_rule *c, const struct conf_node *node,
		       struct error_list *errors)
{
	const struct conf_node *shadow = conf_child(node, "shadow");
	int refuse_at = STAGE_RCPT, rc = 0;

	if (shadow != NULL && shadow->type != CONF_BOOL) {
		error_add(errors, shadow->file, shadow->line, "\"shadow\" is true or false, not %s",
			  conf_type_name(shadow->type));
		rc = -1;
	} else if (shadow != NULL && shadow->flag) {
		c->pub.shadow = true;
	}
	if (parse_word(r, node, "refuse_at", refuse_names, &refuse_at, errors) != 0)
		rc = -1;
	c->pub.refuse_at = (enum stage)refuse_at;
	c->past_accept = parse_built_in(node, past_accept_key);
	c->never_later = parse_built_in(node, never_later_key);
	c->pub.for_all = parse_built_in(node, for_all_key);
	return rc;
}

static struct compiled_rule *parse_rule(struct rules *r, const struct conf_node *node, bool built_in,
					struct error_list *errors)
{
	struct compiled_rule *c = arena_alloc(r->arena, sizeof *c);
	const struct conf_node *then;
	unsigned before = errors->errors;
	int rc = 0;

	if (node->type != CONF_GROUP) {
		error_add(errors, node->file, node->line,
			  "a rule is a group, { name = ...; when = ...; then = ...; }, not %s",
			  conf_type_name(node->type));
		return NULL;
	}
	if (c == NULL) {
		error_add(errors, node->file, node->line, "out of memory");
		return NULL;
	}
	c->pub.file = arena_strdup(r->arena, node->file);
	c->pub.line = node->line;
	check_keys(r, node, built_in, errors);
	if (parse_name(r, c, node, errors) != 0)
		rc = -1;
	if (parse_flags(r, c, node, errors) != 0)
		rc = -1;
	if (parse_when(r, c, node, errors) != 0)
		rc = -1;
	then = conf_child(node, "then");
	if (then == NULL)
		error_add(errors, node->file, node->line, "a rule needs actions: then = { ... }");
	else if (rule_parse_actions(r, c, then, errors) != 0)
		rc = -1;
	if (c->never_later && c->skips != 0) { /* what it skips would be back at the next stage */
		error_add(errors, node->file, node->line, "a rule that is asked once can skip nothing");
		rc = -1;
	}
	if (rc != 0 && errors->errors == before) /* what fails without a word has had no memory */
		error_add(errors, node->file, node->line, "out of memory");
	return errors->errors == before ? c : NULL;
}

static int append(struct rules *r, struct compiled_rule *c)
{
	void *v = r->v;

	if (r->n >= RULES_MAX_RULES || rules_grow(&v, r->n, &r->room, sizeof(struct compiled_rule *)) != 0)
		return -1;
	r->v = v;
	c->pub.index = (unsigned)r->n;
	r->v[r->n++] = c;
	return 0;
}

int rules_add(struct rules *r, const char *section, const struct conf_node *list, struct error_list *errors)
{
	section_mask bit = section != NULL ? rules_section_bit(r, section) : SECTION_USER;
	const char *section_name = arena_strdup(r->arena, section);
	int rc = 0;

	assert(bit != 0);
	if (list == NULL)
		return 0;
	if (list->type != CONF_LIST) {
		error_add(errors, list->file, list->line, "\"rules\" is a list, ( { ... }, { ... } ), not %s",
			  conf_type_name(list->type));
		return -1;
	}
	for (const struct conf_node *n = list->child; n != NULL; n = n->next) {
		struct compiled_rule *c = parse_rule(r, n, section != NULL, errors);

		if (c == NULL) {
			rc = -1;
			continue;
		}
		c->pub.section = section_name;
		c->section = bit;
		if (append(r, c) != 0) {
			error_add(errors, n->file, n->line, "too many rules, or out of memory");
			return -1;
		}
	}
	if (arena_failed(r->arena)) {
		error_add(errors, list->file, list->line, "out of memory");
		return -1;
	}
	return rc;
}
