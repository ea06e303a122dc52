#include "checks/dkim_tags.h"

#include <string.h>

#include "util/bytes.h"

/* ---- Tag lists ---- */

static bool is_fws(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *skip_fws(const char *p, const char *end)
{
	while (p < end && is_fws(*p))
		p++;
	return p;
}

static bool is_name_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '_';
}

/* Printable, and what internationalised mail may hold besides (RFC 8616). */
static bool is_value_char(char c)
{
	return is_fws(c) || (unsigned char)c > 0x7f || (c > 0x20 && c < 0x7f && c != ';');
}

/*
 * Case counts in tag names, and "d" and "D" are two tags.  But libopendkim takes them for one: a list that it would
 * read otherwise than we do is none.
 */
static bool repeated(const struct dk_tags *t, const char *name)
{
	for (unsigned i = 0; i < t->n; i++)
		if (ascii_equal(t->v[i].name, name))
			return true;
	return false;
}

/* One tag-spec at *pp; leaves *pp at what follows its value. */
static const char *parse_one(struct dk_tags *t, struct arena *a, const char **pp, const char *end)
{
	const char *p = *pp, *name = p, *value, *stop;
	struct dk_tag *tag = &t->v[t->n];

	if (p == end || !ascii_is_alpha(*p))
		return "a tag's name does not begin with a letter";
	while (p < end && is_name_char(*p))
		p++;
	stop = p;
	p = skip_fws(p, end);
	if (p == end || *p != '=')
		return "a tag without a value";
	if (t->n == DK_TAGS_MAX)
		return "too many tags";
	tag->name = arena_strndup(a, name, (size_t)(stop - name));
	value = p = skip_fws(p + 1, end);
	while (p < end && is_value_char(*p))
		p++;
	*pp = p;
	while (p > value && is_fws(p[-1]))
		p--;
	tag->value = arena_strndup(a, value, (size_t)(p - value));
	if (tag->name == NULL || tag->value == NULL)
		return "out of memory";
	if (repeated(t, tag->name))
		return "a tag stands twice";
	t->n++;
	return NULL;
}

const char *dk_tags_parse(struct dk_tags *t, struct arena *a, const char *text, size_t n)
{
	const char *p = skip_fws(text, text + n), *end = text + n, *wrong;

	t->n = 0;
	do {
		wrong = parse_one(t, a, &p, end);
		if (wrong != NULL)
			return wrong;
		if (p < end && *p != ';')
			return "a character that no tag may hold";
		if (p < end)
			p = skip_fws(p + 1, end); /* the last one may have its semicolon, too */
	} while (p < end);
	return NULL;
}

const char *dk_tags_get(const struct dk_tags *t, const char *name)
{
	for (unsigned i = 0; i < t->n; i++)
		if (strcmp(t->v[i].name, name) == 0)
			return t->v[i].value;
	return NULL;
}

char *dk_tags_squeeze(struct arena *a, const char *value)
{
	char *out = arena_strdup(a, value), *q = out;

	if (out == NULL)
		return NULL;
	for (const char *p = value; *p != '\0'; p++)
		if (!is_fws(*p))
			*q++ = *p;
	*q = '\0';
	return out;
}

bool dk_tags_listed(const char *list, const char *item)
{
	size_t n = strlen(item);

	for (const char *p = list;; p++) {
		size_t len = strcspn(p = skip_fws(p, p + strlen(p)), ":"), bare = len;

		while (bare > 0 && is_fws(p[bare - 1]))
			bare--;
		if (bare == n && ascii_equal_n(p, item, n))
			return true;
		p += len;
		if (*p == '\0')
			return false;
	}
}

/* ---- Base64 ---- */

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

unsigned char *dk_base64_decode(struct arena *a, const char *text, size_t *n)
{
	unsigned char *out = arena_alloc(a, strlen(text) / 4 * 3 + 3);
	unsigned held = 0, bits = 0, digits = 0, padding = 0;

	*n = 0;
	for (const char *p = text; out != NULL && *p != '\0'; p++) {
		int value = digit_value(*p);

		if (is_fws(*p))
			continue;
		if (*p == '=' && ++padding <= 2)
			continue;
		if (value < 0 || padding > 0)
			return NULL;
		held = held << 6 | (unsigned)value;
		bits += 6;
		digits++;
		if (bits >= 8) {
			bits -= 8;
			out[(*n)++] = (unsigned char)(held >> bits);
		}
	}
	/* One digit alone is no byte; padding may be left out, but must not be wrong. */
	if (digits % 4 == 1 || (padding > 0 && (digits + padding) % 4 != 0))
		return NULL;
	return out;
}

char *dk_base64_encode(struct arena *a, const unsigned char *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = arena_alloc(a, (n + 2) / 3 * 4 + 1), *q = out;

	for (size_t i = 0; out != NULL && i < n; i += 3) {
		unsigned v = (unsigned)p[i] << 16;

		if (i + 1 < n)
			v |= (unsigned)p[i + 1] << 8;
		if (i + 2 < n)
			v |= p[i + 2];
		*q++ = digits[v >> 18];
		*q++ = digits[v >> 12 & 63];
		*q++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*q++ = i + 2 < n ? digits[v & 63] : '=';
	}
	return out;
}
