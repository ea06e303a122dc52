/*
 * Where browsers and mail readers differ, both are believed: the comments that Outlook reads (<!--[if ...]>) are no
 * comments here, nor is what stands in CDATA.
 */
#include "mime/html.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/bytes.h"
#include "util/sbuf.h"

enum {
	UTF8_MAX = 4,
	NAME_MAX_BYTES = 16 /* of tags, attributes and character references that are told apart */
};

struct html {
	const char *p, *end;
	const struct mime_html_reader *reader;
	void *ctx;
	struct sbuf shown, value;
};

/* ---- Character references ---- */

struct reference {
	const char *name;
	uint32_t c;
};

/* Those that a URL may be written with, and those that part words. */
static const struct reference references[] = {
	{ "amp", '&' },     { "AMP", '&' },       { "lt", '<' },      { "LT", '<' },      { "gt", '>' },
	{ "GT", '>' },      { "quot", '"' },      { "QUOT", '"' },    { "apos", '\'' },   { "nbsp", 0xa0 },
	{ "period", '.' },  { "sol", '/' },       { "bsol", '\\' },   { "colon", ':' },   { "commat", '@' },
	{ "quest", '?' },   { "num", '#' },       { "percnt", '%' },  { "equals", '=' },  { "lowbar", '_' },
	{ "dash", 0x2010 }, { "hyphen", 0x2010 }, { "shy", 0xad },    { "zwj", 0x200d },  { "zwnj", 0x200c },
	{ "Tab", '\t' },    { "NewLine", '\n' },  { "lpar", '(' },    { "rpar", ')' },    { "comma", ',' },
	{ "semi", ';' },    { "excl", '!' },      { "ensp", 0x2002 }, { "emsp", 0x2003 }, { "thinsp", 0x2009 },
};

static void add_character(uint32_t c, struct sbuf *out)
{
	char utf8[UTF8_MAX];
	size_t n = 0;

	if (c < 0x80) {
		utf8[n++] = (char)c;
	} else if (c < 0x800) {
		utf8[n++] = (char)(0xc0 | c >> 6);
		utf8[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		utf8[n++] = (char)(0xe0 | c >> 12);
		utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		utf8[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c <= 0x10ffff) {
		utf8[n++] = (char)(0xf0 | c >> 18);
		utf8[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		utf8[n++] = (char)(0x80 | (c & 0x3f));
	}
	sbuf_addn(out, utf8, n);
}

static int digit(char c, bool hex)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return hex && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "&#46;" and "&#x2e;", with any number of zeros, the semicolon or none: how long it is, or 0. */
static size_t number_reference(const char *p, size_t n, uint32_t *c)
{
	bool hex = n > 2 && (p[2] == 'x' || p[2] == 'X');
	size_t i = hex ? 3 : 2, first = i;

	*c = 0;
	for (; i < n && digit(p[i], hex) >= 0; i++)
		if (*c <= 0x10ffff)
			*c = *c * (hex ? 16 : 10) + (uint32_t)digit(p[i], hex);
	if (i == first)
		return 0;
	return i < n && p[i] == ';' ? i + 1 : i;
}

static size_t named_reference(const char *p, size_t n, uint32_t *c)
{
	size_t k = 1;

	while (k < n && k <= NAME_MAX_BYTES && (ascii_is_alpha(p[k]) || ascii_is_digit(p[k])))
		k++;
	for (size_t i = 0; i < sizeof references / sizeof references[0]; i++) {
		if (strlen(references[i].name) != k - 1 || memcmp(references[i].name, p + 1, k - 1) != 0)
			continue;
		*c = references[i].c;
		return k < n && p[k] == ';' ? k + 1 : k;
	}
	return 0;
}

/* Appends text with its references replaced. */
static void unescape(const char *p, size_t n, struct sbuf *out)
{
	const char *end = p + n;

	while (p < end) {
		const char *amp = memchr(p, '&', (size_t)(end - p));
		size_t length, left;
		uint32_t c;

		if (amp == NULL)
			amp = end;
		sbuf_addn(out, p, (size_t)(amp - p));
		p = amp;
		left = (size_t)(end - p);
		if (left == 0)
			return;
		length = left > 1 && p[1] == '#' ? number_reference(p, left, &c) : named_reference(p, left, &c);
		if (length > 0)
			add_character(c, out);
		else
			sbuf_addc(out, '&');
		p += length > 0 ? length : 1;
	}
}

/* ---- Names ---- */

/* A name in lower case; "" when it is longer than those that are told apart. */
static void copy_name(char name[NAME_MAX_BYTES + 1], const char *p, size_t n)
{
	if (n > NAME_MAX_BYTES)
		n = 0;
	for (size_t i = 0; i < n; i++)
		name[i] = ascii_lower(p[i]);
	name[n] = '\0';
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

/* Attributes that name what is elsewhere, or may hold what does (style, content); "xlink:href" is "href". */
static bool names_something(const char *p, size_t n)
{
	static const char *const attributes[] = { "href",   "src",     "action", "formaction", "background",
						  "srcset", "data",    "ping",   "poster",     "cite",
						  "style",  "content", NULL };
	const char *colon = memchr(p, ':', n);
	char name[NAME_MAX_BYTES + 1];

	if (colon != NULL) {
		n -= (size_t)(colon + 1 - p);
		p = colon + 1;
	}
	copy_name(name, p, n);
	return is_one_of(name, attributes);
}

/* Tags in the midst of a word that is shown as one. */
static bool is_inline(const char *name)
{
	static const char *const tags[] = { "b",     "i",    "u",   "s",    "em",  "strong", "span", "font", "wbr",
					    "small", "big",  "tt",  "sub",  "sup", "ins",    "mark", "code", "bdo",
					    "bdi",   "nobr", "kbd", "samp", "var", "label",  "abbr", "cite", NULL };

	return is_one_of(name, tags);
}

/* ---- Tags ---- */

static void skip_space(struct html *h)
{
	while (h->p < h->end && (ascii_is_space(*h->p) || *h->p == '/'))
		h->p++;
}

static void give_value(struct html *h, const char *p, size_t n)
{
	sbuf_reset(&h->value);
	unescape(p, n, &h->value);
	h->reader->link(h->ctx, h->value.p, h->value.len);
}

/* name, name=value, name="value", name='value': h->p is behind it. */
static void read_attribute(struct html *h)
{
	const char *name = h->p, *value;
	size_t name_n, value_n;

	h->p++; /* whatever it is: a stray "=" begins a name */
	while (h->p < h->end && !ascii_is_space(*h->p) && *h->p != '=' && *h->p != '>' && *h->p != '/')
		h->p++;
	name_n = (size_t)(h->p - name);
	while (h->p < h->end && ascii_is_space(*h->p))
		h->p++;
	if (h->p == h->end || *h->p != '=')
		return;
	h->p++;
	while (h->p < h->end && ascii_is_space(*h->p))
		h->p++;
	if (h->p < h->end && (*h->p == '"' || *h->p == '\'')) {
		const char *close;

		value = h->p + 1;
		close = memchr(value, *h->p, (size_t)(h->end - value));
		value_n = close != NULL ? (size_t)(close - value) : (size_t)(h->end - value);
		h->p = close != NULL ? close + 1 : h->end;
	} else {
		value = h->p;
		while (h->p < h->end && !ascii_is_space(*h->p) && *h->p != '>')
			h->p++;
		value_n = (size_t)(h->p - value);
	}
	if (names_something(name, name_n))
		give_value(h, value, value_n);
}

/* Behind the end tag of an element whose content is no HTML; all of the rest is its content when there is none. */
static void skip_element(struct html *h, const char *name)
{
	const char *from = h->p, *at = h->p;
	size_t n = strlen(name);

	while ((at = bytes_find(at, (size_t)(h->end - at), "</", 2)) != NULL) {
		at += 2;
		if ((size_t)(h->end - at) >= n && ascii_equal_n(at, name, n))
			break;
	}
	h->p = at != NULL ? at : h->end;
	if (strcmp(name, "style") == 0)
		give_value(h, from, (size_t)(h->p - from));
	if (h->p < h->end) {
		const char *close = memchr(h->p, '>', (size_t)(h->end - h->p));

		h->p = close != NULL ? close + 1 : h->end;
	}
}

/* From the first letter of its name on. */
static void read_tag(struct html *h, bool closing)
{
	char name[NAME_MAX_BYTES + 1];
	const char *from = h->p;

	while (h->p < h->end && !ascii_is_space(*h->p) && *h->p != '>' && *h->p != '/')
		h->p++;
	copy_name(name, from, (size_t)(h->p - from));
	for (skip_space(h); h->p < h->end && *h->p != '>'; skip_space(h))
		read_attribute(h);
	if (h->p < h->end)
		h->p++;
	if (!is_inline(name))
		sbuf_addc(&h->shown, '\n');
	if (!closing && (strcmp(name, "script") == 0 || strcmp(name, "style") == 0))
		skip_element(h, name);
}

/* ---- Comments and declarations ---- */

static bool looks_at(const struct html *h, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(h->end - h->p) >= n && ascii_equal_n(h->p, text, n);
}

static void skip_behind(struct html *h, const char *text)
{
	const char *at = bytes_find(h->p, (size_t)(h->end - h->p), text, strlen(text));

	h->p = at != NULL ? at + strlen(text) : h->end;
}

/* "<!-->" and "<!--->" are comments, and "--!>" ends one, as browsers have it. */
static void skip_comment(struct html *h)
{
	h->p += strlen("<!--");
	if (looks_at(h, ">") || looks_at(h, "->")) {
		skip_behind(h, ">");
		return;
	}
	while (h->p < h->end) {
		skip_behind(h, "--");
		while (looks_at(h, "-"))
			h->p++;
		if (looks_at(h, ">") || looks_at(h, "!>")) {
			skip_behind(h, ">");
			return;
		}
	}
}

/* From "<!" or "<?" on. */
static void skip_declaration(struct html *h)
{
	if (looks_at(h, "<![CDATA["))
		h->p += strlen("<![CDATA[");
	else if (looks_at(h, "<!--[if"))
		skip_behind(h, ">");
	else if (looks_at(h, "<!--"))
		skip_comment(h);
	else
		skip_behind(h, ">");
}

int mime_html_read(const char *p, size_t n, const struct mime_html_reader *reader, void *ctx)
{
	struct html h = { .p = p, .end = p + n, .reader = reader, .ctx = ctx };
	bool whole;

	/* A reference is longer than its character, and a tag longer than the line break for it. */
	sbuf_heap(&h.shown, n + 1);
	sbuf_heap(&h.value, n + 1);
	while (h.p < h.end) {
		const char *open = memchr(h.p, '<', (size_t)(h.end - h.p));

		if (open == NULL)
			open = h.end;
		unescape(h.p, (size_t)(open - h.p), &h.shown);
		h.p = open;
		if (looks_at(&h, "<!") || looks_at(&h, "<?")) {
			skip_declaration(&h);
		} else if (h.end - h.p > 1 &&
			   (ascii_is_alpha(h.p[1]) || (h.p[1] == '/' && h.end - h.p > 2 && ascii_is_alpha(h.p[2])))) {
			bool closing = h.p[1] == '/';

			h.p += closing ? 2 : 1;
			read_tag(&h, closing);
		} else if (h.p < h.end) {
			sbuf_addc(&h.shown, *h.p++);
		}
	}
	reader->text(ctx, h.shown.p, h.shown.len);
	whole = !h.shown.cut && !h.value.cut;
	sbuf_done(&h.shown);
	sbuf_done(&h.value);
	return whole ? 0 : -1;
}
