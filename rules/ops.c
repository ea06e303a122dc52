/*
 * The table of operators, and what reading their values has in common.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"
#include "util/fold.h"
#include "util/units.h"

const struct rule_op *const rules_table_ops[] = { &rule_op_is,           &rule_op_is_not,      &rule_op_contains,
						  &rule_op_contains_not, &rule_op_starts_with, &rule_op_ends_with,
						  &rule_op_matches,      &rule_op_in,          &rule_op_over,
						  &rule_op_under,        &rule_op_at_least,    &rule_op_at_most,
						  &rule_op_exists,       &rule_op_same_as,     NULL };

const struct rule_op *rule_op_by_name(const char *name)
{
	for (const struct rule_op *const *o = rules_table_ops; *o != NULL; o++) {
		if (strcmp((*o)->name, name) == 0)
			return *o;
	}
	return NULL;
}

const char *rule_type_name(enum fact_type type)
{
	static const char *const names[] = { [FACT_TEXT] = "a text",
					     [FACT_WORD] = "a word",
					     [FACT_ADDRESS] = "a mail address",
					     [FACT_DOMAIN] = "a host or domain name",
					     [FACT_IP] = "an IP address",
					     [FACT_NUMBER] = "a number" };

	return names[type];
}

const struct conf_node *rule_values(const struct conf_node *node)
{
	return node->type == CONF_LIST ? node->child : node;
}

const struct conf_node *rule_values_next(const struct conf_node *node, const struct conf_node *v)
{
	return node->type == CONF_LIST ? v->next : NULL;
}

const char *rule_value_text(const struct rule_op_build *b, const struct conf_node *v)
{
	const char *control;
	size_t n;

	if (v->type != CONF_STRING) {
		error_add(b->errors, v->file, v->line, "\"%s\" takes a string here, not %s", b->op->name,
			  conf_type_name(v->type));
		return NULL;
	}
	n = strlen(v->str);
	control = rule_find_control(v->str, n);
	if (control != NULL) {
		error_add(b->errors, v->file, v->line,
			  "the value of \"%s\" holds the control character 0x%02x; a backslash in a string is written "
			  "twice (\"\\\\b\")",
			  b->op->name, (unsigned)(unsigned char)*control);
		return NULL;
	}
	if (!utf8_valid(v->str, n)) {
		error_add(b->errors, v->file, v->line, "the value of \"%s\" is not UTF-8; save the file in UTF-8",
			  b->op->name);
		return NULL;
	}
	return v->str;
}

/* A plain decimal number of the whole text. */
static int parse_plain(const char *text, int64_t *num)
{
	const char *digits = text[0] == '-' || text[0] == '+' ? text + 1 : text;
	char *end;

	if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return -1;
	errno = 0;
	*num = strtoll(text, &end, 10);
	return errno == 0 ? 0 : -1;
}

int rule_value_number(const struct rule_op_build *b, const struct conf_node *v, int64_t *num)
{
	bool size = b->cond->ref.id == FACT_SIZE;

	if (v->type == CONF_INT) {
		*num = v->num;
		return 0;
	}
	if (v->type == CONF_STRING && (parse_plain(v->str, num) == 0 || (size && units_size(v->str, num) == 0)))
		return 0;
	if (v->type == CONF_STRING)
		error_add(b->errors, v->file, v->line, "\"%s\" is no number; %s is compared with %s", v->str,
			  b->fact_name, size ? "a size, such as 5000000 or \"5000K\"" : "a whole number, such as 5");
	else
		error_add(b->errors, v->file, v->line, "\"%s\" takes a whole number here, not %s", b->op->name,
			  conf_type_name(v->type));
	return -1;
}
