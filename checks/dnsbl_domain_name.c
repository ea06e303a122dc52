#include "checks/dnsbl_domain_name.h"

#include <string.h>

#include "checks/dmarc_domain.h"
#include "conf/conf.h"
#include "mail/psl.h"

/* RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476, ICANN's .internal, and what networks of old call themselves. */
static const char *const private_suffixes[] = {
	"alt", "arpa",  "corp",        "domain",    "example", "home",  "internal", "intranet", "invalid",
	"lan", "local", "localdomain", "localhost", "mail",    "onion", "private",  "test",     "workgroup",
};

static bool is_private(const char *domain)
{
	for (size_t i = 0; i < sizeof private_suffixes / sizeof private_suffixes[0]; i++)
		if (dmarc_domain_within(domain, private_suffixes[i]))
			return true;
	return false;
}

struct addr_list *dnsbl_domain_own(const struct check_env *env)
{
	struct addr_list *own = addr_list_new();
	const char *name;

	if (own == NULL)
		return NULL;
	name = dnsbl_domain_name(env->arena, NULL, env->hostname, strlen(env->hostname));
	if (name != NULL)
		(void)addr_list_add(own, name);
	for (unsigned i = 0; env->local_domains != NULL && i < env->local_domains->n; i++) {
		const char *s = env->local_domains->v[i].s;

		name = dnsbl_domain_name(env->arena, NULL, s, strlen(s));
		if (name != NULL)
			(void)addr_list_add(own, name);
	}
	return own;
}

const char *dnsbl_domain_name(struct arena *a, const struct addr_list *own, const char *p, size_t n)
{
	bool odd = false;
	const char *name = dmarc_domain_make(a, p, n, &odd), *domain;

	if (name == NULL || is_private(name) || (domain = psl_registrable(name)) == NULL)
		return NULL;
	if (own != NULL && addr_list_match_domain(own, domain, strlen(domain)) > 0)
		return NULL;
	return domain;
}

static bool is_known(const struct dnsbl_domain_set *set, const char *domain)
{
	for (unsigned i = 0; i < set->n; i++)
		if (strcmp(set->v[i], domain) == 0)
			return true;
	return false;
}

void dnsbl_domain_collect(struct dnsbl_domain_set *set, struct arena *a, const struct addr_list *own,
			  const struct fact_value *f)
{
	enum { HALF = DNSBL_DOMAIN_URLS / 2 };
	unsigned n = f->state == FACT_KNOWN ? f->n : 0;

	set->n = 0;
	set->v = arena_calloc(a, n, sizeof *set->v);
	for (unsigned i = 0; set->v != NULL && i < n; i++) {
		const char *domain = dnsbl_domain_name(a, own, f->text[i].raw, f->text[i].raw_n);

		if (domain != NULL && !is_known(set, domain))
			set->v[set->n++] = domain;
	}
	if (set->n > DNSBL_DOMAIN_URLS) {
		memmove(set->v + HALF, set->v + set->n - HALF, HALF * sizeof *set->v);
		set->n = DNSBL_DOMAIN_URLS;
	}
}
