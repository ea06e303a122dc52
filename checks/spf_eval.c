#include "checks/spf_eval.h"

#include <assert.h>
#include <string.h>

#include "util/bytes.h"

struct eval {
	const struct spf_query *q;
	const struct spf_dns *dns;
	struct arena *arena;
	struct spf_answer *out;
	unsigned terms, voids, hints;
	unsigned depth; /* records being evaluated */
	/* The client's names that lead back to it, once somebody asked. */
	const char *names[SPF_NAMES_MAX];
	unsigned n_names;
	bool have_names;
};

enum { REVERSE_SIZE = 80 }; /* 32 nibbles with their dots, and ip6.arpa */

enum hit { HIT_NO, HIT_YES, HIT_TEMPERROR, HIT_PERMERROR };

static enum spf_result check_domain(struct eval *e, const char *domain);

/* ---- Limits ---- */

static const char too_many_terms[] = "more than ten terms that ask DNS";
static const char no_answer[] = "DNS did not answer";
static const char no_memory[] = "out of memory";
static const char no_record[] = "an included domain has no SPF record";

static enum hit permerror(struct eval *e, const char *problem)
{
	e->out->problem = problem;
	return HIT_PERMERROR;
}

static enum hit temperror(struct eval *e, const char *problem)
{
	e->out->problem = problem;
	return HIT_TEMPERROR;
}

static bool count_term(struct eval *e)
{
	return ++e->terms <= SPF_TERMS_MAX;
}

/* A question of a mechanism: no record at all is a void lookup. */
static const struct dns_answer *ask(struct eval *e, const char *name, enum dns_type type, enum hit *problem)
{
	const struct dns_answer *answer = e->dns->ask(e->dns->ctx, name, type);

	*problem = HIT_NO;
	if (answer->status == DNS_FAILED) {
		*problem = temperror(e, no_answer);
	} else if (answer->status != DNS_OK && ++e->voids > SPF_VOIDS_MAX) {
		*problem = permerror(e, "more than two look-ups that found nothing");
	}
	return answer;
}

/* ---- Names ---- */

/* The root is a name, too: a null MX. */
static void hint(const struct eval *e, const char *name, enum dns_type type)
{
	if (e->dns->hint != NULL && name[0] != '\0')
		e->dns->hint(e->dns->ctx, name, type);
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	n -= n > 0 && a[n - 1] == '.';
	m -= m > 0 && b[m - 1] == '.';
	return n == m && ascii_equal_n(a, b, n);
}

static bool is_below(const char *name, const char *domain)
{
	size_t n = strlen(name), m = strlen(domain);

	n -= n > 0 && name[n - 1] == '.';
	m -= m > 0 && domain[m - 1] == '.';
	return n > m && name[n - m - 1] == '.' && ascii_equal_n(name + n - m, domain, m);
}

static enum dns_type address_type(const struct ip *ip)
{
	return ip->family == IP_V4 ? DNS_A : DNS_AAAA;
}

static bool holds_ip(const struct dns_answer *answer, const struct ip *ip)
{
	for (unsigned i = 0; i < answer->n; i++)
		if (ip_equal(&answer->v[i].ip, ip))
			return true;
	return false;
}

/* ---- The client's names ---- */

static bool leads_back(const struct eval *e, const char *name)
{
	return name[0] != '\0' && holds_ip(e->dns->ask(e->dns->ctx, name, address_type(&e->q->ip)), &e->q->ip);
}

/* Of the names in the client's reverse DNS the first ten count, and of those the ones that lead back to it; errors are
 * passed over (section 5.5). */
static void find_names(struct eval *e)
{
	char reverse[REVERSE_SIZE];
	const struct dns_answer *ptr;
	unsigned n;

	if (e->have_names || dns_reverse_name(&e->q->ip, NULL, reverse, sizeof reverse) != 0)
		return;
	e->have_names = true;
	ptr = e->dns->ask(e->dns->ctx, reverse, DNS_PTR);
	n = ptr->n < SPF_NAMES_MAX ? ptr->n : SPF_NAMES_MAX;
	for (unsigned i = 0; i < n; i++)
		hint(e, ptr->v[i].name, address_type(&e->q->ip));
	for (unsigned i = 0; i < n; i++)
		if (leads_back(e, ptr->v[i].name))
			e->names[e->n_names++] = ptr->v[i].name;
}

/* %{p}: the domain itself, else a name below it, else any (section 7.3). */
static const char *best_name(struct eval *e, const char *domain)
{
	find_names(e);
	for (unsigned i = 0; i < e->n_names; i++)
		if (same_name(e->names[i], domain))
			return e->names[i];
	for (unsigned i = 0; i < e->n_names; i++)
		if (is_below(e->names[i], domain))
			return e->names[i];
	return e->n_names > 0 ? e->names[0] : "unknown";
}

struct macro_ctx {
	struct eval *e;
	const char *domain;
};

static const char *validated_name(void *ctx)
{
	const struct macro_ctx *m = ctx;

	return best_name(m->e, m->domain);
}

/* The name that a term asks for; NULL: none that can be asked. */
static const char *target(struct eval *e, const char *spec, const char *domain)
{
	struct macro_ctx ctx = { e, domain };
	struct spf_macro m = { .q = e->q, .domain = domain, .validated = validated_name, .ctx = &ctx };

	return spec != NULL ? spf_expand(e->arena, spec, &m) : domain;
}

/* ---- Mechanisms (section 5) ---- */

static bool in_net(const struct eval *e, const struct ip *ip, const struct spf_term *t)
{
	struct ip_net net;

	if (ip->family != e->q->ip.family)
		return false;
	net.bits = ip->family == IP_V4 ? t->bits4 : t->bits6;
	net.ip = ip_mask(ip, net.bits);
	return ip_in_net(&e->q->ip, &net);
}

static bool any_in_net(const struct eval *e, const struct dns_answer *answer, const struct spf_term *t)
{
	for (unsigned i = 0; i < answer->n; i++)
		if (in_net(e, &answer->v[i].ip, t))
			return true;
	return false;
}

static enum hit match_a(struct eval *e, const struct spf_term *t, const char *name)
{
	enum hit problem;
	const struct dns_answer *answer = ask(e, name, address_type(&e->q->ip), &problem);

	if (problem != HIT_NO)
		return problem;
	return any_in_net(e, answer, t) ? HIT_YES : HIT_NO;
}

static enum hit match_mx(struct eval *e, const struct spf_term *t, const char *name)
{
	enum hit problem;
	const struct dns_answer *mx = ask(e, name, DNS_MX, &problem);

	if (problem != HIT_NO)
		return problem;
	if (mx->n > SPF_NAMES_MAX)
		return permerror(e, "more than ten MX names");
	for (unsigned i = 0; i < mx->n; i++)
		hint(e, mx->v[i].name, address_type(&e->q->ip));
	for (unsigned i = 0; i < mx->n; i++) {
		enum hit hit = mx->v[i].name[0] != '\0' ? match_a(e, t, mx->v[i].name) : HIT_NO;

		if (hit != HIT_NO)
			return hit;
	}
	return HIT_NO;
}

static enum hit match_ptr(struct eval *e, const char *name)
{
	find_names(e);
	for (unsigned i = 0; i < e->n_names; i++)
		if (same_name(e->names[i], name) || is_below(e->names[i], name))
			return HIT_YES;
	return HIT_NO;
}

static enum hit match_exists(struct eval *e, const char *name)
{
	enum hit problem;
	const struct dns_answer *answer = ask(e, name, DNS_A, &problem);

	if (problem != HIT_NO)
		return problem;
	return answer->status == DNS_OK ? HIT_YES : HIT_NO;
}

/* Section 5.2: what the other record says decides only whether this mechanism matches. */
static enum hit match_include(struct eval *e, const char *name)
{
	switch (check_domain(e, name)) {
	case SPF_PASS:
		return HIT_YES;
	case SPF_FAIL:
	case SPF_SOFTFAIL:
	case SPF_NEUTRAL:
		return HIT_NO;
	case SPF_TEMPERROR:
		return HIT_TEMPERROR;
	case SPF_NONE:
		return permerror(e, no_record);
	case SPF_PERMERROR:
		break;
	}
	return HIT_PERMERROR;
}

static enum hit match_dns(struct eval *e, const struct spf_term *t, const char *domain)
{
	const char *name;

	if (!count_term(e))
		return permerror(e, too_many_terms);
	name = target(e, t->domain, domain);
	if (arena_failed(e->arena))
		return temperror(e, no_memory);
	if (name == NULL || !spf_is_domain(name)) {
		if (t->mechanism == SPF_INCLUDE)
			return permerror(e, no_record);
		return HIT_NO; /* section 4.8: no name, no match */
	}
	switch (t->mechanism) {
	case SPF_A:
		return match_a(e, t, name);
	case SPF_MX:
		return match_mx(e, t, name);
	case SPF_PTR:
		return match_ptr(e, name);
	case SPF_EXISTS:
		return match_exists(e, name);
	default:
		return match_include(e, name);
	}
}

static enum hit match(struct eval *e, const struct spf_term *t, const char *domain)
{
	switch (t->mechanism) {
	case SPF_ALL:
		return HIT_YES;
	case SPF_IP4:
	case SPF_IP6:
		return e->q->ip.family == t->net.ip.family && ip_in_net(&e->q->ip, &t->net) ? HIT_YES : HIT_NO;
	default:
		return match_dns(e, t, domain);
	}
}

/* ---- Records ---- */

static enum dns_type term_type(const struct eval *e, const struct spf_term *t)
{
	return t->mechanism == SPF_INCLUDE ? DNS_TXT : t->mechanism == SPF_MX ? DNS_MX : address_type(&e->q->ip);
}

/*
 * The questions that a record is going to ask unless one of its terms matches: up to its first include, behind which
 * nobody knows how many terms are left to ask; those that need no macros; and no more of them than terms may ask, however
 * many records there are, so that hints cannot be made to multiply.
 */
static void hint_terms(struct eval *e, const struct spf_record *r, const char *domain)
{
	unsigned left = SPF_TERMS_MAX - e->terms;

	for (const struct spf_term *t = r->terms; t != NULL && left > 0 && e->hints < SPF_TERMS_MAX; t = t->next) {
		const char *name = t->domain != NULL ? t->domain : domain;

		if (t->mechanism == SPF_ALL)
			return;
		if (t->mechanism == SPF_IP4 || t->mechanism == SPF_IP6)
			continue;
		left--;
		if (strchr(name, '%') == NULL && t->mechanism != SPF_PTR && t->mechanism != SPF_EXISTS) {
			e->hints++;
			hint(e, name, term_type(e, t));
		}
		if (t->mechanism == SPF_INCLUDE)
			return;
	}
}

/* The one SPF record of a domain (section 4.5).  SPF_PASS: found; else the result. */
static enum spf_result fetch(struct eval *e, const char *domain, struct spf_record *r)
{
	const struct dns_answer *txt = e->dns->ask(e->dns->ctx, domain, DNS_TXT);
	const struct dns_record *found = NULL;

	if (txt->status == DNS_FAILED) {
		(void)temperror(e, no_answer);
		return SPF_TEMPERROR;
	}
	for (unsigned i = 0; i < txt->n; i++) {
		if (!spf_is_record(txt->v[i].text, txt->v[i].text_n))
			continue;
		if (found != NULL) {
			(void)permerror(e, "more than one SPF record");
			return SPF_PERMERROR;
		}
		found = &txt->v[i];
	}
	if (found == NULL)
		return SPF_NONE;
	if (spf_parse(e->arena, found->text, found->text_n, r) != 0) {
		if (arena_failed(e->arena)) {
			(void)temperror(e, no_memory);
			return SPF_TEMPERROR;
		}
		(void)permerror(e, "a record that does not follow the grammar");
		return SPF_PERMERROR;
	}
	return SPF_PASS;
}

static enum spf_result redirect(struct eval *e, const struct spf_record *r, const char *domain)
{
	enum spf_result result;
	const char *name;

	if (!count_term(e)) {
		(void)permerror(e, too_many_terms);
		return SPF_PERMERROR;
	}
	name = target(e, r->redirect, domain);
	if (arena_failed(e->arena)) {
		(void)temperror(e, no_memory);
		return SPF_TEMPERROR;
	}
	e->out->path[e->depth - 1] = r->redirect_text;
	result = name != NULL && spf_is_domain(name) ? check_domain(e, name) : SPF_NONE;
	if (result != SPF_NONE)
		return result;
	(void)permerror(e, "the domain of a redirect has no SPF record");
	return SPF_PERMERROR;
}

static enum spf_result run(struct eval *e, const struct spf_record *r, const char *domain)
{
	hint_terms(e, r, domain);
	for (const struct spf_term *t = r->terms; t != NULL; t = t->next) {
		switch (match(e, t, domain)) {
		case HIT_NO:
			break;
		case HIT_YES:
			e->out->path[e->depth - 1] = t->text;
			if (t->mechanism != SPF_INCLUDE) /* else what matched stands deeper */
				e->out->n_path = e->depth;
			return t->qualifier;
		case HIT_TEMPERROR:
			return SPF_TEMPERROR;
		case HIT_PERMERROR:
			return SPF_PERMERROR;
		}
	}
	if (r->redirect != NULL && !r->has_all)
		return redirect(e, r, domain);
	e->out->n_path = 0;
	return SPF_NEUTRAL;
}

static enum spf_result check_domain(struct eval *e, const char *domain)
{
	struct spf_record r;
	enum spf_result result;

	assert(e->depth < SPF_PATH_MAX); /* each record but the first took a term */
	e->depth++;
	result = fetch(e, domain, &r);
	if (result == SPF_PASS)
		result = run(e, &r, domain);
	e->depth--;
	return result;
}

const char *spf_whole_sender(const struct spf_query *q, struct arena *a)
{
	const char *at = strrchr(q->sender, '@');

	if (at == NULL)
		return arena_printf(a, "postmaster@%s", q->sender[0] != '\0' ? q->sender : q->domain);
	return at == q->sender ? arena_printf(a, "postmaster%s", at) : q->sender;
}

void spf_check_host(const struct spf_query *q, const struct spf_dns *dns, struct arena *a, struct spf_answer *out)
{
	struct spf_query query = *q;
	struct eval e = { .q = &query, .dns = dns, .arena = a, .out = out };

	memset(out, 0, sizeof *out);
	query.sender = spf_whole_sender(q, a);
	if (query.sender == NULL) {
		out->result = SPF_TEMPERROR;
		out->problem = no_memory;
		return;
	}
	out->result = spf_is_identity(q->domain) ? check_domain(&e, q->domain) : SPF_NONE;
	if (out->result == SPF_TEMPERROR || out->result == SPF_PERMERROR)
		out->n_path = 0;
	else
		out->problem = NULL;
	out->lookups = e.terms < SPF_TERMS_MAX ? e.terms : SPF_TERMS_MAX;
}
