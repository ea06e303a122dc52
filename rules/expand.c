/*
 * %{fact}, %{header:Name}, %{hostname} and %{id} in the texts of actions: checked at load, replaced per message.
 */
#include <string.h>

#include "rules/internal.h"
#include "rules/limits.h"
#include "util/bytes.h"
#include "util/names.h"

static const char *const other_names[] = { "hostname", "id", NULL };
static const char header_prefix[] = "header:";

enum { NAME_MAX_BYTES = RULES_MAX_HEADER_NAME + sizeof header_prefix };

/* The next %{name} from p on: *name and *n; answers where it begins, or NULL.  *end is behind it, NULL without "}". */
static const char *next_name(const char *p, const char **name, size_t *n, const char **end)
{
	const char *start = strstr(p, "%{"), *close;

	if (start == NULL)
		return NULL;
	*name = start + 2;
	close = strchr(*name, '}');
	*n = close != NULL ? (size_t)(close - *name) : strlen(*name);
	*end = close != NULL ? close + 1 : NULL;
	return start;
}

static bool is_header(const char *name)
{
	return strncmp(name, header_prefix, strlen(header_prefix)) == 0;
}

/* ---- At load ---- */

static int check_name(struct rules *r, struct compiled_rule *c, const struct conf_node *node, const char *name,
		      struct error_list *errors)
{
	struct names_nearest near;
	enum fact_id id;

	for (const char *const *o = other_names; *o != NULL; o++) {
		if (strcmp(*o, name) == 0)
			return 0;
	}
	if (is_header(name)) {
		const char *field = name + strlen(header_prefix);

		if (!rule_header_name_valid(field, strlen(field)) || rules_header_slot(r, field) < 0) {
			error_add(errors, node->file, node->line, "%%{%s} names no header field", name);
			return -1;
		}
		c->pub.text_facts |= FACT_BIT(FACT_HEADER);
		return 0;
	}
	id = fact_by_name(name);
	if (id != FACT_COUNT && id != FACT_HEADER && (r->provided & FACT_BIT(id)) != 0) {
		c->pub.text_facts |= FACT_BIT(id);
		return 0;
	}
	names_nearest_init(&near, name);
	for (unsigned i = 0; i < FACT_COUNT; i++) {
		if (r->provided & FACT_BIT(i))
			names_nearest_try(&near, i == FACT_HEADER ? "header:Name" : fact_table[i].name);
	}
	for (const char *const *o = other_names; *o != NULL; o++)
		names_nearest_try(&near, *o);
	error_add(errors, node->file, node->line, "%%{%s} is no fact%s%s", name,
		  id != FACT_COUNT && id != FACT_HEADER ? " that anything provides in this configuration" : "",
		  id == FACT_HEADER  ? "; a header is %{header:Name}"
		  : id == FACT_COUNT ? rule_hint(r, near.best)
				     : "");
	return -1;
}

int rule_parse_template(struct rules *r, struct compiled_rule *c, const struct conf_node *node, const char *text,
			struct error_list *errors)
{
	const char *name, *end;
	size_t n;
	int rc = 0;

	for (const char *p = text; next_name(p, &name, &n, &end) != NULL; p = end) {
		char *copy = arena_strndup(r->arena, name, n);

		if (end == NULL) {
			error_add(errors, node->file, node->line, "\"%%{%s\" has no closing brace", name);
			return -1;
		}
		if (copy == NULL || check_name(r, c, node, copy, errors) != 0)
			rc = -1;
	}
	return rc;
}

/* ---- Per message ---- */

/* Without the last character, when that is not whole (UTF-8). */
static size_t whole_characters(const char *p, size_t n)
{
	size_t lead = n, follow;

	while (lead > 0 && n - lead < 4 && ((unsigned char)p[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead == 0 || (unsigned char)p[lead - 1] < 0xc0)
		return n;
	follow = (unsigned char)p[lead - 1] >= 0xf0 ? 3 : (unsigned char)p[lead - 1] >= 0xe0 ? 2 : 1;
	return n - lead < follow ? lead - 1 : n;
}

/* Text from the wire on one line, and without what a terminal that shows it would obey. */
static void add_line(struct sbuf *out, const char *p, size_t n)
{
	const char *control;

	for (; (control = rule_find_control(p, n)) != NULL; p = control + 1) {
		sbuf_addn(out, p, (size_t)(control - p));
		sbuf_addc(out, ' ');
		n -= (size_t)(control + 1 - p);
	}
	sbuf_addn(out, p, n);
}

static void add_fact(const struct rules_source *src, struct fact_ref ref, struct sbuf *out)
{
	const struct fact_value *v;
	char buf[RULES_MAX_EXPANDED];
	struct sbuf b;

	if (src->never & FACT_BIT(ref.id))
		return;
	v = src->get(src->ctx, ref, false);
	if (v->state == FACT_UNAVAILABLE)
		sbuf_add(out, "unavailable");
	if (v->state == FACT_AT_LEAST)
		sbuf_addf(out, "%lld", (long long)v->num);
	if (v->state != FACT_KNOWN)
		return;
	sbuf_fixed(&b, buf, sizeof buf);
	fact_format(v, ref.id, &b);
	add_line(out, b.p, b.cut ? whole_characters(b.p, b.len) : b.len);
}

static void add_named(const struct rules *r, const struct rules_source *src, const char *name,
		      const char *(*extra)(void *ctx, const char *name), void *extra_ctx, struct sbuf *out)
{
	enum fact_id id = fact_by_name(name);
	const char *text;

	if (id != FACT_COUNT) {
		add_fact(src, (struct fact_ref){ .id = id }, out);
		return;
	}
	for (unsigned i = 0; is_header(name) && i < r->n_headers; i++) {
		if (ascii_equal(r->headers[i], name + strlen(header_prefix))) {
			add_fact(src, (struct fact_ref){ .id = FACT_HEADER, .slot = i }, out);
			return;
		}
	}
	text = extra != NULL ? extra(extra_ctx, name) : NULL;
	if (text != NULL)
		add_line(out, text, strlen(text));
}

const char *rules_expand(const struct rules *r, const char *value, const struct rules_source *src,
			 const char *(*extra)(void *ctx, const char *name), void *extra_ctx, struct arena *a)
{
	char buf[RULES_MAX_EXPANDED], name_buf[NAME_MAX_BYTES];
	const char *name, *start, *end, *p = value;
	struct sbuf out;
	size_t n;

	if (strstr(value, "%{") == NULL)
		return arena_strdup(a, value);
	sbuf_fixed(&out, buf, sizeof buf);
	while ((start = next_name(p, &name, &n, &end)) != NULL && end != NULL) {
		sbuf_addn(&out, p, (size_t)(start - p));
		if (n < sizeof name_buf) {
			memcpy(name_buf, name, n);
			name_buf[n] = '\0';
			add_named(r, src, name_buf, extra, extra_ctx, &out);
		}
		p = end;
	}
	sbuf_add(&out, p);
	return arena_strndup(a, out.p, out.cut ? whole_characters(out.p, out.len) : out.len);
}
