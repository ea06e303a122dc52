/*
 * Macros, by the examples of RFC 7208, section 7.4, and some that it does not give.
 */
#include <stdio.h>
#include <string.h>

#include "checks/spf_eval.h"
#include "t/lib/tap.h"

static const char *mx_name(void *ctx)
{
	return ctx;
}

static const char *expand(struct arena *a, const char *ip, const char *sender, const char *domain, const char *spec)
{
	struct spf_query q = { .domain = domain, .sender = sender, .helo = "HELO.example" };
	struct spf_macro m = { .q = &q, .domain = domain, .validated = mx_name, .ctx = "mx.example.org" };

	if (ip_parse(&q.ip, ip) != 0)
		bail_out("no address: %s", ip);
	return spf_expand(a, spec, &m);
}

static void test_examples(void)
{
	static const char *const v[][2] = {
		{ "%{s}", "strong-bad@email.example.com" },
		{ "%{o}", "email.example.com" },
		{ "%{d}", "email.example.com" },
		{ "%{d4}", "email.example.com" },
		{ "%{d3}", "email.example.com" },
		{ "%{d2}", "example.com" },
		{ "%{d1}", "com" },
		{ "%{dr}", "com.example.email" },
		{ "%{d2r}", "example.email" },
		{ "%{l}", "strong-bad" },
		{ "%{l-}", "strong.bad" },
		{ "%{lr}", "strong-bad" },
		{ "%{lr-}", "bad.strong" },
		{ "%{l1r-}", "strong" },
		{ "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com" },
		{ "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com" },
		{ "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com" },
		{ "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com" },
		{ "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net" },
		/* Not the RFC's: */
		{ "%{p}", "mx.example.org" },
		{ "%{h}", "HELO.example" },
		{ "%{H2R}", "example.HELO" },
		{ "%{S}", "strong-bad%40email.example.com" },
		{ "a%%b%_c%-d", "a%b c%20d" },
		{ "%{s-.}", "strong.bad@email.example.com" },
		{ "%{s----------------------------.}", "strong.bad@email.example.com" },
		{ "%{d99999999999999999999}", "email.example.com" },
	};

	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		struct arena *a = arena_new(0);

		is_str(expand(a, "192.0.2.3", "strong-bad@email.example.com", "email.example.com", v[i][0]), v[i][1],
		       "%s", v[i][0]);
		arena_free(&a);
	}
}

static void test_ipv6(void)
{
	struct arena *a = arena_new(0);

	is_str(expand(a, "2001:db8::cb01", "a@email.example.com", "email.example.com", "%{ir}.%{v}._spf.%{d2}"),
	       "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com",
	       "the RFC's example of IPv6");
	arena_free(&a);
}

/* What is too long loses labels on its left side; what cannot be shortened is no name. */
static void test_length(void)
{
	struct arena *a = arena_new(0);
	char sender[400], many[4096], spec[9000];
	const char *name;

	memset(sender, 'a', sizeof sender);
	for (size_t i = 9; i < 300; i += 10)
		sender[i] = '.';
	snprintf(sender + 300, sizeof sender - 300, "@example.org");
	name = expand(a, "192.0.2.3", sender, "example.org", "%{l}.%{d}");
	ok(name != NULL && strlen(name) <= 253, "not longer than a name may be");
	ok(name != NULL && strcmp(name + strlen(name) - 12, ".example.org") == 0, "with the right side kept");
	ok(name != NULL && strncmp(name, "aaaaaaaaa.", 10) == 0, "from a label's beginning");

	memset(many, '.', sizeof many);
	snprintf(many + 1000, sizeof many - 1000, "@example.org");
	ok(expand(a, "192.0.2.3", many, "example.org", "%{l}.example.org") == NULL, "more parts than any name has");
	memset(many, 'x', 3000);
	snprintf(many + 3000, sizeof many - 3000, "@example.org");
	ok(expand(a, "192.0.2.3", many, "example.org", "%{l}.example.org") == NULL, "a value beyond measure");
	memset(spec, 'x', sizeof spec);
	spec[sizeof spec - 1] = '\0';
	ok(expand(a, "192.0.2.3", "a@example.org", "example.org", spec) == NULL, "a domain-spec beyond measure");
	arena_free(&a);
}

static void test_domains(void)
{
	static const char *const yes[] = { "example.org", "example.org.", "_spf.example.org", "a.b",
					   "foo bar.example" };
	static const char *const no[] = { "", ".", "org", "org.", "example..org", ".example.org", "example.org.." };
	char label[80];

	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
		ok(spf_is_domain(yes[i]), "can be asked: \"%s\"", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		ok(!spf_is_domain(no[i]), "cannot: \"%s\"", no[i]);
	memset(label, 'a', sizeof label);
	snprintf(label + 63, sizeof label - 63, ".org");
	ok(spf_is_domain(label), "a label of 63 bytes");
	label[63] = 'a';
	snprintf(label + 64, sizeof label - 64, ".org");
	ok(!spf_is_domain(label), "one of 64");
	ok(spf_is_identity("example.org") && !spf_is_identity("[192.0.2.1]") && !spf_is_identity("foo bar.example") &&
		   !spf_is_identity("ex\xc3\xa4mple.org"),
	   "identities are held to more");
}

int main(void)
{
	test_examples();
	test_ipv6();
	test_length();
	test_domains();
	return done_testing();
}
