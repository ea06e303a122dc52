/*
 * Unstructured field bodies as UTF-8.
 */
#include "mime/header.h"

#include <stdbool.h>
#include <string.h>

#include "mime/charset.h"
#include "mime/words.h"
#include "util/bytes.h"
#include "util/sbuf.h"
#include "util/utf8.h"

/* ASCII of one line without encoded words: most subjects, and text as it stands. */
static bool is_plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= 0x80 || c == '\r' || c == '\n' || c == '\0' || (c == '?' && i > 0 && p[i - 1] == '='))
			return false;
	}
	return true;
}

static void trim(const char **p, size_t *n)
{
	while (*n > 0 && ascii_is_space((*p)[0])) {
		++*p;
		--*n;
	}
	while (*n > 0 && ascii_is_space((*p)[*n - 1]))
		--*n;
}

/*
 * The decoded text, made harmless: encoded words can hold line breaks, which become spaces as those of folds do, and
 * NUL, which becomes U+FFFD.
 */
static bool copy_clean(struct arena *a, const char *p, size_t n, struct mime_text *text)
{
	const size_t wide = sizeof UTF8_REPLACEMENT - 1;
	size_t nuls = 0;
	char *out;

	trim(&p, &n);
	for (size_t i = 0; i < n; i++)
		nuls += p[i] == '\0';
	out = arena_alloc(a, n + nuls * (wide - 1) + 1);
	if (out == NULL)
		return false;
	text->p = out;
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\0') {
			memcpy(out, UTF8_REPLACEMENT, wide);
			out += wide;
		} else {
			*out++ = p[i] == '\r' || p[i] == '\n' ? ' ' : p[i];
		}
	}
	text->n = (size_t)(out - text->p);
	return true;
}

/* Whether the segment's bytes are in a charset that nothing tells. */
static bool is_raw(const struct segment *seg)
{
	return seg->charset == NULL && !utf8_valid(seg->p, seg->n);
}

/*
 * Whether raw text is UTF-8 that was cut or damaged: more of its characters are valid than not.  Text in another charset
 * has a valid one here and there.
 */
static bool is_damaged_utf8(const struct segment *seg)
{
	size_t length, good = 0, bad = 0;

	for (size_t i = 0; i < seg->n; i += length) {
		length = utf8_decode(seg->p + i, seg->n - i, NULL);
		good += length > 1;
		bad += length == 0;
		if (length == 0)
			length = utf8_bad_length(seg->p + i, seg->n - i);
	}
	return good > bad;
}

/* The text of all segments, raw ones read as `raw` (NULL: as UTF-8). */
static bool render(struct arena *a, const struct segment *segs, const struct charset *raw, struct mime_text *text)
{
	struct sbuf out;
	size_t limit = 1;
	bool done;

	for (const struct segment *seg = segs; seg != NULL; seg = seg->next)
		limit += mime_charset_room(seg->n);
	sbuf_heap(&out, limit);
	for (const struct segment *seg = segs; seg != NULL; seg = seg->next) {
		const struct charset *cs = is_raw(seg) ? raw : seg->charset;

		if (!mime_charset_convert(cs, seg->p, seg->n, &out))
			mime_charset_convert(NULL, seg->p, seg->n, &out);
	}
	done = !out.cut && copy_clean(a, out.p, out.len, text);
	if (out.cut)
		arena_fail(a);
	sbuf_done(&out);
	return done;
}

static bool is_new(const struct mime_text *texts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (texts[i].n == texts[n].n && memcmp(texts[i].p, texts[n].p, texts[n].n) == 0)
			return false;
	}
	return true;
}

/* One text for each candidate charset; one more as UTF-8 when it is that, damaged, or when there is no candidate. */
static int render_candidates(struct arena *a, const struct segment *segs, const struct mime_charsets *charsets,
			     struct mime_text *texts, unsigned *n)
{
	unsigned found = 0;
	bool as_utf8 = false;

	for (unsigned i = 0; charsets != NULL && i < charsets->n; i++) {
		const struct charset *cs = mime_charset_find(charsets->names[i], strlen(charsets->names[i]));

		if (cs == NULL)
			continue;
		if (!render(a, segs, cs, &texts[found]))
			return -1;
		found += is_new(texts, found);
	}
	for (const struct segment *seg = segs; seg != NULL; seg = seg->next)
		as_utf8 = as_utf8 || (is_raw(seg) && is_damaged_utf8(seg));
	if (as_utf8 || found == 0) {
		if (!render(a, segs, NULL, &texts[found]))
			return -1;
		found += is_new(texts, found);
	}
	*n = found;
	return 0;
}

int mime_decode(struct arena *a, const char *value, size_t value_n, const struct mime_charsets *charsets,
		struct mime_text **out, unsigned *n)
{
	struct segment *segs, *seg;

	*out = arena_calloc(a, (charsets != NULL ? charsets->n : 0) + 1, sizeof **out);
	*n = 1;
	if (*out == NULL)
		return -1;
	if (is_plain(value, value_n)) {
		trim(&value, &value_n);
		(*out)->p = arena_strndup(a, value, value_n);
		(*out)->n = value_n;
		return (*out)->p != NULL ? 0 : -1;
	}
	if (mime_words_split(a, value, value_n, &segs) != 0)
		return -1;
	for (seg = segs; seg != NULL && !is_raw(seg); seg = seg->next)
		;
	if (seg == NULL)
		return render(a, segs, NULL, *out) ? 0 : -1;
	return render_candidates(a, segs, charsets, *out, n);
}

bool mime_charset_known(const char *name)
{
	return mime_charset_find(name, strlen(name)) != NULL;
}
