/*
 * Bytes: comparing without a locale, searching, patterns, digits.
 */
#include "util/bytes.h"

#include <string.h>

#include "t/lib/tap.h"

static void test_compare(void)
{
	ok(ascii_equal("Received", "rECEIVED"), "letters of either case");
	ok(!ascii_equal("abc", "abcd") && !ascii_equal("abcd", "abc"), "lengths differ");
	ok(!ascii_equal("\xc3\x84", "\xc3\xa4"), "only those of ASCII");
	ok(ascii_equal_n("ABx", "aby", 2) && !ascii_equal_n("ABx", "aby", 3), "the first n");
}

static void test_find(void)
{
	const char hay[] = "a\0bc";

	ok(bytes_find(hay, 4, "b", 1) == hay + 2, "behind a NUL");
	ok(bytes_find(hay, 4, "\0b", 2) == hay + 1, "with one in it");
	ok(bytes_find(hay, 4, "d", 1) == NULL, "what is not there");
}

static void test_match(void)
{
	static const struct {
		const char *pattern, *text;
		bool want;
	} cases[] = {
		{ "alice", "alice", true },
		{ "alice", "alic", false },
		{ "alic", "alice", false },
		{ "*", "", true },
		{ "", "", true },
		{ "", "a", false },
		{ "a*", "a", true },
		{ "*@example.org", "x@example.org", true },
		{ "*@example.org", "x@example.com", false },
		{ "192.0.2.*", "192.0.20.1", false },
		{ "a*b*c", "a-b-b-c", true },
		{ "a*b*c", "a-c-b", false },
		{ "**a**", "bab", true },
		{ "*aab", "aaab", true },
		{ "[a-z]?", "[a-z]?", true },
		{ "[a-z]?", "bc", false },
	};
	char text[4096];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		ok(bytes_match(cases[i].pattern, cases[i].text) == cases[i].want, "\"%s\" and \"%s\"", cases[i].pattern,
		   cases[i].text);
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	ok(!bytes_match("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text), "many stars cost no more than one");
}

/* Each digit has its value, and nothing else has one. */
static void test_digits(void)
{
	static const char hex[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned wrong = 0;

	for (int c = 1; c < 256; c++) {
		const char *h = strchr(hex, c), *u = strchr(upper, c), *b = strchr(base64, c);

		wrong += ascii_hex((char)c) != (h != NULL ? h - hex : u != NULL ? u - upper : -1);
		wrong += ascii_base64((char)c) != (b != NULL ? b - base64 : -1);
	}
	is_int(wrong, 0, "digits of hexadecimal and of base64");
	ok(ascii_hex('\0') == -1 && ascii_base64('\0') == -1, "a NUL is none");
}

int main(void)
{
	test_compare();
	test_find();
	test_match();
	test_digits();
	return done_testing();
}
