/*
 * What the answers of all lists together come to.  A list that failed leaves the score open between least and most (dnsbl.h);
 * one that is suspended is as if it were not there, but that an allow list's last word stands for those whom it saved
 * lately.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_DNSBL_SUM_H
#define MILLGATE_CHECKS_DNSBL_SUM_H

#include "checks/dnsbl_zones.h"
#include "mail/fact.h"

struct dnsbl_asking;

struct dnsbl_sum {
	int64_t least, most;
	const char *failed_name; /* a list that failed, or NULL */
	const char *why;         /* static */
	bool no_memory;
	const struct fact_value *open; /* the base, when it is unavailable itself */
};

/* base: a score to add to, such as dnsbl_score for the envelope; NULL: none. */
void dnsbl_sum_begin(struct dnsbl_sum *sum, const struct fact_value *base);

/*
 * Adds, for every entry with one of the kinds `of`, what it says about what was asked for these kinds; an entry weighs
 * once, whatever number of domains it lists.  Names of listing entries are added to `names`, which must be absent or
 * hold names already.
 */
void dnsbl_sum_add(struct dnsbl_sum *sum, const struct dnsbl_asking *q, unsigned of, struct arena *a,
		   struct fact_value *names);

/*
 * Sets the score, or marks it (and the names) as unavailable where failed lists leave open what reject_at decides.
 * `names` must hold what dnsbl_sum_add() put there.
 */
void dnsbl_sum_end(const struct dnsbl_sum *sum, const struct dnsbl_zones *lists, struct arena *a,
		   struct fact_value *names, struct fact_value *score);

#endif
