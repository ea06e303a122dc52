/*
 * Who is who, as rules: what outbound mail, authenticated users, relays, sessions without SMTP and exempt recipients
 * are spared.  They stand before all other built-in rules.
 */
#include <string.h>

#include "engine/snapshot.h"

enum { LIST_TEXT_MAX = 1 << 20 };

/* A string of the rule language. */
static void quote(struct sbuf *out, const char *s)
{
	sbuf_addc(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			sbuf_addc(out, '\\');
		sbuf_addc(out, *s);
	}
	sbuf_addc(out, '"');
}

/* Those of the names that are sections here, as a list for `skip`; false when none is. */
static bool skip_list(const struct snapshot *s, const char *const *names, struct sbuf *out)
{
	bool any = false;

	sbuf_add(out, "(");
	for (; *names != NULL; names++) {
		if (rules_section_bit(s->rules, *names) == 0)
			continue;
		sbuf_add(out, any ? ", " : " ");
		quote(out, *names);
		any = true;
	}
	sbuf_add(out, " )");
	return any;
}

static void spare(const struct snapshot *s, const char *name, const char *when, const char *const *sections,
		  struct sbuf *out)
{
	sbuf_add(out, "  { name = ");
	quote(out, name);
	sbuf_addf(out, "; when = ( %s ); then = { skip = ", when);
	(void)skip_list(s, sections, out);
	sbuf_add(out, "; }; },\n");
}

static void list_item(struct sbuf *out, const char *item, const char *behind)
{
	char buf[512];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add(&b, item);
	sbuf_add(&b, behind);
	sbuf_add(out, out->len > 0 ? ", " : " ");
	quote(out, buf);
}

/* "postmaster" in the list means that local part in each of our domains, and alone; whole addresses stand for themselves. */
static void exempt_items(const struct snapshot *s, struct sbuf *addresses, struct sbuf *locals, bool *postmaster)
{
	static const struct conf_item defaults[] = { { "postmaster", NULL, 0 }, { "abuse", NULL, 0 } };
	bool stated = s->root != NULL && conf_child(s->root, "exempt_recipients") != NULL;
	const struct conf_item *v = stated ? s->set.exempt_recipients.v : defaults;
	unsigned n = stated ? s->set.exempt_recipients.n : sizeof defaults / sizeof defaults[0];

	for (unsigned i = 0; i < n; i++) {
		if (strchr(v[i].s, '@') != NULL)
			list_item(addresses, v[i].s, "");
		else
			list_item(locals, v[i].s, "@");
		*postmaster = *postmaster || strcmp(v[i].s, "postmaster") == 0;
	}
}

static void exempt_conditions(const struct snapshot *s, struct sbuf *out)
{
	struct sbuf addresses, locals, domains;
	bool postmaster = false;

	sbuf_heap(&addresses, LIST_TEXT_MAX);
	sbuf_heap(&locals, LIST_TEXT_MAX);
	sbuf_heap(&domains, LIST_TEXT_MAX);
	exempt_items(s, &addresses, &locals, &postmaster);
	for (unsigned i = 0; i < s->set.local_domains.n; i++)
		list_item(&domains, s->set.local_domains.v[i].s, "");
	if (postmaster) /* RFC 5321, section 4.5.1: valid without a domain */
		sbuf_add(out, ", { fact = \"recipient\"; is = \"postmaster\"; }");
	if (addresses.len > 0)
		sbuf_addf(out, ", { fact = \"recipient\"; in = (%s ); }", addresses.p);
	if (locals.len > 0 && domains.len > 0)
		sbuf_addf(out,
			  ", { all = ( { fact = \"recipient\"; starts_with = (%s ); }, "
			  "{ fact = \"recipient_domain\"; in = (%s ); } ); }",
			  locals.p, domains.p);
	sbuf_done(&addresses);
	sbuf_done(&locals);
	sbuf_done(&domains);
}

static void exempt_rule(const struct snapshot *s, struct sbuf *out)
{
	static const char *const sections[] = { "deny_clients", "harvest", "fcrdns", "dnsbl", "spf", NULL };
	struct sbuf when;

	sbuf_heap(&when, 3 * LIST_TEXT_MAX);
	exempt_conditions(s, &when);
	if (when.len > 0) {
		sbuf_addf(out, "  { name = \"exempt recipients\"; match = \"any\"; when = ( %s ); then = { skip = ",
			  when.p + sizeof ", " - 1);
		(void)skip_list(s, sections, out);
		sbuf_add(out, "; }; },\n");
	}
	sbuf_done(&when);
}

void who_rules(const struct snapshot *s, struct sbuf *out)
{
	static const char *const outbound[] = { "harvest",  "fcrdns", "dnsbl",   "spf", "sender_domain",
						"greylist", "dmarc",  "authres", NULL };
	static const char *const users[] = { "deny_clients",  "deny_senders", "harvest", "fcrdns",  "dnsbl", "spf",
					     "sender_domain", "greylist",     "dmarc",   "authres", NULL };
	static const char *const relays[] = { "deny_clients", "harvest", "fcrdns",   "dnsbl", "spf",
					      "rates",        "volume",  "greylist", NULL };
	static const char *const local[] = { "limits", "deny_clients",  "deny_senders", "harvest", "fcrdns",  "dnsbl",
					     "spf",    "sender_domain", "greylist",     "dmarc",   "authres", NULL };

	sbuf_add(out, "rules = (\n");
	spare(s, "mail without SMTP", "{ fact = \"smtp\"; is = \"no\"; }", local, out);
	spare(s, "trusted networks", "{ fact = \"trusted\"; is = \"yes\"; }", outbound, out);
	spare(s, "relays", "{ fact = \"relay\"; is = \"yes\"; }", relays, out);
	spare(s, "authenticated users", "{ fact = \"auth_user\"; exists = true; }", users, out);
	exempt_rule(s, out);
	while (out->len > 0 && (out->p[out->len - 1] == '\n' || out->p[out->len - 1] == ','))
		out->p[--out->len] = '\0';
	sbuf_add(out, "\n);\n");
}
