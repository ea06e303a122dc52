/*
 * The DNS side of the loop thread.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_DNS_ASK_H
#define MILLGATE_NET_DNS_ASK_H

#include "net/net.h"

struct dns;

struct dns *dns_new(struct net *n, const struct net_dns_options *o, struct error_list *errors);
/* Answers all open questions.  Loop thread, as the last thing it does. */
void dns_close(struct dns *d);
/* After the loop thread has ended, or before it began.  Clears *d; tolerates NULL. */
void dns_free(struct dns **d);

#endif
