/*
 * Where Redis listens, from its setting.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_REDIS_SERVER_H
#define MILLGATE_NET_REDIS_SERVER_H

#include <stdbool.h>

#include "util/error.h"

struct redis_server {
	char *name; /* as written, for the log */
	char *path; /* a Unix socket; else NULL */
	char *host; /* else a name or an address */
	int port;
	bool numeric; /* host is an address */
};

/* "unix:/path", "host:port", "[v6]:port".  0, or -1 with an error added. */
int redis_server_parse(struct redis_server *s, const char *text, struct error_list *errors);
void redis_server_clear(struct redis_server *s);

#endif
