/*
 * The listing of `millgate rules`.
 */
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/rules_fixture.h"

enum { LISTING_MAX = 1 << 20 };

static void load(struct fixture *f)
{
	fixture_open(f);
	fixture_add(
		f, NULL,
		"rules = (\n"
		"  { name = \"письма в отдел\"; when = ( { fact = \"recipient\"; is = \"sales@example.net\"; },\n"
		"      { any = ( { fact = \"subject\"; contains = ( \"не спам\", \"b\" ); },\n"
		"                { none = ( { header = \"List-Id\"; exists = true; } ); } ); } );\n"
		"    then = { copy = \"a@example.net\"; add_header = \"X-A: %%{size}\"; }; },\n"
		"  { name = \"ticket\"; match = \"none\"; when = ( { fact = \"subject\"; matches = \"\\\\bt\\\\b\"; },\n"
		"      { fact = \"hour\"; over = 3; } ); then = { accept = true; skip = ( \"dnsbl\", \"greylist\" ); }; },\n"
		"  { name = \"all\"; match = \"always\"; shadow = true; then = { skip = \"all\"; }; }\n"
		");\n");
	fixture_add(f, "dnsbl",
		    "rules = ( { name = \"listed\"; when = ( { fact = \"dnsbl_score\"; at_least = 5; } );\n"
		    " then = { reject = \"554 5.7.1 [%%{client_ip}] is listed\"; }; } );");
	fixture_compile(f);
	is_int(f->errors.errors, 0, "loaded");
}

static void test_text(const struct fixture *f)
{
	struct sbuf b;

	sbuf_heap(&b, LISTING_MAX);
	rules_print(f->rules, false, &b);
	is_str(b.p,
	       "  1  письма в отдел\n"
	       "     of     user, test.conf:2\n"
	       "     known  at HEADERS, decides at END\n"
	       "     needs  recipient, header, subject, size\n"
	       "     when   recipient is \"sales@example.net\" and any(none(header List-Id exists true) or subject "
	       "contains (\"не спам\", \"b\"))\n"
	       "     then   copy \"a@example.net\", add_header X-A: \"%{size}\"\n"
	       "  2  ticket\n"
	       "     of     user, test.conf:6\n"
	       "     known  at HEADERS, decides at HEADERS\n"
	       "     needs  subject, hour\n"
	       "     when   none of hour over 3 or subject matches \"\\\\bt\\\\b\"\n"
	       "     then   accept, skip dnsbl, skip greylist\n"
	       "  3  all\n"
	       "     of     user (shadow), test.conf:8\n"
	       "     known  at CONNECT, decides at CONNECT\n"
	       "     when   always\n"
	       "     then   skip all\n"
	       "  4  listed\n"
	       "     of     dnsbl, test.conf:1\n"
	       "     known  at CONNECT, decides at HEADERS, from RCPT on when enough is known\n"
	       "     waits  for rule 2 \"ticket\" (subject is known at HEADERS)\n"
	       "     needs  client_ip, dnsbl_score\n"
	       "     when   dnsbl_score at_least 5\n"
	       "     then   reject 554 5.7.1 \"[%{client_ip}] is listed\"\n",
	       "for people");
	sbuf_done(&b);
}

static void test_json(const struct fixture *f)
{
	static const char first[] =
		"[{\"number\":1,\"name\":\"письма в отдел\",\"section\":null,\"file\":\"test.conf\",\"line\":2,"
		"\"shadow\":false,\"final\":false,\"per_recipient\":true,\"stage\":\"HEADERS\",\"decides\":\"END\","
		"\"soonest\":\"END\",\"waits_for\":null,\"facts\":[\"recipient\",\"header\",\"subject\",\"size\"],";
	struct sbuf b;

	sbuf_heap(&b, LISTING_MAX);
	rules_print(f->rules, true, &b);
	ok(strncmp(b.p, first, sizeof first - 1) == 0, "the first rule");
	ok(strstr(b.p, "\"when\":\"none of hour over 3 or subject matches \\\"\\\\\\\\bt\\\\\\\\b\\\"\"") != NULL,
	   "quotes and backslashes");
	ok(strstr(b.p, "\"name\":\"listed\",\"section\":\"dnsbl\"") != NULL, "a section");
	ok(strstr(b.p, "\"waits_for\":2,") != NULL, "what it waits for");
	ok(strcmp(b.p + b.len - 3, "}]\n") == 0, "the end");
	sbuf_done(&b);
}

static void test_long(void)
{
	struct fixture f;
	struct sbuf b, list;
	char items[8192];

	fixture_open(&f);
	sbuf_fixed(&list, items, sizeof items);
	for (int i = 0; i < 100; i++)
		sbuf_addf(&list, "%s\"192.0.2.%d\"", i > 0 ? ", " : "", i);
	fixture_add(&f, NULL,
		    "rules = ( { name = \"a\"; when = ( { fact = \"client_ip\"; in = ( %s ); } );"
		    " then = { reject = true; }; } );",
		    items);
	fixture_compile(&f);
	sbuf_heap(&b, LISTING_MAX);
	rules_print(f.rules, false, &b);
	ok(strstr(b.p, "client_ip in (\"192.0.2.0\", \"192.0.2.1\", ") != NULL, "a long list begins");
	ok(strstr(b.p, " and 85 more)\n") != NULL, "and is cut at an item: %s", b.p);
	sbuf_done(&b);
	fixture_close(&f);
}

/* An announced size is refused before the message comes. */
static void test_sooner(void)
{
	static const char rules[] = "rules = ( { name = \"large\"; refuse_at = \"connect\"; "
				    "when = ( { fact = \"size\"; over = 5; } ); then = { reject = true; }; } );";
	struct fixture f;
	struct sbuf b;

	fixture_open(&f);
	fixture_add(&f, NULL, "%s", rules);
	fixture_compile(&f);
	sbuf_heap(&b, LISTING_MAX);
	rules_print(f.rules, false, &b);
	ok(strstr(b.p, " known  at END, decides at END, from MAIL on when enough is known\n") != NULL, "sooner: %s",
	   b.p);
	sbuf_reset(&b);
	rules_print(f.rules, true, &b);
	ok(strstr(b.p, "\"decides\":\"END\",\"soonest\":\"MAIL\",") != NULL, "as JSON");
	sbuf_done(&b);
	fixture_close(&f);
}

int main(void)
{
	struct fixture f;

	load(&f);
	test_text(&f);
	test_json(&f);
	fixture_close(&f);
	test_long();
	test_sooner();
	return done_testing();
}
