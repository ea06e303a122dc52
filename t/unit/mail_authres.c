/*
 * Whose an Authentication-Results field claims to be.
 */
#include "mail/authres.h"

#include <stdlib.h>
#include <string.h>

#include "t/lib/tap.h"

#define ID "mx.example.net"

static bool claims(const char *value)
{
	return authres_claims(value, strlen(value), ID);
}

static void test_plain(void)
{
	ok(claims(" mx.example.net; spf=pass"), "the id, with the leading space of the field");
	ok(claims("mx.example.net; none"), "without it");
	ok(claims("mx.example.net"), "the id alone");
	ok(claims(" MX.Example.NET; spf=pass"), "odd case");
	ok(claims("mx.example.net. ; spf=pass"), "a trailing dot");
	ok(claims("mx.example.net 1; spf=pass"), "a version");
	ok(claims("mx.example.net 1 (new) ; spf=pass"), "a version and a comment");
	ok(claims("mx.example.net;"), "nothing behind the semicolon");
}

static void test_others(void)
{
	ok(!claims(" mx.example.org; spf=pass"), "another id");
	ok(!claims(" amx.example.net; spf=pass"), "one that ends with ours");
	ok(!claims(" mx.example.net.example.org; spf=pass"), "one that begins with ours");
	ok(!claims(" mx.example.org; spf=pass smtp.mailfrom=mx.example.net"), "ours in a value");
	ok(!claims(" mx.example.org (mx.example.net); spf=pass"), "ours in a comment behind");
	ok(!claims(" (mx.example.net) mx.example.org; spf=pass"), "ours in a comment before");
	ok(!claims(" \"mx.example.org\" 1; x=mx.example.net"), "another, quoted");
	ok(!claims(""), "nothing");
	ok(!claims(" ;"), "no id");
	ok(!claims(" (only a comment)"), "only a comment");
}

static void test_quoted(void)
{
	ok(claims(" \"mx.example.net\"; spf=pass"), "quoted");
	ok(claims(" \"MX.example.net\" 1; spf=pass"), "quoted, odd case, version");
	ok(claims(" \"m\\x.exam\\ple.net\"; spf=pass"), "quoted, with needless backslashes");
	ok(claims(" \"mx.example.net.\"; spf=pass"), "quoted, with a trailing dot");
	ok(claims(" \"mx.example.net; spf=pass"), "quotes that do not end");
	ok(!claims(" \"mx.example.net \\\" x\"; spf=pass"), "a quoted string that only begins with it");
}

static void test_commented(void)
{
	ok(claims(" (a) mx.example.net; spf=pass"), "a comment before it");
	ok(claims("(a(b)c)mx.example.net(d)1(e);"), "comments everywhere");
	ok(claims(" (\\) mx.example.org) mx.example.net; x"), "a parenthesis with a backslash");
	ok(claims(" (never ends mx.example.net; x"), "a comment that does not end");
	ok(!claims(" (never ends mx.example.org; x"), "the same of another");
}

static void test_folded(void)
{
	ok(claims("\n\tmx.example.net; spf=pass"), "folded before it");
	ok(claims("\r\n mx.example.net\r\n 1\r\n ;\r\n spf=pass"), "folded everywhere");
	ok(claims(" mx.example.net\n\t; spf=pass"), "folded behind it");
	ok(claims(" (a\n b)\n mx.example.net;"), "a folded comment");
}

/* A reader more lenient than this must not be fooled. */
static void test_broken(void)
{
	ok(claims(" mx.example.net spf=pass"), "no semicolon");
	ok(claims(" mx.example.net/1; spf=pass"), "something behind the id");
	ok(claims(" mx.example.net, spf=pass"), "a comma");
	ok(claims(" \"mx\".example.net; spf=pass"), "quoted in part");
	ok(claims(" mx.example.org mx.example.net; spf=pass"), "two ids");
	ok(claims(" mx(a).example(b) . net; spf=pass"), "comments and spaces within");
	ok(claims(" x@mx.example.net; spf=pass"), "an at sign before it");
	ok(claims(" [mx.example.net]; spf=pass"), "brackets around it");
	ok(!claims(" mx.example.org/1; spf=pass"), "the same of another");
}

/* No length of any part runs off, and none takes long. */
static void test_lengths(void)
{
	enum { MANY = 100000 };
	char *p = malloc(MANY + 64);
	static const char tail[] = " mx.example.net; x";
	const char fills[] = { '(', ')', '"', '\\', ' ', 'a', ';', '\n' };

	for (size_t i = 0; i < sizeof fills; i++) {
		memset(p, fills[i], MANY);
		strcpy(p + MANY, tail);
		(void)claims(p);
		(void)authres_claims(p, MANY, ID);
	}
	memset(p, ' ', MANY);
	strcpy(p + MANY, tail);
	ok(claims(p), "much white space before it");
	memset(p, '(', MANY);
	ok(claims(p), "comments too deep: what cannot be parsed is ours when the id stands in it");
	memset(p, 'a', MANY);
	ok(claims(p), "an id too long, with ours behind it");
	memcpy(p, "\"mx.example.net", 15);
	ok(claims(p), "a quoted string too long");
	for (size_t n = 0; n <= 20; n++) {
		char *exact = malloc(n + 1);

		memcpy(exact, "mx.example.net; spf=pass", n);
		if (authres_claims(exact, n, ID) != (n >= 14))
			fail("cut to %zu bytes it is judged wrongly", n);
		free(exact);
	}
	ok(!authres_claims(" x.example.org\0 mx", 18, ID), "a NUL is a byte like others");
	for (size_t i = 0; i + 1 < MANY; i += 2)
		memcpy(p + i, "m(", 2);
	ok(!authres_claims(p, MANY, ID), "and a field made to be slow is not");
	free(p);
}

int main(void)
{
	test_plain();
	test_others();
	test_quoted();
	test_commented();
	test_folded();
	test_broken();
	test_lengths();
	return done_testing();
}
