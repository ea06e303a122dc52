/*
 * The DNS side of the loop thread.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_DNS_ASK_H
#define MILLGATE_NET_DNS_ASK_H

#include "net/net.h"

struct dns;

struct dns *dns_new(struct net *n, const struct net_dns_options *o, struct error_list *errors);
/* Answers all open questions.  Loop thread, as the last thing before it is freed. */
void dns_close(struct dns *d);
/* On the loop thread, or when that does not run.  Clears *d; tolerates NULL. */
void dns_free(struct dns **d);

#endif
