/*
 * Who is who, as rules: what outbound mail, authenticated users, relays, sessions without SMTP and exempt recipients
 * are spared.  They stand before all other built-in rules.
 */
#include <string.h>

#include "engine/snapshot.h"

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

/* "postmaster" in a list means that local part in each of our domains, and alone. */
static void exempt_items(const struct snapshot *s, struct sbuf *in, struct sbuf *is)
{
	static const struct conf_item defaults[] = { { "postmaster", NULL, 0 }, { "abuse", NULL, 0 } };
	bool stated = s->root != NULL && conf_child(s->root, "exempt_recipients") != NULL;
	const struct conf_item *v = stated ? s->set.exempt_recipients.v : defaults;
	unsigned n = stated ? s->set.exempt_recipients.n : sizeof defaults / sizeof defaults[0];

	for (unsigned i = 0; i < n; i++) {
		if (strchr(v[i].s, '@') != NULL) {
			sbuf_add(in, in->len > 0 ? ", " : " ");
			quote(in, v[i].s);
			continue;
		}
		if (strcmp(v[i].s, "postmaster") == 0) /* RFC 5321, section 4.5.1: valid without a domain */
			sbuf_add(is, "{ fact = \"recipient\"; is = \"postmaster\"; }, ");
		for (unsigned j = 0; j < s->set.local_domains.n; j++) {
			sbuf_add(in, in->len > 0 ? ", " : " ");
			sbuf_addc(in, '"');
			sbuf_add(in, v[i].s);
			sbuf_addf(in, "@%s\"", s->set.local_domains.v[j].s);
		}
	}
}

static void exempt_rule(const struct snapshot *s, struct sbuf *out)
{
	static const char *const sections[] = { "deny_clients", "fcrdns", "dnsbl", "spf", NULL };
	struct sbuf in, is;

	sbuf_heap(&in, 1 << 20);
	sbuf_heap(&is, 4096);
	exempt_items(s, &in, &is);
	if (in.len + is.len > 0) {
		sbuf_add(out, "  { name = \"exempt recipients\"; match = \"any\"; when = ( ");
		sbuf_add(out, is.p);
		if (in.len > 0)
			sbuf_addf(out, "{ fact = \"recipient\"; in = (%s ); }", in.p);
		else
			out->p[out->len -= 2] = '\0'; /* the comma behind the last condition */
		sbuf_add(out, " ); then = { skip = ");
		(void)skip_list(s, sections, out);
		sbuf_add(out, "; }; },\n");
	}
	sbuf_done(&in);
	sbuf_done(&is);
}

void who_rules(const struct snapshot *s, struct sbuf *out)
{
	static const char *const outbound[] = { "fcrdns",   "dnsbl", "spf",     "sender_domain",
						"greylist", "dmarc", "authres", NULL };
	static const char *const users[] = { "deny_clients",  "deny_senders", "fcrdns", "dnsbl",   "spf",
					     "sender_domain", "greylist",     "dmarc",  "authres", NULL };
	static const char *const relays[] = { "deny_clients", "fcrdns", "dnsbl", "spf", "rates", "greylist", NULL };
	static const char *const local[] = { "limits",        "deny_clients", "deny_senders", "fcrdns",  "dnsbl", "spf",
					     "sender_domain", "greylist",     "dmarc",        "authres", NULL };

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
