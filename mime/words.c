/*
 * Our own tokeniser: the bytes of neighbouring words are joined before anything is converted, since senders split in the
 * middle of a character, and what others lose (GMime: all that follows a padded base64 word) is kept.
 *
 * Lenient where mail is: words that touch other text, blanks and folds inside a word, words of any length, a "?" in Q.
 * What is no encoded word even so stays as it came.
 */
#include "mime/words.h"

#include <string.h>

#include "util/bytes.h"

enum { TOKEN_MAX = 80 }; /* bytes of charset and language: the whole word has 75 by RFC 2047 */

struct encoded_word {
	const char *charset;
	size_t charset_n;
	bool base64;
	const char *text;
	size_t text_n;
	size_t length; /* from "=?" to "?=" */
};

struct splitter {
	struct arena *arena;
	struct segment *first, *last;
	char *text;      /* where the plain text since the last word begins */
	char *out;       /* behind it: where the next byte goes */
	bool text_blank; /* it has nothing but white space */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_break(char c)
{
	return c == '\r' || c == '\n';
}

/* A line break and the white space behind it. */
static size_t fold_length(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (is_break(p[i]) || is_blank(p[i])))
		i++;
	return i;
}

/* RFC 2047, section 2: no blanks, controls and especials; "*" parts off the language (RFC 2231, section 5). */
static size_t token_length(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && i < TOKEN_MAX && p[i] > ' ' && p[i] < '\x7f' && strchr("()<>@,;\"/[]?.=", p[i]) == NULL)
		i++;
	return i;
}

/*
 * Where the "?=" stands that ends the encoded text; n when it has none.  A "?" has no place in the text, but senders
 * leave it in Q; "=?" is the beginning of another word.  So each byte is looked at for one word only.
 */
static size_t text_length(const char *p, size_t n, bool base64)
{
	const char *mark = p;

	while ((mark = memchr(mark, '?', n - (size_t)(mark - p))) != NULL) {
		if (mark + 1 < p + n && mark[1] == '=')
			return (size_t)(mark - p);
		if (base64 || (mark > p && mark[-1] == '='))
			break;
		mark++;
	}
	return n;
}

/* Reads the encoded word that begins at p, if one does. */
static bool parse_word(const char *p, size_t n, struct encoded_word *w)
{
	const size_t mark = 2; /* "=?", "?=" */
	const char *star;
	size_t i = mark, token;

	if (n < mark || p[0] != '=' || p[1] != '?')
		return false;
	token = token_length(p + i, n - i);
	w->charset = p + i;
	star = memchr(p + i, '*', token);
	w->charset_n = star != NULL ? (size_t)(star - w->charset) : token;
	i += token;
	if (w->charset_n == 0 || n - i < sizeof "?Q?" - 1 || p[i] != '?' || p[i + 2] != '?')
		return false;
	w->base64 = ascii_lower(p[i + 1]) == 'b';
	if (!w->base64 && ascii_lower(p[i + 1]) != 'q')
		return false;
	i += sizeof "?Q?" - 1;
	w->text = p + i;
	w->text_n = text_length(p + i, n - i, w->base64);
	w->length = i + w->text_n + mark;
	return w->text_n < n - i;
}

/* What is not of the alphabet is left out (RFC 2045, 6.8); padding ends a group, and another may follow. */
static char *decode_base64(char *out, const char *p, size_t n)
{
	const unsigned bits_each = 6, bits_out = 8;
	unsigned bits = 0, held = 0;

	for (size_t i = 0; i < n; i++) {
		int v = ascii_base64(p[i]);

		if (p[i] == '=')
			held = 0;
		if (v < 0)
			continue;
		bits = bits << bits_each | (unsigned)v;
		held += bits_each;
		if (held >= bits_out) {
			held -= bits_out;
			*out++ = (char)(bits >> held);
		}
	}
	return out;
}

/* RFC 2047, 4.2.  A fold is no part of the text. */
static char *decode_q(char *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_break(p[i])) {
			i += fold_length(p + i, n - i) - 1;
		} else if (p[i] == '_') {
			*out++ = ' ';
		} else if (p[i] == '=' && n - i > 2 && ascii_hex(p[i + 1]) >= 0 && ascii_hex(p[i + 2]) >= 0) {
			*out++ = (char)(ascii_hex(p[i + 1]) << 4 | ascii_hex(p[i + 2]));
			i += 2;
		} else {
			*out++ = p[i];
		}
	}
	return out;
}

static struct segment *push(struct splitter *s, const char *p)
{
	struct segment *seg = arena_alloc(s->arena, sizeof *seg);

	if (seg == NULL)
		return NULL;
	seg->p = p;
	seg->n = (size_t)(s->out - p);
	if (s->last != NULL)
		s->last->next = seg;
	else
		s->first = seg;
	s->last = seg;
	return seg;
}

static int push_text(struct splitter *s)
{
	if (s->out > s->text && push(s, s->text) == NULL)
		return -1;
	s->text = s->out;
	s->text_blank = true;
	return 0;
}

/* A fold becomes one space, with the white space around it: relays fold again as they like. */
static void add_fold(struct splitter *s)
{
	while (s->out > s->text && is_blank(s->out[-1]))
		s->out--;
	*s->out++ = ' ';
}

static int add_word(struct splitter *s, const struct encoded_word *w)
{
	const struct charset *charset = mime_charset_find(w->charset, w->charset_n);
	struct segment *seg = s->last;
	char *begin;

	/* White space between two words is not text (RFC 2047, 6.2). */
	if (s->text_blank && seg != NULL && seg->word)
		s->out = s->text;
	else if (push_text(s) != 0)
		return -1;
	begin = s->out;
	s->out = w->base64 ? decode_base64(s->out, w->text, w->text_n) : decode_q(s->out, w->text, w->text_n);
	s->text = s->out;
	s->text_blank = true;
	if (s->last == seg && seg != NULL && seg->word && seg->charset == charset) {
		seg->n += (size_t)(s->out - begin);
		return 0;
	}
	seg = push(s, begin);
	if (seg == NULL)
		return -1;
	seg->word = true;
	seg->charset = charset;
	return 0;
}

int mime_words_split(struct arena *a, const char *value, size_t n, struct segment **first)
{
	struct splitter s = { .arena = a, .text_blank = true };
	struct encoded_word w;
	size_t i = 0;

	s.text = s.out = arena_alloc(a, n + 1); /* nothing decodes to more than it was */
	if (s.out == NULL)
		return -1;
	while (i < n) {
		if (value[i] == '=' && parse_word(value + i, n - i, &w)) {
			if (add_word(&s, &w) != 0)
				return -1;
			i += w.length;
		} else if (is_break(value[i])) {
			add_fold(&s);
			i += fold_length(value + i, n - i);
		} else {
			s.text_blank = s.text_blank && is_blank(value[i]);
			*s.out++ = value[i++];
		}
	}
	if (push_text(&s) != 0)
		return -1;
	*first = s.first;
	return 0;
}
