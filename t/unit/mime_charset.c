/*
 * The names of charsets, and conversion.
 */
#include <string.h>

#include "mime/charset.h"
#include "t/lib/tap.h"
#include "util/utf8.h"

static const struct charset *find(const char *name)
{
	return mime_charset_find(name, strlen(name));
}

/* What p is in UTF-8; NULL when the charset is unknown to iconv. */
static const char *converted(const char *name, const char *p, size_t n)
{
	static char buf[4096];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	return mime_charset_convert(find(name), p, n, &b) ? buf : NULL;
}

static void test_names(void)
{
	static const char *const one_charset[][3] = {
		{ "utf-8", "UTF8", "Utf_8" },
		{ "koi8-r", "KOI8R", "csKOI8R" },
		{ "windows-1251", "cp1251", "win-1251" },
		{ "iso-8859-1", "latin1", "windows-1252" },
		{ "gb2312", "GBK", "gb18030" },
		{ "Shift_JIS", "x-sjis", "windows-31j" },
		{ "iso-8859-8-i", "ISO-8859-8", "hebrew" },
	};
	static const char *const none[] = { "",           "-",
					    "us-ascii",   "unknown-8bit",
					    "x-unknown",  "utf-8//TRANSLIT8",
					    "../../etc",  "ucs4",
					    "utf",        "8",
					    "koi8r koi8", "ISO-2022-CN-EXT",
					    "IBM1364",    "utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8" };

	for (size_t i = 0; i < sizeof one_charset / sizeof one_charset[0]; i++) {
		const char *const *n = one_charset[i];

		ok(find(n[0]) != NULL && find(n[0]) == find(n[1]) && find(n[1]) == find(n[2]), "%s, %s and %s are one",
		   n[0], n[1], n[2]);
	}
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		ok(find(none[i]) == NULL, "'%s' is no charset of ours", none[i]);
	ok(mime_charset_find("koi8-rX", 6) == find("koi8-r"), "only the given bytes are the name");
	ok(find("koi8-r") != find("koi8-u"), "two charsets are two");
}

/* One charset of each row: iconv must know all of them, and read ASCII in most. */
static void test_rows(void)
{
	static const char *const rows[] = {
		"utf-8",        "koi8-r",         "windows-1251", "windows-1252", "koi8-u",       "ibm866",
		"iso-8859-5",   "x-mac-cyrillic", "windows-1250", "windows-1253", "windows-1254", "windows-1255",
		"windows-1256", "windows-1257",   "windows-1258", "iso-8859-2",   "iso-8859-3",   "iso-8859-4",
		"iso-8859-6",   "iso-8859-7",     "iso-8859-8",   "iso-8859-10",  "iso-8859-13",  "iso-8859-14",
		"iso-8859-15",  "iso-8859-16",    "ibm850",       "ibm852",       "ibm437",       "macintosh",
		"windows-874",  "gb18030",        "big5",         "euc-tw",       "shift_jis",    "euc-jp",
		"iso-2022-jp",  "euc-kr",         "iso-2022-kr",  "viscii",       "utf-7",
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		is_str(converted(rows[i], "Ab 1", 4), "Ab 1", "%s", rows[i]);
	is_str(converted("utf-16", "A\0b\0", 4), "Ab", "utf-16");
	is_str(converted("utf-16be", "\0A\0b", 4), "Ab", "utf-16be");
	is_str(converted("utf-16le", "A\0b\0", 4), "Ab", "utf-16le");
}

/* Every byte, and every pair of bytes, in every charset: valid UTF-8 comes out, within the room that is promised. */
static void test_all_bytes(void)
{
	static const char *const names[] = { "koi8-r",      "windows-1251", "big5",         "gb18030",
					     "shift_jis",   "euc-kr",       "euc-jp",       "euc-tw",
					     "iso-2022-jp", "iso-2022-kr",  "windows-1255", "windows-1258",
					     "viscii",      "utf-7",        "utf-16",       "utf-8" };
	char p[3], out[256];

	for (size_t c = 0; c < sizeof names / sizeof names[0]; c++) {
		unsigned wrong = 0;

		for (unsigned i = 0; i < 0x10000; i += c % 2 + 1) {
			struct sbuf b;

			memcpy(p, (char[]){ (char)(i >> 8), (char)i, 'x' }, sizeof p);
			sbuf_fixed(&b, out, sizeof out);
			mime_charset_convert(find(names[c]), p, sizeof p, &b);
			/* UTF-7 may take three bytes for less than a character. */
			wrong += (b.len == 0 && strcmp(names[c], "utf-7") != 0) ||
				 b.len > mime_charset_room(sizeof p) || !utf8_valid(b.p, b.len);
		}
		is_int(wrong, 0, "%s", names[c]);
	}
}

static void test_errors(void)
{
	const char long_text[] = "\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1";
	char bytes[3000], small[16];
	struct sbuf b;

	is_str(converted("utf-8", "a\xf0\x9f\x98z", 5), "a" UTF8_REPLACEMENT "z",
	       "a character that was cut is one mistake");
	is_str(converted("utf-8", "\xff\xfe", 2), UTF8_REPLACEMENT UTF8_REPLACEMENT,
	       "two bytes that begin nothing are two");
	is_str(converted("big5", "\xa4", 1), UTF8_REPLACEMENT, "half a character at the end");
	is_str(converted("no-such", "\xd0\xbf\xff", 3), "\xd0\xbf" UTF8_REPLACEMENT, "no charset is UTF-8");
	is_str(converted("koi8-r", "", 0), "", "nothing");

	memset(bytes, '\xc1', sizeof bytes);
	sbuf_heap(&b, sizeof bytes * 4);
	mime_charset_convert(find("koi8-r"), bytes, sizeof bytes, &b);
	is_int(b.len, 2 * sizeof bytes, "text longer than one step");
	sbuf_done(&b);
	sbuf_fixed(&b, small, sizeof small);
	ok(mime_charset_convert(find("koi8-r"), long_text, sizeof long_text - 1, &b) && b.cut,
	   "too small a buffer ends it");
}

int main(void)
{
	test_names();
	test_rows();
	test_all_bytes();
	test_errors();
	return done_testing();
}
