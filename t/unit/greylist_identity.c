/*
 * Who a client is for greylisting: from SPF, from its name, from its network.
 */
#include "greylist/identity.h"

#include <string.h>

#include "greylist/hostname.h"
#include "mail/psl.h"
#include "t/lib/tap.h"

static const struct grey_masks masks = { 24, 64 };

static bool is_generated(const char *name, const struct ip *ip)
{
	return grey_hostname_is_generated(name, psl_registrable(name), ip);
}

/* ---- Names generated from addresses; the providers' patterns are real, names and addresses invented ---- */

static const struct {
	const char *ip, *name;
	bool generated;
} names[] = {
	/* Octets in decimal. */
	{ "198.51.100.7", "host-198-51-100-7.isp.example.com", true },
	{ "198.51.100.7", "198.51.100.7.static.example.com", true },
	{ "198.51.100.7", "7.100.51.198.in-addr.example.com", true },
	{ "198.51.100.7", "c-198-51-100-7.hsd1.fl.example.net", true },
	{ "198.51.100.7", "x100y7.example.net", true },
	{ "198.51.100.7", "7-100.north.example.net", true },
	{ "198.51.100.7", "lfbn-idf1-1-1234-7.w198-51.example.net", true },
	{ "198.51.100.7", "host198-51-1-100.example.net", true },
	{ "198.51.100.7", "198051100007.example.net", true },
	{ "198.51.100.7", "h007100051198.example.net", true },
	{ "198.51.100.7", "n100007.example.net", true },
	{ "198.51.100.7", "198-051-100-007.example.net", true },
	{ "198.51.100.7", "ip198511007.example.net", true },
	{ "198.51.100.7", "3325256711.example.net", true },
	{ "198.18.5.5", "v5.example.net", false },
	{ "198.18.5.5", "5-5.example.net", true },
	/* In hex. */
	{ "198.51.100.7", "pc6336407.isp.example.com", true },
	{ "198.51.100.7", "076433c6.virtua.example.com", true },
	{ "198.51.100.7", "xc6-33-64-07.example.com", true },
	{ "198.51.100.7", "a-33-64-07.example.com", true },
	{ "198.51.100.7", "a-64-07.example.com", false }, /* two hex digits may be anything */
	{ "198.51.100.7", "p336407.example.com", true },
	/* By their words. */
	{ "198.51.100.7", "dyn-4711.example.com", true },
	{ "198.51.100.7", "4711.pool.example.com", true },
	{ "198.51.100.7", "host12.adsl.example.com", true },
	{ "198.51.100.7", "customer-881.north.example.com", true },
	{ "198.51.100.7", "pppoe17.example.com", true },
	{ "198.51.100.7", "p5b0.dip0.isp.example.com", true },
	{ "198.51.100.7", "cpe-12ab.example.com", true },
	{ "198.51.100.7", "dialup-3.example.com", true },
	{ "198.51.100.7", "abc12.town.adsl.example.com", true }, /* be they far apart */
	{ "198.51.100.7", "tokyo0123.north.nt.ftth.ppp.example.com", true },
	{ "198.51.100.7", "p1234-ipngn9901tokyo.east.example.com", true },
	{ "198.51.100.7", "li123-45.members.example.com", true },
	{ "198.51.100.7", "vmi1234.example.com", true },
	{ "198.51.100.7", "vps-1a2b3c4d.eu.example.com", true },
	{ "198.51.100.7", "ns3123456.example.com", true }, /* serial numbers */
	{ "198.51.100.7", "s0106001122334455.vc.example.com", true },
	{ "198.51.100.7", "v2202611123456789012.example.com", true },
	{ "198.51.100.7", "mx0a-00154904.example.com", false }, /* of a pool of mail servers */
	{ "198.51.100.7", "forward103o.mail.example.com", false },
	{ "198.51.100.7", "srv123.hosting.example.com", false },
	{ "198.51.100.7", "relay123456.example.com", false },
	{ "198.51.100.7", "cable.customers.example.com", false }, /* no digits: not one line of many */
	/* Whole names: below a public suffix, and the domain's own. */
	{ "198.51.100.7", "ec2-198-51-100-7.compute-1.amazonaws.com", true },
	{ "198.51.100.7", "198-51-100-7.example", true },
	/* Mail servers. */
	{ "198.51.100.7", "mail.example.com", false },
	{ "198.51.100.7", "mx1.example.com", false },
	{ "198.51.100.7", "mail-ej1-f52.example.com", false },
	{ "198.51.100.7", "o12.email.example.com", false },
	{ "198.51.100.7", "a8-54.smtp-out.ses.example.com", false },
	{ "198.51.100.7", "mta-70-16.example.com", false },
	{ "198.51.100.7", "smtp2026.example.com", false },
	{ "198.51.100.7", "mout.example.com", false },
	{ "198.51.100.7", "example.com", false },
	{ "198.51.100.7", "friday.example.com", false },
	{ "198.51.100.7", "ppublisher.example.com", false },
	/* IPv6. */
	{ "2001:db8:12:34::5", "mail5.example.com", false },
	{ "2001:db8:12:34:5:6:7:8", "2001-db8-12-34-5-6-7-8.example.com", true },
	{ "2001:db8:12:34::5", "2001-db8-12-34--5.v6.example.com", true },
	{ "2001:db8:12:34::5", "n20010db8001200340000000000000005.example.com", true },
	{ "2001:db8:12:34::5", "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.3.0.0.2.1.0.0.8.b.d.0.1.0.0.2.v6.example.com", true },
	{ "2001:db8:12:34::5", "x2001-0db8-0012-0034.example.com", true },
	{ "2001:db8:12:34:a1b2:c3ff:fed4:e5f6", "a1b2-c3ff-fed4-e5f6.example.com", true },
	{ "2001:db8::1", "mx1.example.com", false },
};

static void test_names(void)
{
	char label[512];
	struct ip ip;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (ip_parse(&ip, names[i].ip) == 0)
			is_int(is_generated(names[i].name, &ip), names[i].generated, "%s %s %s", names[i].name,
			       names[i].generated ? "is made from" : "is a name of", names[i].ip);
	(void)ip_parse(&ip, "198.51.100.7");
	memset(label, '7', sizeof label - 1);
	label[sizeof label - 1] = '\0';
	ok(!is_generated(label, &ip), "a name longer than names are");
	for (size_t i = 1; i < sizeof label - 1; i += 2)
		label[i] = '.';
	ok(!is_generated(label, &ip), "one of very many labels");
	ok(!is_generated("", &ip) && !is_generated(".", &ip), "no name");
}

/* ---- How wide a pass is ---- */

static const struct {
	const char *path[3];
	enum ip_family client;
	enum grey_width width;
} widths[] = {
	{ { "ip4:198.51.100.0/24" }, IP_V4, GREY_NARROW },
	{ { "+ip4:198.51.100.7" }, IP_V4, GREY_NARROW },
	{ { "IP4:198.51.0.0/16" }, IP_V4, GREY_NARROW },
	{ { "ip4:198.50.0.0/15" }, IP_V4, GREY_NARROW }, /* as a big hoster has two of */
	{ { "ip4:198.48.0.0/14" }, IP_V4, GREY_OPEN },
	{ { "ip4:0.0.0.0/0" }, IP_V4, GREY_OPEN },
	{ { "ip6:2001:db8::/32" }, IP_V6, GREY_NARROW },
	{ { "ip6:2001:db8::1" }, IP_V6, GREY_NARROW },
	{ { "ip6:2001::/23" }, IP_V6, GREY_OPEN },
	{ { "ip4:198.51.100.0/xx" }, IP_V4, GREY_OPEN },
	{ { "a" }, IP_V4, GREY_NARROW },
	{ { "mx" }, IP_V6, GREY_NARROW },
	{ { "a/24" }, IP_V4, GREY_NARROW },
	{ { "a/8" }, IP_V4, GREY_OPEN },
	{ { "a/8//64" }, IP_V6, GREY_NARROW },
	{ { "a/24//16" }, IP_V4, GREY_NARROW },
	{ { "a/24//16" }, IP_V6, GREY_OPEN },
	{ { "mx:example.org//20" }, IP_V6, GREY_OPEN },
	{ { "mx:example.org//20" }, IP_V4, GREY_NARROW },
	{ { "mx:example.org/12" }, IP_V4, GREY_OPEN },
	{ { "mx:example.org/12" }, IP_V6, GREY_NARROW },
	{ { "all" }, IP_V4, GREY_OPEN },
	{ { "+all" }, IP_V4, GREY_OPEN },
	{ { "?all" }, IP_V4, GREY_OPEN },
	{ { "ptr" }, IP_V4, GREY_VAGUE },
	{ { "ptr:example.org" }, IP_V4, GREY_VAGUE },
	{ { "exists:%{i}.spf.example.org" }, IP_V4, GREY_VAGUE },
	{ { "exists:spf.example.org" }, IP_V4, GREY_VAGUE },
	{ { "include:spf.example.org", "ip4:198.51.100.0/24" }, IP_V4, GREY_NARROW },
	{ { "include:spf.example.org", "redirect=other.example", "a:mx.other.example" }, IP_V4, GREY_NARROW },
	{ { "include:spf.example.org", "+all" }, IP_V4, GREY_OPEN },
	{ { "include:%{d}.spf.example.org", "ip4:198.51.100.7" }, IP_V4, GREY_NARROW },
	{ { "redirect=%{D2}.spf.example.org", "ip4:198.51.100.7" }, IP_V4, GREY_NARROW },
	{ { "include:%{o}.spf.example.org", "ip4:198.51.100.7" }, IP_V4, GREY_NARROW },
	{ { "a:%{d}%%%_%-.example.org" }, IP_V4, GREY_NARROW },
	{ { "include:%{ir}.%{v}.%{d}.spf.example.org", "ip4:198.51.100.7" }, IP_V4, GREY_VAGUE },
	{ { "a:%{i}.example.org" }, IP_V4, GREY_VAGUE },
	{ { "a:%{p}.example.org" }, IP_V4, GREY_VAGUE },
	{ { "a:%{h}" }, IP_V4, GREY_VAGUE },
	{ { "include:%{l}.example.org", "a" }, IP_V4, GREY_VAGUE },
	{ { "redirect=%{S}.example.org", "a" }, IP_V4, GREY_VAGUE },
	{ { "a:%{c}.example.org" }, IP_V4, GREY_VAGUE },
	{ { "a:%{v}.example.org" }, IP_V4, GREY_VAGUE },
	{ { "a:%{i}.example.org/8" }, IP_V4, GREY_OPEN },
	{ { "include:spf.example.org" }, IP_V4, GREY_OPEN }, /* what matched behind it was not told */
	{ { "" }, IP_V4, GREY_OPEN },
};

static void test_widths(void)
{
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
		struct fact_value f = { .state = FACT_ABSENT };
		char text[256] = "";

		for (unsigned k = 0; k < 3 && widths[i].path[k] != NULL; k++) {
			fact_add_text(&f, a, widths[i].path[k], strlen(widths[i].path[k]));
			strcat(strcat(text, " "), widths[i].path[k]);
		}
		is_int(grey_width_of(&f, widths[i].client), widths[i].width, "IPv%d by%s", (int)widths[i].client, text);
	}
	is_int(grey_width_of(&(struct fact_value){ .state = FACT_ABSENT }, IP_V4), GREY_OPEN, "by nothing known");
	arena_free(&a);
}

/* ---- Identities ---- */

struct client {
	const char *ip, *spf, *domain, *mechanism;
	const char *names[2];
};

static struct grey_identity identify(const struct client *k)
{
	static struct arena *a;
	struct grey_identity id = { .name = NULL };
	struct check_call c = { 0 };

	if (a == NULL)
		a = arena_new(0);
	c.arena = a;
	c.conn = arena_alloc(a, sizeof *c.conn);
	c.txn = arena_alloc(a, sizeof *c.txn);
	(void)ip_parse(&c.conn->ip, k->ip);
	if (k->spf != NULL && strcmp(k->spf, "temperror") == 0)
		fact_set_unavailable(&c.txn->facts.v[FACT_SPF], ON_ERROR_DEFER, "DNS is away");
	else if (k->spf != NULL)
		fact_set_word(&c.txn->facts.v[FACT_SPF], k->spf);
	if (k->domain != NULL)
		fact_set_text(&c.txn->facts.v[FACT_SPF_DOMAIN], a, k->domain, strlen(k->domain));
	if (k->mechanism != NULL)
		fact_set_text(&c.txn->facts.v[FACT_SPF_MECHANISM], a, k->mechanism, strlen(k->mechanism));
	for (unsigned i = 0; i < 2 && k->names[i] != NULL; i++) {
		struct fact_value *f = &c.conn->facts.v[FACT_CLIENT_NAME];

		if (strcmp(k->names[i], "temperror") == 0)
			fact_set_unavailable(f, ON_ERROR_DEFER, "DNS is away");
		else
			fact_add_text(f, a, k->names[i], strlen(k->names[i]));
	}
	(void)grey_identity_of(&c, &masks, &id);
	return id;
}

static const struct {
	const char *what;
	struct client client;
	const char *identity;
	enum grey_spf spf;
	enum grey_host host;
} identities[] = {
	{ "SPF passes",
	  { "192.0.2.7", "pass", "example.org", "ip4:192.0.2.0/24", { "mx.other.example.com" } },
	  "example.org",
	  GREY_SPF_PASS,
	  GREY_HOST_CONFIRMED },
	{ "in any letters",
	  { "192.0.2.7", "pass", "Example.ORG", "a", { NULL } },
	  "example.org",
	  GREY_SPF_PASS,
	  GREY_HOST_NONE },
	{ "SPF passes by +all",
	  { "192.0.2.7", "pass", "example.org", "+all", { "mx.example.com" } },
	  "example.com",
	  GREY_SPF_WIDE,
	  GREY_HOST_CONFIRMED },
	{ "and there is no name",
	  { "192.0.2.7", "pass", "example.org", "+all", { NULL } },
	  "192.0.2.0/24",
	  GREY_SPF_WIDE,
	  GREY_HOST_NONE },
	{ "nobody knows by what",
	  { "192.0.2.7", "pass", "example.org", NULL, { NULL } },
	  "192.0.2.0/24",
	  GREY_SPF_WIDE,
	  GREY_HOST_NONE },
	{ "SPF fails",
	  { "192.0.2.7", "fail", "example.org", NULL, { NULL } },
	  "192.0.2.0/24",
	  GREY_SPF_FAIL,
	  GREY_HOST_NONE },
	{ "SPF fails, a forwarder's name",
	  { "192.0.2.7", "fail", "example.org", NULL, { "out.fwd.example.com" } },
	  "example.com",
	  GREY_SPF_FAIL,
	  GREY_HOST_CONFIRMED },
	{ "softfail",
	  { "192.0.2.7", "softfail", "example.org", NULL, { NULL } },
	  "192.0.2.0/24",
	  GREY_SPF_OTHER,
	  GREY_HOST_NONE },
	{ "no record",
	  { "192.0.2.7", "none", "example.org", NULL, { "mx.example.co.uk" } },
	  "example.co.uk",
	  GREY_SPF_NONE,
	  GREY_HOST_CONFIRMED },
	{ "SPF was not asked",
	  { "192.0.2.7", NULL, NULL, NULL, { "mx.customer.github.io" } },
	  "customer.github.io",
	  GREY_SPF_NONE,
	  GREY_HOST_CONFIRMED },
	{ "SPF cannot be had",
	  { "192.0.2.7", "temperror", "example.org", NULL, { "mx.example.com" } },
	  "example.com",
	  GREY_SPF_UNAVAILABLE,
	  GREY_HOST_CONFIRMED },
	{ "nor the name",
	  { "192.0.2.7", "temperror", "example.org", NULL, { "temperror" } },
	  "192.0.2.0/24",
	  GREY_SPF_UNAVAILABLE,
	  GREY_HOST_UNAVAILABLE },
	{ "a generated name",
	  { "192.0.2.7", "none", "example.org", NULL, { "host-192-0-2-7.isp.example.com" } },
	  "192.0.2.0/24",
	  GREY_SPF_NONE,
	  GREY_HOST_GENERATED },
	{ "and one of its own",
	  { "192.0.2.7", "none", NULL, NULL, { "dyn7.isp.example.com", "mx.example.org" } },
	  "example.org",
	  GREY_SPF_NONE,
	  GREY_HOST_CONFIRMED },
	{ "two names",
	  { "192.0.2.7", "none", NULL, NULL, { "mx.example.org", "www.example.com" } },
	  "example.com",
	  GREY_SPF_NONE,
	  GREY_HOST_CONFIRMED },
	{ "in the other order",
	  { "192.0.2.7", "none", NULL, NULL, { "www.example.com", "mx.example.org" } },
	  "example.com",
	  GREY_SPF_NONE,
	  GREY_HOST_CONFIRMED },
	{ "a public suffix",
	  { "192.0.2.7", "none", NULL, NULL, { "co.uk" } },
	  "192.0.2.0/24",
	  GREY_SPF_NONE,
	  GREY_HOST_NONE },
	{ "IPv6",
	  { "2001:db8:1:2::7", "none", NULL, NULL, { NULL } },
	  "2001:db8:1:2::/64",
	  GREY_SPF_NONE,
	  GREY_HOST_NONE },
};

static void test_identities(void)
{
	for (size_t i = 0; i < sizeof identities / sizeof identities[0]; i++) {
		struct grey_identity id = identify(&identities[i].client);

		is_str(id.name, identities[i].identity, "%s", identities[i].what);
		ok(id.spf == identities[i].spf && id.host == identities[i].host, "and why (%c%c)", (char)id.spf,
		   (char)id.host);
	}
	ok(grey_identity_is_network(GREY_SPF_WIDE, GREY_HOST_GENERATED), "a network is a network");
	ok(!grey_identity_is_network(GREY_SPF_PASS, GREY_HOST_NONE), "a domain is none");
	ok(identify(&(struct client){ .ip = "" }).name == NULL, "a session without an address has none");
}

int main(void)
{
	test_names();
	test_widths();
	test_identities();
	return done_testing();
}
