/*
 * DMARC's result for one message (RFC 9989, section 5.3), from the author's domains, what SPF and DKIM say, and DNS.
 */
#ifndef MILLGATE_CHECKS_DMARC_EVAL_H
#define MILLGATE_CHECKS_DMARC_EVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "checks/dmarc_ask.h"
#include "checks/dmarc_from.h"
#include "checks/dmarc_record.h"

/* A domain that SPF or DKIM authenticates, or, when `unsure`, would have been asked about had DNS answered. */
struct dmarc_identity {
	const char *domain; /* as of dmarc_domain_make() */
	bool spf;           /* else DKIM */
	bool unsure;
};

/* Submits the walks that could tell whether the identities are aligned; no more than the message deserves. */
void dmarc_eval_start(struct dmarc_ask *q, const struct dmarc_from *from, const struct dmarc_identity *v, unsigned n);

enum dmarc_outcome { DMARC_IS_NONE, DMARC_IS_PASS, DMARC_IS_FAIL, DMARC_IS_PERMERROR, DMARC_IS_TEMPERROR };

struct dmarc_result {
	enum dmarc_outcome outcome;
	const char *domain; /* the author domain that decided, or NULL */
	bool has_policy;
	enum dmarc_policy policy; /* that is applied when it fails */
	const char *why;          /* DMARC_IS_TEMPERROR: what failed */
};

/*
 * Asks what is still open and waits.  defers: a failure of DNS defers the message; then it must not be hidden by
 * another domain's milder policy.
 */
void dmarc_eval(struct dmarc_ask *q, const struct dmarc_from *from, const struct dmarc_identity *v, unsigned n,
		bool defers, int64_t deadline_ms, struct dmarc_result *out);

#endif
