/*
 * The parts of messages: fields and their parameters, transfer encodings, the walk, texts; in pieces of any length.
 */
#include <stdlib.h>
#include <string.h>

#include "mime/field.h"
#include "mime/limits.h"
#include "mime/texts.h"
#include "mime/transfer.h"
#include "mime/walk.h"
#include "t/lib/tap.h"
#include "util/sbuf.h"

enum { OUT_MAX = 1 << 20, BUF_SIZE = 512 };

/* ---- Fields ---- */

static void is_value(const char *field, const char *want)
{
	char buf[BUF_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	mime_field_value(field, strlen(field), &b);
	is_str(buf, want, "value of: %s", field);
}

/* want NULL: there is none. */
static void is_param(const char *field, const char *name, const char *want)
{
	char buf[BUF_SIZE];
	struct sbuf b;
	bool found;

	sbuf_fixed(&b, buf, sizeof buf);
	found = mime_field_param(field, strlen(field), name, &b);
	is_str(found ? buf : NULL, want, "%s of: %s", name, field);
}

static void test_fields(void)
{
	is_value(" Text/HTML; charset=x", "text/html");
	is_value("text (a (nested\\)) comment) / plain", "text/plain");
	is_value("text/plain (never closed; charset=x", "text/plain");
	is_value("; charset=x", "");
	is_value("", "");
	is_param(" text/html; charset=utf-8", "charset", "utf-8");
	is_param("text/html; Charset = \"utf-8\" ; x=y", "charset", "utf-8");
	is_param("multipart/mixed; boundary=\"a\\\"b;c d\"", "boundary", "a\"b;c d");
	is_param("multipart/mixed; boundary==_x:/?=y", "boundary", "=_x:/?=y");
	is_param("multipart/mixed;boundary=one;boundary=two", "boundary", "one");
	is_param("multipart/mixed; (c)boundary(c)=(c)x", "boundary", "x");
	is_param("multipart/mixed; boundary", "boundary", "");
	is_param("multipart/mixed; boundary=\"never closed", "boundary", "never closed");
	is_param("multipart/mixed; xboundary=a; boundaryx=b", "boundary", NULL);
	is_param("text/plain; note=\"; boundary=no\"; boundary=yes", "boundary", "yes");
	is_param("text/plain", "charset", NULL);
	is_param("", "charset", NULL);
	is_param("x; filename*=utf-8'en'a%20b%zz", "filename", "a b%zz");
	is_param("x; filename*=without", "filename", "without");
	is_param("x; filename*1=b; filename*0=\"a\"; filename*3=never", "filename", "ab");
	is_param("x; filename*0*=koi8-r''%C1; filename*1*=%C2; filename*2=%C3", "filename", "\xc1\xc2%C3");
	is_param("x; filename*99999999999=a", "filename", NULL);
}

/* ---- Transfer encodings ---- */

/* Decoded in pieces of `step` letters. */
static const char *decode(enum mime_encoding encoding, const char *text, size_t step)
{
	static char out[BUF_SIZE];
	struct mime_decoder d;
	size_t n = strlen(text), k = 0;

	mime_decoder_start(&d, encoding);
	for (size_t i = 0; i < n; i += step)
		k += mime_decoder_feed(&d, text + i, n - i < step ? n - i : step, out + k);
	k += mime_decoder_end(&d, out + k);
	out[k] = '\0';
	return out;
}

static void test_encodings(void)
{
	static const struct {
		enum mime_encoding encoding;
		const char *text, *want;
	} cases[] = {
		{ MIME_BASE64, "aHR0cDovL2EuZXhhbXBsZQ==", "http://a.example" },
		{ MIME_BASE64, "aHR0\r\ncDov L2EuZ!XhhbXBsZQ", "http://a.example" },
		{ MIME_BASE64, "aA==dHRwOg==Ly8=", "http://" },
		{ MIME_BASE64, "a", "" },
		{ MIME_BASE64, "====", "" },
		{ MIME_BASE64, "", "" },
		{ MIME_QUOTED, "a=2eexample =3D=3d", "a.example ==" },
		{ MIME_QUOTED, "ev=\r\nil=\nx= \t\r\ny", "evilxy" },
		{ MIME_QUOTED, "=zz =2 =2x ==2e =", "=zz =2 =2x =. =" },
		{ MIME_QUOTED, "a=  b", "a=b" },
		{ MIME_QUOTED, "line\r\nline", "line\r\nline" },
		{ MIME_IDENTITY, "=2e", "=2e" },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t step = 1; step <= 7; step += 3)
			is_str(decode(cases[i].encoding, cases[i].text, step), cases[i].want, "%s by %zu",
			       cases[i].text, step);
	is_int(mime_encoding_find(" BASE64 (c)", 11), MIME_BASE64, "base64 by name");
	is_int(mime_encoding_find("Quoted-Printable", 16), MIME_QUOTED, "quoted-printable by name");
	is_int(mime_encoding_find("x-uuencode", 10), MIME_IDENTITY, "others are left alone");
}

/* ---- The walk ---- */

/* What was seen: "[type|data]" for each part. */
static struct sbuf seen;

static bool on_part(void *ctx, const struct mime_part *p)
{
	const char *only = ctx;
	bool wanted = only == NULL || strcmp(only, p->type) == 0;

	sbuf_addf(&seen, wanted ? "[%s|" : "(%s)", p->type);
	return wanted;
}

static void on_data(void *ctx, const char *p, size_t n)
{
	(void)ctx;
	sbuf_addn(&seen, p, n);
}

static void on_end(void *ctx)
{
	(void)ctx;
	sbuf_add(&seen, "]");
}

static const struct mime_reader reader = { on_part, on_data, on_end };

/* In pieces of `step` bytes; only: the type that is wanted, NULL: all. */
static const char *walk(const char *type, const char *encoding, const char *body, size_t n, size_t step,
			const char *only)
{
	struct arena *a = arena_new(0);
	struct mime_walk *w = mime_walk_new(a, &reader, (void *)only);

	sbuf_reset(&seen);
	if (type != NULL)
		mime_walk_field(w, "content-TYPE ", type, strlen(type));
	if (encoding != NULL)
		mime_walk_field(w, "Content-Transfer-Encoding", encoding, strlen(encoding));
	mime_walk_field(w, "Subject", " x", 2);
	for (size_t i = 0; i < n; i += step)
		mime_walk_body(w, body + i, n - i < step ? n - i : step);
	mime_walk_end(w);
	arena_free(&a);
	return seen.p;
}

static void is_walk(const char *type, const char *encoding, const char *body, const char *want, const char *what)
{
	static const size_t steps[] = { 1 << 20, 1, 2, 7, 64 };

	for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (strcmp(walk(type, encoding, body, strlen(body), steps[i], NULL), want) != 0)
			is_str(seen.p, want, "%s, by %zu", what, steps[i]);
	is_str(walk(type, encoding, body, strlen(body), 3, NULL), want, "%s", what);
}

#define MIXED " multipart/mixed; boundary=\"b\""

static void test_simple(void)
{
	is_walk(NULL, NULL, "Hello\r\nworld\r\n", "[text/plain|Hello\r\nworld\r\n]", "no MIME at all");
	is_walk(" text/html", " base64", "SGVsbG8=\r\n", "[text/html|Hello]", "one part, encoded");
	is_walk(" nonsense", " none", "x", "[text/plain|x]", "a type that is none");
	is_walk(" multipart/mixed", NULL, "--b\r\n", "[text/plain|--b\r\n]",
		"a multipart without its boundary is text");
	is_walk(" text/plain;\n charset=\"x\"", NULL, "", "[text/plain|]", "a folded field, and no body");
}

static void test_multipart(void)
{
	is_walk(MIXED, NULL,
		"preamble\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b\r\n\r\ntwo\r\n\r\n--b--\r\nepilogue\r\n",
		"[text/html|<p>][text/plain|two\r\n]", "two parts; the break before a delimiter is the delimiter's");
	is_walk(MIXED, NULL, "--b\n\none\n--b\n\ntwo\n--b--\n", "[text/plain|one][text/plain|two]", "bare LF");
	is_walk(MIXED, NULL, "--b  \t\r\n\r\none\r\n--b-- \r\n", "[text/plain|one]", "white space behind");
	is_walk(MIXED, NULL, "--b\r\n\r\none", "[text/plain|one]", "no end");
	is_walk(MIXED, NULL, "--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\ntwo\r\n", "[text/plain|one][text/plain|two\r\n]",
		"a part behind the end is shown by some");
	is_walk(MIXED, NULL, "--bb\r\n\r\none\r\n--b--\r\n", "[text/plain|one]",
		"letters behind the boundary (RFC 2046, section 5.1.1)");
	is_walk(MIXED, NULL, "--b\r\nContent-Type:\r\n text/html\r\n\r\nx\r\n--b--", "[text/html|x]",
		"a field folded at once");
	is_walk(MIXED, NULL, "--b\r\nno field at all\r\nmore\r\n--b--", "[text/plain|no field at all\r\nmore]",
		"a line that is no field begins the data");
	is_walk(MIXED, NULL, "--b\r\nContent-Type: text/html\r\n--b\r\n--b--", "[text/html|][text/plain|]",
		"parts of fields alone");
	is_walk(MIXED, NULL, "--b\r\ncontent-type : text/html\r\nContent-Type: image/png\r\n\r\nx\r\n--b--",
		"[text/html|x]", "the first of a name counts");
	is_walk(MIXED, NULL,
		"--b\r\nContent-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--",
		"[text/plain|x]", "of two types, the one by which more is seen");
	is_walk(MIXED, NULL,
		"--b\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\nSGk=\r\n--b--",
		"[text/plain|Hi]", "so with encodings");
	is_walk(MIXED, NULL,
		"--b\r\nContent-Type: text/html\r\nContent-Type: text/plain\r\nContent-Type: a/b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--",
		"[text/html|x][text/plain|y]", "and the next part has its own");
	is_walk(" multipart/mixed; boundary=\"b \"", NULL, "--b\r\n\r\none\r\n--b--\r\n", "[text/plain|one]",
		"a boundary with a blank at its end");
}

static void test_nested(void)
{
	static const char mixed[] = "--b\r\n\r\none\r\n--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--";

	is_walk(MIXED, NULL,
		"--b\r\nContent-Type: multipart/alternative; boundary=bb\r\n\r\n--bb\r\n\r\none\r\n--bb\r\n"
		"Content-Type: text/html\r\n\r\ntwo\r\n--bb--\r\n\r\n--b\r\n\r\nthree\r\n--b--\r\n",
		"[text/plain|one][text/html|two][text/plain|three]", "one boundary begins with the other");
	is_walk(MIXED, NULL,
		"--b\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--i\r\n",
		"[text/plain|one][text/plain|two\r\n--i\r\n]", "the outer boundary closes the inner multipart");
	is_walk(" message/rfc822", NULL,
		"Subject: inner\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nSGk=\r\n",
		"[text/html|Hi]", "a message in a message");
	is_walk(" message/rfc822", " base64", "SGk=", "[text/plain|Hi]", "an encoded one is text");
	is_walk(" multipart/digest; boundary=b", NULL,
		"--b\r\n\r\nContent-Type: text/html\r\n\r\nx\r\n--b\r\nContent-Type: text/plain\r\n\r\ny\r\n--b--",
		"[text/html|x][text/plain|y]", "a digest's parts are messages");
	is_walk(" multipart/digest; boundary=b", NULL, "--b\r\n\r\nSubject: x\r\n\r\nhello\r\n--b--",
		"[text/plain|hello]", "and these are text unless they say something else");
	is_str(walk(MIXED, NULL, mixed, strlen(mixed), 5, "text/plain"), "[text/plain|one](a/b)",
	       "only what is wanted");
}

/* ---- Hostile messages ---- */

static char *repeat(const char *piece, unsigned times, const char *tail, size_t *n)
{
	size_t length = strlen(piece);
	char *p = malloc(length * times + strlen(tail) + 1);

	if (p == NULL)
		bail_out("no memory");
	for (unsigned i = 0; i < times; i++)
		memcpy(p + i * length, piece, length);
	strcpy(p + length * times, tail);
	*n = strlen(p);
	return p;
}

static unsigned count(const char *hay, const char *needle)
{
	unsigned n = 0;

	for (const char *p = hay; (p = strstr(p, needle)) != NULL; p++)
		n++;
	return n;
}

static void test_long_boundary(void)
{
	struct sbuf type, body;
	size_t n;
	char *boundary = repeat("b", 500, "", &n);

	sbuf_heap(&type, OUT_MAX);
	sbuf_heap(&body, OUT_MAX);
	sbuf_addf(&type, "multipart/mixed; boundary=%s", boundary);
	sbuf_addf(&body, "--%s\r\n\r\none\r\n--%s--\r\n", boundary, boundary);
	is_str(walk(type.p, NULL, body.p, body.len, 100, NULL), "[text/plain|one][text/plain|]",
	       "a boundary of 500 letters is known by its first ones");
	sbuf_done(&type);
	sbuf_done(&body);
	free(boundary);
}

static void test_bombs(void)
{
	struct sbuf nest;
	char *p;
	size_t n;

	p = repeat("--b\r\n\r\n", 1000000, "--b--\r\n", &n);
	is_int(count(walk(MIXED, NULL, p, n, 65536, NULL), "["), MIME_PARTS_MAX, "a million parts: so many are read");
	free(p);

	sbuf_heap(&nest, OUT_MAX);
	for (unsigned i = 0; i < 200; i++)
		sbuf_addf(&nest, "--n%u\r\nContent-Type: multipart/mixed; boundary=n%u\r\n\r\n", i, i + 1);
	sbuf_add(&nest, "--n200\r\n\r\nhttp://deep.example/");
	walk(" multipart/mixed; boundary=n0", NULL, nest.p, nest.len, 1000, NULL);
	ok(strstr(seen.p, "http://deep.example/") != NULL, "what is nested too deeply is read as text");
	sbuf_done(&nest);

	p = repeat("Content-Type: message/rfc822\r\n\r\n", 5000, "x", &n);
	is_str(walk(" message/rfc822", NULL, p, n, 999, NULL), "",
	       "messages in messages without an end: no more are read");
	free(p);

	p = repeat("x", 300000, "\r\n--b\r\n\r\nbehind\r\n--b--", &n);
	is_str(walk(MIXED, NULL, p, n, 4096, NULL), "[text/plain|behind]", "behind an endless line");
	free(p);

	p = repeat("x", 1500, ": field or not?\r\n\r\n", &n);
	for (size_t step = 1; step < 3000; step += 1234)
		ok(strstr(walk(" message/rfc822", NULL, p, n, step, NULL), "[text/plain|xxx") == seen.p,
		   "a line too long for a field is none, by %zu", step);
	free(p);

	p = repeat("--b", 100000, "", &n);
	is_str(walk(" multipart/mixed; boundary=\"x\"", NULL, p, n, 4096, NULL), "", "delimiters of nothing");
	free(p);

	p = repeat(";a=b", 100000, "; boundary=b", &n);
	walk(p, NULL, "x", 1, 1, NULL);
	is_str(seen.p, "[text/plain|x]", "a hundred thousand parameters");
	free(p);

	test_long_boundary();
}

/* ---- Texts ---- */

static void on_text(void *ctx, const struct mime_part_text *t)
{
	size_t *longest = ctx;

	sbuf_addf(&seen, "<%s%s:", t->html ? "html" : "plain", t->cut ? " cut" : "");
	if (t->n < 100)
		sbuf_addn(&seen, t->p, t->n);
	sbuf_add(&seen, ">");
	if (t->n > *longest)
		*longest = t->n;
}

static size_t texts(const char *type, const char *encoding, const char *body, size_t n)
{
	struct arena *a = arena_new(0);
	size_t longest = 0;
	struct mime_texts *t = mime_texts_new(a, on_text, &longest);

	sbuf_reset(&seen);
	mime_texts_field(t, "Content-Type", type, strlen(type));
	mime_texts_field(t, "Content-Transfer-Encoding", encoding, strlen(encoding));
	mime_texts_body(t, body, n);
	mime_texts_end(t);
	ok(arena_used(a) < 4 * MIME_TEXT_MAX, "memory is bounded (%zu)", arena_used(a));
	arena_free(&a);
	return longest;
}

static void test_texts(void)
{
	char *p;
	size_t n;

	texts("text/plain; charset=koi8-r", "quoted-printable", "=D0=D2=C9", 9);
	is_str(seen.p, "<plain:\xd0\xbf\xd1\x80\xd0\xb8>", "KOI8-R becomes UTF-8");
	texts("text/html; charset=utf-16le", "base64", "YQAuAGIA", 8);
	is_str(seen.p, "<html:a.b>", "UTF-16");
	texts("text/plain", "base64", "//5hAC4AYgA=", 12);
	is_str(seen.p, "<plain:a.b>", "UTF-16 that nobody tells of");
	texts("text/plain; charset=nobody-knows", "8bit", "a\xffz", 3);
	is_str(seen.p, "<plain:a\xffz>", "an unknown charset leaves the bytes");
	texts("text/html charset=utf-8", "", "x", 1);
	is_str(seen.p, "<html:x>", "a missing semicolon");
	texts("image/png", "", "x", 1);
	is_str(seen.p, "", "an image is no text");

	p = repeat("x", 2 * MIME_TEXT_MAX, "", &n);
	is_int(texts("text/plain", "", p, n), MIME_TEXT_MAX, "a long text is cut");
	ok(strstr(seen.p, "plain cut") != NULL, "and says so");
	free(p);

	p = repeat("--b\r\nContent-Type: text/plain; charset=euc-jp\r\n\r\nx\r\n", 3000, "", &n);
	texts(MIXED, "", p, n);
	ok(count(seen.p, "<plain") <= MIME_PARTS_MAX, "thousands of little texts are not all converted");
	free(p);
}

static void test_no_memory(void)
{
	static const char body[] = "--b\r\nContent-Type: text/html; charset=koi8-r\r\n\r\nabc\r\n--b--\r\n";
	bool fits = false;

	for (size_t room = 64; !fits && room < 1 << 20; room += 512) {
		struct arena *a = arena_new(room);
		size_t longest = 0;
		struct mime_texts *t = a != NULL ? mime_texts_new(a, on_text, &longest) : NULL;

		if (t != NULL) {
			mime_texts_field(t, "Content-Type", MIXED, strlen(MIXED));
			mime_texts_body(t, body, sizeof body - 1);
			mime_texts_end(t);
			fits = !arena_failed(a);
		}
		arena_free(&a);
	}
	ok(fits, "memory that runs out anywhere does no harm");
}

int main(void)
{
	sbuf_heap(&seen, 64 * OUT_MAX);
	test_fields();
	test_encodings();
	test_simple();
	test_multipart();
	test_nested();
	test_bombs();
	test_texts();
	test_no_memory();
	sbuf_done(&seen);
	return done_testing();
}
