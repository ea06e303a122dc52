#include "greylist/identity.h"

#include <string.h>

#include "greylist/hostname.h"
#include "mail/psl.h"

static enum grey_spf judge_spf(const struct check_call *c, enum grey_width *width)
{
	const struct fact_value *v = c->txn->facts.v, *spf = &v[FACT_SPF], *domain = &v[FACT_SPF_DOMAIN];

	*width = GREY_OPEN;
	if (spf->state == FACT_UNAVAILABLE)
		return GREY_SPF_UNAVAILABLE;
	if (spf->state != FACT_KNOWN || spf->n == 0 || strcmp(spf->text->folded, "none") == 0)
		return GREY_SPF_NONE;
	if (strcmp(spf->text->folded, "fail") == 0)
		return GREY_SPF_FAIL;
	if (strcmp(spf->text->folded, "pass") != 0)
		return GREY_SPF_OTHER;
	if (domain->state != FACT_KNOWN || domain->n == 0 || domain->text->folded_n == 0)
		return GREY_SPF_WIDE;
	*width = grey_width_of(&v[FACT_SPF_MECHANISM], (enum ip_family)c->conn->ip.family);
	return *width == GREY_NARROW ? GREY_SPF_PASS : GREY_SPF_WIDE;
}

/*
 * A client may have several confirmed names, in any order: the least of the domains, so that it is the same one each
 * time.  A generated name beside another is no stain: the customer of a line has put up a name of its own.
 */
static enum grey_host judge_host(const struct check_call *c, struct grey_identity *out, const char **domain)
{
	const struct fact_value *f = &c->conn->facts.v[FACT_CLIENT_NAME];
	enum grey_host host = GREY_HOST_NONE;

	*domain = NULL;
	out->n_own = 0;
	if (f->state == FACT_UNAVAILABLE)
		return GREY_HOST_UNAVAILABLE;
	if (f->state != FACT_KNOWN)
		return GREY_HOST_NONE;
	for (unsigned i = 0; i < f->n; i++) {
		const char *name = f->text[i].folded, *registrable = psl_registrable(name);

		if (registrable == NULL)
			continue;
		if (grey_hostname_is_generated(name, registrable, &c->conn->ip)) {
			if (host == GREY_HOST_NONE)
				host = GREY_HOST_GENERATED;
			continue;
		}
		if (out->n_own < GREY_OWN_MAX)
			out->own[out->n_own++] = registrable;
		if (*domain == NULL || strcmp(registrable, *domain) < 0)
			*domain = registrable;
		host = GREY_HOST_CONFIRMED;
	}
	return host;
}

bool grey_identity_of(const struct check_call *c, const struct grey_masks *masks, struct grey_identity *out)
{
	char buf[GREY_NET_SIZE];
	const char *host;

	if (c->conn->ip.family == IP_NONE)
		return false;
	out->spf = judge_spf(c, &out->width);
	out->host = judge_host(c, out, &host);
	if (out->spf == GREY_SPF_PASS)
		out->name = c->txn->facts.v[FACT_SPF_DOMAIN].text->folded;
	else if (out->host == GREY_HOST_CONFIRMED)
		out->name = host;
	else
		out->name = arena_strdup(c->arena, grey_network(&c->conn->ip, masks, buf));
	return out->name != NULL;
}
