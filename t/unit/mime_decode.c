/*
 * Unstructured field bodies: encoded words, raw 8-bit, folds.
 */
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mime/header.h"
#include "t/lib/tap.h"
#include "util/sbuf.h"
#include "util/utf8.h"

static const char *const candidate_names[] = { "KOI8-R", "windows-1251" };
static const struct mime_charsets candidates = { candidate_names, 2 };

/* "Не спам: счёт за ноябрь" */
#define RUSSIAN                                                                                                        \
	"\xd0\x9d\xd0\xb5 \xd1\x81\xd0\xbf\xd0\xb0\xd0\xbc: \xd1\x81\xd1\x87\xd1\x91\xd1\x82 \xd0\xb7\xd0\xb0 "        \
	"\xd0\xbd\xd0\xbe\xd1\x8f\xd0\xb1\xd1\x80\xd1\x8c"

#define UNKNOWN UTF8_REPLACEMENT

static unsigned decode(struct arena *a, const char *value, size_t n, struct mime_text **texts)
{
	unsigned found = 0;

	if (mime_decode(a, value, n, &candidates, texts, &found) != 0)
		bail_out("out of memory");
	return found;
}

/* The only text of a value. */
static const char *text_of(struct arena *a, const char *value)
{
	struct mime_text *texts;

	return decode(a, value, strlen(value), &texts) == 1 ? texts[0].p : "(several texts)";
}

/* ---- What a mail says, however it says it ---- */

static size_t to_charset(const char *charset, const char *text, char *out, size_t room)
{
	iconv_t cd = iconv_open(charset, "UTF-8");
	char *in = (char *)text, *to = out;
	size_t n = strlen(text), left = room;

	if (cd == (iconv_t)-1 || iconv(cd, &in, &n, &to, &left) == (size_t)-1 ||
	    iconv(cd, NULL, NULL, &to, &left) == (size_t)-1)
		bail_out("cannot make %s", charset);
	iconv_close(cd);
	return room - left;
}

static void add_base64(struct sbuf *out, const char *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		unsigned long v = (unsigned long)(unsigned char)p[i] << 16;

		if (i + 1 < n)
			v |= (unsigned long)(unsigned char)p[i + 1] << 8;
		if (i + 2 < n)
			v |= (unsigned char)p[i + 2];
		sbuf_addc(out, digits[v >> 18]);
		sbuf_addc(out, digits[v >> 12 & 63]);
		sbuf_addc(out, i + 1 < n ? digits[v >> 6 & 63] : '=');
		sbuf_addc(out, i + 2 < n ? digits[v & 63] : '=');
	}
}

static void add_q(struct sbuf *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z'))
			sbuf_addc(out, p[i]);
		else if (p[i] == ' ')
			sbuf_addc(out, '_');
		else
			sbuf_addf(out, "=%02X", (unsigned char)p[i]);
	}
}

/* As encoded words of `each` bytes, parted by `glue`. */
static void add_words(struct sbuf *out, const char *charset, char encoding, const char *p, size_t n, size_t each,
		      const char *glue)
{
	for (size_t i = 0; i < n; i += each) {
		size_t part = n - i < each ? n - i : each;

		if (i > 0)
			sbuf_add(out, glue);
		sbuf_addf(out, "=?%s?%c?", charset, encoding);
		if (encoding == 'b' || encoding == 'B')
			add_base64(out, p + i, part);
		else
			add_q(out, p + i, part);
		sbuf_add(out, "?=");
	}
}

static unsigned wrong_forms(struct arena *a, const char *charset, const char *name, unsigned *forms)
{
	static const char encodings[] = "BbQq";
	static const char *const glues[] = { " ", "\n ", "\r\n\t", "  \n  ", "" };
	char bytes[200], buf[8192];
	size_t n = to_charset(charset, RUSSIAN, bytes, sizeof bytes);
	unsigned wrong = 0;

	for (const char *e = encodings; *e != '\0'; e++) {
		for (size_t each = 1; each <= n; each++) {
			for (size_t g = 0; g < sizeof glues / sizeof glues[0]; g++) {
				struct sbuf value;

				sbuf_fixed(&value, buf, sizeof buf);
				add_words(&value, name, *e, bytes, n, each, glues[g]);
				++*forms;
				if (!value.cut && strcmp(text_of(a, value.p), RUSSIAN) == 0)
					continue;
				wrong++;
				diag("%s gives %s", value.p, text_of(a, value.p));
			}
		}
		arena_reset(a);
	}
	return wrong;
}

static void test_russian(struct arena *a)
{
	static const struct {
		const char *charset, *name;
	} as[] = {
		{ "UTF-8", "UTF-8" },         { "UTF-8", "utf8" },           { "UTF-8", "utf-8*ru" },
		{ "KOI8-R", "KOI8-R" },       { "KOI8-R", "koi8r" },         { "KOI8-R", "koi8-r*ru-RU" },
		{ "CP1251", "windows-1251" }, { "CP1251", "cp1251" },        { "CP1251", "Windows_1251" },
		{ "CP866", "ibm866" },        { "ISO-8859-5", "iso8859-5" }, { "MAC-CYRILLIC", "x-mac-cyrillic" },
	};

	for (size_t i = 0; i < sizeof as / sizeof as[0]; i++) {
		unsigned forms = 0;

		is_int(wrong_forms(a, as[i].charset, as[i].name, &forms), 0, "%s as %s, in %u forms", as[i].charset,
		       as[i].name, forms);
	}
	is_str(text_of(a, RUSSIAN), RUSSIAN, "raw UTF-8");
	is_str(text_of(a, "Re: =?koi8-r?B?zsU=?=\n =?windows-1251?Q?=F1=EF=E0=EC?= =?utf-8?Q?!?="),
	       "Re: \xd0\xbd\xd0\xb5\xd1\x81\xd0\xbf\xd0\xb0\xd0\xbc!", "several charsets in one field");
}

static bool among(const struct mime_text *texts, unsigned n, const char *text)
{
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(texts[i].p, text) == 0)
			return true;
	}
	return false;
}

static void test_raw(struct arena *a)
{
	static const char *const unfit[] = { "no-such-charset", "us-ascii", "KOI8-R" };
	const struct mime_charsets odd = { unfit, 3 };
	struct mime_text *texts;
	char bytes[200], labelled[300];
	unsigned n;
	size_t length = to_charset("KOI8-R", RUSSIAN, bytes, sizeof bytes);

	n = decode(a, bytes, length, &texts);
	is_int(n, 2, "raw KOI8-R has two candidates");
	is_str(texts[0].p, RUSSIAN, "the first reads it");
	is_int(mime_decode(a, bytes, length, &odd, &texts, &n), 0, "candidates that are none");
	is_int(n, 1, "are left out");
	is_str(texts[0].p, RUSSIAN, "and the others used");
	is_int(mime_decode(a, bytes, length, NULL, &texts, &n), 0, "without candidates");
	is_int(n, 1, "there is one text");
	ok(utf8_valid(texts[0].p, texts[0].n) && strstr(texts[0].p, ": " UNKNOWN) != NULL, "what is ASCII is kept");

	snprintf(labelled, sizeof labelled, "=?unknown-8bit?Q?%.*s?=", (int)length, bytes);
	n = decode(a, labelled, strlen(labelled), &texts);
	ok(among(texts, n, RUSSIAN), "a word in unknown-8bit is read as raw text");
	snprintf(labelled, sizeof labelled, "=?x-bogus*ru?Q?%.*s?=", (int)length, bytes);
	n = decode(a, labelled, strlen(labelled), &texts);
	ok(among(texts, n, RUSSIAN), "so is a word in a charset that does not exist");

	length = to_charset("CP1251", RUSSIAN, bytes, sizeof bytes);
	n = decode(a, bytes, length, &texts);
	is_int(n, 2, "raw windows-1251 has two candidates");
	is_str(texts[1].p, RUSSIAN, "the second reads it");
	snprintf(labelled, sizeof labelled, "=?us-ascii?Q?%.*s?=", (int)length, bytes);
	n = decode(a, labelled, strlen(labelled), &texts);
	ok(among(texts, n, RUSSIAN), "8-bit bytes said to be ASCII are read as raw text");
	snprintf(labelled, sizeof labelled, "%.*s =?utf-8?Q?=D0=BD=D0=B5?=", (int)length, bytes);
	n = decode(a, labelled, strlen(labelled), &texts);
	ok(among(texts, n, RUSSIAN " \xd0\xbd\xd0\xb5"), "raw text beside an encoded word");

	n = decode(a, RUSSIAN "\xd0", sizeof RUSSIAN, &texts);
	is_int(n, 3, "UTF-8 that was cut within a character has one text more");
	is_str(texts[2].p, RUSSIAN UNKNOWN, "which keeps all that is UTF-8");
	is_int(decode(a, "\xff \xff", 3, &texts), 2, "bytes that are nothing in UTF-8 have no such text");
	is_str(text_of(a, "=?unknown-8bit?Q?" RUSSIAN "?="), RUSSIAN, "UTF-8 is recognised whatever it is called");
}

/* ---- Words ---- */

static const struct {
	const char *value, *text;
} values[] = {
	{ "", "" },
	{ "   ", "" },
	{ " \n \n ", "" },
	{ "plain", "plain" },
	{ " plain  text ", "plain  text" },
	{ " = =? ?= =?=", "= =? ?= =?=" },
	/* folds */
	{ " one\n two", "one two" },
	{ " one\r\n\ttwo", "one two" },
	{ " one \n \t two", "one two" },
	{ " one\n \n two\n", "one two" },
	{ "one\ntwo", "one two" },
	/* RFC 2047, section 8 */
	{ "(=?ISO-8859-1?Q?a?=)", "(a)" },
	{ "=?ISO-8859-1?Q?a?= b", "a b" },
	{ "=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab" },
	{ "=?ISO-8859-1?Q?a?=  \n     =?ISO-8859-1?Q?b?=", "ab" },
	{ "=?ISO-8859-1?Q?a_b?=", "a b" },
	{ "=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b" },
	{ "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
	  "If you can read this you understand the example." },
	{ "=?ISO-8859-1?Q?Andr=E9?= Pirard", "Andr\xc3\xa9 Pirard" },
	/* base64: each word's padding ends only that word, or group */
	{ "=?UTF-8?B?0LHRiw==?= =?UTF-8?B?0LvQvg==?=", "\xd0\xb1\xd1\x8b\xd0\xbb\xd0\xbe" },
	{ "=?UTF-8?B?0LHRiw==0LvQvg==?=", "\xd0\xb1\xd1\x8b\xd0\xbb\xd0\xbe" },
	{ "=?UTF-8?B?0LHRiw?=", "\xd0\xb1\xd1\x8b" },
	{ "=?UTF-8?B?0L HR\n iw==?=", "\xd0\xb1\xd1\x8b" },
	{ "=?UTF-8?B?0L*HR-iw==?=", "\xd0\xb1\xd1\x8b" },
	{ "a =?UTF-8?B?\?= b", "a  b" },
	{ "=?UTF-8?B?/?=", "" },
	/* Q, as it comes */
	{ "=?utf-8?q?=d0=b1=D1=8B?=", "\xd0\xb1\xd1\x8b" },
	{ "=?utf-8?Q?50=25=zz=4?=", "50%=zz=4" },
	{ "=?utf-8?Q?a==?=", "a==" },
	{ "=?utf-8?Q?How are you?\?= fine", "How are you? fine" },
	{ "=?utf-8?Q?a?b?=", "a?b" },
	{ "=?utf-8?Q?Hello\r\n   \t  _there!?=", "Hello there!" },
	{ "x=?utf-8?Q?y?=z", "xyz" },
	{ "=?utf-8*en-GB?Q?colour?=", "colour" },
	{ "=?*en?Q?a?=", "=?*en?Q?a?=" },
	/* broken words stay */
	{ "=?utf-8?Q?never closed", "=?utf-8?Q?never closed" },
	{ "=?utf-8?Q?never closed?", "=?utf-8?Q?never closed?" },
	{ "=?utf-8?B?0LHRiw=?", "=?utf-8?B?0LHRiw=?" },
	{ "=?utf-8?X?a?=", "=?utf-8?X?a?=" },
	{ "=?utf-8??a?=", "=?utf-8??a?=" },
	{ "=??Q?a?=", "=??Q?a?=" },
	{ "=?ut f-8?Q?a?=", "=?ut f-8?Q?a?=" },
	{ "=?utf-8?Q", "=?utf-8?Q" },
	{ "=?utf-8?Q?", "=?utf-8?Q?" },
	{ "=?utf-8?Q?lost =?utf-8?Q?found?=", "=?utf-8?Q?lost found" },
	{ "=?utf-8?B?0LHR =?utf-8?B?0LHRiw==?=", "=?utf-8?B?0LHR \xd0\xb1\xd1\x8b" },
	{ "=?=?utf-8?Q?a?=", "=?a" },
	/* charsets */
	{ "=?x-unknown?Q?text?=", "text" },
	{ "=?utf-8//IGNORE?Q?text?=", "=?utf-8//IGNORE?Q?text?=" },
	{ "=?utf-8?Q?a=FFb?=", "a" UNKNOWN "b" },
	{ "=?utf-8?Q?=D0?= =?iso-8859-1?Q?=E9?=", UNKNOWN "\xc3\xa9" },
	{ "=?windows-1251?Q?a=98b?=", "a" UNKNOWN "b" },
	{ "=?iso-8859-1?Q?=93quoted=94?=", "\xe2\x80\x9cquoted\xe2\x80\x9d" },
	{ "=?gb2312?B?tPNWfw==?=", "\xe5\xa4\xa7V\x7f" },
	{ "=?ISO-2022-JP?B?GyRCMj0kMSRrGyhK?=", "\xe5\x8c\x96\xe3\x81\x91\xe3\x82\x8b" },
	{ "=?ISO-2022-JP?B?GyRCMj0=?= =?ISO-2022-JP?B?JDEkaxsoSg==?=", "\xe5\x8c\x96\xe3\x81\x91\xe3\x82\x8b" },
	{ "=?ISO-2022-JP?B?GyRCMg==?=", UNKNOWN },
	{ "=?utf-7?Q?+BDEESwQ7BD4-?=", "\xd0\xb1\xd1\x8b\xd0\xbb\xd0\xbe" },
	{ "=?ks_c_5601-1987?B?x9GxuQ==?=", "\xed\x95\x9c\xea\xb5\xad" },
	{ "=?shift_jis?B?k/qWew==?=", "\xe6\x97\xa5\xe6\x9c\xac" },
	{ "=?big5?B?pKSk5Q==?=", "\xe4\xb8\xad\xe6\x96\x87" },
	{ "=?utf-16?B?//4xBEsE?=", "\xd0\xb1\xd1\x8b" },
	/* what a decoded text must not smuggle */
	{ "=?utf-8?Q?a=0D=0AX-Evil:_b?=", "a  X-Evil: b" },
	{ "=?utf-8?Q?a=00b?=", "a" UNKNOWN "b" },
	{ "=?utf-8?B?AAAA?=", UNKNOWN UNKNOWN UNKNOWN },
	{ "=?utf-8?Q?=0A=0D_?=", "" },
};

static void test_words(struct arena *a)
{
	struct mime_text *texts;

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		is_str(text_of(a, values[i].value), values[i].text, "%s", values[i].value);
	is_int(decode(a, "a\0b\n c", 6, &texts), 1, "a NUL in the value itself");
	is_str(texts[0].p, "a" UNKNOWN "b c", "does not end the text");
	is_int(texts[0].n, 7, "and its length is right");
	ok(mime_charset_known("Windows-1251") && mime_charset_known("koi8-u"), "charsets that can be candidates");
	ok(!mime_charset_known("windows-12511") && !mime_charset_known("") && !mime_charset_known("us-ascii"),
	   "and what cannot");
}

/* ---- Hostile input ---- */

static void test_hostile_lengths(void)
{
	static const char *const units[] = { "=?",
					     "=?utf-8?Q?",
					     "=?utf-8?Q?x",
					     "=?utf-8?B?x",
					     "=?a?q?=?=",
					     "=?utf-8?Q?=00?= ",
					     "=?utf-8?Q?\?=",
					     "=?koi8-r?Q?=C1?= =?cp1251?Q?=C1?= ",
					     "\xff",
					     "\xd0\xbf",
					     "\n ",
					     " ",
					     "?=",
					     "=?x*",
					     "=?utf-7?Q?+?=",
					     "=?big5?Q?=88=62=FF?=" };
	enum { BYTES = 1000000 };
	char *value = malloc(BYTES);

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		struct arena *a = arena_new(0);
		size_t unit = strlen(units[i]), n = 0;
		struct mime_text *texts;
		unsigned found, invalid = 0;

		for (; n + unit <= BYTES; n += unit)
			memcpy(value + n, units[i], unit);
		found = decode(a, value, n, &texts);
		for (unsigned t = 0; t < found; t++)
			invalid += !utf8_valid(texts[t].p, texts[t].n) || texts[t].n > (size_t)BYTES * 3 ||
				   strlen(texts[t].p) != texts[t].n;
		is_int(invalid, 0, "a million bytes of %s", units[i]);
		arena_free(&a);
	}
	free(value);
}

/* Nothing but -1 comes of too little memory, wherever it runs out. */
static void test_memory(void)
{
	const char *value = "\xff =?koi8-r?B?zsU=?= =?utf-8?Q?x?= plain";
	unsigned failed = 0, wrong = 0;

	for (size_t limit = 1; limit < 4096; limit += 8) {
		struct arena *a = arena_new(limit);
		struct mime_text *texts;
		unsigned n;

		if (mime_decode(a, value, strlen(value), &candidates, &texts, &n) != 0)
			failed++;
		else if (n != 2 || strstr(texts[0].p, "plain") == NULL)
			wrong++;
		arena_free(&a);
	}
	is_int(wrong, 0, "no half text");
	ok(failed > 0, "but an error");
}

int main(void)
{
	struct arena *a = arena_new(0);

	test_russian(a);
	test_raw(a);
	test_words(a);
	test_hostile_lengths();
	test_memory();
	arena_free(&a);
	return done_testing();
}
