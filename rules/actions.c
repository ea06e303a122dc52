/*
 * The table of actions, and the `then` of a rule.
 */
#include <string.h>

#include "rules/internal.h"
#include "rules/limits.h"
#include "util/bytes.h"
#include "util/fold.h"
#include "util/names.h"

/* ---- What the values have in common ---- */

/* A text without control characters, UTF-8, its %{names} known; NULL with an error added. */
static const char *get_text(struct rules *r, struct compiled_rule *c, const struct conf_node *v,
			    struct error_list *errors)
{
	if (v->type != CONF_STRING) {
		error_add(errors, v->file, v->line, "this action takes a string, not %s", conf_type_name(v->type));
		return NULL;
	}
	if (rule_find_control(v->str, strlen(v->str)) != NULL || !utf8_valid(v->str, strlen(v->str))) {
		error_add(errors, v->file, v->line, "an action's text is UTF-8 without control characters");
		return NULL;
	}
	if (rule_parse_template(r, c, v, v->str, errors) != 0)
		return NULL;
	return arena_strdup(r->arena, v->str);
}

/* `true`, or a text for the log. */
static int parse_flag(struct rules *r, struct compiled_rule *c, const struct conf_node *v, struct rule_action *a,
		      struct error_list *errors)
{
	if (v->type == CONF_BOOL && v->flag)
		return 0;
	if (v->type == CONF_BOOL) {
		error_add(errors, v->file, v->line, "false does nothing here: leave the action out");
		return -1;
	}
	if (v->type != CONF_STRING) {
		error_add(errors, v->file, v->line, "a final action is true or a text, not %s",
			  conf_type_name(v->type));
		return -1;
	}
	a->text = get_text(r, c, v, errors);
	return a->text != NULL ? 0 : -1;
}

static int parse_refusal(struct rules *r, struct compiled_rule *c, const struct conf_node *v, struct rule_action *a,
			 struct error_list *errors)
{
	if (v->type != CONF_STRING)
		return parse_flag(r, c, v, a, errors);
	if (get_text(r, c, v, errors) == NULL)
		return -1;
	return rule_parse_reply(r, v, a, errors);
}

static int parse_skip(struct rules *r, struct compiled_rule *c, const struct conf_node *v, struct rule_action *a,
		      struct error_list *errors)
{
	struct names_nearest near;

	(void)c;
	if (v->type != CONF_STRING) {
		error_add(errors, v->file, v->line, "\"skip\" takes names of sections, not %s",
			  conf_type_name(v->type));
		return -1;
	}
	if (strcmp(v->str, "all") == 0) {
		a->skip = ~SECTION_USER;
		return 0;
	}
	names_nearest_init(&near, v->str);
	names_nearest_try(&near, "all");
	for (size_t i = 0; i < r->n_sections; i++) {
		if (strcmp(r->sections[i].name, v->str) == 0)
			a->skip |= r->sections[i].bits; /* a group may have the name of one of its members */
		names_nearest_try(&near, r->sections[i].name);
	}
	if (a->skip != 0)
		return 0;
	error_add(errors, v->file, v->line, "there is no section \"%s\" to skip%s", v->str, rule_hint(r, near.best));
	return -1;
}

static int parse_address(struct rules *r, struct compiled_rule *c, const struct conf_node *v, struct rule_action *a,
			 struct error_list *errors)
{
	const char *text = get_text(r, c, v, errors), *at;
	size_t n;

	if (text == NULL)
		return -1;
	/* The facts are the sender's: what goes into an address would choose where mail goes. */
	if (strstr(text, "%{") != NULL) {
		error_add(errors, v->file, v->line, "an address takes no %%{fact}: whoever sends would choose it");
		return -1;
	}
	n = strlen(text);
	at = strrchr(text, '@');
	if (at == NULL || at == text || at[1] == '\0' || at[1] == '.' || text[n - 1] == '.' ||
	    strpbrk(at, " <>,;:\"()\\") != NULL || strstr(at, "..") != NULL || n > RULES_MAX_ADDRESS ||
	    (text[0] != '"' && strpbrk(text, " <>,;:\"()\\") != NULL)) {
		error_add(errors, v->file, v->line, "\"%s\" is no mail address: local@domain, without brackets", text);
		return -1;
	}
	a->value = text;
	return 0;
}

bool rule_header_name_valid(const char *name, size_t n)
{
	if (n == 0 || n > RULES_MAX_HEADER_NAME)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == ':')
			return false;
	}
	return true;
}

static int bad_header_name(const struct conf_node *v, struct error_list *errors, const char *form)
{
	error_add(errors, v->file, v->line,
		  "\"%s\" is not %s; a field name has 1 to %d printable ASCII characters, no space, no colon", v->str,
		  form, RULES_MAX_HEADER_NAME);
	return -1;
}

static int parse_header(struct rules *r, struct compiled_rule *c, const struct conf_node *v, struct rule_action *a,
			struct error_list *errors)
{
	const char *text = get_text(r, c, v, errors), *colon;

	if (text == NULL)
		return -1;
	colon = strchr(text, ':');
	if (colon == NULL || !rule_header_name_valid(text, (size_t)(colon - text)))
		return bad_header_name(v, errors, "\"Name: value\"");
	a->name = arena_strndup(r->arena, text, (size_t)(colon - text));
	colon++;
	a->value = colon + strspn(colon, " ");
	return 0;
}

static int parse_header_name(struct rules *r, struct compiled_rule *c, const struct conf_node *v, struct rule_action *a,
			     struct error_list *errors)
{
	const char *text = get_text(r, c, v, errors);

	if (text == NULL)
		return -1;
	if (!rule_header_name_valid(text, strlen(text)))
		return bad_header_name(v, errors, "the name of a header field");
	a->name = text;
	return 0;
}

static int parse_value(struct rules *r, struct compiled_rule *c, const struct conf_node *v, struct rule_action *a,
		       struct error_list *errors)
{
	a->value = get_text(r, c, v, errors);
	if (a->value == NULL)
		return -1;
	if (a->value[0] != '\0')
		return 0;
	error_add(errors, v->file, v->line, "this action's text is empty");
	return -1;
}

/* ---- The table ---- */

const struct rule_action_def rules_table_actions[] = {
	{ "accept", ACTION_ACCEPT, true, false, "Ends refusing: no later rule refuses this mail.", parse_flag },
	{ "reject", ACTION_REJECT, true, false, "Refuses for good: true, or a text, \"550 5.7.1 not wanted here\".",
	  parse_refusal },
	{ "defer", ACTION_DEFER, true, false, "Refuses for now: true, or a text, \"450 4.7.1 come again later\".",
	  parse_refusal },
	{ "delete", ACTION_DELETE, true, false, "Takes the mail and throws it away, for the recipients that match.",
	  parse_flag },
	{ "quarantine", ACTION_QUARANTINE, true, false, "Takes the mail and holds it in the MTA's queue.", parse_flag },
	{ "skip", ACTION_SKIP, false, true, "Switches the verdict of sections off: names, or \"all\".", parse_skip },
	{ "move", ACTION_MOVE, false, true, "Delivers to these addresses instead of the recipients that match.",
	  parse_address },
	{ "copy", ACTION_COPY, false, true, "Delivers to these addresses as well.", parse_address },
	{ "add_header", ACTION_ADD_HEADER, false, true, "Adds a header field, \"Name: value\".", parse_header },
	{ "set_header", ACTION_SET_HEADER, false, true, "Replaces all fields of that name, or adds one.",
	  parse_header },
	{ "remove_header", ACTION_REMOVE_HEADER, false, true, "Removes all fields of that name.", parse_header_name },
	{ "tag_subject", ACTION_TAG_SUBJECT, false, true, "Puts a text before the subject.", parse_value },
	{ "mark", ACTION_MARK, false, true, "Adds millgate's own header with this reason.", parse_value },
	{ NULL, ACTION_ACCEPT, false, false, NULL, NULL }
};

static const struct rule_action_def *find_action(const char *name)
{
	const struct rule_action_def *d = rules_table_actions;

	while (d->name != NULL && strcmp(d->name, name) != 0)
		d++;
	return d->name != NULL ? d : NULL;
}

/* ---- then = { ... } ---- */

static void unknown_action(struct rules *r, const struct conf_node *k, struct error_list *errors)
{
	struct names_nearest near;

	names_nearest_init(&near, k->name);
	for (const struct rule_action_def *d = rules_table_actions; d->name != NULL; d++)
		names_nearest_try(&near, d->name);
	error_add(errors, k->file, k->line, "there is no action \"%s\"%s", k->name, rule_hint(r, near.best));
}

/* All values of one action, at the end of the rule's list. */
static void add_action(struct rules *r, struct compiled_rule *c, const struct rule_action_def *def,
		       const struct conf_node *k, struct rule_action ***tail, struct error_list *errors)
{
	if (k->type == CONF_LIST && (!def->many || k->n == 0)) {
		error_add(errors, k->file, k->line,
			  def->many ? "the list of \"%s\" is empty" : "\"%s\" takes one value, not a list", def->name);
		return;
	}
	for (const struct conf_node *v = rule_values(k); v != NULL; v = rule_values_next(k, v)) {
		struct rule_action *a = arena_alloc(r->arena, sizeof *a);

		if (a == NULL)
			return;
		a->kind = def->kind;
		if (def->parse(r, c, v, a, errors) != 0)
			continue;
		c->skips |= a->skip;
		if (def->final)
			c->final = a;
		**tail = a;
		*tail = &a->next;
	}
}

int rule_parse_actions(struct rules *r, struct compiled_rule *c, const struct conf_node *node,
		       struct error_list *errors)
{
	const struct conf_node *final = NULL;
	struct rule_action *first = NULL, **tail = &first;
	unsigned before = errors->errors;

	if (node->type != CONF_GROUP || node->child == NULL) {
		error_add(errors, node->file, node->line,
			  "\"then\" is a group with at least one action: then = { reject = true; }");
		return -1;
	}
	for (const struct conf_node *k = node->child; k != NULL; k = k->next) {
		const struct rule_action_def *def = find_action(k->name);

		if (def == NULL) {
			unknown_action(r, k, errors);
			continue;
		}
		if (def->final && final != NULL)
			error_add(errors, k->file, k->line,
				  "a rule has one final action, this one has \"%s\" and \"%s\"; write two rules",
				  final->name, k->name);
		final = def->final ? k : final;
		c->accumulates |= !def->final && def->kind != ACTION_SKIP;
		add_action(r, c, def, k, &tail, errors);
	}
	c->pub.actions = first;
	c->pub.final = c->final != NULL;
	return errors->errors == before ? 0 : -1;
}
