/*
 * Examinations: questions whose answers are known beforehand, if the list works.
 *
 *	probes		what RFC 5782 (or the entry's `probe`) says must be listed, and must not be.  They tell a list that was
 *			emptied, and one that lists the world by a wildcard; resolvers answer them out of their caches.
 *	canary		a random name that no list has: an address in 127.128.0.0/9, a random domain under "invalid".  Nobody has
 *			it in a cache, so it tells of now: of a list that lists the world since a second ago, of a resolver
 *			that rewrites NXDOMAIN, of a server that is away while the probes come out of a cache.
 *	random		random global addresses (random domains).  They tell of a list that lists the world but 127.0.0.0/8.
 *			Lists of dynamic addresses hold a third of IPv4, so one listing says nothing: only when all of the
 *			first RANDOM_FIRST are listed, are the others asked, and only all RANDOM_ALL say that the list is
 *			wrong (at a third, 1 in 40 million).
 *	neighbours	of clients that the list did not list lately: when nearly all of them are listed, it is the list that
 *			has changed.  The clients themselves would be answered out of a cache.
 *
 * What is asked when.  The keeper asks the probes, the canary and the random addresses at start, hourly, and before a
 * suspended list comes back.  A session asks nothing more than its one question, unless that finds a listing that counts;
 * then, in one more round trip, the canary, and, once in trust_for, the random addresses: so a list that begins to list
 * the world refuses nobody, not even the first client, and a list with a quota is asked about a listed client twice, about
 * any other once.  (An entry with a negative weight refuses nobody by what it lists: its canary, too, is good for
 * trust_for.)  The keeper asks the controls in use anew before they are too old, so that sessions seldom wait for them.
 *
 * Inside checks/ only.  An examination belongs to one thread.
 */
#ifndef MILLGATE_CHECKS_DNSBL_EXAM_H
#define MILLGATE_CHECKS_DNSBL_EXAM_H

#include "checks/dnsbl_guard.h"
#include "net/net.h"

enum {
	DNSBL_EXAM_PROBES = 1 << 0,
	DNSBL_EXAM_CANARY = 1 << 1,
	DNSBL_EXAM_RANDOM = 1 << 2,
	DNSBL_EXAM_NEIGHBOURS = 1 << 3
};

enum dnsbl_finding {
	DNSBL_FOUND_NOTHING, /* wrong */
	DNSBL_FOUND_SILENCE, /* no answers to go by */
	DNSBL_FOUND_WRONG
};

enum { DNSBL_EXAM_QUESTIONS = 48, DNSBL_WHY_SIZE = 128 };

struct dnsbl_exam {
	const struct dnsbl_zone *zone;
	enum dnsbl_side side;
	unsigned parts;
	int64_t asked_ms;
	struct net_op *ops[DNSBL_EXAM_QUESTIONS];
	unsigned char part[DNSBL_EXAM_QUESTIONS]; /* of each question: one bit */
	const struct dnsbl_probe *probe[DNSBL_EXAM_QUESTIONS];
	unsigned n;
	/* the result */
	enum dnsbl_finding finding;
	enum dnsbl_ipv6 ipv6;     /* side V6, with probes: whether the list has it */
	struct ip error;          /* WRONG: an answer that is an error of the list; else family IP_NONE */
	char why[DNSBL_WHY_SIZE]; /* SILENCE, WRONG: for people; names no zone */
};

/* Submits the first questions.  memory: for the neighbours; may be NULL. */
void dnsbl_exam_ask(struct dnsbl_exam *x, const struct dnsbl_zone *z, enum dnsbl_side side, unsigned parts,
		    const struct dnsbl_memory *memory, struct net_wait *w);

/* After these were awaited: whether more were submitted, to be awaited again. */
bool dnsbl_exam_more(struct dnsbl_exam *x, struct net_wait *w);

/* Reads all answers into the result and gives the questions back. */
void dnsbl_exam_judge(struct dnsbl_exam *x);

/* Gives the questions back. */
void dnsbl_exam_end(struct dnsbl_exam *x);

/* The name under which a list is asked.  0, or -1 when it does not fit. */
int dnsbl_question_name(const struct dnsbl_zone *z, const struct dnsbl_subject *about, char *out, size_t size);

/* Whether an answer is one of a list: NULL, or the address that is an error of it. */
struct dns_answer;
const struct ip *dnsbl_answer_error(const struct dns_answer *a);

#endif
