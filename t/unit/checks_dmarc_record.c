/*
 * DMARC policy records.
 */
#include "checks/dmarc_record.h"

#include <string.h>

#include "t/lib/tap.h"

static bool parse(const char *text, struct dmarc_record *r)
{
	return dmarc_record_parse(text, strlen(text), r);
}

static void is_record(const char *text, bool want)
{
	struct dmarc_record r;

	ok(parse(text, &r) == want, "%s record: %s", want ? "a" : "no", text);
}

static void says(const char *text, const char *p, const char *sp, const char *np)
{
	struct dmarc_record r;

	if (!parse(text, &r) || !r.usable) {
		fail("usable: %s", text);
		return;
	}
	is_str(dmarc_policy_name(r.p), p, "p: %s", text);
	is_str(dmarc_policy_name(r.sp), sp, "sp: %s", text);
	is_str(dmarc_policy_name(r.np), np, "np: %s", text);
}

static void is_usable(const char *text, bool want)
{
	struct dmarc_record r;

	ok(parse(text, &r) && r.usable == want, "%s: %s", want ? "usable" : "no DMARC", text);
	ok(r.p == DMARC_NONE && r.sp == DMARC_NONE && r.np == DMARC_NONE, "and asks for nothing");
}

static void test_version(void)
{
	is_record("v=DMARC1", true);
	is_record("v=DMARC1;p=none", true);
	is_record("v = DMARC1 ; p=none", true);
	is_record("v\t=\tDMARC1;p=none", true);
	is_record("v=DMARC1 ;", true);
	is_record("V=DMARC1; p=none", false);
	is_record("v=dmarc1; p=none", false);
	is_record("v=DMARC1x; p=none", false);
	is_record("v=DMARC11", false);
	is_record("v=DMARC1 p=none", false);
	is_record("v=DMARC2; p=none", false);
	is_record(" v=DMARC1; p=none", false);
	is_record("p=none; v=DMARC1", false);
	is_record("v=spf1 -all", false);
	is_record("vx=DMARC1; p=none", false);
	is_record("v", false);
	is_record("v=", false);
	is_record("", false);
	is_record(";v=DMARC1", false);
}

static void test_policies(void)
{
	says("v=DMARC1; p=none", "none", "none", "none");
	says("v=DMARC1; p=quarantine", "quarantine", "quarantine", "quarantine");
	says("v=DMARC1; p=reject", "reject", "reject", "reject");
	says("v=DMARC1; p=reject; sp=none", "reject", "none", "none");
	says("v=DMARC1; p=none; np=reject", "none", "none", "reject");
	says("v=DMARC1; p=none; sp=quarantine; np=reject", "none", "quarantine", "reject");
	says("v=DMARC1; p=ReJect; SP=Quarantine; nP=NONE", "reject", "quarantine", "none");
	says("v=DMARC1;;; p = reject ;", "reject", "reject", "reject");
	says("v=DMARC1; rua=mailto:a@b.example; p=reject", "reject", "reject", "reject");
	says("v=DMARC1; p=reject; pct=0; rf=afrf; ri=1; fo=1; x=y; =; junk", "reject", "reject", "reject");
}

static void test_invalid(void)
{
	is_usable("v=DMARC1", false);
	is_usable("v=DMARC1; p=", false);
	is_usable("v=DMARC1; p=none", true);
	is_usable("v=DMARC1; p=rejected", false);
	is_usable("v=DMARC1; p=reject none", false);
	is_usable("v=DMARC1; p=reject; sp=all", false);
	is_usable("v=DMARC1; p=reject; np=", false);
	is_usable("v=DMARC1; sp=reject", false);
	is_usable("v=DMARC1; p=reject; p=none", false);
	is_usable("v=DMARC1; rua=mailto:d@example.org", true);
	is_usable("v=DMARC1; p=bad; rua=mailto:d@example.org", true);
	is_usable("v=DMARC1; p=reject; sp=bad; rua=mailto:d@example.org", true);
	is_usable("v=DMARC1; p=reject; np=bad; rua=junk, mailto:d@example.org!10m", true);
	is_usable("v=DMARC1; p=bad; rua=https://example.org/dmarc", true);
	is_usable("v=DMARC1; p=bad; rua=d@example.org", false);
	is_usable("v=DMARC1; p=bad; rua=mailto:", false);
	is_usable("v=DMARC1; p=bad; rua=mailto:d", false);
	is_usable("v=DMARC1; p=bad; rua=mailto:@example.org", false);
	is_usable("v=DMARC1; p=bad; rua=mailto:d@!10m", false);
	is_usable("v=DMARC1; p=bad; rua=1x:y", false);
	is_usable("v=DMARC1; p=bad; rua=mail to:d@example.org", false);
	is_usable("v=DMARC1; p=bad; ruf=mailto:d@example.org", false);
}

static void test_others(void)
{
	struct dmarc_record r;

	(void)parse("v=DMARC1; p=none", &r);
	ok(r.psd == DMARC_PSD_UNSAID && !r.strict_dkim && !r.strict_spf && !r.testing, "the defaults");
	(void)parse("v=DMARC1; p=none; psd=Y; adkim=S; aspf=s; t=Y", &r);
	ok(r.psd == DMARC_PSD_YES && r.strict_dkim && r.strict_spf && r.testing, "all of them, in any case");
	(void)parse("v=DMARC1; p=none; psd=n; adkim=r; aspf=R; t=n", &r);
	ok(r.psd == DMARC_PSD_NO && !r.strict_dkim && !r.strict_spf && !r.testing, "the other values");
	(void)parse("v=DMARC1; p=reject; psd=x; adkim=strict; aspf=1; t=yes", &r);
	ok(r.psd == DMARC_PSD_UNSAID && !r.strict_dkim && !r.strict_spf && !r.testing && r.p == DMARC_REJECT,
	   "broken ones are the defaults, and spoil nothing");
	(void)parse("v=DMARC1; psd=n", &r);
	ok(r.psd == DMARC_PSD_NO && !r.usable, "psd counts without a policy");
	ok(dmarc_record_parse("v=DMARC1; p=reject\0", 19, &r) && !r.usable, "a NUL belongs to the value");
}

static void test_lowered(void)
{
	is_str(dmarc_policy_name(dmarc_policy_lowered(DMARC_REJECT)), "quarantine", "reject, lowered");
	is_str(dmarc_policy_name(dmarc_policy_lowered(DMARC_QUARANTINE)), "none", "quarantine, lowered");
	is_str(dmarc_policy_name(dmarc_policy_lowered(DMARC_NONE)), "none", "none, lowered");
}

int main(void)
{
	test_version();
	test_policies();
	test_invalid();
	test_others();
	test_lowered();
	return done_testing();
}
