/*
 * Paths of MAIL and RCPT.
 */
#include <stdlib.h>
#include <string.h>

#include "mail/addr.h"
#include "t/lib/tap.h"

static const struct {
	const char *arg, *address, *domain;
} paths[] = {
	/* RFC 5321 */
	{ "<user@example.com>", "user@example.com", "example.com" },
	{ "<>", "", NULL },
	{ "<User@Example.COM>", "User@Example.COM", "example.com" },
	{ "<user@example.com> SIZE=1000 BODY=8BITMIME", "user@example.com", "example.com" },
	{ "<> SIZE=1000", "", NULL },
	{ "<user@example.com> ORCPT=rfc822;other@example.org", "user@example.com", "example.com" },
	{ "<Postmaster>", "Postmaster", NULL },
	{ "<user+tag=x@example.com>", "user+tag=x@example.com", "example.com" },
	{ "<user@[192.0.2.1]>", "user@[192.0.2.1]", "[192.0.2.1]" },
	{ "<user@[IPv6:2001:DB8::1]>", "user@[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]" },
	/* source routes */
	{ "<@one.example,@two.example:user@example.com>", "user@example.com", "example.com" },
	{ "<@[IPv6:2001:db8::1],@b:user@[IPv6:::1]>", "user@[IPv6:::1]", "[ipv6:::1]" },
	{ "<@one.example>", "@one.example", "one.example" },
	{ "<@one.example:>", "@one.example:", "one.example:" },
	/* quoted local parts */
	{ "<\"user\"@example.com>", "user@example.com", "example.com" },
	{ "<\"us\\er\"@example.com>", "user@example.com", "example.com" },
	{ "<\"a.b\"@example.com>", "a.b@example.com", "example.com" },
	{ "<\"a..b\"@example.com>", "\"a..b\"@example.com", "example.com" },
	{ "<\".a\"@example.com>", "\".a\"@example.com", "example.com" },
	{ "<\"john doe\"@example.com>", "\"john doe\"@example.com", "example.com" },
	{ "<\"john\\ d\\oe\"@example.com>", "\"john doe\"@example.com", "example.com" },
	{ "<\"a\\\"b\\\\c\"@example.com>", "\"a\\\"b\\\\c\"@example.com", "example.com" },
	{ "<\"a@b\"@example.com>", "\"a@b\"@example.com", "example.com" },
	{ "<\"a>b\"@example.com> X=1", "\"a>b\"@example.com", "example.com" },
	{ "<\"\"@example.com>", "\"\"@example.com", "example.com" },
	{ "<\"user\">", "user", NULL },
	{ "<a.\"b c\"@example.com>", "a.\"b c\"@example.com", "example.com" },
	/* SMTPUTF8 */
	{ "<\xd1\x8f@\xd0\x9f\xd0\xa0.example> SMTPUTF8", "\xd1\x8f@\xd0\x9f\xd0\xa0.example",
	  "\xd0\xbf\xd1\x80.example" },
	{ "<\"\xd1\x8f\"@example.com>", "\xd1\x8f@example.com", "example.com" },
	/* without brackets: the policy protocol, and careless clients */
	{ "user@example.com", "user@example.com", "example.com" },
	{ "", "", NULL },
	{ "user@example.com SIZE=1000 SMTPUTF8", "user@example.com", "example.com" },
	{ "john doe@example.com", "john doe@example.com", "example.com" },
	{ "\"john doe\"@example.com SIZE=1", "\"john doe\"@example.com", "example.com" },
	{ "postmaster", "postmaster", NULL },
	/* what cannot be parsed */
	{ "<user@example.com", "user@example.com", "example.com" },
	{ "user@example.com>", "user@example.com", "example.com" },
	{ "  < user@example.com >  ", "user@example.com", "example.com" },
	{ "<user@example.com.>", "user@example.com", "example.com" },
	{ "<user@example.com..>", "user@example.com", "example.com" },
	{ "<user@.>", "user@.", NULL },
	{ "<user@>", "user@", NULL },
	{ "<@>", "@", NULL },
	{ "<a@b@example.com>", "a@b@example.com", "example.com" },
	{ "<\"user@example.com>", "\"user@example.com", "example.com" },
	{ "<user\"@example.com>", "user\"@example.com", "example.com" },
	{ "<\"user\\\"@example.com>", "\"user\\\"@example.com", "example.com" },
	{ "<us\x01\x7f\xffr@example.com>", "us\x01\x7f\xffr@example.com", "example.com" },
	{ "<", "", NULL },
	{ ">", "", NULL },
	{ "\"", "\"", NULL },
	{ "<user@example.com><other@example.org>", "user@example.com", "example.com" },
};

static void test_paths(struct arena *a)
{
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		const char *address = addr_from_path(a, paths[i].arg);

		is_str(address, paths[i].address, "address of %s", paths[i].arg);
		is_str(addr_domain(a, address), paths[i].domain, "domain of %s", paths[i].arg);
		is_str(addr_from_path(a, address), address, "an address stays what it is: %s", paths[i].arg);
	}
}

/* A million bytes of what makes a parser look ahead. */
static void test_hostile_lengths(void)
{
	static const char *const units[] = { "\"", "\\", "\"\\", "<",  ">",     "@", "@a:",
					     "[",  "@[", " ",    "a ", "\"\" ", "=", "." };
	enum { BYTES = 1000000 };
	char *text = malloc(BYTES + 2);

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		size_t unit = strlen(units[i]), n = 0;
		struct arena *a = arena_new(0);
		const char *address;

		text[n++] = '<';
		while (n + unit <= BYTES) {
			memcpy(text + n, units[i], unit);
			n += unit;
		}
		text[n] = '\0';
		address = addr_from_path(a, text);
		ok(strlen(address) <= n, "a million bytes of %s", units[i]);
		addr_domain(a, address);
		addr_from_path(a, text + 1);
		arena_free(&a);
	}
	free(text);
}

static void test_at(void)
{
	const char *quoted = "\"a@b\"@c";

	ok(addr_at(quoted, strlen(quoted)) == quoted + 5, "an @ in quotes does not part");
	ok(addr_at("a@b@c", 3) != NULL, "only the given bytes are read");
	ok(addr_at("abc", 3) == NULL, "no @");
	ok(addr_at("", 0) == NULL, "nothing at all");
}

static void test_memory(void)
{
	struct arena *a = arena_new(1);

	ok(addr_from_path(a, "<user@example.com>") == NULL, "out of memory");
	ok(addr_from_path(a, "<\"us er\"@example.com>") == NULL, "also with quotes");
	ok(addr_domain(a, "user@example.com") == NULL, "and for the domain");
	arena_free(&a);
}

int main(void)
{
	struct arena *a = arena_new(0);

	test_paths(a);
	test_hostile_lengths();
	test_at();
	test_memory();
	arena_free(&a);
	return done_testing();
}
