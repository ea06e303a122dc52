#include <inttypes.h>
#include <stdio.h>

#include "conf/conf.h"
#include "conf/value.h"

static const char *const kind_names[] = {
	[CONF_K_BOOL] = "true or false", [CONF_K_INT] = "integer",
	[CONF_K_STRING] = "string",      [CONF_K_DURATION] = "duration",
	[CONF_K_SIZE] = "size",          [CONF_K_MODE] = "octal permissions",
	[CONF_K_ENUM] = "one of",        [CONF_K_STRINGS] = "list of strings",
	[CONF_K_GROUP] = "group",        [CONF_K_GROUPS] = "list of groups",
	[CONF_K_NODE] = "list",
};

/* Text for troff: `word` in bold, and nothing that troff would take for its own. */
static void text(struct sbuf *out, const char *p)
{
	bool bold = false;

	if (*p == '.' || *p == '\'')
		sbuf_add(out, "\\&");
	for (; *p != '\0'; p++) {
		if (*p == '`') {
			sbuf_add(out, bold ? "\\fR" : "\\fB");
			bold = !bold;
		} else if (*p == '\\') {
			sbuf_add(out, "\\e");
		} else if (*p == '-') {
			sbuf_add(out, "\\-");
		} else if (*p == '"') {
			sbuf_add(out, "\\(dq");
		} else {
			sbuf_addc(out, *p);
		}
	}
	if (bold)
		sbuf_add(out, "\\fR");
}

static void type(struct sbuf *out, const struct conf_row *row)
{
	const struct conf_range *r = row->kind == CONF_K_INT ? row->arg : NULL;
	char range[80];

	sbuf_add(out, kind_names[row->kind]);
	if (row->kind == CONF_K_ENUM) {
		sbuf_addc(out, ' ');
		conf_value_names(row->arg, out);
	}
	if (r == NULL)
		return;
	if (r->hi == INT64_MAX)
		snprintf(range, sizeof range, ", at least %" PRId64, r->lo);
	else
		snprintf(range, sizeof range, " from %" PRId64 " to %" PRId64, r->lo, r->hi);
	text(out, range);
}

/* Numbers and truth values stand without quotes in the file, everything else with them. */
static void dflt(struct sbuf *out, const struct conf_row *row)
{
	bool bare = row->kind == CONF_K_BOOL || row->kind == CONF_K_INT;

	if (row->dflt == NULL)
		return;
	sbuf_add(out, bare ? "; default " : "; default \\(dq");
	text(out, row->dflt);
	if (!bare)
		sbuf_add(out, "\\(dq");
}

static void rows(const struct conf_table *table, struct sbuf *out)
{
	for (unsigned i = 0; i < table->n; i++) {
		const struct conf_row *row = &table->rows[i];

		sbuf_add(out, ".TP\n\\fB");
		text(out, row->name);
		sbuf_add(out, "\\fR (");
		type(out, row);
		dflt(out, row);
		sbuf_add(out, ")\n");
		text(out, row->doc);
		sbuf_addc(out, '\n');
		if (row->kind == CONF_K_GROUP || row->kind == CONF_K_GROUPS) {
			sbuf_add(out, ".RS\n");
			rows(row->arg, out);
			sbuf_add(out, ".RE\n");
		}
	}
}

void conf_manual(const struct conf_table *table, const char *section, struct sbuf *out)
{
	sbuf_add(out, ".SS ");
	text(out, section);
	sbuf_addc(out, '\n');
	rows(table, out);
}
