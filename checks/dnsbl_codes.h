/*
 * Which answers of a DNS list count: ranges per octet of addresses in 127.0.0.0/8 (RFC 5782, section 2.3).
 */
#ifndef MILLGATE_CHECKS_DNSBL_CODES_H
#define MILLGATE_CHECKS_DNSBL_CODES_H

#include <stdbool.h>

#include "util/arena.h"
#include "util/ip.h"

struct dnsbl_range {
	uint8_t lo[4], hi[4];
};
struct dnsbl_codes {
	const struct dnsbl_range *v;
	unsigned n; /* 0: every code but 127.0.0.1 */
};

/*
 * Reads "127.0.0.2-11" or "127.0.0-255.1-3, 127.0.4.0-255"; "" stands for every code but 127.0.0.1, which RFC 5782 has for
 * nothing, and URIBL and SURBL for "we do not serve you".  NULL, or a static text that says what is wrong.
 */
const char *dnsbl_codes_parse(struct dnsbl_codes *codes, const char *text, struct arena *a);

bool dnsbl_codes_match(const struct dnsbl_codes *codes, const struct ip *answer);

/*
 * An answer that is no listing but the list's way of saying that it will not serve us (127.255.255.0/24), or that comes
 * from somebody else (outside 127.0.0.0/8: a parked domain, a resolver that "corrects" names).
 */
bool dnsbl_codes_is_error(const struct ip *answer);

#endif
