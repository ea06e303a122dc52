#include "conf/tree.h"

#include <assert.h>
#include <libconfig.h>
#include <string.h>

void conf_tree_append(struct conf_node *parent, struct conf_node *node)
{
	struct conf_node **at = &parent->child;

	while (*at != NULL)
		at = &(*at)->next;
	*at = node;
	node->next = NULL;
	node->parent = parent;
	parent->n++;
}

/* The scalar of a setting; false for a type that is none. */
static bool scalar(struct conf_node *node, const config_setting_t *from, struct arena *a)
{
	switch (config_setting_type(from)) {
	case CONFIG_TYPE_INT:
		node->type = CONF_INT;
		node->num = config_setting_get_int(from);
		return true;
	case CONFIG_TYPE_INT64:
		node->type = CONF_INT;
		node->num = config_setting_get_int64(from);
		return true;
	case CONFIG_TYPE_FLOAT:
		node->type = CONF_FLOAT;
		node->real = config_setting_get_float(from);
		return true;
	case CONFIG_TYPE_BOOL:
		node->type = CONF_BOOL;
		node->flag = config_setting_get_bool(from) != 0;
		return true;
	case CONFIG_TYPE_STRING:
		node->type = CONF_STRING;
		node->str = arena_strdup(a, config_setting_get_string(from));
		return true;
	default:
		return false;
	}
}

/*
 * Copies a setting and what is under it.  *v is its place: the scan wrote each value down in the order in which libconfig
 * keeps them.  NULL when memory ran out.
 */
static struct conf_node *copy(const config_setting_t *from, const struct scan_value **v, struct arena *a)
{
	struct conf_node *node = arena_alloc(a, sizeof *node), **at, *child;

	if (node == NULL || *v == NULL)
		return NULL;
	node->name = arena_strdup(a, config_setting_name(from));
	node->file = (*v)->file;
	node->line = (*v)->line;
	node->str = (*v)->text;
	*v = (*v)->next;
	if (scalar(node, from, a))
		return node;
	node->type = config_setting_is_group(from) ? CONF_GROUP : CONF_LIST;
	node->n = (unsigned)config_setting_length(from);
	at = &node->child;
	for (unsigned i = 0; i < node->n; i++, at = &child->next) {
		*at = child = copy(config_setting_get_elem(from, i), v, a);
		if (child == NULL)
			return NULL;
		child->parent = node;
	}
	return node;
}

struct conf_node *conf_tree(const struct scan *s, const char *file, struct arena *a, struct error_list *errors)
{
	struct scan_value root_place = { .next = s->first, .file = file };
	const struct scan_value *v = &root_place;
	struct conf_node *root = NULL;
	config_t config;

	config_init(&config);
	if (s->text.cut || arena_failed(s->scratch)) {
		error_add(errors, file, 0, "out of memory, or larger than a configuration can be");
	} else if (config_read_string(&config, s->text.p) != CONFIG_TRUE) {
		/* The scan lets nothing through that libconfig refuses, as far as is known; its line would not be the file's. */
		error_add(errors, file, 0, "libconfig refuses this file: %s", config_error_text(&config));
	} else {
		root = copy(config_root_setting(&config), &v, a);
		assert(root == NULL || v == NULL);
		if (root == NULL)
			error_add(errors, file, 0, "out of memory");
	}
	config_destroy(&config);
	return root;
}

const struct conf_node *conf_child(const struct conf_node *group, const char *name)
{
	const struct conf_node *node;

	if (group == NULL || group->type != CONF_GROUP)
		return NULL;
	for (node = group->child; node != NULL && strcmp(node->name, name) != 0; node = node->next)
		;
	return node;
}

const char *conf_type_name(enum conf_type type)
{
	switch (type) {
	case CONF_GROUP:
		return "a group";
	case CONF_LIST:
		return "a list";
	case CONF_STRING:
		return "a string";
	case CONF_INT:
		return "an integer";
	case CONF_FLOAT:
		return "a number with a point";
	case CONF_BOOL:
		return "true or false";
	}
	return "nothing";
}
