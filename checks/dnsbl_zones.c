#include "checks/dnsbl_zones.h"

#include <string.h>

#include "checks/common.h"
#include "checks/dnsbl_guard.h"
#include "util/bytes.h"
#include "util/names.h"

enum {
	ZONE_MAX = 189, /* octets: 253 of a name (RFC 1035, section 2.3.4), 64 of reversed nibbles before the zone */
	LABEL_MAX = 63,
	/* A label that is taken for a customer's key: so many characters, or fewer when digits are among the letters. */
	KEY_MIN = 20,
	KEY_MIXED_MIN = 8
};

static const struct name_value of_names[] = {
	{ "client", DNSBL_OF_CLIENT }, { "helo", DNSBL_OF_HELO }, { "sender", DNSBL_OF_SENDER },
	{ "from", DNSBL_OF_FROM },     { "url", DNSBL_OF_URL },   { NULL, 0 },
};

/* RFC 5782, sections 2.3, 5 and 7. */
static const struct dnsbl_probe address_probes[] = {
	{ .ip = { IP_V4, { 127, 0, 0, 2 } }, .listed = true },
	{ .ip = { IP_V4, { 127, 0, 0, 1 } }, .listed = false },
	{ .ip = { IP_V6, { [10] = 0xff, [11] = 0xff, [12] = 0x7f, [15] = 2 } }, .listed = true, .optional = true },
	{ .ip = { IP_V6, { [10] = 0xff, [11] = 0xff, [12] = 0x7f, [15] = 1 } }, .listed = false },
};
static const struct dnsbl_probe domain_probes[] = {
	{ .domain = "test", .listed = true, .any = true },
	/* Those that lists had before the RFC: Spamhaus' DBL, SURBL, URIBL. */
	{ .domain = "dbltest.com", .listed = true, .any = true },
	{ .domain = "test.surbl.org", .listed = true, .any = true },
	{ .domain = "test.uribl.com", .listed = true, .any = true },
	{ .domain = "invalid", .listed = false },
};

/* ---- Zones and their names ---- */

/* NULL, or a static text that says what is wrong. */
static const char *zone_error(const char *zone)
{
	size_t label = 0, n = strlen(zone);

	if (n == 0)
		return "a list needs its zone, such as zone = \"zen.spamhaus.org\"";
	if (n > ZONE_MAX)
		return "the zone is too long to be asked about an IPv6 address";
	for (const char *p = zone; *p != '\0'; p++) {
		if (*p == '.') {
			if (label == 0)
				return "the zone has an empty label (a dot too many)";
			label = 0;
			continue;
		}
		if (!ascii_is_alpha(*p) && !ascii_is_digit(*p) && *p != '-' && *p != '_')
			return "the zone has a character that no DNS name of a list has";
		if (++label > LABEL_MAX)
			return "the zone has a label of more than 63 characters";
	}
	return NULL;
}

static bool looks_like_key(const char *label, size_t n)
{
	bool letters = false, digits = false;

	for (size_t i = 0; i < n; i++) {
		letters = letters || ascii_is_alpha(label[i]);
		digits = digits || ascii_is_digit(label[i]);
		if (!ascii_is_alpha(label[i]) && !ascii_is_digit(label[i]) && label[i] != '-' && label[i] != '_')
			return false;
	}
	/* Not the list's own domain, the last two labels: that may be short and have a digit. */
	return n >= KEY_MIN || (n >= KEY_MIXED_MIN && letters && digits && strchr(label + n + 1, '.') != NULL);
}

/*
 * Some lists put the customer's key into the zone (Spamhaus DQS: KEY.zen.dq.spamhaus.net).  Whoever forgets to give such
 * a list a name, or gives it its zone for one, must not find the key in replies.
 */
static const char *without_key(const char *name)
{
	const char *rest = name;

	for (const char *p = name, *dot; (dot = strchr(p, '.')) != NULL; p = dot + 1)
		if (looks_like_key(p, (size_t)(dot - p)))
			rest = dot + 1;
	return rest;
}

/* ---- What an entry is asked about, and how it is probed ---- */

static unsigned read_of(const struct dnsbl_list_settings *set, struct error_list *errors)
{
	unsigned of = 0;

	if (set->of.n == 0)
		return DNSBL_OF_CLIENT;
	for (unsigned i = 0; i < set->of.n; i++) {
		const struct conf_item *item = &set->of.v[i];
		int bit = names_value(of_names, item->s);

		if (bit < 0)
			error_add(errors, item->file, item->line,
				  "of: \"%s\" is none of client, helo, sender, from and url", item->s);
		else
			of |= (unsigned)bit;
	}
	if ((of & DNSBL_OF_CLIENT) != 0 && (of & DNSBL_OF_DOMAIN) != 0)
		error_add(errors, set->of.v[0].file, set->of.v[0].line,
			  "of: a list of addresses (client) and a list of domains are two lists: write two entries");
	return of;
}

static bool is_domain(const char *s)
{
	size_t label = 0;

	for (; *s != '\0'; s++) {
		if (*s == '.' ? label == 0 : !ascii_is_alpha(*s) && !ascii_is_digit(*s) && *s != '-' && *s != '_')
			return false;
		label = *s == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return label > 0;
}

static int read_probe(struct dnsbl_probe *p, const struct conf_item *item, bool domains, struct error_list *errors)
{
	const char *s = item->s;

	p->listed = *s != '!';
	if (!p->listed)
		s++;
	if (domains) {
		p->domain = s;
		if (is_domain(s) && strlen(s) < DNSBL_DOMAIN_SIZE - ZONE_MAX)
			return 0;
	} else if (ip_parse(&p->ip, s) == 0) {
		return 0;
	}
	error_add(errors, item->file, item->line, "probe: \"%s\" is no %s that could be asked about", s,
		  domains ? "domain" : "address");
	return -1;
}

static void read_probes(struct dnsbl_zone *z, const struct conf_strings *set, struct arena *a,
			struct error_list *errors)
{
	struct dnsbl_probe *v;

	z->probes = NULL; /* an earlier entry of the zone had others */
	z->n_probes = 0;
	z->unprobed = set->n == 1 && strcmp(set->v[0].s, "off") == 0;
	if (z->unprobed)
		return;
	z->probes = z->domains ? domain_probes : address_probes;
	z->n_probes = z->domains ? sizeof domain_probes / sizeof domain_probes[0]
				 : sizeof address_probes / sizeof address_probes[0];
	if (set->n == 0)
		return;
	if (set->n > DNSBL_PROBES_MAX) {
		error_add(errors, set->v[0].file, set->v[0].line, "probe: %d names are enough", DNSBL_PROBES_MAX);
		return;
	}
	v = arena_calloc(a, set->n, sizeof *v);
	for (unsigned i = 0; v != NULL && i < set->n; i++)
		if (read_probe(&v[i], &set->v[i], z->domains, errors) != 0)
			return;
	z->probes = v;
	z->n_probes = v != NULL ? set->n : 0;
}

/* ---- Reading ---- */

/* The index of the zone, added when it is new. */
static unsigned intern_zone(struct dnsbl_zones *z, const char *zone, const struct dnsbl_entry *e, struct arena *a)
{
	bool domains = (e->of & DNSBL_OF_DOMAIN) != 0;

	for (unsigned i = 0; i < z->n_zones; i++)
		if (ascii_equal(z->zones[i].zone, zone) && z->zones[i].domains == domains)
			return i;
	z->zones[z->n_zones] =
		(struct dnsbl_zone){ .zone = zone, .name = e->name, .domains = domains, .guard = dnsbl_guard_new(a) };
	return z->n_zones++;
}

static void read_entry(struct dnsbl_zones *z, const struct dnsbl_list_settings *set, struct arena *a,
		       struct error_list *errors)
{
	struct dnsbl_entry *e = &z->entries[z->n_entries];
	const char *wrong = zone_error(set->zone != NULL ? set->zone : "");
	struct dnsbl_zone *of;
	char *zone;
	size_t n;

	if (wrong != NULL) {
		error_add(errors, set->where.file, set->where.line, "dnsbl.lists: %s", wrong);
		return;
	}
	wrong = dnsbl_codes_parse(&e->codes, set->codes, a);
	if (wrong != NULL) {
		error_add(errors, set->where.file, set->where.line, "codes = \"%s\": %s", set->codes, wrong);
		return;
	}
	zone = arena_strdup(a, set->zone);
	if (zone == NULL)
		return;
	n = strlen(zone);
	if (zone[n - 1] == '.')
		zone[n - 1] = '\0';
	e->name = without_key(set->name != NULL && set->name[0] != '\0' ? set->name : zone);
	e->weight = set->weight;
	e->of = read_of(set, errors);
	e->zone = intern_zone(z, zone, e, a);
	of = &z->zones[e->zone];
	if ((of->probes == NULL && !of->unprobed) || set->probe.n > 0)
		read_probes(of, &set->probe, a, errors);
	of->of |= e->of;
	of->refuses = of->refuses || e->weight >= 0;
	z->of |= e->of;
	z->n_entries++;
}

static struct dnsbl_zones *read_all(const struct check_env *env, const struct dnsbl_settings *set,
				    struct error_list *errors)
{
	const struct dnsbl_list_settings *v = set->lists.v;
	struct arena *a = env->arena;
	struct dnsbl_zones *z = arena_alloc(a, sizeof *z);

	if (z == NULL)
		return NULL;
	z->reject_at = set->reject_at;
	z->timeout_ms = set->timeout > 0 ? set->timeout : env->dns_timeout_ms;
	z->trust_ms = set->trust_for;
	z->on_error = checks_on_error_of(set->on_error, env->dns_on_error);
	z->refuse_at = names_name(checks_refuse_at, set->refuse_at);
	z->shadow = set->shadow;
	z->zones = arena_calloc(a, set->lists.n, sizeof *z->zones);
	z->entries = arena_calloc(a, set->lists.n, sizeof *z->entries);
	for (unsigned i = 0; !arena_failed(a) && i < set->lists.n; i++)
		read_entry(z, &v[i], a, errors);
	return arena_failed(a) ? NULL : z;
}

int dnsbl_zones_get(const struct check_env *env, const struct dnsbl_settings *set, struct dnsbl_zones **out,
		    struct error_list *errors)
{
	unsigned before = errors->errors;
	struct dnsbl_zones *z = *env->shared;

	*out = NULL;
	if (set->lists.n == 0)
		return 0;
	if (z == NULL) {
		z = read_all(env, set, errors);
		if (z == NULL) {
			error_add(errors, NULL, 0, "out of memory");
			return -1;
		}
		z->wrong = errors->errors != before;
		*env->shared = z;
	}
	if (z->wrong)
		return -1;
	*out = z;
	return 0;
}

void dnsbl_zones_release(struct dnsbl_zones *z)
{
	for (unsigned i = 0; i < z->n_zones; i++)
		dnsbl_guard_release(z->zones[i].guard);
}
