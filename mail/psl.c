/*
 * The one user of libpsl.
 */
#include "mail/psl.h"

#include <libpsl.h>
#include <string.h>

#include "util/ip.h"

/* RFC 1035, section 2.3.4.  libpsl takes time of the square of the labels, so longer things are kept from it. */
enum { NAME_MAX_BYTES = 255 };

const char *psl_registrable(const char *domain)
{
	struct ip ip;

	if (strnlen(domain, NAME_MAX_BYTES + 1) > NAME_MAX_BYTES || ip_parse(&ip, domain) == 0)
		return NULL;
	/* Empty labels would make "example.com" of "..example.com". */
	if (domain[0] == '.' || strstr(domain, "..") != NULL)
		return NULL;
	return psl_registrable_domain(psl_builtin(), domain);
}

bool psl_has_suffix(const char *domain)
{
	const char *registrable = psl_registrable(domain), *suffix;

	if (registrable == NULL || (suffix = strchr(registrable, '.')) == NULL)
		return false;
	return psl_is_public_suffix2(psl_builtin(), suffix + 1, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 0;
}
