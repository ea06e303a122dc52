/*
 * The author's domains in From fields, honest and not.
 */
#include "checks/dmarc_from.h"

#include <stdlib.h>
#include <string.h>

#include "checks/dmarc_lex.h"
#include "checks/dmarc_words.h"
#include "t/lib/tap.h"

static struct arena *arena;
static struct dmarc_from from;

static const char *domains(void)
{
	static char text[4096];

	text[0] = '\0';
	for (unsigned i = 0; i < from.n; i++) {
		strcat(text, i > 0 ? " " : "");
		strcat(text, from.domains[i]);
	}
	return text;
}

static void read_field(const char *value)
{
	memset(&from, 0, sizeof from);
	dmarc_from_add(&from, arena, value, strlen(value));
}

/* One address that may pass. */
static void plain(const char *value, const char *want)
{
	read_field(value);
	is_str(domains(), want, "plain: %s", value);
	ok(from.n == 1 && !from.trick && !from.doubtful && !from.too_much, "and nothing is wrong with it");
}

/* These domains; and never a pass. */
static void doubtful(const char *value, const char *want)
{
	read_field(value);
	is_str(domains(), want, "doubtful: %s", value);
	ok(from.n != 1 || from.trick || from.doubtful, "and it cannot pass");
	ok(!from.trick, "but it is no trick");
}

static void trick(const char *value, const char *want)
{
	read_field(value);
	is_str(domains(), want, "trick: %s", value);
	ok(from.trick, "and it is one");
}

static void test_plain(void)
{
	plain("ceo@bank.example", "bank.example");
	plain(" <ceo@bank.example>", "bank.example");
	plain(" The CEO <ceo@Bank.Example>", "bank.example");
	plain(" \"CEO, The\" <ceo@bank.example>", "bank.example");
	plain(" \"ceo@other.example via list\" <list@bank.example>", "bank.example");
	plain(" ceo@bank.example (The CEO)", "bank.example");
	plain(" (The) ceo@bank.example\n\t(CEO)", "bank.example");
	plain(" CEO <\"the ceo\"@bank.example>", "bank.example");
	plain(" J\xc3\xbcrgen <j@bank.example>", "bank.example");
	plain(" =?UTF-8?Q?J=C3=BCrgen?= =?UTF-8?B?TcO8bGxlcg==?= <j@bank.example>", "bank.example");
	plain(" \"=?UTF-8?Q?J=C3=BCrgen?=\" <j@bank.example>", "bank.example");
	plain(" =?UTF-8?Q?j=40other.example?= <j@bank.example>", "bank.example");
	plain(" =?ISO-2022-KR?B?GyQpQw4+SA8=?= <j@bank.example>", "bank.example");
	plain(" j@b\xc3\xbc"
	      "cher.example",
	      "xn--bcher-kva.example");
	plain(" ceo@bank.example.", "bank.example");
	plain(" a@bank.example, b@BANK.example", "bank.example");
	plain(" info @ work <info@bank.example>", "bank.example");
	plain(" root@localhost", "localhost");
	plain(" Anon\n <ceo@bank.example>\r\n", "bank.example");
	plain(" \"a \\\"b\\\" c\" <ceo@bank.example>", "bank.example");
}

static void test_none(void)
{
	static const char *const values[] = { "", " ", " nobody", " <>", " <MAILER-DAEMON>", " \"a@b.example\" <x>" };

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		read_field(values[i]);
		is_int(from.n, 0, "no domain: '%s'", values[i]);
	}
}

static void test_addresses(void)
{
	doubtful(" ceo@bank.example, x@evil.example", "bank.example evil.example");
	doubtful(" x@evil.example; ceo@bank.example", "evil.example bank.example");
	doubtful(" <x@evil.example> <ceo@bank.example>", "evil.example bank.example");
	doubtful(" <x@evil.example> ceo@bank.example", "evil.example bank.example");
	doubtful(" ceo@bank.example <x@evil.example>", "bank.example evil.example");
	doubtful(" x@evil.example ceo@bank.example", "evil.example bank.example");
	doubtful(" ceo@bank.example@evil.example", "bank.example evil.example");
	doubtful(" <ceo@bank.example>,,<x@evil.example>", "bank.example evil.example");
	doubtful(" x@evil.example\n ,ceo@bank.example", "evil.example bank.example");
	doubtful(" <<ceo@bank.example> x@evil.example>", "bank.example evil.example");
	doubtful(" x@evil.example \"ceo@bank.example\"", "evil.example bank.example");
	doubtful(" \"ceo@bank.example\", <x@evil.example>", "bank.example evil.example");
}

static void test_groups(void)
{
	doubtful(" Friends: x@evil.example;", "evil.example");
	doubtful(" ceo@bank.example: x@evil.example;", "bank.example evil.example");
	doubtful(" \"ceo@bank.example\": x@evil.example;", "bank.example evil.example");
	doubtful(" A: x@evil.example; B: ceo@bank.example;", "evil.example bank.example");
	doubtful(" undisclosed:;", "");
}

static void test_comments(void)
{
	doubtful(" x@evil.example (ceo@bank.example)", "evil.example bank.example");
	doubtful(" (<ceo@bank.example>) x@evil.example", "bank.example evil.example");
	doubtful(" ceo(@evil.example)@bank.example", "evil.example bank.example");
	doubtful(" ceo@bank(.evil).example", "bank bank.example");
	doubtful(" ceo@bank.example(x).evil.example", "bank.example bank.example.evil.example");
	doubtful(" (\" ) <ceo@bank.example> (\" ) <x@evil.example>", "bank.example evil.example");
	doubtful(" x@evil.example (never ends ceo@bank.example", "evil.example bank.example");
	doubtful(" x@evil.example (=?utf-8?Q?ceo=40bank.example?=)", "evil.example bank.example");
}

static void test_quotes(void)
{
	doubtful(" \"ceo@bank.example\"@evil.example", "bank.example evil.example");
	doubtful(" <\"ceo@bank.example> \"@evil.example>", "bank.example evil.example");
	doubtful(" \"a\\\" <ceo@bank.example> \" <x@evil.example>", "bank.example evil.example");
	doubtful(" \"never ends <ceo@bank.example>, x@evil.example", "bank.example evil.example");
	doubtful(" ceo@\"bank.example\"", "bank.example");
	doubtful(" ceo\\@bank.example <x@evil.example>", "bank.example evil.example");
	doubtful(" \"<ceo@bank.example>\"", "bank.example");
}

static void test_routes(void)
{
	doubtful(" <@evil.example:ceo@bank.example>", "evil.example bank.example");
	doubtful(" <@a.example,@b.example:ceo@bank.example>", "a.example b.example bank.example");
	doubtful(" <@evil.example>", "evil.example");
}

static void test_domain_shapes(void)
{
	doubtful(" ceo@bank . example", "bank bank.example");
	doubtful(" ceo@bank..example", "bank.example");
	doubtful(" ceo@.bank.example", "bank.example");
	doubtful(" ceo@bank.example/x", "bank.example");
	doubtful(" ceo@bank.example?x.evil.example", "bank.example x.evil.example");
	doubtful(" x@[192.0.2.1]", "192.0.2.1");
	doubtful(" \x1b$B;3ED\x1b(B <j@bank.example>", "bank.example");
	doubtful(" x@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]");
	doubtful(" x@[bank.example]", "bank.example");
	doubtful(" ceo@", "");
	doubtful(" ceo@, x@evil.example", "evil.example");
}

/* What is not shown, or is read as something else, in other scripts. */
static void test_wide(void)
{
	trick(" ceo@\xff.bank.example", "\xff.bank.example bank.example");
	trick(" <ceo@bank.example\u00a0>", "bank.example  bank.example");
	trick(" <ceo@bank.example\u3000>", "bank.example  bank.example");
	trick(" <ceo@\u3000"
	      "bank.example>",
	      " bank.example bank.example");
	trick(" <ceo@bank.example\u2028>", "bank.example\u2028 bank.example");
	trick(" <ceo@b\u00fc"
	      "cher.example\u00a0>",
	      "xn--bcher-kva.example  xn--bcher-kva.example");
	trick(" <ceo@b\u00fc"
	      "cher.example\u2028>",
	      "b\u00fc"
	      "cher.example\u2028 xn--bcher-kva.example");
	trick(" <ceo@\u05d0\u05d1.example\u2028>", "\u05d0\u05d1.example\u2028 xn--4dbc.example");
	trick(" <ceo@u\u0308.example\u2028>", "u\u0308.example\u2028 xn--tda.example");
	trick(" <ceo\uff20"
	      "bank.example>",
	      "bank.example");
	trick(" <ceo\ufe6b"
	      "bank.example>",
	      "bank.example");
	trick(" <ceo\uff20"
	      "bank.example> <x@evil.example>",
	      "bank.example evil.example");
	trick(" <x@evil.example\uff20"
	      "bank.example>",
	      "evil.example bank.example");
	trick(" =?utf-8?Q?ceo=EF=BC=A0bank.example?= x@evil.example", "evil.example bank.example");
	trick(" =?utf-8?Q?<ceo=EF=BC=A0bank.example>?= <x@evil.example>", "evil.example bank.example");
	trick(" ceo@\u00ad", "");
	trick(" J\u00fcrgen", "");
	doubtful(" x@evil.example (ceo\uff20"
		 "bank.example)",
		 "evil.example bank.example");
	doubtful(" \"ceo\uff20"
		 "bank.example\", x@evil.example",
		 "bank.example evil.example");
	doubtful(" ceo\uff20"
		 "bank.example <x@evil.example>",
		 "bank.example evil.example");
	plain(" \"ceo\uff20"
	      "bank.example\" <x@evil.example>",
	      "evil.example");
	plain(" \u682a\uff20\u4f1a <x@evil.example>", "evil.example");
	plain(" <ceo@bank.ex\u00ad"
	      "ample>",
	      "bank.example");
	plain(" <ceo@\uff42"
	      "ank\u3002"
	      "example>",
	      "bank.example");
}

static void test_encoded(void)
{
	trick(" =?utf-8?Q?ceo=40bank.example?=@evil.example", "evil.example bank.example");
	trick(" =?utf-8?b?Y2VvQGJhbmsuZXhhbXBsZQ==?=@evil.example", "evil.example bank.example");
	trick(" =?utf-8?b?Y2VvQGJhbmsuZXhhbXBsZQ==?==?utf-8?Q?=00?==?utf-8?b?YUBi?=@evil.example",
	      "evil.example bank.example bank.examplea");
	trick(" <=?utf-8?Q?ceo=40bank.example?=>", "bank.example");
	trick(" <ceo@=?utf-8?Q?bank.example?=>", "bank.example");
	trick(" =?utf-8?Q?ceo=40bank?= =?utf-8?Q?.example?= , x@evil.example", "evil.example bank.example");
	trick(" =?utf-8?Q?ceo?=@evil.example", "evil.example");
	trick(" =?utf-8?Q?Ceo_=3Cceo=40bank.example=3E?= <x@evil.example>", "evil.example bank.example");
	trick(" =?utf-8?Q?ceo=40bank.example=00?= <x@evil.example>", "evil.example bank.example");
	trick(" =?utf-8?Q?ceo=40bank.example=0A?= <x@evil.example>", "evil.example bank.example");
	trick(" \"=?utf-8?Q?=3Cceo=40bank.example=3E?=\" <x@evil.example>", "evil.example bank.example");
	trick(" =?utf-8?Q?=3Cceo=40bank.?= =?utf-8?Q?example=3E?= <x@evil.example>", "evil.example bank.example");
	trick(" =?utf-7?Q?ceo+AEA-bank.example?=@evil.example", "evil.example bank.example");
	trick(" =?utf-16be?B?AGMAZQBvAEAAYgBhAG4AawAuAGUAeABhAG0AcABsAGU=?=@evil.example", "evil.example bank.example");
	trick(" =?utf-8*en?q?ceo=40bank.example?=", "bank.example");
	trick(" =?utf-8?Q?ceo=40ba=00nk.example?=@evil.example", "evil.example bank.example");
	doubtful(" =?utf-8?Q?The_CEO?= x@evil.example", "evil.example");
}

static void test_controls(void)
{
	trick(" ceo@bank.example\x01@evil.example", "bank.example evil.example");
	trick(" \"ceo@bank.example\x08\" <x@evil.example>", "evil.example bank.example");
	trick(" x@evil.example\rFrom: ceo@bank.example", "evil.example bank.example");
	trick(" x@evil.example\nceo@bank.example", "evil.example bank.example");
	trick(" ceo@bank\x7f.example", "bank.example");
	read_field(" x@evil.example\r\n (folded)\r\n");
	ok(!from.trick, "CRLF that folds is none");
	memset(&from, 0, sizeof from);
	dmarc_from_add(&from, arena, " ceo@bank.example\0@evil.example", 31);
	ok(from.trick, "a NUL is one");
	is_str(domains(), "bank.example evil.example", "and hides nothing");
}

static void test_fields(void)
{
	static const char *const names[] = { "From", "from", "FROM", "From ", "From\t", " From", "From:" };
	static const char *const others[] = { "Fro", "Fromm", "X-From", "From-", "Resent-From", "Sender", "" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		ok(dmarc_from_is_field(names[i]), "a From field: '%s'", names[i]);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		ok(!dmarc_from_is_field(others[i]), "none: '%s'", others[i]);
	memset(&from, 0, sizeof from);
	dmarc_from_add(&from, arena, "ceo@bank.example", 16);
	dmarc_from_add(&from, arena, "x@evil.example", 14);
	is_int(from.fields, 2, "two fields");
	is_str(domains(), "bank.example evil.example", "all their domains");
}

/* What openers that do not end are made of. */
static const char *const units[] = {
	"(",    "<",       "\"",  "@",    "a. ",         "a@b.c,", "=?a?q?", "=?a?q?=40", "\\",      "[",   "@a ", ":",
	"@ . ", "=?a?b?=", "(=?", "\xc3", "@a.\xc3\xbc", "\\\"",   "\\(",    "\\[",       "=?x?q?a", "()(", ". .",
};

enum { UNITS = sizeof units / sizeof units[0] };

static size_t repeat(char *p, size_t most, const char *unit)
{
	size_t n = 0, len = strlen(unit);

	for (; n + len < most; n += len)
		memcpy(p + n, unit, len);
	return n;
}

/* Far more than is ever given to it: with each opener read to the end this would take minutes. */
static void test_linear(void)
{
	enum { MANY = 256 << 10 };
	static const char *const starts[] = { "", "(", "\"", "[" };
	char *p = malloc(MANY);

	for (size_t i = 0; i < UNITS * (sizeof starts / sizeof starts[0]); i++) {
		const char *start = starts[i / UNITS];
		size_t n = strlen(start), count;
		struct arena *a = arena_new(0);
		bool broken;
		struct sbuf b;

		memcpy(p, start, n);
		n += repeat(p + n, MANY - n, units[i % UNITS]);
		if (dmarc_lex(a, p, n, &count, &broken) == NULL || count > n)
			fail("no tokens of '%s%s'", start, units[i % UNITS]);
		arena_free(&a);
		sbuf_heap(&b, MANY + 1);
		dmarc_words_decode(p, n, &b);
		sbuf_done(&b);
	}
	ok(true, "what does not end is not looked for again and again");
	free(p);
}

static void test_many_fields(void)
{
	enum { FIELDS = 120, SIZE = 16 << 10, TOTAL = 64 << 10 };
	char *p = malloc(SIZE);

	for (size_t i = 0; i < UNITS; i++) {
		size_t n = repeat(p, SIZE, units[i]);

		memset(&from, 0, sizeof from);
		for (unsigned k = 0; k < FIELDS; k++)
			dmarc_from_add(&from, arena, p, n);
		if (from.fields != FIELDS || !from.too_much || from.read > TOTAL)
			fail("%zu bytes of many fields of '%s' were read", from.read, units[i]);
	}
	ok(true, "all fields together have a limit");
	free(p);
	memset(&from, 0, sizeof from);
	for (unsigned k = 0; k < FIELDS; k++)
		dmarc_from_add(&from, arena, "ceo@bank.example", 16);
	ok(from.n == 1 && !from.too_much, "which many short ones do not reach");
	memset(&from, 0, sizeof from);
	for (unsigned k = 0; k < 2 * DMARC_FROM_MAX * DMARC_FROM_MAX; k++)
		dmarc_from_add(&from, arena, "ceo@b\u00fc.example", 15);
	ok(from.n == 1 && from.too_much, "names that are slow to read have one of their own");
	read_field(" ceo@bank . example . a . b . c . d . e . f . g . h . i . j . k . l . m");
	ok(from.too_much, "and so have the parts of one domain");
	read_field(" ceo@. . . . . . . . . . . . . . . . . . .bank.example");
	ok(from.too_much, "also when there is nothing in them");
}

static void test_unclosed(void)
{
	doubtful(" [ \"q\" <ceo@bank.example> [x] x@evil.example [", "evil.example bank.example");
	doubtful(" x@evil.example [ [ (ceo@bank.example)", "evil.example bank.example");
	doubtful(" x@evil.example =?a?q?b =?a?q?ceo@bank.example", "evil.example bank.example");
	doubtful(" \" \\\" \\\" ceo@bank.example (x@evil.example)", "bank.example evil.example");
}

static void test_limits(void)
{
	enum { MANY = 200000 };
	char *p = malloc(MANY + 64);

	read_field(
		" a@1.x,a@2.x,a@3.x,a@4.x,a@5.x,a@6.x,a@7.x,a@8.x,a@9.x,a@10.x,a@11.x,a@12.x,a@13.x,a@14.x,a@15.x,a@16.x");
	ok(from.n == DMARC_FROM_MAX && !from.too_much, "as many domains as are looked at");
	read_field(" a@1.x,a@2.x,a@3.x,a@4.x,a@5.x,a@6.x,a@7.x,a@8.x,a@9.x,a@10.x,a@11.x,a@12.x,a@13.x,a@14.x,a@15.x,"
		   "a@16.x,ceo@bank.example");
	ok(from.too_much, "one more");
	for (size_t i = 0; i < UNITS; i++) {
		size_t n = repeat(p, MANY, units[i]);

		memset(&from, 0, sizeof from);
		dmarc_from_add(&from, arena, p, n);
		if (!from.too_much)
			fail("too long a field of '%s' is not noted", units[i]);
	}
	ok(true, "fields made to be slow are not");
	free(p);
}

static void decodes(const char *text, const char *want)
{
	struct sbuf b;

	sbuf_heap(&b, 4096);
	dmarc_words_decode(text, strlen(text), &b);
	is_str(b.p, want, "decoded: %s", text);
	sbuf_done(&b);
}

static void test_words(void)
{
	bool endless = false;

	decodes("plain = text ?=", "plain = text ?=");
	decodes("=?utf-8?q?a_b=41=4?=", "a bA=4");
	decodes("x =?a?Q?1?= \n =?b?B?Mg==?= y", "x 12 y");
	decodes("=?a?b?YQ==YQ==?=", "aa");
	decodes("=?a?x?YQ==?=", "=?a?x?YQ==?=");
	decodes("=?a?q?never", "=?a?q?never");
	decodes("=??q?x?=", "=??q?x?=");
	decodes("=?utf-7?q?+AGEAYg-c+-+?=", "");
	is_int(dmarc_words_match("=?a?q?"
				 "?=x",
				 9, &endless),
	       8, "an empty word has a length");
	ok(!endless, "and an end");
	is_int(dmarc_words_match("=?a?q?xxx", 9, &endless), 0, "one without an end is none");
	ok(endless, "which is remembered");
}

int main(void)
{
	arena = arena_new(0);
	test_plain();
	test_none();
	test_addresses();
	test_groups();
	test_comments();
	test_quotes();
	test_routes();
	test_domain_shapes();
	test_wide();
	test_encoded();
	test_controls();
	test_fields();
	test_limits();
	test_linear();
	test_many_fields();
	test_unclosed();
	test_words();
	arena_free(&arena);
	return done_testing();
}
