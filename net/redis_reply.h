/*
 * Replies of hiredis, copied into our own shape.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_REDIS_REPLY_H
#define MILLGATE_NET_REDIS_REPLY_H

#include "net/op.h"

struct redisReply;

/* The whole reply as the op's answer; unavailable when it is no sensible one or memory is short. */
void redis_reply_copy(struct net_op *op, const struct redisReply *reply);

/* The answer "unavailable": why is static. */
void redis_reply_none(struct net_op *op, const char *why);

#endif
