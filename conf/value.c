#include "conf/value.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/units.h"

enum { MODE_LARGEST = 0777, VALUE_WANTED_SIZE = 256 };

/* What each kind asks for, in the words of an error. */
static const char *const wants[] = {
	[CONF_K_BOOL] = "true or false, without quotes",
	[CONF_K_INT] = "an integer, without quotes",
	[CONF_K_STRING] = "a string in quotes",
	[CONF_K_DURATION] = "a duration in quotes with its unit (ms, s, m, h, d or w), such as \"10s\"",
	[CONF_K_SIZE] = "a size in quotes, such as \"100M\" (units K, M, G)",
	[CONF_K_MODE] = "octal permissions in quotes, such as \"0660\"",
};

static int64_t *as_int(void *field)
{
	return field;
}

const char *conf_value_found(const struct conf_node *node, char buf[CONF_FOUND_SIZE])
{
	struct sbuf b;

	sbuf_fixed(&b, buf, CONF_FOUND_SIZE);
	if (node->type == CONF_STRING)
		sbuf_addf(&b, "\"%.*s\"", CONF_FOUND_SIZE - 8, node->str);
	else if ((node->type == CONF_INT || node->type == CONF_FLOAT) && node->str != NULL)
		sbuf_addf(&b, "the number %s", node->str);
	else if (node->type == CONF_BOOL)
		sbuf_add(&b, node->flag ? "true" : "false");
	else
		sbuf_add(&b, conf_type_name(node->type));
	return buf;
}

void conf_value_names(const struct name_value *table, struct sbuf *out)
{
	for (const struct name_value *n = table; n->name != NULL; n++) {
		if (n != table)
			sbuf_add(out, n[1].name != NULL ? ", " : " or ");
		sbuf_add(out, n->name);
	}
}

/* "0660": three or four octal digits. */
static int mode(const char *text, int64_t *out)
{
	size_t n = strlen(text);

	if (n < 3 || n > 4 || strspn(text, "01234567") != n)
		return -1;
	*out = strtol(text, NULL, 8);
	return *out <= MODE_LARGEST ? 0 : -1;
}

static int integer(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return end != text && *end == '\0' && errno == 0 ? 0 : -1;
}

/* Reads the text of a kind that is written as a string in the file. */
static int from_text(const struct conf_row *row, const char *text, void *field)
{
	int64_t n = 0;
	int value;

	switch (row->kind) {
	case CONF_K_STRING:
		*(const char **)field = text;
		return 0;
	case CONF_K_ENUM:
		value = names_value(row->arg, text);
		if (value < 0)
			return -1;
		*(int *)field = value;
		return 0;
	case CONF_K_DURATION:
		if (units_duration(text, &n) != 0)
			return -1;
		break;
	case CONF_K_SIZE:
		if (units_size(text, &n) != 0)
			return -1;
		break;
	case CONF_K_MODE:
		if (mode(text, &n) != 0)
			return -1;
		break;
	default:
		return -1;
	}
	*as_int(field) = n;
	return 0;
}

void conf_value_default(const struct conf_row *row, void *field)
{
	int rc = 0;

	if (row->kind == CONF_K_STRINGS || row->dflt == NULL)
		assert(row->dflt == NULL);
	else if (row->kind == CONF_K_BOOL)
		*(bool *)field = strcmp(row->dflt, "true") == 0;
	else if (row->kind == CONF_K_INT)
		rc = integer(row->dflt, as_int(field));
	else
		rc = from_text(row, row->dflt, field);
	assert(rc == 0);
	(void)rc;
}

static void refuse_type(const struct conf_row *row, const struct conf_node *node, struct error_list *errors)
{
	char found[CONF_FOUND_SIZE], names[VALUE_WANTED_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, names, sizeof names);
	if (row->kind == CONF_K_ENUM) {
		sbuf_add(&b, "a word in quotes: ");
		conf_value_names(row->arg, &b);
	} else {
		sbuf_add(&b, wants[row->kind]);
	}
	error_add(errors, node->file, node->line, "`%s` wants %s; %s stands here", row->name, names,
		  conf_value_found(node, found));
}

static void refuse_word(const struct conf_row *row, const struct conf_node *node, struct error_list *errors)
{
	char names[VALUE_WANTED_SIZE], found[CONF_FOUND_SIZE];
	struct names_nearest near;
	struct sbuf b;

	sbuf_fixed(&b, names, sizeof names);
	conf_value_names(row->arg, &b);
	names_nearest_init(&near, node->str);
	for (const struct name_value *n = row->arg; n->name != NULL; n++)
		names_nearest_try(&near, n->name);
	conf_value_found(node, found);
	if (near.best != NULL)
		error_add(errors, node->file, node->line, "`%s` cannot be %s; did you mean \"%s\"? It can be %s",
			  row->name, found, near.best, names);
	else
		error_add(errors, node->file, node->line, "`%s` cannot be %s; it can be %s", row->name, found, names);
}

static int check_range(const struct conf_row *row, const struct conf_node *node, struct error_list *errors)
{
	const struct conf_range *r = row->arg;

	if (r == NULL || (node->num >= r->lo && node->num <= r->hi))
		return 0;
	if (r->hi == INT64_MAX)
		error_add(errors, node->file, node->line, "`%s` is %" PRId64 "; it must be at least %" PRId64,
			  row->name, node->num, r->lo);
	else
		error_add(errors, node->file, node->line,
			  "`%s` is %" PRId64 "; it must be between %" PRId64 " and %" PRId64, row->name, node->num,
			  r->lo, r->hi);
	return -1;
}

int conf_value_read(const struct conf_row *row, const struct conf_node *node, void *field, struct arena *a,
		    struct error_list *errors)
{
	if (row->kind == CONF_K_STRINGS)
		return conf_strings(node, field, a, errors);
	if (row->kind == CONF_K_BOOL && node->type == CONF_BOOL) {
		*(bool *)field = node->flag;
		return 0;
	}
	if (row->kind == CONF_K_INT && node->type == CONF_INT) {
		if (check_range(row, node, errors) != 0)
			return -1;
		*as_int(field) = node->num;
		return 0;
	}
	if (row->kind == CONF_K_BOOL || row->kind == CONF_K_INT || node->type != CONF_STRING) {
		refuse_type(row, node, errors);
		return -1;
	}
	if (from_text(row, node->str, field) == 0)
		return 0;
	if (row->kind == CONF_K_ENUM)
		refuse_word(row, node, errors);
	else
		refuse_type(row, node, errors);
	return -1;
}
