/*
 * %{fact} in texts, replaced per message.
 */
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/rules_fixture.h"

static const char *extra(void *ctx, const char *name)
{
	if (strcmp(name, "hostname") == 0)
		return ctx;
	return strcmp(name, "id") == 0 ? "a\r\nb" : NULL;
}

static const char *expand(struct fixture *f, const char *value)
{
	return rules_expand(f->rules, value, &f->source, extra, "mx.example.net", f->arena);
}

static void test_values(struct fixture *f)
{
	struct ip ip;

	is_str(expand(f, "plain 100% {text} %"), "plain 100% {text} %", "nothing to replace");
	is_str(expand(f, "[%{subject}]"), "[]", "absent: nothing");
	fixture_text(f, FACT_SUBJECT, "Привет");
	is_str(expand(f, "%{subject}%{subject}"), "ПриветПривет", "a text, twice");
	fact_add_text(&f->facts.v[FACT_SUBJECT], f->arena, "two", 3);
	is_str(expand(f, "<%{subject}>"), "<Привет, two>", "several values");
	fact_set_num(&f->facts.v[FACT_DNSBL_SCORE], -3);
	is_str(expand(f, "%{dnsbl_score}"), "-3", "a number");
	fact_set_at_least(&f->facts.v[FACT_SIZE], 100);
	is_str(expand(f, "%{size}"), "100", "a number known in part");
	ip_parse(&ip, "2001:db8:0:0::1");
	fact_set_ip(&f->facts.v[FACT_CLIENT_IP], &ip);
	is_str(expand(f, "client [%{client_ip}] said %{helo}"), "client [2001:db8::1] said ", "an address");
	fact_set_unavailable(&f->facts.v[FACT_FCRDNS], ON_ERROR_IGNORE, "timeout");
	is_str(expand(f, "%{fcrdns}"), "unavailable", "what failed");
	f->facts.v[FACT_FCRDNS].state = FACT_UNKNOWN;
	is_str(expand(f, "(%{fcrdns})"), "()", "what is not known yet");
}

static void test_names(struct fixture *f)
{
	fact_set_text(&f->headers[0], f->arena, "the list", 8);
	is_str(expand(f, "%{header:list-id}"), "the list", "a header, in any letter case");
	is_str(expand(f, "(%{header:Other})"), "()", "a header that no rule reads");
	is_str(expand(f, "by %{hostname}"), "by mx.example.net", "a name that is no fact");
	is_str(expand(f, "%{id}"), "a  b", "line ends of the caller's");
	is_str(expand(f, "(%{nobody})"), "()", "nobody knows it");
	is_str(expand(f, "open %{subject"), "open %{subject", "no closing brace");
}

static void test_wire(struct fixture *f)
{
	static const char wire[] = "a\r\nX-Evil: b\0c";
	char *huge = arena_alloc(f->arena, 20000);
	const char *out;
	size_t n;

	fact_set_text(&f->facts.v[FACT_SUBJECT], f->arena, wire, sizeof wire - 1);
	is_str(expand(f, "%{subject}"), "a  X-Evil: b c", "line ends and NUL from the wire are spaces");
	fixture_text(f, FACT_SUBJECT, "\x1b[31mred\x01\tb\x1f\x7f ёж");
	is_str(expand(f, "%{subject}"), " [31mred  b   ёж", "and so are all control characters");
	memset(huge, 'x', 4094);
	memcpy(huge + 4094, "ёёёё", 9);
	fixture_text(f, FACT_SUBJECT, huge);
	out = expand(f, "%{subject}");
	n = strlen(out);
	ok(n >= 4090 && n <= 4096, "a huge value is cut (%zu)", n);
	ok(out[n - 1] == 'x' || memcmp(out + n - 2, "ё", 2) == 0, "between characters");
	fixture_text(f, FACT_SUBJECT, "%{client_ip}");
	is_str(expand(f, "%{subject}"), "%{client_ip}", "a value is not expanded again");
}

int main(void)
{
	struct fixture f;

	fixture_open(&f);
	fixture_add(&f, NULL,
		    "rules = ( { name = \"a\"; match = \"always\"; then = { mark = \"%%{header:List-Id}\"; }; } );");
	fixture_compile(&f);
	is_int(f.errors.errors, 0, "loaded");
	test_values(&f);
	test_names(&f);
	test_wire(&f);
	fixture_close(&f);
	return done_testing();
}
