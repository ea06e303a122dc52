/*
 * DMARC's results, from header fields, the facts of SPF and DKIM, and a DNS without a network.
 */
#include "checks/dmarc.h"

#include <stdio.h>
#include <string.h>

#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"

static struct check_fixture f;

static void txt(const char *name, const char *text)
{
	fake_dns_txt(name, text, strlen(text));
}

/* ---- One message ---- */

static void begin(void)
{
	struct check_call c;

	if (f.txn != NULL) {
		c = fixture_call(&f, NULL);
		f.def->drop(&c);
	}
	fixture_client(&f, "198.51.100.1");
	fixture_mail(&f, "x@evil.example", NULL);
}

static void field(const char *name, const char *value)
{
	(void)txn_add_header(f.txn, name, value, strlen(value));
}

static void spf(const char *result, const char *domain)
{
	fact_set_word(&f.txn->facts.v[FACT_SPF], result);
	fact_set_text(&f.txn->facts.v[FACT_SPF_DOMAIN], f.arena, domain, strlen(domain));
}

static void dkim(const char *domain)
{
	fact_set_word(&f.txn->facts.v[FACT_DKIM], "pass");
	fact_add_text(&f.txn->facts.v[FACT_DKIM_DOMAIN], f.arena, domain, strlen(domain));
}

static void is_result(const char *dmarc, const char *policy, const char *domain, const char *what)
{
	fixture_run(&f);
	is_str(fixture_fact(&f, FACT_DMARC), dmarc, "%s: dmarc", what);
	is_str(fixture_fact(&f, FACT_DMARC_POLICY), policy, "%s: dmarc_policy", what);
	is_str(fixture_fact(&f, FACT_DMARC_DOMAIN), domain, "%s: dmarc_domain", what);
}

static void is_authres(const char *want, const char *what)
{
	struct check_call c = fixture_call(&f, NULL);
	char buf[1024];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	f.def->authres(&c, &b);
	is_str(b.p, want, "%s: Authentication-Results", what);
}

/* ---- Alignment ---- */

static void test_alignment(void)
{
	fake_dns_clear();
	txt("_dmarc.bank.example", "v=DMARC1; p=reject");
	txt("_dmarc.strict.example", "v=DMARC1; p=reject; adkim=s; aspf=s");
	txt("_dmarc.mixed.example", "v=DMARC1; p=reject; adkim=s");
	txt("_dmarc.part.bank.example", "v=DMARC1; p=reject; psd=n");

	begin();
	field("From", " ceo@bank.example");
	is_result("fail", "reject", "bank.example", "nothing passes");
	is_authres(";\n\tdmarc=fail (p=reject) header.from=bank.example", "fail");
	begin();
	field("From", " ceo@bank.example");
	spf("pass", "bank.example");
	is_result("pass", "reject", "bank.example", "SPF of the same domain");
	is_authres(";\n\tdmarc=pass (p=reject) header.from=bank.example", "pass");
	begin();
	field("From", " ceo@bank.example");
	spf("softfail", "bank.example");
	is_result("fail", "reject", "bank.example", "SPF that does not pass");
	begin();
	field("From", " ceo@mail.bank.example");
	spf("pass", "bounce.bank.example");
	is_result("pass", "reject", "mail.bank.example", "SPF, relaxed, of the same organisation");
	begin();
	field("From", " ceo@bank.example");
	spf("pass", "part.bank.example");
	is_result("fail", "reject", "bank.example", "an organisation of its own below");
	begin();
	field("From", " ceo@part.bank.example");
	spf("pass", "bank.example");
	is_result("fail", "reject", "part.bank.example", "and above");
	begin();
	field("From", " ceo@strict.example");
	spf("pass", "mail.strict.example");
	is_result("fail", "reject", "strict.example", "SPF, strict");
	begin();
	field("From", " ceo@strict.example");
	spf("pass", "STRICT.example");
	is_result("pass", "reject", "strict.example", "the same name is aligned, strict or not");
	begin();
	field("From", " ceo@bank.example");
	spf("pass", "xbank.example");
	is_result("fail", "reject", "bank.example", "a name that only ends so");
	begin();
	field("From", " ceo@bank.example");
	dkim("evil.example");
	dkim("mail.bank.example");
	is_result("pass", "reject", "bank.example", "the second signature");
	begin();
	field("From", " ceo@strict.example");
	dkim("mail.strict.example");
	is_result("fail", "reject", "strict.example", "DKIM, strict");
	begin();
	field("From", " ceo@mixed.example");
	dkim("mail.mixed.example");
	is_result("fail", "reject", "mixed.example", "adkim=s");
	begin();
	field("From", " ceo@mixed.example");
	spf("pass", "mail.mixed.example");
	is_result("pass", "reject", "mixed.example", "says nothing of SPF");
	begin();
	field("From", " ceo@nothing.example");
	spf("pass", "nothing.example");
	is_result("none", "(absent)", "nothing.example", "no record, no DMARC");
	is_authres(";\n\tdmarc=none header.from=nothing.example", "none");
}

/* ---- Policies ---- */

static void test_policies(void)
{
	fake_dns_clear();
	txt("_dmarc.org.example", "v=DMARC1; p=none; sp=quarantine; np=reject");
	fake_dns_addr("there.org.example", "192.0.2.1");
	fake_dns_empty("empty.org.example", DNS_A);
	begin();
	field("From", " a@there.org.example");
	is_result("fail", "quarantine", "there.org.example", "a subdomain that exists");
	begin();
	field("From", " a@empty.org.example");
	is_result("fail", "quarantine", "empty.org.example", "one without an address exists too");
	begin();
	field("From", " a@gone.org.example");
	is_result("fail", "reject", "gone.org.example", "one that does not exist");
	fake_dns_fail("broken.org.example", DNS_A, "SERVFAIL");
	begin();
	field("From", " a@broken.org.example");
	is_result("(unavailable: DMARC: whether the domain exists is not known)",
		  "(unavailable: DMARC: whether the domain exists is not known)", "broken.org.example",
		  "one of which that is not known");
	begin();
	field("From", " a@gone.org.example");
	spf("pass", "gone.org.example");
	fixture_run(&f);
	is_int(fake_dns_asked("gone.org.example"), 1, "nobody asks whether what passes exists");
	begin();
	field("From", " a@org.example");
	is_result("fail", "none", "org.example", "p=none fails without consequence");

	txt("_dmarc.bad.example", "v=DMARC1; p=bad");
	txt("_dmarc.rua.example", "v=DMARC1; p=bad; rua=mailto:d@rua.example");
	begin();
	field("From", " a@bad.example");
	is_result("none", "(absent)", "bad.example", "an unusable record");
	begin();
	field("From", " a@rua.example");
	is_result("fail", "none", "rua.example", "one whose owner wants reports");
}

/* ---- From ---- */

static void test_from(void)
{
	fake_dns_clear();
	txt("_dmarc.bank.example", "v=DMARC1; p=reject");
	txt("_dmarc.evil.example", "v=DMARC1; p=none");
	txt("_dmarc.soft.example", "v=DMARC1; p=quarantine");

	begin();
	is_result("permerror", "(absent)", "(absent)", "no From");
	is_str(fixture_fact(&f, FACT_MALFORMED_FROM), "none", "no From is malformed: none");
	is_authres(";\n\tdmarc=permerror (no domain in From)", "no From");
	begin();
	field("From", " x@evil.example");
	field("From", " ceo@bank.example");
	spf("pass", "evil.example");
	is_result("fail", "reject", "bank.example", "two fields: the strictest policy that fails");
	is_str(fixture_fact(&f, FACT_MALFORMED_FROM), "several", "two fields are malformed: several");
	is_authres(";\n\tdmarc=fail (p=reject, 2 From fields, 2 domains in From) header.from=bank.example",
		   "two fields");
	begin();
	field("From", " x@evil.example");
	field("From ", " y@evil.example");
	spf("pass", "evil.example");
	is_result("permerror", "(absent)", "evil.example", "two fields of one domain: no pass");
	begin();
	field("From", " x@evil.example, ceo@bank.example");
	spf("pass", "evil.example");
	dkim("bank.example");
	is_result("permerror", "(absent)", "evil.example", "two domains that both pass: no pass");
	is_str(fixture_fact(&f, FACT_MALFORMED_FROM), "no", "two addresses are not malformed");
	begin();
	field("From", " x@evil.example, y@evil.example");
	spf("pass", "evil.example");
	is_result("pass", "none", "evil.example", "two addresses of one domain");
	begin();
	field("From", " a@soft.example, ceo@bank.example, x@evil.example");
	is_result("fail", "reject", "bank.example", "three domains: the strictest");
	begin();
	field("From", " a@soft.example, ceo@bank.example");
	dkim("bank.example");
	is_result("fail", "quarantine", "soft.example", "of those that fail");
	begin();
	field("From", " a@nothing.example, b@none.example");
	is_result("none", "(absent)", "nothing.example", "two domains without a record");
	begin();
	field("From", " =?utf-8?Q?ceo=40bank.example=00?=@evil.example");
	spf("pass", "evil.example");
	is_result("fail", "reject", "bank.example", "an encoded trick");
	is_str(fixture_fact(&f, FACT_MALFORMED_FROM), "trick", "is malformed: trick");
	begin();
	field("From",
	      " a@1.x,a@2.x,a@3.x,a@4.x,a@5.x,a@6.x,a@7.x,a@8.x,a@9.x,a@10.x,a@11.x,a@12.x,a@13.x,a@14.x,a@15.x,"
	      "a@16.x,ceo@bank.example");
	is_result("fail", "reject", "1.x", "more domains than are looked at");
	begin();
	field("From", " x@[192.0.2.1:25]");
	is_result("none", "(absent)", "[192.0.2.1:25]", "an address literal");
	begin();
	field("From", " x@\xff.bank.example");
	is_result("fail", "reject", "?.bank.example", "what no domain has is masked");
	is_authres(";\n\tdmarc=fail (p=reject, a trick in From, 2 domains in From) header.from=\"?.bank.example\"",
		   "masked");
	begin();
	field("From", " x@b\xc3\xbc"
		      "cher.bank.example");
	is_result("fail", "reject", "xn--bcher-kva.bank.example", "A-labels");
}

/* ---- Failures ---- */

static void unavailable(enum fact_id id)
{
	fact_set_unavailable(&f.txn->facts.v[id], ON_ERROR_IGNORE, "timeout");
}

static void is_unavailable(const char *why, const char *what)
{
	char want[256];

	snprintf(want, sizeof want, "(unavailable: DMARC: %s)", why);
	fixture_run(&f);
	is_str(fixture_fact(&f, FACT_DMARC), want, "%s", what);
}

static void test_failures(void)
{
	fake_dns_clear();
	fake_dns_fail("_dmarc.broken.example", DNS_TXT, "SERVFAIL");
	fake_dns_fail("_dmarc.part.bank.example", DNS_TXT, "SERVFAIL");
	fake_dns_silent("_dmarc.silent.example", DNS_TXT);
	txt("_dmarc.bank.example", "v=DMARC1; p=reject");
	txt("_dmarc.soft.example", "v=DMARC1; p=quarantine");

	begin();
	field("From", " a@broken.example");
	is_unavailable("SERVFAIL", "no policy can be had");
	is_int(fixture_value(&f, FACT_DMARC)->on_error, ON_ERROR_DEFER, "on_error of the section");
	is_authres(";\n\tdmarc=temperror header.from=broken.example", "temperror");
	begin();
	field("From", " a@silent.example");
	is_unavailable("timeout", "no answer");
	ok(fake_net_deadline() == f.deadline_ms, "within the deadline");
	begin();
	field("From", " a@broken.example, ceo@bank.example");
	is_result("fail", "reject", "bank.example", "beside a domain that fails for good");
	begin();
	field("From", " a@broken.example, a@soft.example");
	is_unavailable("SERVFAIL", "beside a milder one, which does not hide it");
	begin();
	field("From", " ceo@bank.example");
	spf("pass", "part.bank.example");
	is_unavailable("SERVFAIL", "alignment that cannot be known");
	begin();
	field("From", " ceo@bank.example");
	spf("pass", "broken.example");
	is_result("fail", "reject", "bank.example", "what could not be aligned anyway does not matter");
	begin();
	field("From", " ceo@bank.example");
	unavailable(FACT_SPF);
	fact_set_text(&f.txn->facts.v[FACT_SPF_DOMAIN], f.arena, "bank.example", 12);
	is_unavailable("SPF has no result", "SPF of the author's domain");
	begin();
	field("From", " ceo@bank.example");
	unavailable(FACT_SPF);
	is_result("fail", "reject", "bank.example", "SPF of the sender's, which is another");
	begin();
	field("From", " ceo@bank.example");
	unavailable(FACT_SPF);
	dkim("bank.example");
	is_result("pass", "reject", "bank.example", "a signature is enough");
	begin();
	field("From", " ceo@bank.example");
	field("DKIM-Signature", " v=1; a=rsa-sha256; dd=x; d = mail.bank.example ; s=x; b=");
	unavailable(FACT_DKIM);
	is_unavailable("DKIM has no result", "a signature of the author's domain");
	begin();
	field("From", " ceo@bank.example");
	field("DKIM-Signature", " v=1; d=evil.example; s=x");
	unavailable(FACT_DKIM);
	is_result("fail", "reject", "bank.example", "another's signature keeps nothing open");
	begin();
	field("From", " ceo@bank.example");
	field("DKIM-Signature", " v=1; d=bank.example; s=x");
	fact_set_text(&f.txn->facts.v[FACT_DKIM_UNKNOWN], f.arena, "evil.example", 12);
	unavailable(FACT_DKIM);
	is_result("fail", "reject", "bank.example", "when it is known whose key is missing, that counts");
	begin();
	field("From", " ceo@bank.example");
	dkim("evil.example");
	fact_set_text(&f.txn->facts.v[FACT_DKIM_UNKNOWN], f.arena, "bank.example", 12);
	is_unavailable("DKIM has no result", "though another signature passes");
}

/* ---- Questions ---- */

static void test_questions(void)
{
	struct check_call c;
	unsigned asked;

	fake_dns_clear();
	txt("_dmarc.bank.example", "v=DMARC1; p=reject");
	begin();
	field("From", " ceo@a.bank.example, x@b.bank.example");
	spf("pass", "c.bank.example");
	c = fixture_call(&f, NULL);
	f.def->start(&c);
	is_int(fake_dns_total(), 5, "each name is asked once, with the header");
	asked = fake_net_awaits();
	f.def->finish(&c);
	is_int(fake_dns_total(), 5, "and not again at the end");
	is_int(fake_net_awaits() - asked, 1, "which waits once");
	fake_dns_clear();
	begin();
	field("From", " ceo@bank.example");
	for (unsigned i = 0; i < 32; i++)
		dkim(arena_printf(f.arena, "d%u.evil.example", i));
	fixture_run(&f);
	is_int(fake_dns_total(), 2, "signatures of others cause no questions");
	begin();
	is_int(fake_net_open(), 0, "all questions are given back");
}

static void test_no_memory(void)
{
	bool fits = false;

	fake_dns_clear();
	txt("_dmarc.bank.example", "v=DMARC1; p=reject");
	for (size_t room = 1; !fits && room < 1 << 18; room += 64) {
		struct check_call c;
		const struct fact_value *result;

		begin();
		field("From", " \"CEO\" <ceo@bank.example>");
		dkim("bank.example");
		c = fixture_call(&f, NULL);
		c.arena = arena_new(room);
		if (c.arena == NULL)
			continue;
		f.def->start(&c);
		f.def->finish(&c);
		fits = !arena_failed(c.arena);
		result = &c.facts->v[FACT_DMARC];
		if (fits && strcmp(result->text[0].folded, "pass") != 0)
			fail("with room for %zu bytes the result is wrong", room);
		f.def->drop(&c);
		arena_free(&c.arena);
		if (fake_net_open() != 0)
			fail("with room for %zu bytes a question stays open", room);
	}
	ok(fits, "memory that runs out anywhere does no harm");
}

/* ---- Rules ---- */

static const char *rules(const char *conf, unsigned count, const char *what)
{
	static struct check_fixture g;

	if (g.conf_arena != NULL)
		fixture_free(&g);
	(void)fixture_load(&g, &dmarc_check, conf);
	if (g.state == NULL) {
		is_int(0, count, "%s: no rules", what);
		return "";
	}
	is_int(fixture_rule_count(&g), count, "%s: rules", what);
	return fixture_rules(&g);
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static void test_rules(void)
{
	const char *r;

	(void)rules("", 0, "no section");
	(void)rules("dmarc: { enabled = false; };", 0, "switched off");
	r = rules("dmarc: { };", 3, "an empty section");
	ok(has(r, "\"550 5.7.1 %{dmarc_domain} asks"), "reject is refused, with the domain");
	ok(has(r, "mark = \"dmarc=fail\""), "quarantine marks");
	r = rules("dmarc: { honour_policy = false; };", 1, "honour_policy = false");
	ok(has(r, "malformed_from"), "a malformed From is still refused");
	(void)rules("dmarc: { on_malformed_from = \"ignore\"; on_quarantine = \"ignore\"; };", 1,
		    "ignore makes no rule");
	ok(has(rules("dmarc: { on_quarantine = \"quarantine\"; };", 3, "on_quarantine = quarantine"),
	       "quarantine = \""),
	   "holds");
	ok(has(rules("dmarc: { on_quarantine = \"reject\"; };", 3, "on_quarantine = reject"), "does not stand behind"),
	   "refuses");
	r = rules("dmarc: { on_malformed_from = \"defer\"; shadow = true; };", 3, "shadow");
	ok(has(r, "defer = \"450 4.7.1 ") && has(r, "shadow = true;"), "defer, shadow");
	ok(has(rules("dmarc: { on_malformed_from = \"mark\"; };", 3, "mark"), "mark = \"from=malformed\""), "mark");
	r = rules("dmarc: { exceptions = ( \"list.example\", \"192.0.2.0/24\" ); };", 4, "exceptions");
	ok(has(r, "{ fact = \"client_ip\"; in = ( \"192.0.2.0/24\" ); }"), "networks are the client's");
	ok(has(r, "{ fact = \"dmarc_domain\"; in = ( \"list.example\" ); }, { fact = \"client_name\""),
	   "names are both");
}

static void test_settings(void)
{
	struct check_fixture g;

	ok(fixture_load(&g, &dmarc_check, "dmarc: {\nexceptions = ( \"a@b.example\",\n\"300.1.1.1/8\" ); };") != 0,
	   "exceptions that are none");
	diag("%s", fixture_errors(&g));
	ok(has(fixture_errors(&g), "2: \"a@b.example\": this is a mail address"), "an address");
	fixture_free(&g);
	ok(fixture_load(&g, &dmarc_check, "dmarc: { on_quarantine = \"hold\"; };") != 0, "no such word");
	fixture_free(&g);
}

int main(void)
{
	(void)fixture_load(&f, &dmarc_check, "dmarc: { on_error = \"defer\"; };");
	test_alignment();
	test_policies();
	test_from();
	test_failures();
	test_questions();
	test_no_memory();
	begin();
	fixture_free(&f);
	fake_dns_clear();
	test_rules();
	test_settings();
	return done_testing();
}
