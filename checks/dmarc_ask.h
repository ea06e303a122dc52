/*
 * The DNS questions of one message's DMARC: each name once, however many domains and walks want it.
 */
#ifndef MILLGATE_CHECKS_DMARC_ASK_H
#define MILLGATE_CHECKS_DMARC_ASK_H

#include <stdint.h>

#include "checks/dmarc_walk.h"
#include "net/dns.h"
#include "net/net.h"
#include "util/arena.h"

struct dmarc_question;
struct dmarc_ask {
	struct arena *arena;
	struct net_wait *wait;
	struct dmarc_question *first;
	unsigned n, awaited;
};

/* Submits what is not asked yet: all names of a walk at once, or whether a domain exists. */
void dmarc_ask_walk(struct dmarc_ask *q, const char *domain);
void dmarc_ask_existence(struct dmarc_ask *q, const char *domain);

/* Waits for everything asked. */
void dmarc_ask_await(struct dmarc_ask *q, int64_t deadline_ms);

/* What was asked before; a question without an answer, or never asked, reads as failed. */
void dmarc_ask_read(const struct dmarc_ask *q, const char *domain, struct dmarc_walk *w);
enum dns_status dmarc_ask_exists(const struct dmarc_ask *q, const char *domain);

/* Gives the questions back. */
void dmarc_ask_drop(struct dmarc_ask *q);

#endif
