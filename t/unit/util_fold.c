#include "util/fold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "t/lib/tap.h"

static void is_folded(struct arena *a, const char *in, const char *want)
{
	size_t n;

	is_str(fold_text(a, in, strlen(in), &n), want, "\"%s\"", in);
	is_int(n, strlen(want), "its length");
}

static void test_words(struct arena *a)
{
	is_folded(a, "", "");
	is_folded(a, "abc", "abc");
	is_folded(a, "@AZ[`az{", "@az[`az{");
	is_folded(a, "An ASCII Text, LONGER than Eight Bytes: @AZ[`az{",
		  "an ascii text, longer than eight bytes: @az[`az{");
	is_folded(a, "НЕ СПАМ", "не спам");
	is_folded(a, "Ёж — №1, «ЇЖАК»", "ёж — №1, «їжак»");
	is_folded(a, "STRASSE Straße", "strasse strasse");
	is_folded(a, "И\xcc\x86", "й");              /* И and a combining breve */
	is_folded(a, "CAFE\xcc\x81", "caf\xc3\xa9"); /* E and a combining acute */
	is_folded(a, "\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82",
		  "\xcf\x83\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83"); /* Sisyphos: final sigma */
	is_folded(a, "ab\xffЖ\xd0", "ab\xef\xbf\xbdж\xef\xbf\xbd");
}

static void test_slices(struct arena *a)
{
	/* Exactly as long as the text, so that a sanitizer sees any look behind it. */
	char *p = malloc(9);
	size_t n;

	memcpy(p, "ABCDEFGHI", 9);
	is_str(fold_text(a, p, 9, &n), "abcdefghi", "text without a NUL");
	is_str(fold_text(a, p, 3, &n), "abc", "a slice");
	memcpy(p, "A\0B", 3);
	ok(memcmp(fold_text(a, p, 3, &n), "a\0b", 4) == 0 && n == 3, "a NUL inside stays");
	memcpy(p, "abcdefg\xd0\x96", 9);
	is_str(fold_text(a, p, 8, &n), "abcdefg\xef\xbf\xbd", "a character cut in half");
	free(p);
}

/* libunistring's answer for n bytes; NULL when it has none. */
static char *reference(const char *p, size_t n, size_t *out_n)
{
	return (char *)u8_casefold((const uint8_t *)p, n, NULL, UNINORM_NFC, NULL, out_n);
}

/* The short way must answer what libunistring answers, for every character, beside ASCII and beside combining marks. */
static void test_all_characters(struct arena *a)
{
	static const char *const behind[] = { "", "x", "\xcc\x86", "\xcc\x88", "Ж" };
	int wrong = 0;

	for (ucs4_t c = 1; c < 0x3000; c++) {
		for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
			char text[32] = "aB";
			int step = u8_uctomb((uint8_t *)text + 2, c, 6);
			size_t n, want_n;
			char *want;
			const char *got;

			strcpy(text + 2 + step, behind[i]);
			want = reference(text, strlen(text), &want_n);
			arena_reset(a);
			got = fold_text(a, text, strlen(text), &n);
			if (n != want_n || memcmp(got, want, n) != 0) {
				wrong++;
				diag("U+%04X: %s, not %.*s", (unsigned)c, got, (int)want_n, want);
			}
			free(want);
		}
	}
	is_int(wrong, 0, "every character up to U+2FFF folds as libunistring folds it");
}

static void test_utf8(struct arena *a)
{
	static const struct {
		const char *in, *repaired;
	} bad[] = {
		{ "\x80", "?" },
		{ "\xc0\xaf", "??" },
		{ "\xc1\xbf", "??" },
		{ "\xe0\x80\xaf", "???" },
		{ "\xed\xa0\x80", "???" },
		{ "\xf0\x80\x80\xaf", "????" },
		{ "\xf4\x90\x80\x80", "????" },
		{ "\xf5\x80\x80\x80", "????" },
		{ "\xff\xfe", "??" },
		{ "\xd0", "?" },
		{ "\xe2\x82", "?" },
		{ "\xf0\x9f\x98", "?" },
		{ "a\xe2\x82"
		  "b",
		  "a?b" },
		{ "\xe2\xd0\xb6", "?\xd0\xb6" },
	};
	uint32_t c;
	size_t n;

	ok(utf8_valid("", 0) && utf8_valid("\0a", 2), "nothing, and NUL, are valid");
	ok(utf8_valid("\xd0\xb6\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80", 20),
	   "all lengths");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *in = bad[i].in, *p;
		char got[32] = "";
		size_t len = 0;

		ok(!utf8_valid(in, strlen(in)), "bad text %zu is not valid", i);
		for (p = utf8_repair(a, in, strlen(in), &n); *p != '\0'; p++) {
			bool mark = strncmp(p, UTF8_REPLACEMENT, 3) == 0;

			if (len < sizeof got - 1)
				got[len++] = mark ? '?' : *p;
			p += mark ? 2 : 0;
		}
		is_str(got, bad[i].repaired, "and repaired as Unicode recommends");
	}
	is_int(utf8_decode("\xf0\x9f\x98\x80", 4, &c), 4, "decode");
	is_int(c, 0x1f600, "its code point");
	is_int(utf8_decode("\xf0\x9f\x98\x80", 3, &c), 0, "decode of too little");
	is_int(utf8_decode("", 0, &c), 0, "decode of nothing");
}

static void test_memory(void)
{
	struct arena *a = arena_new(64);
	char text[512];
	size_t n;

	memset(text, 'A', sizeof text);
	ok(fold_text(a, text, sizeof text, &n) == NULL && arena_failed(a), "out of memory is the arena's failure");
	arena_free(&a);
}

int main(void)
{
	struct arena *a = arena_new(0);

	test_words(a);
	test_slices(a);
	test_utf8(a);
	test_all_characters(a);
	test_memory();
	arena_free(&a);
	return done_testing();
}
