#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/file.h"
#include "conf/scan.h"
#include "conf/tree.h"

static const char rules_folder[] = "rules.d";
static const char rules_suffix[] = ".conf";
static const char rules_name[] = "rules";

/* Scans a text and makes its tree. */
static struct conf_node *parse(const char *text, size_t n, const char *label, bool no_includes, struct arena *a,
			       struct arena *scratch, struct error_list *errors)
{
	const char *file = arena_strdup(a, label);
	struct conf_node *root = NULL;
	struct scan *s = arena_alloc(scratch, sizeof *s);

	if (file == NULL || s == NULL) {
		error_add(errors, label, 0, "out of memory");
		return NULL;
	}
	conf_scan_init(s, no_includes, a, scratch, errors);
	if (conf_scan(s, file, text, n) == 0)
		root = conf_tree(s, file, a, errors);
	else if (arena_failed(a) || arena_failed(scratch))
		error_add(errors, label, 0, "out of memory");
	conf_scan_done(s);
	return root;
}

struct conf_node *conf_parse(const char *text, const char *label, struct arena *a, struct error_list *errors)
{
	struct arena *scratch = arena_new(0);
	struct conf_node *root = NULL;

	if (scratch == NULL)
		error_add(errors, label, 0, "out of memory");
	else
		root = parse(text, strlen(text), label, true, a, scratch, errors);
	arena_free(&scratch);
	return root;
}

static struct conf_node *parse_file(const char *path, struct arena *a, struct error_list *errors)
{
	struct arena *scratch = arena_new(0);
	struct conf_node *root = NULL;
	const char *why = "out of memory";
	char *text;
	size_t n;

	text = scratch != NULL ? conf_file_read(path, scratch, &n, &why) : NULL;
	if (text == NULL)
		error_add(errors, path, 0, "this file cannot be read: %s", why);
	else
		root = parse(text, n, path, false, a, scratch, errors);
	arena_free(&scratch);
	return root;
}

/* ---- rules.d ---- */

/* Moves the items of `from` behind those of `to`. */
static void splice(struct conf_node *to, struct conf_node *from)
{
	struct conf_node **at = &to->child;

	while (*at != NULL)
		at = &(*at)->next;
	*at = from->child;
	for (struct conf_node *item = from->child; item != NULL; item = item->next)
		item->parent = to;
	to->n += from->n;
}

/* The list to which rules.d is added; that of the main file may be missing or, told elsewhere, no list. */
static struct conf_node *rules_of(struct conf_node *root, const struct conf_node *model, struct arena *a)
{
	struct conf_node *node;

	for (node = root->child; node != NULL && strcmp(node->name, rules_name) != 0; node = node->next)
		;
	if (node != NULL)
		return node->type == CONF_LIST ? node : NULL;
	node = arena_alloc(a, sizeof *node);
	if (node == NULL)
		return NULL;
	node->type = CONF_LIST;
	node->name = rules_name;
	node->file = model->file;
	node->line = model->line;
	conf_tree_append(root, node);
	return node;
}

static void add_rules_file(struct conf_node *root, const char *path, struct arena *a, struct error_list *errors)
{
	struct conf_node *extra = parse_file(path, a, errors), *node, *rules;

	if (extra == NULL)
		return;
	for (node = extra->child; node != NULL; node = node->next) {
		if (strcmp(node->name, rules_name) != 0)
			error_add(errors, node->file, node->line,
				  "`%s` cannot stand in a file of %s, which holds `rules = ( ... );` alone; move it to "
				  "the main file",
				  node->name, rules_folder);
		else if (node->type != CONF_LIST)
			error_add(errors, node->file, node->line, "`rules` wants a list of rules; %s stands here",
				  conf_type_name(node->type));
		else if (root != NULL && (rules = rules_of(root, node, a)) != NULL)
			splice(rules, node);
	}
}

static int wanted(const struct dirent *e)
{
	size_t n = strlen(e->d_name), suffix = sizeof rules_suffix - 1;

	return e->d_name[0] != '.' && n > suffix && strcmp(e->d_name + n - suffix, rules_suffix) == 0;
}

/* By bytes: the order must not depend on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* root NULL: the files are only checked. */
static void add_rules(struct conf_node *root, const char *main_file, struct arena *a, struct error_list *errors)
{
	char *folder = conf_file_beside(main_file, rules_folder, a);
	struct dirent **entries;
	int n;

	if (folder == NULL)
		return;
	n = scandir(folder, &entries, wanted, by_name);
	if (n < 0) {
		if (errno != ENOENT)
			error_add(errors, folder, 0, "this folder cannot be read: %s", strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		char *path = arena_printf(a, "%s/%s", folder, entries[i]->d_name);

		if (path != NULL)
			add_rules_file(root, path, a, errors);
		free(entries[i]);
	}
	free(entries);
}

struct conf_node *conf_load(const char *path, struct arena *a, struct error_list *errors)
{
	struct conf_node *root = parse_file(path, a, errors);

	add_rules(root, path, a, errors);
	if (arena_failed(a)) {
		error_add(errors, path, 0, "out of memory");
		return NULL;
	}
	return root;
}
