#include "checks/dmarc_words.h"

#include <stdint.h>
#include <string.h>

#include "util/bytes.h"

struct span {
	const char *p;
	size_t n;
};

struct word {
	struct span charset, text;
	char encoding; /* 'q' or 'b' */
	size_t n;      /* of all of it */
};

/* "=?charset?Q?text?=".  Spaces in the text are wrong, and decoded all the same by some. */
static bool parse_word(const char *p, size_t n, bool *endless, struct word *w)
{
	const char *end = p + n, *charset, *encoding, *text, *close;

	if (*endless || n < sizeof "=???" || p[0] != '=' || p[1] != '?')
		return false;
	charset = p + 2;
	encoding = memchr(charset, '?', (size_t)(end - charset));
	if (encoding == NULL || end - encoding < 3 || encoding[2] != '?' || encoding == charset)
		return false;
	for (const char *c = charset; c < encoding; c++)
		if (ascii_is_space(*c) || strchr("\"<>()@,;", *c) != NULL)
			return false;
	w->encoding = ascii_lower(encoding[1]);
	if (w->encoding != 'q' && w->encoding != 'b')
		return false;
	text = encoding + 3;
	close = bytes_find(text, (size_t)(end - text), "?=", 2);
	*endless = close == NULL;
	if (close == NULL)
		return false;
	w->charset = (struct span){ charset, (size_t)(encoding - charset) };
	w->text = (struct span){ text, (size_t)(close - text) };
	w->n = (size_t)(close + 2 - p);
	return true;
}

size_t dmarc_words_match(const char *p, size_t n, bool *endless)
{
	struct word w;

	return parse_word(p, n, endless, &w) ? w.n : 0;
}

/* What is no digit is passed over; padding begins afresh, since words have been joined without care before. */
static void decode_base64(struct span s, struct sbuf *out)
{
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < s.n; i++) {
		int v = ascii_base64(s.p[i]);

		if (s.p[i] == '=')
			have = 0;
		if (v < 0)
			continue;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			sbuf_addc(out, (char)(bits >> have));
		}
	}
}

static void decode_quoted(struct span s, struct sbuf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		bool escape = s.p[i] == '=' && i + 2 < s.n && ascii_hex(s.p[i + 1]) >= 0 && ascii_hex(s.p[i + 2]) >= 0;

		if (escape) {
			sbuf_addc(out, (char)(ascii_hex(s.p[i + 1]) << 4 | ascii_hex(s.p[i + 2])));
			i += 2;
		} else {
			sbuf_addc(out, s.p[i] == '_' ? ' ' : s.p[i]);
		}
	}
}

/* UTF-7 (RFC 2152), from there on: what stands between '+' and '-' is UTF-16 in base64. */
static void decode_utf7(struct sbuf *text, size_t from)
{
	struct sbuf out;

	if (text->len == from)
		return;
	sbuf_heap(&out, text->len - from + 1);
	for (size_t i = from; i < text->len; i++) {
		size_t end = i + 1;

		if (text->p[i] != '+') {
			sbuf_addc(&out, text->p[i]);
			continue;
		}
		while (end < text->len && ascii_base64(text->p[end]) >= 0)
			end++;
		decode_base64((struct span){ text->p + i + 1, end - i - 1 }, &out);
		i = end < text->len && text->p[end] == '-' ? end : end - 1;
	}
	if (!text->cut) {
		text->p[text->len = from] = '\0';
		sbuf_addn(text, out.p, out.len);
		text->cut = text->cut || out.cut;
	}
	sbuf_done(&out);
}

static void decode_word(const struct word *w, struct sbuf *out)
{
	size_t from = out->len;

	if (w->encoding == 'b')
		decode_base64(w->text, out);
	else
		decode_quoted(w->text, out);
	if (w->charset.n >= 5 && ascii_equal_n(w->charset.p, "utf-7", 5))
		decode_utf7(out, from);
}

void dmarc_words_decode(const char *p, size_t n, struct sbuf *out)
{
	size_t gap = 0; /* bytes of white space that were added behind a word */
	bool behind = false, endless = false;

	for (size_t i = 0; i < n;) {
		struct word w;

		if (p[i] == '=' && parse_word(p + i, n - i, &endless, &w)) {
			if (behind && !out->cut)
				out->p[out->len -= gap] = '\0';
			decode_word(&w, out);
			i += w.n;
			behind = true;
			gap = 0;
			continue;
		}
		behind = behind && ascii_is_space(p[i]);
		gap = behind ? gap + 1 : 0;
		sbuf_addc(out, p[i++]);
	}
}
