/*
 * Examinations: questions whose answers are known beforehand, if the list works.
 *
 *	probes		what RFC 5782 (or the entry's `probe`) says must be listed, and must not be.  They tell a list that was
 *			emptied, and one that lists the world by a wildcard; resolvers answer them out of their caches.
 *	canary		a random name that no list has: an address in 127.128.0.0/9, a random domain under "invalid".  Nobody has
 *			it in a cache, so it tells of now: of a list that lists the world since a second ago, of a resolver
 *			that rewrites NXDOMAIN, of a server that is away while the probes come out of a cache.
 *	neighbours	of clients that the list did not list (names below such domains): when nearly all of them are listed,
 *			it is the list that has changed, be it in 127.0.0.0/8 or for random addresses or not.  The clients
 *			themselves would be answered out of a cache.  With too few clients to go by: samples.
 *	sample		one of these; while there are few, all of them and a random address (domain).  Is one listed, more are
 *			asked about.
 *	random		random global addresses (random domains), where there are no neighbours to ask about.  Lists of dynamic
 *			addresses hold a third of IPv4, so one listing says nothing: only when the sample, or all of the first
 *			RANDOM_FIRST, are listed, are RANDOM_ALL more asked, and only all of these say that the list is wrong
 *			(at a third: 1 in 40 million).
 *
 * What is asked when.  The keeper asks the probes, the canary and random addresses at start, hourly, and before a suspended
 * list comes back.  A session asks its one question and nothing more, unless that finds a listing that counts; then, in one
 * more round trip, the canary and neighbours, or a sample when neighbours were found in order within five minutes.  So a list
 * that begins to list everybody refuses nobody, not even the first client, while a wave of spam, however large, is no
 * reason to doubt a list; mail from clients that no list has costs what it did, and a list with a quota is asked three
 * questions about a listed client, and at most 11 more in five minutes; trust_for saves these for as long as it says, unless
 * the list seems to list everybody of a sudden (dnsbl_rate.h).  Where all lists that have the client are allow lists,
 * nothing is refused by mistake, and controls are good for HARMLESS_TRUST_MS.
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
	DNSBL_EXAM_NEIGHBOURS = 1 << 3,
	DNSBL_EXAM_SAMPLE = 1 << 4
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
	struct dnsbl_memory memory; /* of its side */
	bool neighbours;            /* were asked about, not a sample only */
	/* the result */
	enum dnsbl_finding finding;
	enum dnsbl_ipv6 ipv6;     /* side V6, with probes: whether the list has it */
	struct ip error;          /* WRONG: an answer that is an error of the list; else family IP_NONE */
	char why[DNSBL_WHY_SIZE]; /* SILENCE, WRONG: for people; names no zone */
};

/* Submits the first questions.  memory: for neighbours and the sample, else not read. */
void dnsbl_exam_ask(struct dnsbl_exam *x, const struct dnsbl_zone *z, enum dnsbl_side side, unsigned parts,
		    const struct dnsbl_memory *memory, struct net_wait *w);

/* After these were awaited: whether more were submitted, to be awaited again. */
bool dnsbl_exam_more(struct dnsbl_exam *x, struct net_wait *w);

/* Reads all answers into the result and gives the questions back. */
void dnsbl_exam_judge(struct dnsbl_exam *x);

/* Gives the questions back. */
void dnsbl_exam_end(struct dnsbl_exam *x);

/* Addresses that no list knows: asking would only tell the lists about our network. */
bool dnsbl_is_private(const struct ip *ip);

/* The name under which a list is asked.  0, or -1 when it does not fit. */
int dnsbl_question_name(const struct dnsbl_zone *z, const struct dnsbl_subject *about, char *out, size_t size);

/* Why there is no answer; static. */
const char *dnsbl_failure(const struct net_op *op);

/* Whether an answer is one of a list: NULL, or the address that is an error of it. */
struct dns_answer;
const struct ip *dnsbl_answer_error(const struct dns_answer *a);

#endif
