/*
 * How much a pass of SPF says about a client: whether the record names hosts of the domain, or takes in anybody.  Inside
 * greylist/ only.
 */
#ifndef MILLGATE_GREYLIST_WIDTH_H
#define MILLGATE_GREYLIST_WIDTH_H

#include "mail/fact.h"
#include "util/ip.h"

enum grey_width {
	GREY_NARROW, /* a list of addresses that hangs on the domain alone: one name for all of them is fair */
	GREY_VAGUE, /* the answer was made for this very client (exists, ptr, a macro): the domain let this one in, but nobody
	                can say how many others it would */
	GREY_OPEN /* all, a range wider than /15 (IPv6: /32), or nobody knows by what: says nothing about the client */
};

/* mechanism: the fact spf_mechanism of a pass, the chain of terms that led to it. */
enum grey_width grey_width_of(const struct fact_value *mechanism, enum ip_family client);

#endif
