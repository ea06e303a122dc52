/*
 * The greylist in Redis.  A triplet is a string of words, short enough for Redis to keep it in one piece:
 *
 *   FIRST LAST ATTEMPTS PASSES SINCE DELAY CODE
 *
 *   FIRST     when it was first seen, milliseconds since 1970 by Redis's clock
 *   LAST      when it was last seen, seconds after FIRST
 *   ATTEMPTS  how often it came before it passed
 *   PASSES    how often it passed; 0: it has to wait
 *   SINCE     when the pass was last renewed, seconds after FIRST
 *   DELAY     how long it has or had to wait, seconds
 *   CODE      why: a letter for SPF, one for the host name (greylist/identity.h), one for the delay (enum grey_delay)
 *
 * A triplet that waits lives until its retry window ends, one that has passed for as long as a pass is remembered.  A
 * client that proves itself is another string:
 *
 *   DAY COUNT HASH ...   the day (since 1970) of the last pass that was counted, or of the last use once it is known;
 *                        how many were counted; of which senders, until they are enough
 *
 * No key is without a TTL.
 */
#ifndef MILLGATE_GREYLIST_SCRIPT_H
#define MILLGATE_GREYLIST_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "net/redis.h"

/*
 * One call for a triplet and its client.  Verbs:
 *   ask    records an attempt, and a pass when the time has come
 *   peek   answers what ask would, and writes nothing
 *   renew  a pass was used: its time begins anew, and that of the client
 *   note   begins to wait, without an attempt, when the triplet is not there
 *   allow  lets the triplet pass from now on, made when it is not there
 * Answers { enum grey_decision, milliseconds still to wait, milliseconds that the triplet (CLIENT: the client) has left,
 * milliseconds since the triplet was first seen, a count: DEFER, PASS: attempts; KNOWN: passes; CLIENT: days }.
 */
extern const char grey_script[];

enum grey_decision { GREY_DEFER, GREY_PASS, GREY_KNOWN, GREY_CLIENT };

struct grey_answer {
	enum grey_decision decision;
	int64_t wait_ms, left_ms, age_ms, count;
};

/* KEYS: a triplet; writes nothing.  { now, TTL (-1: none, -2: no such key), its value }. */
extern const char grey_script_show[];

/* By hand.  KEYS: a client.  ARGV: count, TTL: makes it known.  KEYS: a correspondent.  ARGV: value, TTL. */
extern const char grey_script_trust[];
extern const char grey_script_meet[];

enum grey_delay {
	GREY_DELAY_PLAIN = 'd',
	GREY_DELAY_NO_NAME = 'n', /* the client has no name that leads back to it */
	GREY_DELAY_LISTED = 'l',  /* DNS lists list it */
	GREY_DELAY_ALLOWED = 'a'  /* by hand */
};

struct grey_times {
	int64_t delay_ms, window_ms, pass_ms;
	int64_t known_after, known_for_ms; /* a count; 0: clients do not become known */
};

/*
 * The same with what the script gets of them: formatted once, as they are the configuration's, and in one word what it
 * does not look at for mail that has passed before.
 */
enum { GREY_NUMBER_SIZE = 24 };
struct grey_terms {
	struct grey_times times;
	char pass[GREY_NUMBER_SIZE];
	char others[4 * GREY_NUMBER_SIZE]; /* delay, window, known_after, known_for */
	size_t pass_n, others_n;
};
void grey_terms_make(struct grey_terms *out, const struct grey_times *times);

enum { GREY_CODE_SIZE = 4 };

struct grey_question {
	const char *key;    /* the triplet's */
	const char *client; /* the client's; NULL: it cannot become known */
	const char *sender; /* normalised */
	char code[GREY_CODE_SIZE];
	const struct grey_terms *terms;
};

/* A call of grey_script, to be awaited; NULL when out of memory.  And one that nobody waits for. */
struct net_op *grey_script_ask(struct net_wait *w, const struct redis_script *s, const char *verb,
			       const struct grey_question *q);
void grey_script_tell(struct net_wait *w, const struct redis_script *s, const char *verb,
		      const struct grey_question *q);

/* False when it is no answer of the script's. */
bool grey_script_answer(const struct redis_value *v, struct grey_answer *out);

/* ---- What stands in Redis ---- */

struct grey_record {
	int64_t first_ms, last_ms, since_ms, delay_ms;
	int64_t attempts, passes;
	char code[GREY_CODE_SIZE]; /* "" when there is none */
};

/* False when it is no triplet. */
bool grey_record_parse(const char *p, size_t n, struct grey_record *out);

#endif
