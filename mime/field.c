#include "mime/field.h"

#include <string.h>

#include "mime/limits.h"
#include "util/bytes.h"

struct scan {
	const char *p, *end;
};

/* Behind a comment, or the opening bracket of one that does not end. */
static const char *skip_comment(const char *p, const char *end)
{
	unsigned depth = 0;

	for (const char *at = p; at < end; at++) {
		if (*at == '\\')
			at++;
		else if (*at == '(')
			depth++;
		else if (*at == ')' && --depth == 0)
			return at + 1;
	}
	return end;
}

static void skip_blank(struct scan *s)
{
	while (s->p < s->end && (ascii_is_space(*s->p) || *s->p == '('))
		s->p = *s->p == '(' ? skip_comment(s->p, s->end) : s->p + 1;
}

void mime_field_value(const char *p, size_t n, struct sbuf *out)
{
	struct scan s = { p, p + n };

	for (skip_blank(&s); s.p < s.end && *s.p != ';'; skip_blank(&s))
		sbuf_addc(out, ascii_lower(*s.p++));
}

/* ---- Parameters ---- */

struct param {
	const char *name; /* with what RFC 2231 puts behind it */
	size_t name_n;
	const char *value;
	size_t value_n;
	bool quoted;
};

static void read_quoted(struct scan *s, struct param *out)
{
	out->quoted = true;
	out->value = ++s->p;
	while (s->p < s->end && *s->p != '"')
		s->p += *s->p == '\\' && s->p + 1 < s->end ? 2 : 1;
	out->value_n = (size_t)(s->p - out->value);
}

/* The next parameter; false when there is none. */
static bool next_param(struct scan *s, struct param *out)
{
	memset(out, 0, sizeof *out);
	while (s->p < s->end && *s->p != ';')
		s->p++;
	while (s->p < s->end && (*s->p == ';' || ascii_is_space(*s->p)))
		s->p++;
	skip_blank(s);
	out->name = s->p;
	while (s->p < s->end && *s->p != '=' && *s->p != ';' && *s->p != '(' && !ascii_is_space(*s->p))
		s->p++;
	out->name_n = (size_t)(s->p - out->name);
	skip_blank(s);
	if (s->p == s->end || *s->p != '=')
		return out->name_n > 0 || s->p < s->end;
	s->p++;
	skip_blank(s);
	out->value = s->p;
	if (s->p < s->end && *s->p == '"') {
		read_quoted(s, out);
		return true;
	}
	while (s->p < s->end && *s->p != ';' && !ascii_is_space(*s->p))
		s->p++;
	out->value_n = (size_t)(s->p - out->value);
	return true;
}

/* The parameters that follow the value, quoted strings in the value passed over. */
static void begin_params(struct scan *s, const char *p, size_t n)
{
	s->p = p;
	s->end = p + n;
	for (skip_blank(s); s->p < s->end && *s->p != ';'; skip_blank(s))
		s->p++;
}

static void add_value(const struct param *v, bool encoded, struct sbuf *out)
{
	for (size_t i = 0; i < v->value_n; i++) {
		char c = v->value[i];
		int high, low;

		if (v->quoted && c == '\\' && i + 1 < v->value_n) {
			c = v->value[++i];
		} else if (encoded && c == '%' && i + 2 < v->value_n && (high = ascii_hex(v->value[i + 1])) >= 0 &&
			   (low = ascii_hex(v->value[i + 2])) >= 0) {
			c = (char)(high * 16 + low);
			i += 2;
		}
		sbuf_addc(out, c);
	}
}

/* charset'language'value: the first two are left out. */
static void skip_language(struct param *v)
{
	for (unsigned quotes = 0; quotes < 2; quotes++) {
		const char *at = v->value != NULL ? memchr(v->value, '\'', v->value_n) : NULL;

		if (at == NULL)
			return;
		v->value_n -= (size_t)(at + 1 - v->value);
		v->value = at + 1;
	}
}

enum { PLAIN = -1 };

/* Whether it is that section of the parameter: "name", "name*", "name*0", "name*0*". */
static bool is_section(const struct param *v, const char *name, int section, bool *encoded)
{
	size_t n = strlen(name), at;
	int number = 0;

	if (v->name_n < n || !ascii_equal_n(v->name, name, n))
		return false;
	*encoded = v->name_n > n && v->name[v->name_n - 1] == '*';
	if (section == PLAIN)
		return v->name_n == n + *encoded;
	if (v->name_n < n + 2 || v->name[n] != '*')
		return false;
	for (at = n + 1; at < v->name_n && ascii_is_digit(v->name[at]) && number < MIME_SECTIONS_MAX; at++)
		number = number * 10 + (v->name[at] - '0');
	return at > n + 1 && number == section && v->name_n == at + *encoded;
}

static bool add_section(const char *p, size_t n, const char *name, int section, struct sbuf *out)
{
	struct scan s;
	struct param v;
	bool encoded;

	begin_params(&s, p, n);
	while (next_param(&s, &v)) {
		if (!is_section(&v, name, section, &encoded))
			continue;
		if (encoded && section <= 0)
			skip_language(&v);
		add_value(&v, encoded, out);
		return true;
	}
	return false;
}

bool mime_field_param(const char *p, size_t n, const char *name, struct sbuf *out)
{
	int section = 0;

	if (add_section(p, n, name, PLAIN, out))
		return true;
	while (section < MIME_SECTIONS_MAX && add_section(p, n, name, section, out))
		section++;
	return section > 0;
}
