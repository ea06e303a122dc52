/*
 * libunbound's context, configured.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_DNS_CONTEXT_H
#define MILLGATE_NET_DNS_CONTEXT_H

#include "net/net.h"

struct event_base;
struct ub_ctx;

/*
 * A caching resolver on the event base that asks the servers given, or resolv.conf's.  With servers given every name
 * is really asked of them, also those that libunbound would answer by itself.  NULL with an error added.
 */
struct ub_ctx *dns_context_new(struct event_base *base, const struct net_dns_options *o, struct error_list *errors);

#endif
