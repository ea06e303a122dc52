/*
 * net/ without a network, for unit tests of checks: the same symbols, linked in its place.  Questions are answered from
 * what the test has laid out, at once or never; nothing waits.  One thread.
 */
#ifndef MILLGATE_T_LIB_FAKE_NET_H
#define MILLGATE_T_LIB_FAKE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/dns.h"
#include "net/net.h"
#include "net/redis.h"

/* ---- Waiting (fake_net.c) ---- */

struct net_op {
	struct net_op *next; /* of those not given back */
	bool done, due;      /* due: it will be, at fake_net_come() */
	struct dns_answer dns;
	struct redis_value redis;
};

struct net_op *fake_net_op(void);

/* Answers every question that is open: Redis's, with what was laid out when it was asked. */
void fake_net_answer(void);

/* From now on answers come late (true), at fake_net_come() or when they are waited for with a deadline
 * above 0, or at once (false). */
void fake_net_late(bool late);
void fake_net_come(void);
/* For who lays out answers: it is there, unless it comes late or never. */
void fake_net_lay_out(struct net_op *op, bool never);

/* Questions not given back with net_op_free(); calls of net_await(); the last one's deadline. */
unsigned fake_net_open(void);
unsigned fake_net_awaits(void);
int64_t fake_net_deadline(void);

/* ---- DNS (fake_dns.c): names that nobody laid out do not exist; "*.name" is a wildcard ---- */

void fake_dns_clear(void);
void fake_dns_addr(const char *name, const char *ip); /* one more A or AAAA record */
void fake_dns_ptr(const char *name, const char *target);
void fake_dns_mx(const char *name, const char *target);
void fake_dns_txt(const char *name, const char *text, size_t n);
void fake_dns_empty(const char *name, enum dns_type type); /* DNS_NODATA */
void fake_dns_fail(const char *name, enum dns_type type, const char *why);
void fake_dns_silent(const char *name, enum dns_type type); /* never answered */
unsigned fake_dns_asked(const char *name);                  /* how often */
unsigned fake_dns_total(void);
const char *fake_dns_asked_name(unsigned i); /* in order; "" behind the last one */

/* ---- Redis (fake_redis.c) ---- */

/* Answers a command or script call: its words, for a script the key first.  script is NULL for a command. */
typedef struct redis_value (*fake_redis_fn)(const struct redis_script *script, const struct redis_word *words,
					    size_t n);
/* NULL: Redis is away. */
void fake_redis_answers(fake_redis_fn fn);
/* From now on nothing is answered (true) or all is (false). */
void fake_redis_silent(bool silent);

/* What was asked since the last clear, "word word\n" for each; what was told likewise. */
void fake_redis_clear(void);
const char *fake_redis_asked(void);
const char *fake_redis_told(void);

#endif
