/*
 * A DMARC policy record (RFC 9989, section 4.7): a list of tags.  Pure.
 */
#ifndef MILLGATE_CHECKS_DMARC_RECORD_H
#define MILLGATE_CHECKS_DMARC_RECORD_H

#include <stdbool.h>
#include <stddef.h>

/* What a domain asks for, from the mildest to the strictest. */
enum dmarc_policy { DMARC_NONE, DMARC_QUARANTINE, DMARC_REJECT };

enum dmarc_psd { DMARC_PSD_UNSAID, DMARC_PSD_NO, DMARC_PSD_YES };

struct dmarc_record {
	bool usable; /* false: p, sp or np is missing or wrong and nobody wants reports: no DMARC (section 4.7) */
	enum dmarc_policy p, sp, np; /* a missing np is sp, a missing sp is p */
	enum dmarc_psd psd;
	bool strict_dkim, strict_spf; /* adkim=s, aspf=s */
	bool testing;                 /* t=y */
};

/*
 * Whether a TXT record is a DMARC record at all, which is whether it begins with "v=DMARC1" (white space around the
 * '=', letters as they stand here) as a whole tag.  Then *r is filled, whatever the rest of it says.
 */
bool dmarc_record_parse(const char *p, size_t n, struct dmarc_record *r);

/* "none", "quarantine", "reject". */
const char *dmarc_policy_name(enum dmarc_policy p);

/* What is applied while the domain's owner is testing (t=y): one step less. */
enum dmarc_policy dmarc_policy_lowered(enum dmarc_policy p);

#endif
