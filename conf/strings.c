#include <string.h>

#include "conf/conf.h"
#include "conf/file.h"
#include "util/bytes.h"
#include "util/utf8.h"

static const char file_tag[] = "file:";

/* Lists of a configuration are read once; growing by doubling leaves little behind in the arena. */
struct growing {
	struct conf_strings list;
	unsigned room;
	struct arena *arena;
	struct error_list *errors;
};

static void add(struct growing *g, const char *s, const char *file, int line)
{
	struct conf_item *v;

	if (s == NULL)
		return;
	if (g->list.n == g->room) {
		unsigned room = g->room > 0 ? 2 * g->room : 8;

		v = arena_calloc(g->arena, room, sizeof *v);
		if (v == NULL)
			return;
		if (g->list.n > 0)
			memcpy(v, g->list.v, g->list.n * sizeof *v);
		g->list.v = v;
		g->room = room;
	}
	g->list.v[g->list.n++] = (struct conf_item){ .s = s, .file = file, .line = line };
}

/* One line of a list's file: p to end, without white space around it. */
static void add_line(struct growing *g, char *p, char *end, const char *path, int line)
{
	while (p < end && ascii_is_space(*p))
		p++;
	while (p < end && ascii_is_space(end[-1]))
		end--;
	if (p == end || *p == '#')
		return;
	if (memchr(p, '\0', (size_t)(end - p)) != NULL || !utf8_valid(p, (size_t)(end - p))) {
		error_add(g->errors, path, line,
			  "this line is not plain text in UTF-8; save the file in that encoding");
		return;
	}
	*end = '\0';
	add(g, p, path, line);
}

/* The lines of the file that an item names; the text stays in the arena, and the items point into it. */
static void add_file(struct growing *g, const struct conf_node *item)
{
	char *path = conf_file_beside(item->file, item->str + sizeof file_tag - 1, g->arena), *p, *end;
	const char *why = "out of memory";
	size_t n;

	p = path != NULL ? conf_file_read(path, g->arena, &n, &why) : NULL;
	if (p == NULL) {
		error_add(g->errors, item->file, item->line, "the list \"%s\" cannot be read: %s", item->str, why);
		return;
	}
	end = p + n;
	for (int line = 1; p < end; line++) {
		char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline != NULL ? newline : end;

		add_line(g, p, stop, path, line);
		p = stop + 1;
	}
}

static void add_item(struct growing *g, const struct conf_node *item)
{
	if (strncmp(item->str, file_tag, sizeof file_tag - 1) == 0)
		add_file(g, item);
	else
		add(g, item->str, item->file, item->line);
}

int conf_strings(const struct conf_node *node, struct conf_strings *out, struct arena *a, struct error_list *errors)
{
	struct growing g = { .arena = a, .errors = errors };
	unsigned before = errors->errors;
	const char *name = node->name != NULL ? node->name : "this list";

	if (node->type == CONF_STRING)
		add_item(&g, node);
	else if (node->type != CONF_LIST)
		error_add(errors, node->file, node->line,
			  "`%s` wants a string, or a list of strings: ( \"a\", \"b\" ); %s stands here", name,
			  conf_type_name(node->type));
	for (const struct conf_node *item = node->type == CONF_LIST ? node->child : NULL; item != NULL;
	     item = item->next) {
		if (item->type == CONF_STRING)
			add_item(&g, item);
		else
			error_add(errors, item->file, item->line, "`%s` wants strings in quotes; %s stands here", name,
				  conf_type_name(item->type));
	}
	if (arena_failed(a))
		error_add(errors, node->file, node->line, "out of memory while reading `%s`", name);
	*out = g.list;
	return errors->errors == before ? 0 : -1;
}
