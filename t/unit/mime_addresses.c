/*
 * Address lists.
 */
#include <stdlib.h>
#include <string.h>

#include "mime/header.h"
#include "t/lib/tap.h"
#include "util/sbuf.h"

static const struct {
	const char *value, *addresses; /* joined by a blank; none of these has one */
} lists[] = {
	/* RFC 5322, appendix A */
	{ " John Doe <jdoe@machine.example>", "jdoe@machine.example" },
	{ "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>", "mary@x.test jdoe@example.org one@y.test" },
	{ "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
	  "boss@nil.test sysservices@example.net" },
	{ "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;", "c@a.test joe@where.test jdoe@one.test" },
	{ "Undisclosed recipients:;", "" },
	{ "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "" },
	{ "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "pete@silly.test" },
	{ "Chris Jones <c@(Chris's host.)public.example>,\n joe@example.org,\r\n\tJohn <jdoe@one.test>",
	  "c@public.example joe@example.org jdoe@one.test" },
	{ "Joe Q. Public <john.q.public@example.com>", "john.q.public@example.com" },
	{ "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example", "mary@example.net jdoe@test.example" },
	{ "<@a.test,@b.test:x@c.test>", "x@c.test" },
	{ "john . doe @ example . com", "john.doe@example.com" },
	/* local parts and domains */
	{ "\"ann\"@example.com, \"a@b\"@example.com", "ann@example.com \"a@b\"@example.com" },
	{ "a..b.@docomo.example", "a..b.@docomo.example" },
	{ "user@[192.0.2.1], user@[IPv6:2001:db8::1]", "user@[192.0.2.1] user@[IPv6:2001:db8::1]" },
	{ "User@Example.COM.", "User@Example.COM" },
	{ "\xd1\x8f@\xd0\xbf\xd1\x80.example", "\xd1\x8f@\xd0\xbf\xd1\x80.example" },
	/* display names give no address */
	{ "\"real@bank.example\" <evil@spam.example>", "evil@spam.example" },
	{ "real@bank.example <evil@spam.example>", "evil@spam.example" },
	{ "=?utf-8?Q?real=40bank.example?= <evil@spam.example>", "evil@spam.example" },
	{ "(real@bank.example) evil@spam.example", "evil@spam.example" },
	{ "\"<real@bank.example>\" <evil@spam.example>", "evil@spam.example" },
	{ "a@b.example <>", "" },
	/* as it comes */
	{ "a@b.example; c@d.example", "a@b.example c@d.example" },
	{ "<a@b.example> <c@d.example>", "a@b.example c@d.example" },
	{ "<a@b.example, <c@d.example>", "a@b.example c@d.example" },
	{ "<<a@b.example>>", "a@b.example" },
	{ "<a@b.example", "a@b.example" },
	{ "a@b.example (never closed", "a@b.example" },
	{ "Name (never closed <a@b.example>", "a@b.example" },
	{ "\"never closed <a@b.example>", "a@b.example" },
	{ "=?utf-8?Q?Doe,_John_(x?= <a@b.example>", "a@b.example" },
	{ "outer: inner: a@b.example; c@d.example;", "a@b.example c@d.example" },
	{ "mailto:a@b.example", "a@b.example" },
	{ "<a@b.example> trailing@words.example", "a@b.example" },
	{ "<mailto:a@b.example>", "" },
	/* none */
	{ "", "" },
	{ "postmaster", "" },
	{ "a b@c.example", "" },
	{ "a@b@c.example", "" },
	{ "@b.example", "" },
	{ "a@", "" },
	{ "a@.example", "" },
	{ "a@b example", "" },
	{ "a@[never closed", "" },
	{ "a\x01@b.example", "" },
	{ "a@b.exam\x7fple", "" },
	{ "a\\b@c.example", "" },
	{ "\"a\"b@c.example", "" },
	{ "a@b.example>c", "a@b.example" },
};

static const char *joined(struct arena *a, const char *value, size_t n)
{
	static char buf[1000];
	const char **out;
	struct sbuf b;
	unsigned found;

	if (mime_addresses(a, value, n, &out, &found) != 0)
		bail_out("out of memory");
	sbuf_fixed(&b, buf, sizeof buf);
	for (unsigned i = 0; i < found; i++) {
		if (i > 0)
			sbuf_addc(&b, ' ');
		sbuf_add(&b, out[i]);
	}
	return buf;
}

static void test_hostile_lengths(void)
{
	static const char *const units[] = { "(", "((", ")", "(a)",  "\"",   "\\", "<", ">",    "@",     "@[",  "a:",
					     ":", ";",  ",", "a@b,", "<@a,", " ",  "[", "a@b ", "<a@b(", "\"\"" };
	enum { BYTES = 1000000 };
	char *value = malloc(BYTES);

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		struct arena *a = arena_new(0);
		size_t unit = strlen(units[i]), n = 0;
		const char **out;
		unsigned found = 0;

		for (; n + unit <= BYTES; n += unit)
			memcpy(value + n, units[i], unit);
		ok(mime_addresses(a, value, n, &out, &found) == 0 && found <= n / 3, "a million bytes of %s", units[i]);
		arena_free(&a);
	}
	free(value);
}

static void test_memory(void)
{
	const char *value = "one@a.example, \"t wo\"@b.example";
	unsigned failed = 0, wrong = 0;

	for (size_t limit = 1; limit < 2048; limit += 8) {
		struct arena *a = arena_new(limit);
		const char **out;
		unsigned n;

		if (mime_addresses(a, value, strlen(value), &out, &n) != 0)
			failed++;
		else
			wrong += n != 2;
		arena_free(&a);
	}
	is_int(wrong, 0, "no half list");
	ok(failed > 0, "but an error");
}

int main(void)
{
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
		is_str(joined(a, lists[i].value, strlen(lists[i].value)), lists[i].addresses, "%s", lists[i].value);
	is_str(joined(a, "a@b.example\0, c@d.example", 25), "c@d.example", "a NUL is part of no address");
	is_str(joined(a, "a@b.example, c@d.example", 11), "a@b.example", "only the given bytes are read");
	test_hostile_lengths();
	test_memory();
	arena_free(&a);
	return done_testing();
}
