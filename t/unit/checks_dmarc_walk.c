/*
 * The DNS tree walk, over answers laid out by name.
 */
#include "checks/dmarc_walk.h"

#include <string.h>

#include "checks/dmarc_ask.h"
#include "checks/dmarc_domain.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"

static struct arena *arena;

static void txt(const char *name, const char *text)
{
	fake_dns_txt(name, text, strlen(text));
}

static struct dmarc_walk walk(const char *domain)
{
	struct dmarc_ask q = { .arena = arena };
	struct dmarc_walk w;

	dmarc_ask_walk(&q, domain);
	dmarc_ask_await(&q, 0);
	dmarc_ask_read(&q, domain, &w);
	dmarc_ask_drop(&q);
	return w;
}

static void is_names(const char *domain, const char *want)
{
	const char *names[DMARC_WALK_MAX];
	unsigned n = dmarc_walk_names(domain, names);
	char got[1024] = "";

	for (unsigned i = 0; i < n; i++) {
		strcat(got, i > 0 ? " " : "");
		strcat(got, names[i]);
	}
	is_str(got, want, "the walk from %s", domain);
}

static void test_names(void)
{
	is_names("org", "org");
	is_names("example.org", "example.org org");
	is_names("a.b.example.org", "a.b.example.org b.example.org example.org org");
	is_names("1.2.3.4.5.6.7.8", "1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8");
	is_names("0.1.2.3.4.5.6.7.8", "0.1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8");
	is_names("a.b.c.d.e.f.g.h.i.j.mail.example.com",
		 "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com h.i.j.mail.example.com "
		 "i.j.mail.example.com j.mail.example.com mail.example.com example.com com");
}

static void test_asked(void)
{
	fake_dns_clear();
	(void)walk("a.b.c.d.e.f.g.h.i.j.example.org");
	is_int(fake_dns_total(), 8, "no more than eight questions");
	is_int(fake_dns_asked("_dmarc.org"), 1, "down to the top");
	is_int(fake_dns_asked("_dmarc.b.c.d.e.f.g.h.i.j.example.org"), 0, "not those between");
}

static void is_org(const char *domain, const char *want, const char *what)
{
	struct dmarc_walk w = walk(domain);

	is_str(w.organisational, want, "%s", what);
}

static void test_organisational(void)
{
	fake_dns_clear();
	is_org("a.example.org", "a.example.org", "no record at all: the domain itself");

	txt("_dmarc.a.example.org", "v=DMARC1; p=none");
	txt("_dmarc.example.org", "v=DMARC1; p=none");
	is_org("x.a.example.org", "example.org", "the fewest labels");
	is_org("a.example.org", "example.org", "also above a record of its own");

	fake_dns_clear();
	txt("_dmarc.a.example.org", "v=DMARC1; p=none; psd=n");
	txt("_dmarc.example.org", "v=DMARC1; p=none");
	is_org("x.a.example.org", "a.example.org", "psd=n ends it");
	is_org("b.example.org", "example.org", "and is no matter beside it");

	fake_dns_clear();
	txt("_dmarc.example.org", "v=DMARC1; p=none; psd=y");
	txt("_dmarc.org", "v=DMARC1; p=none");
	is_org("x.a.example.org", "a.example.org", "psd=y: one label below it, which has no record");
	is_org("a.example.org", "a.example.org", "the domain itself may be one label below");
	txt("_dmarc.x.a.example.org", "v=DMARC1; p=none");
	is_org("x.a.example.org", "a.example.org", "records further below do not matter");
	is_org("example.org", "example.org", "psd=y where the walk began: it is its own");

	fake_dns_clear();
	txt("_dmarc.h.i.j.k.l.m.n", "v=DMARC1; p=none; psd=y");
	is_org("e.f.g.h.i.j.k.l.m.n", "g.h.i.j.k.l.m.n", "one label below it, though that name is not asked");
}

static void test_discarded(void)
{
	struct dmarc_walk w;

	fake_dns_clear();
	txt("_dmarc.example.org", "v=DMARC1; p=reject");
	txt("_dmarc.example.org", "v=DMARC1; p=none");
	w = walk("example.org");
	ok(!w.own_found && !w.org_found, "two records: neither counts");
	txt("_dmarc.org", "v=DMARC1; p=reject");
	is_org("example.org", "org", "and the walk goes on");

	fake_dns_clear();
	txt("_dmarc.example.org", "v=spf1 -all");
	txt("_dmarc.example.org", "v=dmarc1; p=none");
	txt("_dmarc.example.org", "v=DMARC1; p=reject");
	w = walk("example.org");
	ok(w.own_found && w.own.p == DMARC_REJECT, "what is no record is passed over");
}

static void is_policy(const char *domain, bool exists, const char *want, const char *what)
{
	struct dmarc_walk w = walk(domain);
	struct dmarc_found f = dmarc_walk_policy(&w);

	is_str(f.found ? dmarc_policy_name(dmarc_walk_applied(&f, exists)) : "no record", want, "%s", what);
}

static void test_policy(void)
{
	fake_dns_clear();
	is_policy("a.example.org", true, "no record", "nothing anywhere");
	txt("_dmarc.example.org", "v=DMARC1; p=reject; sp=quarantine; np=none");
	is_policy("example.org", true, "reject", "its own: p");
	is_policy("example.org", false, "reject", "its own: p, whether it exists or not");
	is_policy("a.example.org", true, "quarantine", "the organisational domain's: sp");
	is_policy("a.example.org", false, "none", "and np for what does not exist");
	txt("_dmarc.b.example.org", "v=DMARC1; p=none");
	is_policy("b.example.org", true, "none", "its own goes first");
	is_policy("c.b.example.org", true, "quarantine", "one in between does not count");

	fake_dns_clear();
	txt("_dmarc.org", "v=DMARC1; psd=y; p=none; sp=reject; np=quarantine");
	is_policy("a.example.org", true, "reject", "the public suffix's, when the organisational domain has none");
	is_policy("example.org", false, "quarantine", "np of a public suffix");
	txt("_dmarc.example.org", "v=DMARC1; p=none");
	is_policy("a.example.org", true, "none", "the organisational domain's goes before it");

	fake_dns_clear();
	txt("_dmarc.example.org", "v=DMARC1; p=reject; sp=quarantine; np=reject; t=y");
	is_policy("example.org", true, "quarantine", "t=y: one step less");
	is_policy("a.example.org", true, "none", "of sp too");
	is_policy("a.example.org", false, "quarantine", "of np too");
	txt("_dmarc.example.com", "v=DMARC1; p=bad");
	is_policy("example.com", true, "none", "an unusable record asks for nothing");
}

static void test_existence(void)
{
	struct dmarc_walk w;
	struct dmarc_found f;

	fake_dns_clear();
	txt("_dmarc.one.example", "v=DMARC1; p=reject; np=none");
	txt("_dmarc.two.example", "v=DMARC1; p=reject");
	w = walk("one.example");
	f = dmarc_walk_policy(&w);
	ok(!dmarc_walk_asks_existence(&f), "not of a domain with a record");
	w = walk("a.one.example");
	f = dmarc_walk_policy(&w);
	ok(dmarc_walk_asks_existence(&f), "of one below, when np differs");
	w = walk("a.two.example");
	f = dmarc_walk_policy(&w);
	ok(!dmarc_walk_asks_existence(&f), "not when it does not");
}

static void test_failures(void)
{
	struct dmarc_walk w;

	fake_dns_clear();
	fake_dns_fail("_dmarc.example.org", DNS_TXT, "SERVFAIL");
	w = walk("a.example.org");
	is_str(w.failed, "SERVFAIL", "a failure on the way");
	ok(!w.own_found && !w.org_found, "nothing is known");
	txt("_dmarc.a.example.org", "v=DMARC1; p=reject");
	w = walk("a.example.org");
	ok(w.failed != NULL && w.own_found && w.own.p == DMARC_REJECT, "its own record is");
	txt("_dmarc.b.example.org", "v=DMARC1; p=reject; psd=n");
	w = walk("b.example.org");
	ok(w.failed == NULL && w.org_found, "a failure behind the end does not matter");
	fake_dns_silent("_dmarc.example.com", DNS_TXT);
	w = walk("example.com");
	is_str(w.failed, "timeout", "no answer");
}

static void is_domain(const char *text, const char *want, bool odd)
{
	bool got = false;
	const char *name = dmarc_domain_make(arena, text, strlen(text), &got);

	is_str(name != NULL ? name : "(none)", want, "domain: %s", text);
	ok(got == odd, "%s", odd ? "which is odd" : "which is not odd");
}

static void test_domains(void)
{
	char longest[2048];

	is_domain("Example.ORG", "example.org", false);
	is_domain("example.org.", "example.org", false);
	is_domain("example.org...", "example.org", false);
	is_domain(".example..org", "example.org", true);
	is_domain("_x.a-b.example", "_x.a-b.example", false);
	is_domain("exa mple.org", "exa mple.org", true);
	is_domain("b\xc3\xbc"
		  "cher.example",
		  "xn--bcher-kva.example", false);
	is_domain("B\xc3\x9c"
		  "CHER.example",
		  "xn--bcher-kva.example", false);
	is_domain("stra\xc3\x9f"
		  "e.example",
		  "xn--strae-oqa.example", false);
	is_domain("bank\xe3\x80\x82"
		  "example",
		  "bank.example", false);
	is_domain("\xef\xbd\x82\xef\xbd\x81nk.example", "bank.example", false);
	is_domain("\xff\xfe.bank.example", "\xff\xfe.bank.example", true);
	is_domain(".", "(none)", false);
	is_domain("", "(none)", false);
	is_int(dmarc_domain_labels("a.b.c"), 3, "labels are counted");
	is_str(dmarc_domain_last("a.b.c", 2), "b.c", "the last ones");
	is_str(dmarc_domain_last("a.b.c", 7), "a.b.c", "all of them");
	ok(dmarc_domain_within("a.b.c", "b.c") && dmarc_domain_within("b.c", "b.c"), "within");
	ok(!dmarc_domain_within("xb.c", "b.c") && !dmarc_domain_within("c", "b.c"), "not within");
	memset(longest, 'a', sizeof longest);
	strcpy(longest + sizeof longest - 14, ".bank.example");
	{
		bool odd = false;
		const char *name = dmarc_domain_make(arena, longest, strlen(longest), &odd);

		ok(odd && name != NULL && dmarc_domain_within(name, "bank.example"), "a name too long keeps its end");
	}
}

int main(void)
{
	arena = arena_new(0);
	test_names();
	test_asked();
	test_organisational();
	test_discarded();
	test_policy();
	test_existence();
	test_failures();
	test_domains();
	is_int(fake_net_open(), 0, "all questions are given back");
	arena_free(&arena);
	fake_dns_clear();
	return done_testing();
}
