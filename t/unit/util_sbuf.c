#include "util/sbuf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/tap.h"
#include "util/arena.h"
#include "util/utf8.h"

static void test_fixed(void)
{
	char buf[8];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	is_str(b.p, "", "empty at first");
	sbuf_add(&b, "abc");
	sbuf_addc(&b, 'd');
	sbuf_addf(&b, "%d", 123);
	is_str(b.p, "abcd123", "filled to the last byte");
	ok(!b.cut, "nothing is cut");
	sbuf_addc(&b, 'x');
	ok(b.cut, "one more is cut");
	is_str(b.p, "abcd123", "and leaves the text alone");
	sbuf_reset(&b);
	ok(!b.cut && b.len == 0, "reset forgets");
	sbuf_addf(&b, "%s", "0123456789");
	is_str(b.p, "0123456", "a formatted text is cut at the end");
	ok(b.cut, "and that is remembered");
	sbuf_reset(&b);
	sbuf_add(&b, "01234567");
	sbuf_reset(&b);
	sbuf_add_safe(&b, "abcde\n", 6);
	is_str(b.p, "abcde", "an escape is written whole or not at all");
	sbuf_addc(&b, 'f');
	is_str(b.p, "abcde", "and nothing follows a cut");
}

static void test_heap(void)
{
	struct sbuf b;

	sbuf_heap(&b, 1000);
	is_str(b.p, "", "empty at first");
	sbuf_reset(&b);
	sbuf_addf(&b, "%s", "");
	is_str(b.p, "", "still empty");
	for (int i = 0; i < 999; i++)
		sbuf_addc(&b, 'x');
	ok(b.len == 999 && !b.cut, "grows up to the limit");
	sbuf_addc(&b, 'x');
	ok(b.len == 999 && b.cut, "and no further");
	ok(strlen(b.p) == 999, "terminated");
	sbuf_done(&b);
	is_str(b.p, "", "done leaves an empty text");

	sbuf_heap(&b, 100000);
	sbuf_addf(&b, "%01000d", 5);
	sbuf_addf(&b, "%01000d", 6);
	ok(b.len == 2000 && !b.cut && b.p[999] == '5' && b.p[1999] == '6', "formatted texts grow it");
	sbuf_done(&b);

	sbuf_heap(&b, 0);
	sbuf_add(&b, "x");
	ok(b.cut && b.len == 0, "a limit of nothing holds nothing");
	sbuf_done(&b);
}

typedef void add_fn(struct sbuf *, const char *, size_t);

static void is_added(add_fn *add, const char *in, size_t n, const char *want)
{
	char buf[256];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	add(&b, in, n);
	is_str(b.p, want, "%s", want);
}

#define IS_ADDED(add, in, want) is_added(add, in, sizeof in - 1, want)

static void test_escapes(void)
{
	char all[256];
	char buf[2048];
	struct sbuf b;
	bool clean = true;

	IS_ADDED(sbuf_add_safe, "plain", "plain");
	IS_ADDED(sbuf_add_safe, "a\r\nb\0c\x7f", "a\\x0d\\x0ab\\x00c\\x7f");
	IS_ADDED(sbuf_add_safe, "C:\\x", "C:\\\\x");
	IS_ADDED(sbuf_add_safe, "не спам", "не спам");
	IS_ADDED(sbuf_add_safe, "\xd0", "\\xd0");
	IS_ADDED(sbuf_add_safe, "\xc0\xaf", "\\xc0\\xaf");
	IS_ADDED(sbuf_add_safe, "\xed\xa0\x80", "\\xed\\xa0\\x80");
	IS_ADDED(sbuf_add_safe,
		 "a\xc2\x9b"
		 "31m",
		 "a\\xc2\\x9b31m");
	IS_ADDED(sbuf_add_safe,
		 "exe\xe2\x80\xae"
		 "fdp",
		 "exe\\xe2\\x80\\xaefdp");
	IS_ADDED(sbuf_add_reply, "a\r\nQUIT \xd0\xbd ~\x7f", "a??QUIT ?? ~?");
	IS_ADDED(sbuf_add_json, "a\"b\\c\n\0", "\"a\\\"b\\\\c\\u000a\\u0000\"");
	IS_ADDED(sbuf_add_json, "не \xff\xd0", "\"не \xef\xbf\xbd\xef\xbf\xbd\"");
	IS_ADDED(sbuf_add_json, "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"");
	IS_ADDED(sbuf_add_key, "alice+x@example.org", "alice+x@example.org");
	IS_ADDED(sbuf_add_key, "2001:db8::1", "2001%3Adb8%3A%3A1");
	IS_ADDED(sbuf_add_key, "{a b}%\n\xff\0", "%7Ba%20b%7D%25%0A%FF%00");
	IS_ADDED(sbuf_add_key, "192.0.2.0/24=_-.", "192.0.2.0/24=_-.");

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add_safe(&b, all, sizeof all);
	for (size_t i = 0; i < b.len; i++)
		clean = clean && b.p[i] >= ' ' && b.p[i] <= '~';
	ok(clean && !b.cut, "no byte that is not text gets through sbuf_add_safe");
}

static void test_nothing_added(void)
{
	struct sbuf b;

	sbuf_heap(&b, 100);
	sbuf_addn(&b, "x", 0);
	is_str(b.p, "", "nothing added to an empty text is an empty text");
	sbuf_done(&b);
}

static void test_numbers(void)
{
	static const long long numbers[] = { 0, 7, -1, 10, 1234567890, LLONG_MAX, LLONG_MIN };
	char buf[32], want[32];
	struct sbuf b;

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		sbuf_fixed(&b, buf, sizeof buf);
		sbuf_add_num(&b, numbers[i]);
		snprintf(want, sizeof want, "%lld", numbers[i]);
		is_str(b.p, want, "%lld", numbers[i]);
	}
	sbuf_fixed(&b, buf, 4);
	sbuf_add_num(&b, 1234);
	is_str(b.p, "", "a number is written whole or not at all");
}

static void test_runs(void)
{
	char buf[64];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add_json(&b,
		      "ab\"cd\\\n\xd0\xb0"
		      "e",
		      10);
	is_str(b.p,
	       "\"ab\\\"cd\\\\\\u000a\xd0\xb0"
	       "e\"",
	       "JSON: what stands for itself, and what does not, in turn");
	sbuf_reset(&b);
	sbuf_add_key(&b, "a:b\"c{}d", 8);
	is_str(b.p, "a%3Ab%22c%7B%7Dd", "a key");
	sbuf_reset(&b);
	sbuf_add_reply(&b, "a\"b\\c\nd\xff", 8);
	is_str(b.p, "a\"b\\c?d?", "a reply");
	sbuf_fixed(&b, buf, 6);
	sbuf_add_key(&b, "abcdefgh", 8);
	is_str(b.p, "abcde", "a run is cut where the room ends");
	ok(b.cut, "and that is remembered");
}

static void test_glob(void)
{
	char buf[32];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add_glob(&b, "a*?[b-c]\\:{^}");
	is_str(b.p, "a\\*\\?\\[b-c\\]\\\\:{^}", "what means something in a pattern is quoted");
	sbuf_fixed(&b, buf, 3);
	sbuf_add_glob(&b, "ab*");
	is_str(b.p, "ab", "a quote is written with what it quotes, or not at all");
	ok(b.cut, "and that is remembered");
}

static void test_from_key(void)
{
	struct arena *a = arena_new(0);
	char every[255], buf[1024];
	struct sbuf b;

	for (size_t i = 0; i < sizeof every; i++)
		every[i] = (char)(i + 1);
	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add_key(&b, every, sizeof every);
	ok(memcmp(sbuf_from_key(a, b.p, b.len), every, sizeof every) == 0, "a key's part is read as it was written");
	is_str(sbuf_from_key(a, "a%3ab%C3%a9", 11), "a:b\xc3\xa9", "with digits of either case");
	is_str(sbuf_from_key(a, "%", 1), "%", "half an escape stands for itself");
	is_str(sbuf_from_key(a, "x%4142", 3), "x%4", "also where the part ends within it");
	is_str(sbuf_from_key(a, "%4g%g4%%41", 10), "%4g%g4%A", "and so does what is none");
	is_str(sbuf_from_key(a, "", 0), "", "nothing is nothing");
	arena_free(&a);
}

/* ---- Against the plainest way to write the same ---- */

static bool ref_disturbs(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	       c == 0xfeff;
}

/* One piece, whole or not at all. */
static void ref_piece(struct sbuf *b, const char *s, size_t n)
{
	b->cut = b->cut || n >= b->room - b->len;
	for (size_t i = 0; !b->cut && i < n; i++)
		b->p[b->len++] = s[i];
	b->p[b->len] = '\0';
}

static void ref_hex(struct sbuf *b, const char *s, size_t n)
{
	char hex[8];

	for (size_t i = 0; i < n; i++)
		ref_piece(b, hex, (size_t)snprintf(hex, sizeof hex, "\\x%02x", (unsigned char)s[i]));
}

static void ref_safe(struct sbuf *b, const char *s, size_t n)
{
	for (size_t step; n > 0; s += step, n -= step) {
		uint32_t c = 0;

		step = utf8_decode(s, n, &c);
		if (step == 0 || ref_disturbs(c))
			ref_hex(b, s, step = step == 0 ? 1 : step);
		else if (c == '\\')
			ref_piece(b, "\\\\", 2);
		else
			ref_piece(b, s, step);
	}
}

static void ref_json(struct sbuf *b, const char *s, size_t n)
{
	char escape[8];

	ref_piece(b, "\"", 1);
	for (size_t step; n > 0; s += step, n -= step) {
		uint32_t c = 0;

		step = utf8_decode(s, n, &c);
		if (step == 0) {
			ref_piece(b, "\xef\xbf\xbd", 3);
			step = utf8_bad_length(s, n);
		} else if (c == '"' || c == '\\') {
			ref_piece(b, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", (int)c));
		} else if (ref_disturbs(c)) {
			ref_piece(b, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c));
		} else {
			ref_piece(b, s, step);
		}
	}
	ref_piece(b, "\"", 1);
}

static void ref_reply(struct sbuf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ref_piece(b, s[i] >= ' ' && s[i] <= '~' ? s + i : "?", 1);
}

static void ref_key(struct sbuf *b, const char *s, size_t n)
{
	static const char itself[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@+=/";
	char percent[8];

	for (size_t i = 0; i < n; i++) {
		if (s[i] != '\0' && strchr(itself, s[i]) != NULL)
			ref_piece(b, s + i, 1);
		else
			ref_piece(b, percent, (size_t)snprintf(percent, sizeof percent, "%%%02X", (unsigned char)s[i]));
	}
}

static const struct {
	const char *name;
	add_fn *add, *ref;
} writers[] = { { "safe", sbuf_add_safe, ref_safe },
		{ "JSON", sbuf_add_json, ref_json },
		{ "reply", sbuf_add_reply, ref_reply },
		{ "key", sbuf_add_key, ref_key } };
enum { WRITERS = sizeof writers / sizeof writers[0] };

/* Whether both ways write the same behind two bytes into so much room; the input lies alone on the heap. */
static bool same(size_t k, const char *in, size_t n, size_t room)
{
	char *copy = malloc(n > 0 ? n : 1), *got = malloc(room), *want = malloc(room);
	struct sbuf a, b;
	bool equal;

	memcpy(copy, in, n);
	sbuf_fixed(&a, got, room);
	sbuf_fixed(&b, want, room);
	sbuf_add(&a, "ab");
	sbuf_add(&b, "ab");
	writers[k].add(&a, copy, n);
	writers[k].ref(&b, in, n);
	equal = a.len == b.len && a.cut == b.cut && memcmp(a.p, b.p, a.len + 1) == 0;
	free(copy);
	free(got);
	free(want);
	return equal;
}

/* Every byte, at every place of texts so short and so long that each way to copy them is gone. */
static void test_every_byte(void)
{
	enum { LONGEST = 27, ROOM = 200 };
	unsigned wrong[WRITERS] = { 0 };
	char text[LONGEST];

	for (size_t n = 1; n <= LONGEST; n++) {
		for (size_t at = 0; at < n; at++) {
			for (int c = 0; c < 256; c++) {
				memset(text, 'x', n);
				text[at] = (char)c;
				for (size_t k = 0; k < WRITERS; k++)
					wrong[k] += !same(k, text, n, ROOM);
			}
		}
	}
	for (size_t k = 0; k < WRITERS; k++)
		is_int(wrong[k], 0, "%s: every byte at every place", writers[k].name);
}

/* Texts of all sorts, into rooms that hold them and rooms that do not. */
static void test_random(void)
{
	enum { ROUNDS = 200000, LONGEST = 40 };
	static const char *const sorts[] = { "\"",
					     "\\",
					     "\n",
					     "\x7f",
					     "\xff",
					     "\xc3\xa9",
					     "\xc2\x85",
					     "\xe2\x80\xae",
					     "\xed\xa0\x80",
					     "\xf0\x9f\x98\x80",
					     "\xe2\x82",
					     "\xef\xbb\xbf",
					     " ",
					     "~" };
	unsigned wrong[WRITERS] = { 0 };
	char text[LONGEST + 4];

	srandom(4);
	for (int i = 0; i < ROUNDS; i++) {
		size_t n = 0, want = (size_t)random() % LONGEST, odd = (size_t)random() % 20;

		while (n < want) {
			const char *piece = sorts[(size_t)random() % (sizeof sorts / sizeof sorts[0])];

			if ((size_t)random() % 20 < odd) {
				memcpy(text + n, piece, strlen(piece));
				n += strlen(piece);
			} else {
				text[n++] = (char)('!' + random() % 94);
			}
		}
		for (size_t k = 0; k < WRITERS; k++)
			wrong[k] += !same(k, text, n, 3 + (size_t)random() % (2 * LONGEST));
	}
	for (size_t k = 0; k < WRITERS; k++)
		is_int(wrong[k], 0, "%s: texts of all sorts, cut or not", writers[k].name);
}

int main(void)
{
	test_every_byte();
	test_random();
	test_nothing_added();
	test_fixed();
	test_heap();
	test_escapes();
	test_numbers();
	test_runs();
	test_glob();
	test_from_key();
	return done_testing();
}
