/*
 * The grammar of SPF records: what is one, what is none, and what it means.
 */
#include "checks/spf_record.h"

#include <stdio.h>
#include <string.h>

#include "t/lib/tap.h"

static int parse(struct arena *a, const char *text, struct spf_record *r)
{
	return spf_parse(a, text, strlen(text), r);
}

static void test_version(void)
{
	static const char *const yes[] = { "v=spf1", "v=spf1 ", "v=spf1 -all", "V=SPF1 -all" };
	static const char *const no[] = {
		"", " v=spf1", "v=spf1-all", "v=spf10 -all", "v=spf2.0/pra -all", "v=spf1\t-all", "spf1", "v = spf1"
	};

	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
		ok(spf_is_record(yes[i], strlen(yes[i])), "a record: \"%s\"", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		ok(!spf_is_record(no[i], strlen(no[i])), "none: \"%s\"", no[i]);
	ok(!spf_is_record("v=spf1\0", 7), "nor with a NUL behind the version");
}

static void test_valid(void)
{
	static const char *const terms[] = {
		"all",
		"-ALL",
		"?include:example.org",
		"include:%{d}",
		"include:_spf.example.org.",
		"a",
		"a/24",
		"a//64",
		"a/0//0",
		"a:example.org/24//64",
		"a:foo:bar/baz.example.org",
		"a:a/24.example.org/24",
		"a:x.1a",
		"a:x.xn--p1ai",
		"mx:%{ir}.%{v}._spf.%{d2}",
		"mx/32",
		"ptr",
		"ptr:example.org",
		"ip4:192.0.2.0/24",
		"ip4:0.0.0.0/0",
		"ip6:2001:db8::/32",
		"ip6:::ffff:192.0.2.1",
		"ip6:::/0",
		"exists:%{l1r-+,/_=}.example.org",
		"exists:%{L}%%%_%-.example.org",
		"exists:%{s}",
		"redirect=example.org",
		"exp=explain.%{d}",
		"unknown=",
		"cow-far_out.=%{r}%{t}%{c}",
		"  ~all  ",
	};
	char record[256];

	for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
		struct arena *a = arena_new(0);
		struct spf_record r;

		snprintf(record, sizeof record, "v=spf1 %s", terms[i]);
		ok(parse(a, record, &r) == 0, "right: %s", terms[i]);
		arena_free(&a);
	}
}

static void test_invalid(void)
{
	static const char *const terms[] = {
		"al",
		"all.",
		"all:example.org",
		"all/8",
		"--all",
		"-",
		"+",
		"=all",
		"1=x",
		"include",
		"include:",
		"include/24",
		"include:example.org/24",
		"include:org",
		"include:example..",
		"a:",
		"a:example.org:80",
		"a:example.org/33",
		"a:example.org/024",
		"a:example.org/",
		"a:example.org//",
		"a:example.org//129",
		"a/24/24",
		"a//64/24",
		"a:/24",
		"a:111.222.33.44",
		"a:example.-com",
		"a:example.com-",
		"a:%{d}x",
		"a:%{d}/08",
		"a:%",
		"a:%{",
		"a:%{}",
		"a:%{d",
		"a:%{x}.example.org",
		"a:%{c}.example.org",
		"a:%{d0}.example.org",
		"a:%{dr1}.example.org",
		"a:%{d!}.example.org",
		"a:%(d).example.org",
		"a:%%",
		"a:example.%_",
		"a:ex\x01mple.org",
		"a:ex\xc3\xa4mple.org",
		"mx:",
		"ptr:",
		"ptr/24",
		"ip4",
		"ip4:",
		"ip4:192.0.2",
		"ip4:192.0.2.256",
		"ip4:192.0.2.1/33",
		"ip4:192.0.2.1/",
		"ip4:192.0.2.1//24",
		"ip4:192.0.2.1/032",
		"ip4:2001:db8::1",
		"ip4:[192.0.2.1]",
		"ip4:example.org",
		"ip6:192.0.2.1",
		"ip6:2001:db8::1/129",
		"ip6:IPv6:2001:db8::1",
		"ip6::2001:db8",
		"exists",
		"exists:",
		"exists:example.org/24",
		"redirect=",
		"redirect=org",
		"redirect=example.org redirect=example.org",
		"+redirect=example.org",
		"exp=",
		"exp=a.example exp=b.example",
		"unknown=%",
		"unknown=%{x}",
		"unknown=\x7f",
		"unknown",
		"ip4:192.0.2.1\tip4:192.0.2.2",
	};
	char record[256];

	for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
		struct arena *a = arena_new(0);
		struct spf_record r;

		snprintf(record, sizeof record, "v=spf1 %s -all", terms[i]);
		ok(parse(a, record, &r) != 0, "wrong: %s", terms[i]);
		arena_free(&a);
	}
}

static void test_meaning(void)
{
	struct arena *a = arena_new(0);
	const struct spf_term *t;
	struct spf_record r;

	ok(parse(a, "v=spf1 +ip4:192.0.2.77/24 ~a:Example.org/28//64 mx ?include:x.example -all redirect=y.example",
		 &r) == 0,
	   "a record of several terms");
	t = r.terms;
	is_int(t->mechanism, SPF_IP4, "ip4");
	is_int(t->qualifier, SPF_PASS, "+");
	is_int(t->net.ip.b[3], 0, "without host bits");
	is_int(t->net.bits, 24, "/24");
	is_str(t->text, "+ip4:192.0.2.77/24", "as written");
	t = t->next;
	is_int(t->qualifier, SPF_SOFTFAIL, "~");
	is_str(t->domain, "Example.org", "the domain without prefix lengths");
	is_int(t->bits4, 28, "/28");
	is_int(t->bits6, 64, "//64");
	is_str(t->text, "~a:Example.org/28//64", "but not the text");
	t = t->next;
	ok(t->domain == NULL && t->bits4 == 32 && t->bits6 == 128 && t->qualifier == SPF_PASS, "mx, and its defaults");
	t = t->next;
	is_int(t->qualifier, SPF_NEUTRAL, "?");
	t = t->next;
	is_int(t->qualifier, SPF_FAIL, "-");
	ok(t->next == NULL && r.has_all, "all is the last");
	is_str(r.redirect, "y.example", "redirect");
	is_str(r.redirect_text, "redirect=y.example", "as written");

	ok(parse(a, "v=spf1 ip6:::ffff:192.0.2.1", &r) == 0 && r.terms->net.ip.family == IP_V6,
	   "a mapped address behind ip6 stays IPv6");
	ok(parse(a, "v=spf1", &r) == 0 && r.terms == NULL && !r.has_all, "a record without terms");
	arena_free(&a);
}

static void test_hostile(void)
{
	static char record[SPF_RECORD_MAX + 2];
	struct arena *a = arena_new(0);
	struct spf_record r;
	unsigned n = 0;

	ok(spf_parse(a, "v=spf1 ip4:192.0.2.1\0 -all", 26, &r) != 0, "a NUL");
	memset(record, 'a', sizeof record);
	memcpy(record, "v=spf1 ", 7);
	for (size_t i = 8; i < sizeof record; i += 2)
		record[i] = ' ';
	ok(spf_parse(a, record, SPF_RECORD_MAX, &r) == 0, "the longest record");
	for (const struct spf_term *t = r.terms; t != NULL; t = t->next)
		n++;
	ok(n > SPF_RECORD_MAX / 2 - 8, "has %u terms", n);
	ok(arena_used(a) < 1 << 20, "and takes %zu bytes", arena_used(a));
	ok(spf_parse(a, record, SPF_RECORD_MAX + 1, &r) != 0, "a longer one is none");
	arena_free(&a);

	for (size_t room = 1; room < 2048; room += 16) {
		a = arena_new(room);
		if (a == NULL)
			continue;
		if (spf_parse(a, record, 200, &r) == 0 && arena_failed(a))
			fail("with room for %zu bytes a record is taken in part", room);
		arena_free(&a);
	}
	pass("memory that runs out anywhere does no harm");
}

int main(void)
{
	test_version();
	test_valid();
	test_invalid();
	test_meaning();
	test_hostile();
	return done_testing();
}
