/*
 * The one user of libpsl.
 *
 * libpsl goes through its whole list for each suffix of a name, and that is long beside all else that a request costs;
 * most mail comes from few names.  So each thread remembers those it has met last: what they come to hangs on nothing else.
 */
#include "mail/psl.h"

#include <libpsl.h>
#include <stdint.h>
#include <string.h>

#include "util/ip.h"

enum {
	NAME_MAX_BYTES = 255, /* RFC 1035, section 2.3.4.  libpsl takes time of the square of the labels, so longer
			       * things are kept from it. */
	MET_BITS = 7,
	MET_NAME_BYTES = 62, /* one name is a cache line; longer ones are rare */
	NONE = UINT8_MAX
};

struct met {
	uint8_t n;  /* 0: nothing yet */
	uint8_t at; /* where the registrable domain begins; or NONE */
	char name[MET_NAME_BYTES];
};

/* The place for a name.  A name that somebody makes up to drive another out gains nothing but to be looked up itself. */
static struct met *place(const char *name, size_t n)
{
	static _Thread_local struct met all[1 << MET_BITS];
	uint32_t hash = 0;

	for (size_t i = 0; i < n; i++)
		hash = hash * 31 + (unsigned char)name[i];
	return &all[hash * UINT32_C(2654435769) >> (32 - MET_BITS)];
}

static const char *look_up(const char *domain, size_t n)
{
	struct ip ip;

	/* Empty labels would make "example.com" of "..example.com". */
	if (n > NAME_MAX_BYTES || ip_parse(&ip, domain) == 0 || domain[0] == '.' || strstr(domain, "..") != NULL)
		return NULL;
	return psl_registrable_domain(psl_builtin(), domain);
}

const char *psl_registrable(const char *domain)
{
	size_t n = strnlen(domain, NAME_MAX_BYTES + 1);
	const char *registrable;
	struct met *m;

	if (n == 0 || n > MET_NAME_BYTES)
		return look_up(domain, n);
	m = place(domain, n);
	if (m->n == n && memcmp(m->name, domain, n) == 0)
		return m->at != NONE ? domain + m->at : NULL;
	registrable = look_up(domain, n);
	m->n = (uint8_t)n;
	m->at = registrable != NULL ? (uint8_t)(registrable - domain) : NONE;
	memcpy(m->name, domain, n);
	return registrable;
}

bool psl_has_suffix(const char *domain)
{
	const char *registrable = psl_registrable(domain), *suffix;

	if (registrable == NULL || (suffix = strchr(registrable, '.')) == NULL)
		return false;
	return psl_is_public_suffix2(psl_builtin(), suffix + 1, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 0;
}
