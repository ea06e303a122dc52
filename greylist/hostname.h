/*
 * Whether a client's name was generated from its address, as access providers do for their customers: such a name says
 * where the client is plugged in, not who it is.  Inside greylist/ only.
 */
#ifndef MILLGATE_GREYLIST_HOSTNAME_H
#define MILLGATE_GREYLIST_HOSTNAME_H

#include <stdbool.h>

#include "util/ip.h"

/* name: lower case, without a last dot (as facts are); domain: what psl_registrable() says of it. */
bool grey_hostname_is_generated(const char *name, const char *domain, const struct ip *ip);

#endif
