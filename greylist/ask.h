/*
 * A recipient's question, from the facts to the answer.  Inside greylist/ only.
 */
#ifndef MILLGATE_GREYLIST_ASK_H
#define MILLGATE_GREYLIST_ASK_H

#include "greylist/identity.h"
#include "greylist/met.h"
#include "greylist/script.h"
#include "mail/check.h"

/* The check's state; immutable. */
struct grey_state {
	struct redis_script script;
	struct grey_masks masks;
	struct grey_terms plain, no_name, listed; /* which differ in the delay */
	const char *prefix;
	enum on_error on_error;
	bool correspondents; /* they are asked about */
	bool shadow;
};

/* One recipient. */
struct grey_run {
	struct grey_triplet triplet;
	struct grey_identity identity;
	struct grey_question question;
	struct grey_met met;
	bool met_sent;
	const char *note; /* the triplet's key by a domain that SPF may yet confirm; NULL: there is no other */
	struct net_op *op;
	bool sent; /* and not collected yet */
	bool asked;
	bool renew; /* the pass is used up far enough to be renewed when the mail is accepted */
};

/* Sends the questions; mail that came by no network has none.  verb: of grey_script. */
void grey_send(struct check_call *c, struct grey_run *run, const char *verb);

/* Whether grey_collect() would not wait any more; sends what the answers give rise to. */
bool grey_go_on(struct check_call *c, struct grey_run *run);

/* Awaits them, and sets every fact. */
void grey_collect(struct check_call *c, struct grey_run *run);

/* Gives back what is in flight. */
void grey_drop(struct grey_run *run);

#endif
