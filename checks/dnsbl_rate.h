/*
 * How many of those a list is asked about it lists, and of whom it said no: what tells a list that lists everybody all of a
 * sudden.  Inside checks/ only; whoever uses it has the lock.
 */
#ifndef MILLGATE_CHECKS_DNSBL_RATE_H
#define MILLGATE_CHECKS_DNSBL_RATE_H

#include "checks/dnsbl_zones.h"

/* What a list was asked about. */
enum { DNSBL_DOMAIN_SIZE = 254 }; /* RFC 1035, section 2.3.4, and the NUL */
struct dnsbl_subject {
	struct ip ip;
	char domain[DNSBL_DOMAIN_SIZE]; /* of lists of domains */
};

/*
 * Clients (domains) that the list did not list, of different networks.  Once it is full one is replaced every
 * DNSBL_MEMORY_STEP_MS only: it must be older than a wave of spam that a list catches up with, or the wave would look like
 * everybody.
 */
enum { DNSBL_REMEMBERED = 16, DNSBL_MEMORY_STEP_MS = 300000 };
struct dnsbl_memory {
	struct dnsbl_subject v[DNSBL_REMEMBERED];
	unsigned n;
};

/*
 * The jump: the last DNSBL_JUMP_WINDOW different networks (or domains) that asked are all listed, where of those before them,
 * at least DNSBL_JUMP_HISTORY, at most half were: by chance 1 in 256 at a rate of one half, 1 in 15,000 at 0.3.  A wave of
 * spam from listed clients looks the same; so it is only a reason to ask, with the next listing, about the neighbours of
 * clients that the list did not list: a wave does not change what it says of them.
 */
enum { DNSBL_JUMP_WINDOW = 8, DNSBL_JUMP_HISTORY = 64 };

struct dnsbl_asker {
	uint64_t key; /* of a network or domain */
	bool listed;
};

struct dnsbl_rate {
	struct dnsbl_asker last[DNSBL_JUMP_WINDOW];
	unsigned n, next;
	unsigned listed;  /* of these */
	unsigned history; /* networks that have left the window; counted up to DNSBL_JUMP_HISTORY */
	int rate;         /* the share of them that was listed */
	struct dnsbl_memory memory;
	unsigned next_memory;
	int64_t remembered_ms; /* the last of them */
};

/* A number for the network of a client (/24 or /64), or for a domain. */
uint64_t dnsbl_rate_key(const struct dnsbl_subject *about);

/* An answer: networks that are in the window already count once. */
void dnsbl_rate_note(struct dnsbl_rate *r, const struct dnsbl_subject *about, bool listed, int64_t now_ms);

bool dnsbl_rate_jumps(const struct dnsbl_rate *r);

/* The window is emptied; what was before it stays. */
void dnsbl_rate_restart(struct dnsbl_rate *r);

#endif
