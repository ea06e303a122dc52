/*
 * What one rate and key grant to a message or to a recipient: asked for, held, and given back.  When Redis does not
 * answer, the daemon's own count does; where it was taken, there it is given back.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_RATES_GRANT_H
#define MILLGATE_CHECKS_RATES_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "checks/rates_script.h"
#include "checks/rates_set.h"
#include "mail/check.h"

/* Of the transaction's arena. */
struct rates_grant {
	struct rates_grant *next; /* of those that recipients share */
	const struct rate *rate;
	struct rates_key key;
	int64_t units;
	struct net_op *op; /* while asking */
	bool answered;
	bool local; /* by the daemon's own count */
	struct rates_result result;
	unsigned holders; /* recipients; the last one to let go gives it back */
};

void rates_grant_send(const struct check_call *c, struct rates_grant *g, enum rates_verb verb);

/* Whether it was sent and has no answer yet. */
bool rates_grant_is_open(const struct rates_grant *g);

/* Waits for all that were sent; `ops` has room for n.  Then reads the answers.  With TAKE, being used up is told. */
void rates_grant_collect(struct check_call *c, struct rates_grant *const *v, unsigned n, struct net_op **ops,
			 enum rates_verb verb);

/* Gives back what was granted; nobody waits for that. */
void rates_grant_give(const struct check_call *c, const struct rates_grant *g);

/* Adds the rate's name to a fact, unless it is there. */
void rates_grant_add_name(const struct check_call *c, struct fact_value *f, const struct rate *r);

#endif
