#include "checks/dmarc_rules.h"

#include "util/ip.h"

enum quarantine { QUARANTINE_IGNORE, QUARANTINE_MARK, QUARANTINE_HOLD, QUARANTINE_REJECT };

const struct name_value dmarc_on_quarantine[] = {
	{ "ignore", QUARANTINE_IGNORE },
	{ "mark", QUARANTINE_MARK },
	{ "quarantine", QUARANTINE_HOLD },
	{ "reject", QUARANTINE_REJECT },
	{ NULL, 0 },
};

#define FROM_BAD "when = ( { fact = \"malformed_from\"; in = ( \"several\", \"trick\" ); } );\n    "
#define FROM_TEXT "5.7.1 the message hides its author: From must stand once, with a plain address"

static void malformed_rule(const struct dmarc_settings *set, struct checks_rules *r)
{
	static const char name[] = "dmarc: malformed From";

	switch ((enum checks_outcome)set->on_malformed_from) {
	case CHECKS_REJECT:
		checks_rules_add(r, set->shadow, name, NULL, FROM_BAD "then = { reject = \"550 " FROM_TEXT "\"; };");
		break;
	case CHECKS_DEFER:
		checks_rules_add(r, set->shadow, name, NULL,
				 FROM_BAD "then = { defer = \"450 4.7.1 the message's From is malformed\"; };");
		break;
	case CHECKS_MARK:
		checks_rules_add(r, set->shadow, name, NULL, FROM_BAD "then = { mark = \"from=malformed\"; };");
		break;
	case CHECKS_IGNORE:
		break;
	}
}

/* A list may hold both domains and clients: each item is looked for wherever it can stand. */
static void add_items(const struct conf_strings *items, bool networks, struct sbuf *out)
{
	bool any = false;

	sbuf_add(out, "(");
	for (unsigned i = 0; i < items->n; i++) {
		struct ip_net net;

		if ((ip_net_parse(&net, items->v[i].s) != -1) != networks)
			continue;
		sbuf_add(out, any ? ", " : " ");
		checks_quote(out, items->v[i].s);
		any = true;
	}
	sbuf_add(out, " )");
}

static bool has_items(const struct conf_strings *items, bool networks)
{
	struct ip_net net;

	for (unsigned i = 0; i < items->n; i++)
		if ((ip_net_parse(&net, items->v[i].s) != -1) == networks)
			return true;
	return false;
}

static void exception_rule(const struct dmarc_settings *set, struct checks_rules *r)
{
	enum { ROOM = 1 << 20 };
	struct sbuf b;

	if (set->exceptions.n == 0)
		return;
	sbuf_heap(&b, ROOM);
	if (has_items(&set->exceptions, true)) {
		sbuf_add(&b, "{ fact = \"client_ip\"; in = ");
		add_items(&set->exceptions, true, &b);
		sbuf_add(&b, "; }");
	}
	if (has_items(&set->exceptions, false)) {
		sbuf_add(&b, b.len > 0 ? ", " : "");
		sbuf_add(&b, "{ fact = \"dmarc_domain\"; in = ");
		add_items(&set->exceptions, false, &b);
		sbuf_add(&b, "; }, { fact = \"client_name\"; in = ");
		add_items(&set->exceptions, false, &b);
		sbuf_add(&b, "; }");
	}
	checks_rules_add(r, set->shadow, "dmarc: exceptions", NULL,
			 "match = \"any\"; when = ( %s );\n    then = { skip = \"dmarc\"; };", b.p);
	if (b.cut)
		r->out->cut = true;
	sbuf_done(&b);
}

static void policy_rule(const struct dmarc_settings *set, const char *policy, const char *action,
			struct checks_rules *r)
{
	char name[32];
	struct sbuf b;

	sbuf_fixed(&b, name, sizeof name);
	sbuf_addf(&b, "dmarc: %s", policy);
	checks_rules_add(r, set->shadow, name, NULL,
			 "when = ( { fact = \"dmarc\"; is = \"fail\"; }, { fact = \"dmarc_policy\"; is = \"%s\"; } );\n"
			 "    then = { %s; };",
			 policy, action);
}

static void quarantine_rule(const struct dmarc_settings *set, struct checks_rules *r)
{
	switch ((enum quarantine)set->on_quarantine) {
	case QUARANTINE_IGNORE:
		break;
	case QUARANTINE_MARK:
		policy_rule(set, "quarantine", "mark = \"dmarc=fail\"", r);
		break;
	case QUARANTINE_HOLD:
		policy_rule(set, "quarantine", "quarantine = \"dmarc=fail, policy quarantine\"", r);
		break;
	case QUARANTINE_REJECT:
		policy_rule(set, "quarantine",
			    "reject = \"550 5.7.1 %{dmarc_domain} does not stand behind this mail (DMARC)\"", r);
		break;
	}
}

void dmarc_rules_write(const struct dmarc_settings *set, struct sbuf *out)
{
	struct checks_rules r;

	checks_rules_begin(&r, out);
	malformed_rule(set, &r);
	if (set->honour_policy) {
		exception_rule(set, &r);
		policy_rule(set, "reject",
			    "reject = \"550 5.7.1 %{dmarc_domain} asks that mail which fails DMARC be refused\"", &r);
		quarantine_rule(set, &r);
	}
	checks_rules_end(&r);
}
