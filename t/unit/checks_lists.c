/*
 * Allow and deny lists: which entry wins, what a missing name does, what is refused at load.
 */
#include "checks/lists.h"

#include <string.h>

#include "t/lib/check_fixture.h"
#include "t/lib/tap.h"

static void name_client(struct check_fixture *f, const char *name)
{
	struct fact_value *v = &f->conn->facts.v[FACT_CLIENT_NAME];

	if (name == NULL)
		fact_set_absent(v);
	else if (strcmp(name, "?") == 0)
		fact_set_unavailable(v, ON_ERROR_IGNORE, "timeout");
	else
		fact_add_text(v, f->arena, name, strlen(name));
}

static const char *client(struct check_fixture *f, const char *ip, const char *name)
{
	fixture_client(f, ip);
	name_client(f, name);
	fixture_run(f);
	return fixture_fact(f, FACT_CLIENT_LIST);
}

static const char *sender(struct check_fixture *f, const char *address)
{
	fixture_client(f, "192.0.2.1");
	fixture_mail(f, address, NULL);
	fixture_run(f);
	return fixture_fact(f, FACT_SENDER_LIST);
}

static void test_clients(void)
{
	struct check_fixture f;

	is_int(fixture_load(
		       &f, &deny_clients_check,
		       "allow: { clients = ( \"198.51.100.7\", \"203.0.113.128/25\", \"192.0.2.0/24\", \"2001:db8::/32\",\n"
		       "                     \"good.example.org\", \".partner.example\" ); };\n"
		       "deny:  { clients = ( \"198.51.100.0/24\", \"203.0.113.0/24\", \"192.0.2.0/24\", \"2001:db8:1::/48\",\n"
		       "                     \".example.org\", \"bad.partner.example\" ); };"),
	       0, "both lists are read");
	is_str(client(&f, "198.51.100.7", NULL), "allow", "an address beats its network");
	is_str(client(&f, "198.51.100.8", NULL), "deny", "the network alone");
	is_str(client(&f, "203.0.113.200", NULL), "allow", "the longer prefix wins for allow");
	is_str(client(&f, "203.0.113.1", NULL), "deny", "and outside of it deny holds");
	is_str(client(&f, "2001:db8:1::5", NULL), "deny", "the longer prefix wins for deny");
	is_str(client(&f, "2001:db8:2::5", NULL), "allow", "in IPv6 too");
	is_str(client(&f, "192.0.2.9", NULL), "allow", "a tie goes to allow");
	is_str(client(&f, "10.1.2.3", NULL), "none", "nobody says anything");
	is_str(client(&f, "10.1.2.3", "Good.Example.ORG"), "allow", "a name beats a suffix, whatever its case");
	is_str(client(&f, "10.1.2.3", "other.example.org"), "deny", "the suffix");
	is_str(client(&f, "10.1.2.3", "example.org"), "none", "a suffix is not the name itself");
	is_str(client(&f, "10.1.2.3", "mx.partner.example"), "allow", "allow's suffix");
	is_str(client(&f, "10.1.2.3", "bad.partner.example"), "deny", "deny's name is more specific");
	is_str(client(&f, NULL, NULL), "none", "no address at all");
	fixture_free(&f);
}

static void test_several_names(void)
{
	struct check_fixture f;

	(void)fixture_load(&f, &deny_clients_check,
			   "allow: { clients = \"mx.good.example\"; }; deny: { clients = \".pool.example\"; };");
	fixture_client(&f, "192.0.2.1");
	name_client(&f, "a.pool.example");
	name_client(&f, "mx.good.example");
	fixture_run(&f);
	is_str(fixture_fact(&f, FACT_CLIENT_LIST), "allow", "of several confirmed names the most specific entry wins");
	fixture_free(&f);
}

static void test_name_unavailable(void)
{
	struct check_fixture f;

	(void)fixture_load(&f, &deny_clients_check,
			   "allow: { clients = ( \"198.51.100.7\", \".partner.example\" ); };\n"
			   "deny: { clients = ( \"203.0.113.0/24\" ); };");
	is_str(client(&f, "198.51.100.7", "?"), "allow", "allowed by address, whatever the name");
	is_str(client(&f, "203.0.113.5", "?"), "(unavailable: timeout)", "its name might have allowed it: no denial");
	is_str(client(&f, "10.0.0.1", "?"), "(unavailable: timeout)", "its name might be listed");
	is_int(fixture_value(&f, FACT_CLIENT_LIST)->on_error, ON_ERROR_IGNORE, "dns.on_error holds");
	fixture_free(&f);

	(void)fixture_load(&f, &deny_clients_check,
			   "allow: { clients = \"198.51.100.7\"; }; deny: { clients = \"203.0.113.0/24\"; };");
	is_str(client(&f, "203.0.113.5", "?"), "deny", "without names in the lists DNS does not matter");
	is_str(client(&f, "10.0.0.1", "?"), "none", "neither way");
	fixture_free(&f);

	(void)fixture_load(&f, &deny_clients_check, "deny: { clients = ( \"203.0.113.0/24\", \".bad.example\" ); };");
	is_str(client(&f, "203.0.113.5", "?"), "deny", "denied by address, and no name could allow it");
	is_str(client(&f, "10.0.0.1", "?"), "(unavailable: timeout)", "its name might be denied");
	fixture_free(&f);
}

static void test_senders(void)
{
	struct check_fixture f;

	is_int(fixture_load(&f, &deny_senders_check,
			    "allow: { unverified = true; senders = ( \"boss@spam.example\", \"@good.example\" ); };\n"
			    "deny:  { senders = ( \"@spam.example\", \"eve@good.example\", \".pool.example\" ); };"),
	       0, "both lists are read");
	is_int(f.errors.warnings, 0, "nothing to warn of");
	is_str(sender(&f, "x@spam.example"), "deny", "a domain's addresses");
	is_str(sender(&f, "Boss@Spam.Example"), "allow", "one address of it, folded");
	is_str(sender(&f, "bob@good.example"), "allow", "an allowed domain");
	is_str(sender(&f, "eve@good.example"), "deny", "a denied address in it");
	is_str(sender(&f, "a@b.pool.example"), "deny", "a subdomain");
	is_str(sender(&f, "a@else.example"), "none", "nobody says anything");
	is_str(sender(&f, ""), "none", "the null sender is in no list");
	is_int(fixture_rule_count(&f), 1, "a rule to deny");
	fixture_free(&f);
}

static void test_unverified(void)
{
	struct check_fixture f;

	is_int(fixture_load(&f, &deny_senders_check,
			    "allow: { senders = \"boss@spam.example\"; };\ndeny: { senders = \"@spam.example\"; };"),
	       0, "allow.senders without verification is no error");
	ok(strstr(fixture_errors(&f), "1: warning: allow.senders has no effect") != NULL, "but a warning: %s",
	   fixture_errors(&f));
	is_str(sender(&f, "boss@spam.example"), "deny", "what anybody can write does not save from deny");
	ok(strstr(fixture_rules(&f), "554 5.7.1") != NULL, "denied with 554 5.7.1");
	fixture_free(&f);
	(void)fixture_load(&f, &deny_senders_check, "allow: { senders = \"boss@else.example\"; };");
	is_str(sender(&f, "boss@else.example"), "allow", "the sender is on the list");
	fixture_free(&f);
	(void)fixture_load(&f, &allow_check, "allow: { senders = \"boss@else.example\"; };");
	ok(strstr(fixture_rules(&f), "\"spf\"; is = \"pass\"") != NULL, "the rule asks for SPF");
	ok(strstr(fixture_rules(&f), "same_as = \"sender_domain\"") != NULL, "or a signature of the sender's domain");
	fixture_free(&f);
}

static void test_rules(void)
{
	struct check_fixture f;
	const char *text;

	(void)fixture_load(&f, &deny_clients_check,
			   "allow: { clients = \"192.0.2.1\"; };\n"
			   "deny: { clients = \"192.0.2.2\"; refuse_at = \"connect\"; shadow = true; };");
	text = fixture_rules(&f);
	is_int(fixture_rule_count(&f), 1, "a rule to deny");
	ok(strstr(text, "refuse_at = \"connect\"") != NULL, "refuse_at reaches the rule");
	ok(strstr(text, "shadow = true") != NULL, "so does shadow");
	fixture_free(&f);

	is_int(fixture_load(&f, &deny_clients_check, ""), 0, "no lists");
	ok(f.state == NULL, "then there is nothing to do");
	fixture_free(&f);
}

/* They stand in a section of their own: whoever is spared denial must not lose them with it. */
static void test_allow_rules(void)
{
	struct check_fixture f;

	(void)fixture_load(&f, &allow_check,
			   "allow: { clients = \"192.0.2.1\"; senders = \"@example.org\"; };\n"
			   "deny: { clients = \"192.0.2.2\"; shadow = true; };");
	is_int(fixture_rule_count(&f), 2, "a rule for clients, one for senders");
	ok(strstr(fixture_rules(&f), "skip = ( \"deny_senders\", \"harvest\", \"fcrdns\", \"dnsbl\", \"greylist\" )") !=
		   NULL,
	   "what allow skips");
	ok(strstr(fixture_rules(&f), "shadow") == NULL, "deny's shadow does not reach it");
	fixture_free(&f);
	(void)fixture_load(
		&f, &allow_check,
		"allow: { shadow = true; unverified = true; clients = \"192.0.2.1\"; senders = \"@example.org\"; };");
	is_int(fixture_rule_count(&f), 2, "with unverified, both");
	ok(strstr(fixture_rules(&f), "shadow = true") != NULL, "its own shadow does");
	fixture_free(&f);
	is_int(fixture_load(&f, &allow_check, "deny: { clients = \"192.0.2.2\"; };"), 0, "nobody is allowed");
	ok(f.state == NULL, "then there is nothing to do");
	fixture_free(&f);
}

static void test_errors(void)
{
	struct check_fixture f;

	is_int(fixture_load(
		       &f, &deny_clients_check,
		       "deny: { clients = (\n\"192.0.2.1/24\",\n\"eve@example.org\",\n\"redis:bad\",\n\"10.0.0.0/8\" ); };"),
	       -1, "wrong entries are refused");
	is_int(f.errors.errors, 3, "each of them: %s", fixture_errors(&f));
	ok(strstr(fixture_errors(&f), "2: \"192.0.2.1/24\"") != NULL, "with its line");
	ok(strstr(fixture_errors(&f), "3: \"eve@example.org\": this is a mail address") != NULL, "and the reason");
	ok(f.state == NULL, "nothing is kept");
	fixture_free(&f);

	is_int(fixture_load(&f, &deny_senders_check, "deny: { senders = ( \"192.0.2.0/24\" ); };"), -1,
	       "a network is no sender");
	fixture_free(&f);
	is_int(fixture_load(&f, &deny_senders_check, "deny: { refuse_at = \"data\"; };"), -1,
	       "refuse_at knows two words");
	fixture_free(&f);
}

int main(void)
{
	test_clients();
	test_several_names();
	test_name_unavailable();
	test_senders();
	test_unverified();
	test_rules();
	test_allow_rules();
	test_errors();
	return done_testing();
}
