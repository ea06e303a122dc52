/*
 * The addresses of a host name, by the C library (hosts file, DNS), without blocking the loop: the one thing here that
 * has a thread of its own, for as long as the library takes.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_HOST_H
#define MILLGATE_NET_HOST_H

#include <stdbool.h>

#include "util/ip.h"

enum { HOST_MAX_ADDRESSES = 8 };

struct host_addresses {
	char v[HOST_MAX_ADDRESSES][IP_TEXT_SIZE]; /* IPv4 first */
	unsigned n;
};

struct host_lookup;

/* NULL when the machine refuses. */
struct host_lookup *host_lookup_start(const char *host);
/* True when it has ended; *out is empty when the name has no address. */
bool host_lookup_ended(struct host_lookup *l, struct host_addresses *out);
/* Lets go, ended or not.  Clears *l; tolerates NULL. */
void host_lookup_free(struct host_lookup **l);

#endif
