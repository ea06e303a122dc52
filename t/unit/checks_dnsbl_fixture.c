#include "t/unit/checks_dnsbl_fixture.h"

#include <stdio.h>
#include <string.h>

#include "checks/dnsbl.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"
#include "util/clock.h"

const char bl_one[] = "dnsbl: { reject_at = 5; on_error = \"defer\"; lists = (\n"
		      "  { zone = \"black.test\"; weight = 5; name = \"black\"; } ); };";
const char bl_pair[] = "dnsbl: { reject_at = 5; on_error = \"defer\"; lists = (\n"
		       "  { zone = \"black.test\"; weight = 5; name = \"black\"; },\n"
		       "  { zone = \"white.test\"; weight = -3; name = \"white\"; } ); };";

void bl_works(const char *zone)
{
	char name[128];

	snprintf(name, sizeof name, "2.0.0.127.%s", zone);
	fake_dns_addr(name, "127.0.0.2");
	snprintf(name, sizeof name, BL_TEST_V6 "%s", zone);
	fake_dns_addr(name, "127.0.0.2");
}

void bl_all_work(void)
{
	fake_dns_clear();
	bl_works("black.test");
	bl_works("white.test");
}

void bl_lists(const char *zone, const char *ip)
{
	struct ip address;
	char name[256];

	if (ip_parse(&address, ip) != 0 || dns_reverse_name(&address, zone, name, sizeof name) != 0)
		bail_out("no address: %s", ip);
	fake_dns_addr(name, "127.0.0.2");
}

void bl_spares(const char *name)
{
	fake_dns_empty(name, DNS_A);
}

void bl_tick(struct check_fixture *f)
{
	f->def->tick(f->state, f->wait, clock_mono_ms() + 1000);
}

void bl_load(struct check_fixture *f, const char *conf)
{
	bl_all_work();
	if (fixture_load(f, &dnsbl_check, conf) != 0)
		fail("errors: %s", fixture_errors(f));
	bl_tick(f);
}

const struct dnsbl_zone *bl_zone(struct check_fixture *f, unsigned i)
{
	return &((struct dnsbl_zones *)f->state)->zones[i];
}

enum dnsbl_standing bl_standing(struct check_fixture *f)
{
	return dnsbl_guard_standing(bl_zone(f, 0)->guard);
}

const char *bl_score(struct check_fixture *f, const char *ip)
{
	fixture_client(f, ip);
	fixture_run(f);
	return fixture_fact(f, FACT_DNSBL_SCORE);
}

void bl_is_suspended(struct check_fixture *f, const char *why, const char *what)
{
	char buf[4096];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	f->def->status(f->state, &b);
	is_int(bl_standing(f), DNSBL_SUSPENDED, "%s: suspended", what);
	ok(strstr(buf, why) != NULL, "%s: the reason is told", what);
	ok(strstr(buf, "black.test") == NULL, "%s: but not the zone", what);
	if (strstr(buf, why) == NULL)
		diag("%s", buf);
}

void bl_ask_many(struct check_fixture *f, unsigned net, unsigned n, unsigned listed_of)
{
	for (unsigned i = 0; i < n; i++) {
		struct dnsbl_subject about = { .ip = { IP_V4, { (uint8_t)net, (uint8_t)i, 1, 1 } } };

		dnsbl_guard_answered(bl_zone(f, 0), &about, listed_of > 0 && i % listed_of == 0, 1);
	}
}
