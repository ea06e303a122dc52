#include <string.h>

#include "conf/conf.h"
#include "conf/value.h"

struct binder {
	struct arena *arena;
	struct error_list *errors;
};

static void bind_table(const struct binder *b, const struct conf_table *table, const struct conf_node *group, void *out,
		       const char *const *others);

/* How a group is called in an error: by its name, or that of the list it is in. */
static const char *group_name(const struct conf_node *group)
{
	if (group->name == NULL && group->parent != NULL)
		group = group->parent;
	return group->name;
}

static bool among(const char *const *names, const char *name)
{
	for (; names != NULL && *names != NULL; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static bool declared(const struct conf_table *table, const char *name)
{
	for (unsigned i = 0; i < table->n; i++)
		if (strcmp(table->rows[i].name, name) == 0)
			return true;
	return false;
}

static void refuse_name(const struct binder *b, const struct conf_table *table, const struct conf_node *node,
			const char *const *others)
{
	const char *group = group_name(node->parent);
	struct names_nearest near;
	char of[CONF_FOUND_SIZE];
	struct sbuf text;

	names_nearest_init(&near, node->name);
	for (unsigned i = 0; i < table->n; i++)
		names_nearest_try(&near, table->rows[i].name);
	for (; others != NULL && *others != NULL; others++)
		names_nearest_try(&near, *others);
	sbuf_fixed(&text, of, sizeof of);
	if (group != NULL)
		sbuf_addf(&text, " in `%s`", group);
	if (near.best != NULL)
		error_add(b->errors, node->file, node->line, "unknown setting `%s`%s; did you mean `%s`?", node->name,
			  of, near.best);
	else
		error_add(b->errors, node->file, node->line, "unknown setting `%s`%s; take it out", node->name, of);
}

static void bind_group(const struct binder *b, const struct conf_row *row, const struct conf_node *node, void *field)
{
	char found[CONF_FOUND_SIZE];

	if (node != NULL && node->type != CONF_GROUP) {
		error_add(b->errors, node->file, node->line, "`%s` wants a group: %s = { ... }; %s stands here",
			  row->name, row->name, conf_value_found(node, found));
		node = NULL;
	}
	bind_table(b, row->arg, node, field, NULL);
}

/* A list of groups, or one group alone. */
static void bind_groups(const struct binder *b, const struct conf_row *row, const struct conf_node *node,
			struct conf_groups *field)
{
	const struct conf_table *table = row->arg;
	const struct conf_node *item;
	char found[CONF_FOUND_SIZE];

	if (node == NULL)
		return;
	if (node->type != CONF_LIST && node->type != CONF_GROUP) {
		error_add(b->errors, node->file, node->line,
			  "`%s` wants a list of groups: ( { ... }, { ... } ); %s stands here", row->name,
			  conf_value_found(node, found));
		return;
	}
	field->v = arena_calloc(b->arena, node->type == CONF_LIST ? node->n : 1, table->size);
	if (field->v == NULL)
		return;
	if (node->type == CONF_GROUP) {
		bind_table(b, table, node, field->v, NULL);
		field->n = 1;
		return;
	}
	for (item = node->child; item != NULL; item = item->next) {
		if (item->type == CONF_GROUP)
			bind_table(b, table, item, (char *)field->v + field->n++ * table->size, NULL);
		else
			error_add(b->errors, item->file, item->line, "`%s` wants groups, { ... }; %s stands here",
				  row->name, conf_value_found(item, found));
	}
}

static void bind_row(const struct binder *b, const struct conf_row *row, const struct conf_node *node, void *field)
{
	switch (row->kind) {
	case CONF_K_GROUP:
		bind_group(b, row, node, field);
		break;
	case CONF_K_GROUPS:
		bind_groups(b, row, node, field);
		break;
	case CONF_K_NODE:
		*(const struct conf_node **)field = node;
		break;
	default:
		conf_value_default(row, field);
		if (node != NULL)
			conf_value_read(row, node, field, b->arena, b->errors);
	}
}

/*
 * Fills out whatever the group holds.  The table's own check follows only on a group without errors: on one with errors
 * it would mostly say the same again.
 */
static void bind_table(const struct binder *b, const struct conf_table *table, const struct conf_node *group, void *out,
		       const char *const *others)
{
	struct conf_place *where = out; /* the first field, by CONF_STRUCT */
	unsigned before = b->errors->errors;

	memset(out, 0, table->size);
	for (unsigned i = 0; i < table->n; i++)
		bind_row(b, &table->rows[i], conf_child(group, table->rows[i].name),
			 (char *)out + table->rows[i].offset);
	if (group == NULL)
		return;
	*where = (struct conf_place){ .file = group->file, .line = group->line, .present = true };
	for (const struct conf_node *node = group->child; node != NULL; node = node->next)
		if (!declared(table, node->name) && !among(others, node->name))
			refuse_name(b, table, node, others);
	if (table->verify != NULL && b->errors->errors == before && table->verify(out, group, b->errors) != 0 &&
	    b->errors->errors == before)
		error_add(b->errors, group->file, group->line, "these settings do not fit together");
}

int conf_bind(const struct conf_table *table, const struct conf_node *group, void *out, const char *const *others,
	      struct arena *a, struct error_list *errors)
{
	const struct binder b = { .arena = a, .errors = errors };
	unsigned before = errors->errors;

	if (group != NULL && group->type != CONF_GROUP) {
		char found[CONF_FOUND_SIZE];

		error_add(errors, group->file, group->line, "`%s` wants a group: { ... }; %s stands here",
			  group->name != NULL ? group->name : "this list", conf_value_found(group, found));
		group = NULL;
	}
	bind_table(&b, table, group, out, others);
	if (arena_failed(a))
		error_add(errors, group != NULL ? group->file : NULL, 0, "out of memory");
	return errors->errors == before ? 0 : -1;
}
