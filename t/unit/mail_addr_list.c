/*
 * Lists of addresses, names and networks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/addr.h"
#include "t/lib/tap.h"

static struct addr_list *list_of(const char *const *patterns)
{
	struct addr_list *l = addr_list_new();

	for (; *patterns != NULL; patterns++) {
		const char *why = addr_list_add(l, *patterns);

		if (why != NULL)
			diag("%s: %s", *patterns, why);
	}
	return l;
}
#define LIST(...) list_of((const char *const[]){ __VA_ARGS__, NULL })

static int by_ip(const struct addr_list *l, const char *text)
{
	struct ip ip;

	return ip_parse(&ip, text) == 0 ? addr_list_match_ip(l, &ip) : -1;
}

static int by_name(const struct addr_list *l, const char *name)
{
	return addr_list_match_domain(l, name, strlen(name));
}

static int by_address(const struct addr_list *l, const char *address)
{
	return addr_list_match_address(l, address, strlen(address));
}

static void test_networks(void)
{
	struct addr_list *l =
		LIST("192.0.2.0/24", "192.0.0.0/16", "192.0.2.7", "2001:db8::/32", "2001:db8::1", "0.0.0.0/0");
	struct ip none = { 0 };

	is_int(by_ip(l, "192.0.2.7"), ADDR_EXACT, "one address");
	is_int(by_ip(l, "192.0.2.8"), 1 + 24 * 2, "a network");
	is_int(by_ip(l, "192.0.3.8"), 1 + 16 * 2, "a wider one");
	is_int(by_ip(l, "198.51.100.1"), 1, "all of IPv4 is the least of matches");
	is_int(by_ip(l, "::ffff:192.0.2.7"), ADDR_EXACT, "an IPv4 address in IPv6 form");
	is_int(by_ip(l, "2001:db8::1"), ADDR_EXACT, "one IPv6 address");
	is_int(by_ip(l, "2001:db8::2"), 1 + 32, "an IPv6 network");
	is_int(by_ip(l, "2001:db9::2"), 0, "none");
	is_int(addr_list_match_ip(l, &none), 0, "a session without an address is in no network");
	is_int(addr_list_count(l), 6, "all are counted");
	is_int(by_name(l, "example.com"), 0, "networks are no names");
	addr_list_free(&l);
}

static void test_names(void)
{
	struct addr_list *l = LIST("example.com", ".example.com", ".mail.example.com", ".org", "localhost",
				   "\xd0\x9f\xd0\xa0.example");

	is_int(by_name(l, "example.com"), ADDR_EXACT, "a full name");
	is_int(by_name(l, "example.com."), ADDR_EXACT, "with its last dot");
	is_int(by_name(l, "mx.example.com"), 1 + 2 * 16, "a subdomain");
	is_int(by_name(l, "mail.example.com"), 1 + 2 * 16, "not a subdomain of itself");
	is_int(by_name(l, "a.mail.example.com"), 1 + 3 * 16, "a longer suffix wins");
	is_int(by_name(l, "a.b.c.d.org"), 1 + 16, "far down");
	is_int(by_name(l, "org"), 0, "a suffix is not its own subdomain");
	is_int(by_name(l, ".org"), 0, "nor is it with an empty label before it");
	is_int(by_name(l, "notexample.com"), 0, "labels are not cut");
	is_int(by_name(l, "localhost"), ADDR_EXACT, "a name of one label");
	is_int(by_name(l, "\xd0\xbf\xd1\x80.example"), ADDR_EXACT, "patterns are folded");
	is_int(by_name(l, ""), 0, "no name");
	is_int(by_name(l, "."), 0, "the root");
	addr_list_free(&l);
}

static void test_addresses(void)
{
	struct addr_list *local = LIST("example.net", ".hosted.example");
	struct addr_list *l = LIST("Boss@Example.org", "@example.org", "abuse@", "postmaster", ".wide.example",
				   "named.example", "\"john doe\"@example.com", "\"ann\"@example.com");

	is_int(by_address(l, "boss@example.org"), ADDR_EXACT, "one mailbox, folded");
	is_int(by_address(l, "boss@example.org."), ADDR_EXACT, "with the domain's last dot");
	is_int(by_address(l, "other@example.org"), ADDR_DOMAIN, "its domain");
	is_int(by_address(l, "other@sub.example.org"), 0, "but no subdomain");
	is_int(by_address(l, "x@a.wide.example"), 1 + 2 * 16, "a suffix holds for the addresses below it");
	is_int(by_address(l, "x@wide.example"), 0, "not for its own");
	is_int(by_address(l, "x@named.example"), ADDR_DOMAIN, "a name holds for its addresses");
	is_int(by_name(l, "example.org"), 0, "@domain is no name");
	is_int(by_address(l, "\"john doe\"@example.com"), ADDR_EXACT, "quotes that are needed");
	is_int(by_address(l, "ann@example.com"), ADDR_EXACT, "quotes that are not");

	is_int(by_address(l, "postmaster"), ADDR_LOCAL, "a bare local part");
	is_int(by_address(l, "abuse"), ADDR_LOCAL, "also as abuse@");
	is_int(by_address(l, "abuse@example.net"), 0, "in no domain, while none is local");
	addr_list_set_locals(l, local);
	is_int(by_address(l, "abuse@example.net"), ADDR_LOCAL, "in a local domain");
	is_int(by_address(l, "postmaster@a.hosted.example"), ADDR_LOCAL, "in a local subdomain");
	is_int(by_address(l, "abuse@example.com"), 0, "not elsewhere");
	is_int(by_address(l, ""), 0, "the null sender is nobody");
	is_int(by_address(l, "@"), 0, "nor is this");
	addr_list_free(&l);
	addr_list_free(&local);
}

static void test_scale(void)
{
	struct addr_list *l =
		LIST("192.0.2.0/31", "2001:db8::/127", ".a.example", "10.0.0.0/17", "2001:db9::/33", ".b.a.example");
	char suffix[300] = "x";

	ok(ADDR_EXACT > ADDR_LOCAL && ADDR_LOCAL > ADDR_DOMAIN, "a mailbox, then a local part, then a domain");
	ok(by_ip(l, "10.0.0.1") > by_name(l, "x.a.example"), "a /17 is narrower than an organisation's domain");
	ok(by_name(l, "x.b.a.example") > by_ip(l, "10.0.0.1"), "and wider than a part of it");
	ok(by_ip(l, "2001:db9::1") > by_name(l, "x.a.example"), "so is a /33 of IPv6");
	ok(by_ip(l, "192.0.2.1") < ADDR_DOMAIN && by_ip(l, "2001:db8::1") < ADDR_DOMAIN, "no network is exact");
	for (unsigned i = 0; i < 120; i++)
		strcat(suffix, ".a");
	is_str(addr_list_add(l, suffix + 1), NULL, "a suffix of 120 labels");
	ok(by_name(l, suffix) > by_ip(l, "2001:db8::1") && by_name(l, suffix) < ADDR_DOMAIN, "is still no name");
	addr_list_free(&l);
}

static void test_errors(void)
{
	static const struct {
		const char *pattern, *why;
	} bad[] = {
		{ "", "empty" },
		{ "   ", "empty" },
		{ "<>", "empty" },
		{ "@", "a lone \"@\"" },
		{ ".", "the name is empty" },
		{ "192.0.2.1/24",
		  "bits are set behind the network's prefix (192.0.2.1/24 is 192.0.2.0/24 or 192.0.2.1)" },
		{ "192.0.2.0/33", "not an IP address or network" },
		{ "192.0.2", "not an IP address or network" },
		{ "192.0.2.256", "not an IP address or network" },
		{ "2001:db8::/129", "not an IP address or network" },
		{ "example.com:25", "not an IP address or network" },
		{ "*.example.com",
		  "\"*\" has no meaning here: \".example.com\" stands for all subdomains of example.com" },
		{ "user@*", "\"*\" has no meaning here: \".example.com\" stands for all subdomains of example.com" },
		{ "example..com", "a name has an empty label (two dots in a row)" },
		{ "..example.com", "a name has an empty label (two dots in a row)" },
		{ "user@.example.com",
		  "an address has an empty label in its domain; \".example.com\", without \"@\", stands for subdomains" },
		{ "example.com/24", "neither a network (192.0.2.0/24) nor a name" },
		{ "a.example b.example", "a space inside; each entry of a list is one pattern" },
		{ "user@example.com x", "a space inside; each entry of a list is one pattern" },
		{ "exa,mple.com", "a name has a character that no name can have" },
		{ "exam\tple.com", "a control character" },
		{ "ex\xff.com", "not valid UTF-8" },
	};
	struct addr_list *l = addr_list_new();
	char longest[2000];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		is_str(addr_list_add(l, bad[i].pattern), bad[i].why, "refused: '%s'", bad[i].pattern);
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	is_str(addr_list_add(l, longest), "longer than any address", "refused: 2,000 bytes");
	is_int(addr_list_count(l), 0, "what is refused is not in the list");
	is_str(addr_list_add(l, " 192.0.2.1 "), NULL, "spaces around a pattern are no harm");
	is_str(addr_list_add(l, "[192.0.2.1]"), NULL, "an address in brackets is that address");
	is_str(addr_list_add(l, "user@[192.0.2.1]"), NULL, "a mailbox at an address literal");
	is_int(by_address(l, "user@[192.0.2.1]"), ADDR_EXACT, "is found");
	addr_list_free(&l);
	addr_list_free(&l);
	ok(l == NULL, "freed and cleared");
}

static void test_large(void)
{
	enum { ENTRIES = 100000 };
	struct addr_list *l = addr_list_new();
	unsigned missed = 0, wrong = 0;
	char text[64];
	char *name;

	for (unsigned i = 0; i < ENTRIES; i++) {
		static const char *const forms[][2] = {
			{ "u", "@example.com" }, { "d", ".example" }, { ".s", ".example" }, { "@a", ".example" }
		};

		snprintf(text, sizeof text, "%s%u%s", forms[i % 4][0], i, forms[i % 4][1]);
		missed += addr_list_add(l, text) != NULL;
		snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		missed += addr_list_add(l, text) != NULL;
	}
	is_int(missed, 0, "200,000 entries are added");
	is_int(addr_list_count(l), 2 * ENTRIES, "and counted");
	for (unsigned i = 0; i < ENTRIES; i++) {
		snprintf(text, sizeof text, "u%u@example.com", i);
		missed += i % 4 == 0 && by_address(l, text) != ADDR_EXACT;
		wrong += i % 4 != 0 && by_address(l, text) != 0;
		snprintf(text, sizeof text, "x.y.s%u.example", i);
		missed += i % 4 == 2 && by_name(l, text) != 1 + 2 * 16;
		wrong += i % 4 != 2 && by_name(l, text) != 0;
		snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		missed += by_ip(l, text) != ADDR_EXACT;
	}
	is_int(missed, 0, "each is found");
	is_int(wrong, 0, "and nothing else");

	/* A name of a million labels costs no more than the longest suffix. */
	name = calloc(1, 2000001);
	for (unsigned i = 0; i < 1000000; i++)
		memcpy(name + (size_t)i * 2, ".a", 2);
	for (unsigned i = 0; i < 100; i++)
		wrong += by_name(l, name) != 0 || by_address(l, name) != 0;
	is_int(wrong, 0, "a name of a million labels");
	free(name);
	addr_list_free(&l);
}

int main(void)
{
	test_networks();
	test_names();
	test_addresses();
	test_scale();
	test_errors();
	test_large();
	return done_testing();
}
