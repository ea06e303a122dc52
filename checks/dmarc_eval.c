#include "checks/dmarc_eval.h"

#include <string.h>

#include "checks/dmarc_domain.h"

/* One author domain. */
struct author {
	const char *domain;
	struct dmarc_walk walk;
	struct dmarc_found found;
	enum dmarc_outcome outcome;
	enum dmarc_policy policy;
	const char *why;
};

/* An address literal, "[...]", is nobody's domain. */
static bool is_name(const char *domain)
{
	return domain[0] != '[';
}

void dmarc_eval_start(struct dmarc_ask *q, const struct dmarc_from *from, const struct dmarc_identity *v, unsigned n)
{
	enum { ORGANISATION_LABELS = 2 }; /* a guess: what shares fewer is left until the author's walk is known */

	for (unsigned i = 0; i < from->n; i++) {
		const char *org = dmarc_domain_last(from->domains[i], ORGANISATION_LABELS);

		if (!is_name(from->domains[i]))
			continue;
		dmarc_ask_walk(q, from->domains[i]);
		for (unsigned j = 0; j < n; j++)
			if (!v[j].unsure && dmarc_domain_within(v[j].domain, org))
				dmarc_ask_walk(q, v[j].domain);
	}
}

/* ---- Alignment (section 4.4) ---- */

static bool is_strict(const struct author *a, const struct dmarc_identity *id)
{
	return id->spf ? a->found.record->strict_spf : a->found.record->strict_dkim;
}

/* Whether an identity that is not the author's domain could have the same organisational domain: only then it walks. */
static bool may_align(const struct author *a, const struct dmarc_identity *id)
{
	if (is_strict(a, id) || !is_name(id->domain))
		return false;
	if (a->walk.failed != NULL) /* then it may be as short as the last label */
		return dmarc_domain_within(id->domain, dmarc_domain_last(a->domain, 1));
	return dmarc_domain_within(id->domain, a->walk.organisational);
}

static void ask_identities(struct dmarc_ask *q, const struct author *a, const struct dmarc_identity *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!v[i].unsure && strcmp(v[i].domain, a->domain) != 0 && may_align(a, &v[i]))
			dmarc_ask_walk(q, v[i].domain);
}

/* Passes, fails, or cannot be known (then *why). */
static enum dmarc_outcome align(const struct dmarc_ask *q, const struct author *a, const struct dmarc_identity *v,
				unsigned n, const char **why)
{
	*why = NULL;
	for (unsigned i = 0; i < n; i++) {
		bool same = strcmp(v[i].domain, a->domain) == 0;
		struct dmarc_walk w;

		if (!same && !may_align(a, &v[i]))
			continue;
		if (v[i].unsure) {
			*why = v[i].spf ? "SPF has no result" : "DKIM has no result";
			continue;
		}
		if (same)
			return DMARC_IS_PASS;
		dmarc_ask_read(q, v[i].domain, &w);
		if (w.failed != NULL || a->walk.failed != NULL)
			*why = w.failed != NULL ? w.failed : a->walk.failed;
		else if (strcmp(w.organisational, a->walk.organisational) == 0)
			return DMARC_IS_PASS;
	}
	return *why != NULL ? DMARC_IS_TEMPERROR : DMARC_IS_FAIL;
}

/* ---- One author domain ---- */

static void find_policy(const struct dmarc_ask *q, struct author *a)
{
	a->outcome = DMARC_IS_NONE;
	if (!is_name(a->domain))
		return;
	dmarc_ask_read(q, a->domain, &a->walk);
	if (a->walk.failed != NULL && !a->walk.own_found) {
		a->outcome = DMARC_IS_TEMPERROR;
		a->why = a->walk.failed;
		return;
	}
	a->found = dmarc_walk_policy(&a->walk);
	if (!a->found.found || !a->found.record->usable)
		return;
	a->outcome = DMARC_IS_FAIL;
	a->policy = dmarc_walk_applied(&a->found, true);
}

/* np counts for domains that do not exist; whether this one does is asked only when it makes a difference. */
static void refine(struct dmarc_ask *q, struct author *a, int64_t deadline_ms)
{
	enum dns_status status;

	if (a->outcome != DMARC_IS_FAIL || !dmarc_walk_asks_existence(&a->found))
		return;
	dmarc_ask_existence(q, a->domain);
	dmarc_ask_await(q, deadline_ms);
	status = dmarc_ask_exists(q, a->domain);
	if (status == DNS_FAILED) {
		a->outcome = DMARC_IS_TEMPERROR;
		a->why = "whether the domain exists is not known";
	} else {
		a->policy = dmarc_walk_applied(&a->found, status != DNS_NXDOMAIN);
	}
}

/* ---- All of them ---- */

/* What the author domains come to together. */
struct sum {
	const struct author *strictest, *unknown; /* of those that fail; one that DNS left open */
	bool passes;
};

static void add_up(const struct author *v, unsigned n, struct sum *sum)
{
	memset(sum, 0, sizeof *sum);
	for (unsigned i = 0; i < n; i++) {
		const struct author *a = &v[i];

		if (a->outcome == DMARC_IS_FAIL && (sum->strictest == NULL || a->policy > sum->strictest->policy))
			sum->strictest = a;
		else if (a->outcome == DMARC_IS_TEMPERROR && sum->unknown == NULL)
			sum->unknown = a;
		else if (a->outcome == DMARC_IS_PASS)
			sum->passes = true;
	}
}

/* Whether a failure is known to be the worst that can come out. */
static bool fails(const struct sum *sum, bool defers)
{
	if (sum->strictest == NULL)
		return false;
	if (sum->unknown == NULL || sum->strictest->policy == DMARC_REJECT)
		return true;
	return !defers && sum->strictest->policy != DMARC_NONE;
}

/* One From field with one domain in it, about which mail clients cannot differ. */
static bool is_plain(const struct dmarc_from *from)
{
	return from->fields == 1 && from->n == 1 && !from->trick && !from->doubtful;
}

static void conclude(const struct dmarc_from *from, const struct author *v, bool defers, struct dmarc_result *out)
{
	struct sum sum;

	add_up(v, from->n, &sum);
	memset(out, 0, sizeof *out);
	out->domain = from->n > 0 ? from->domains[0] : NULL;
	if (from->too_much) { /* what was not looked at may ask for anything */
		out->outcome = DMARC_IS_FAIL;
		out->has_policy = true;
		out->policy = DMARC_REJECT;
	} else if (fails(&sum, defers)) {
		out->outcome = DMARC_IS_FAIL;
		out->domain = sum.strictest->domain;
		out->has_policy = true;
		out->policy = sum.strictest->policy;
	} else if (sum.unknown != NULL) {
		out->outcome = DMARC_IS_TEMPERROR;
		out->domain = sum.unknown->domain;
		out->why = sum.unknown->why;
	} else if (is_plain(from)) {
		out->outcome = v[0].outcome;
		out->has_policy = v[0].outcome == DMARC_IS_PASS;
		out->policy = v[0].policy;
	} else {
		bool bad = from->n == 0 || from->fields > 1 || from->trick || sum.passes;

		out->outcome = bad ? DMARC_IS_PERMERROR : DMARC_IS_NONE;
	}
}

void dmarc_eval(struct dmarc_ask *q, const struct dmarc_from *from, const struct dmarc_identity *v, unsigned n,
		bool defers, int64_t deadline_ms, struct dmarc_result *out)
{
	struct author authors[DMARC_FROM_MAX];

	memset(authors, 0, sizeof authors);
	dmarc_ask_await(q, deadline_ms);
	for (unsigned i = 0; i < from->n; i++) {
		authors[i].domain = from->domains[i];
		find_policy(q, &authors[i]);
		if (authors[i].outcome == DMARC_IS_FAIL)
			ask_identities(q, &authors[i], v, n);
	}
	dmarc_ask_await(q, deadline_ms);
	for (unsigned i = 0; i < from->n; i++) {
		if (authors[i].outcome == DMARC_IS_FAIL)
			authors[i].outcome = align(q, &authors[i], v, n, &authors[i].why);
		refine(q, &authors[i], deadline_ms);
	}
	conclude(from, authors, defers, out);
}
