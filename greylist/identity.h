/*
 * Who a client is for greylisting.  A big sender's pool comes from many networks, and is one by what its domain says of
 * it; a botnet's clients must not become one by the name of the provider whose customers they sit at.  Inside greylist/ only.
 */
#ifndef MILLGATE_GREYLIST_IDENTITY_H
#define MILLGATE_GREYLIST_IDENTITY_H

#include "greylist/key.h"
#include "greylist/width.h"
#include "mail/check.h"

/* What SPF said of the client, and what its name in DNS is worth; the letters stand in Redis, too. */
enum grey_spf {
	GREY_SPF_NONE = '-', /* no record, or nothing to ask it of */
	GREY_SPF_PASS = 'p',
	GREY_SPF_WIDE = 'w', /* a pass that anybody might have */
	GREY_SPF_FAIL = 'f',
	GREY_SPF_OTHER = 'o', /* softfail, neutral, permerror */
	GREY_SPF_UNAVAILABLE = 'u'
};
enum grey_host {
	GREY_HOST_NONE = '-', /* none that leads back to the address */
	GREY_HOST_CONFIRMED = 'c',
	GREY_HOST_GENERATED = 'g',
	GREY_HOST_UNAVAILABLE = 'u'
};

enum { GREY_OWN_MAX = 8 }; /* names beyond speak for nobody */

struct grey_identity {
	const char *name; /* the SPF domain, the registrable domain of the confirmed name, or the network */
	enum grey_spf spf;
	enum grey_host host;
	enum grey_width width; /* of an SPF pass */
	/* The registrable domains of the client's confirmed names that were not made from its address. */
	const char *own[GREY_OWN_MAX];
	unsigned n_own;
};

/* Whether it is a network and no more: nobody has shown that its hosts belong together. */
static inline bool grey_identity_is_network(enum grey_spf spf, enum grey_host host)
{
	return spf != GREY_SPF_PASS && host != GREY_HOST_CONFIRMED;
}

/*
 * From the facts spf, spf_domain, spf_mechanism and client_name; what DNS failed to tell falls to the next kind, since a
 * failure must neither stop mail nor join clients.  False: the client has no address, or out of memory.
 */
bool grey_identity_of(const struct check_call *c, const struct grey_masks *masks, struct grey_identity *out);

#endif
