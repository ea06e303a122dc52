#include "checks/dnsbl_zones.h"

#include <string.h>

#include "util/bytes.h"

enum {
	ZONE_MAX = 189, /* octets: 253 of a name (RFC 1035, section 2.3.4), 64 of reversed nibbles before the zone */
	LABEL_MAX = 63,
	KEY_MIN = 20 /* letters: the shortest first label that is taken for a customer's key */
};

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

/*
 * Some lists put the customer's key into the zone (Spamhaus DQS: KEY.zen.dq.spamhaus.net).  Whoever forgets to give such
 * a list a name must not find the key in replies.
 */
static const char *without_key(const char *zone)
{
	const char *dot = strchr(zone, '.');
	size_t n = dot != NULL ? (size_t)(dot - zone) : 0;

	if (n < KEY_MIN)
		return zone;
	for (size_t i = 0; i < n; i++)
		if (!ascii_is_alpha(zone[i]) && !ascii_is_digit(zone[i]))
			return zone;
	return dot + 1;
}

/* The index of the zone, added when it is new. */
static unsigned intern_zone(struct dnsbl_zones *z, const char *zone, const char *name, struct arena *a)
{
	for (unsigned i = 0; i < z->n_zones; i++)
		if (ascii_equal(z->zones[i].zone, zone))
			return i;
	z->zones[z->n_zones] = (struct dnsbl_zone){ .zone = zone,
						    .name = name,
						    .health = arena_alloc(a, sizeof(struct dnsbl_health)) };
	return z->n_zones++;
}

static void read_entry(struct dnsbl_zones *z, const struct dnsbl_list_settings *set, struct arena *a,
		       struct error_list *errors)
{
	struct dnsbl_entry *e = &z->entries[z->n_entries];
	const char *wrong = zone_error(set->zone != NULL ? set->zone : "");
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
	e->name = set->name != NULL && set->name[0] != '\0' ? set->name : without_key(zone);
	e->weight = set->weight;
	e->zone = intern_zone(z, zone, e->name, a);
	z->n_entries++;
}

int dnsbl_zones_read(struct dnsbl_zones *z, const struct conf_groups *lists, struct arena *a, struct error_list *errors)
{
	const struct dnsbl_list_settings *v = lists->v;
	unsigned before = errors->errors;

	z->n_zones = z->n_entries = 0;
	z->zones = arena_calloc(a, lists->n, sizeof *z->zones);
	z->entries = arena_calloc(a, lists->n, sizeof *z->entries);
	if (z->zones == NULL || z->entries == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	for (unsigned i = 0; i < lists->n; i++)
		read_entry(z, &v[i], a, errors);
	if (arena_failed(a))
		error_add(errors, NULL, 0, "out of memory");
	return errors->errors == before ? 0 : -1;
}
