/*
 * The limits that need no store: their rules.
 */
#include "checks/limits.h"

#include <string.h>

#include "t/lib/check_fixture.h"
#include "t/lib/tap.h"

static void test_rules(void)
{
	struct check_fixture f;
	const char *text;

	is_int(fixture_load(&f, &limits_check,
			    "limits: { message_size = \"5G\"; recipients = 100; connections_per_client = 20; };"),
	       0, "all three limits");
	text = fixture_rules(&f);
	is_int(fixture_rule_count(&f), 3, "three rules");
	ok(strstr(text, "over = \"5368709120\"") != NULL, "a size over 2^31 is not wrapped");
	ok(strstr(text, "reject = \"552 5.3.4 ") != NULL && strstr(text, "refuse_at = \"mail\"") != NULL,
	   "the size is refused at MAIL");
	ok(strstr(text, "over = 100;") != NULL && strstr(text, "defer = \"452 4.5.3 ") != NULL,
	   "surplus recipients are deferred");
	ok(strstr(text, "never_later = true;\n    when = ( { fact = \"recipients\";") != NULL, "at RCPT or not at all");
	ok(strstr(text, "over = 20;") != NULL && strstr(text, "defer = \"421 4.7.0 ") != NULL &&
		   strstr(text, "refuse_at = \"connect\"") != NULL,
	   "connections are refused when they come");
	ok(strstr(text, "shadow") == NULL, "nothing is in shadow");
	fixture_free(&f);
}

static void test_some(void)
{
	struct check_fixture f;

	(void)fixture_load(&f, &limits_check, "limits: { recipients = 5; shadow = true; };");
	is_int(fixture_rule_count(&f), 1, "a rule for what is limited only");
	ok(strstr(fixture_rules(&f), "shadow = true;") != NULL, "shadow reaches it");
	fixture_free(&f);
	(void)fixture_load(&f, &limits_check, "limits: { message_size = \"0\"; };");
	ok(f.state == NULL, "0 is no limit");
	fixture_free(&f);
	is_int(fixture_load(&f, &limits_check, "limits: { recipients = -1; };"), -1, "a negative limit is an error");
	fixture_free(&f);
}

int main(void)
{
	test_rules();
	test_some();
	return done_testing();
}
