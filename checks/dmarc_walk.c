#include "checks/dmarc_walk.h"

#include <string.h>

#include "checks/dmarc_domain.h"
#include "net/dns.h"

enum { SKIP_TO = 7 }; /* a name of more labels than the walk is long continues with its last seven */

unsigned dmarc_walk_names(const char *domain, const char *names[DMARC_WALK_MAX])
{
	unsigned labels = dmarc_domain_labels(domain), n = 0;

	names[n++] = domain;
	for (unsigned next = labels > DMARC_WALK_MAX ? SKIP_TO : labels - 1; next > 0; next--)
		names[n++] = dmarc_domain_last(domain, next);
	return n;
}

/* The one record of a name; of two, neither counts. */
static bool read_answer(const struct dns_answer *a, struct dmarc_record *r)
{
	struct dmarc_record one;
	unsigned n = 0;

	for (unsigned i = 0; a->status == DNS_OK && i < a->n; i++) {
		if (dmarc_record_parse(a->v[i].text, a->v[i].text_n, &one)) {
			*r = one;
			n++;
		}
	}
	return n == 1;
}

/* What a walk has met so far. */
struct met {
	const char *last; /* the name with the fewest labels that has a record */
	struct dmarc_record record;
};

static void set_org(struct dmarc_walk *w, const char *name, const struct dmarc_record *r)
{
	w->organisational = name;
	w->org_found = true;
	w->org = *r;
}

/* The public suffix has a record: the organisational domain is the name one label below it, whether asked or not. */
static void below_suffix(struct dmarc_walk *w, const char *suffix, const struct dmarc_record *r,
			 const struct dns_answer *const *answers, const char *const *names, unsigned n)
{
	const char *below = dmarc_domain_last(w->domain, dmarc_domain_labels(suffix) + 1);
	struct dmarc_record its;

	w->psd_found = true;
	w->psd = *r;
	w->organisational = below;
	for (unsigned i = 0; i < n; i++) {
		if (names[i] == below && read_answer(answers[i], &its)) {
			w->org_found = true;
			w->org = its;
		}
	}
}

void dmarc_walk_read(struct dmarc_walk *w, const char *domain, const struct dns_answer *const *answers)
{
	const char *names[DMARC_WALK_MAX];
	unsigned n = dmarc_walk_names(domain, names);
	struct met met = { NULL, { 0 } };

	memset(w, 0, sizeof *w);
	w->domain = w->organisational = domain;
	for (unsigned i = 0; i < n; i++) {
		struct dmarc_record r;

		if (answers[i]->status == DNS_FAILED) {
			w->failed = answers[i]->why != NULL ? answers[i]->why : "no answer";
			return;
		}
		if (!read_answer(answers[i], &r))
			continue;
		if (i == 0) {
			w->own_found = true;
			w->own = r;
		}
		if (r.psd == DMARC_PSD_YES && i > 0) {
			below_suffix(w, names[i], &r, answers, names, n);
			return;
		}
		met = (struct met){ names[i], r };
		if (r.psd != DMARC_PSD_UNSAID)
			break;
	}
	if (met.last != NULL)
		set_org(w, met.last, &met.record);
}

struct dmarc_found dmarc_walk_policy(const struct dmarc_walk *w)
{
	if (w->own_found)
		return (struct dmarc_found){ true, &w->own, true };
	if (w->org_found)
		return (struct dmarc_found){ true, &w->org, false };
	if (w->psd_found)
		return (struct dmarc_found){ true, &w->psd, false };
	return (struct dmarc_found){ false, NULL, false };
}

bool dmarc_walk_asks_existence(const struct dmarc_found *f)
{
	return f->found && !f->own && f->record->np != f->record->sp;
}

enum dmarc_policy dmarc_walk_applied(const struct dmarc_found *f, bool exists)
{
	enum dmarc_policy p;

	if (!f->found || !f->record->usable)
		return DMARC_NONE;
	if (f->own)
		p = f->record->p;
	else
		p = exists ? f->record->sp : f->record->np;
	return f->record->testing ? dmarc_policy_lowered(p) : p;
}
