/*
 * From the engine's answers and verdicts to actions of Postfix's access(5).  Only policyd/ includes this.
 */
#ifndef MILLGATE_POLICYD_ANSWER_H
#define MILLGATE_POLICYD_ANSWER_H

#include <stdbool.h>

#include "engine/engine.h"
#include "util/sbuf.h"

/* What an action cannot say, as bits. */
enum policyd_unsaid {
	POLICYD_UNSAID_HEADERS = 1 << 0, /* header edits, or more than one of them */
	POLICYD_UNSAID_RCPTS = 1 << 1,   /* recipients added or taken away */
	POLICYD_UNSAID_DELETE = 1 << 2   /* a message that only some of its recipients are not to get */
};

/* No opinion.  Never OK, which would end Postfix's own restrictions. */
extern const char policyd_dunno[];

/* An answer before the end: DUNNO, or a refusal. */
void policyd_word_answer(struct sbuf *out, enum stage at, const struct answer *a);

/* A field as PREPEND, the first that can be said; DUNNO when there is none.  Answers what is left unsaid. */
unsigned policyd_word_headers(struct sbuf *out, const struct edit *edits);

/* How many of the edits are edits of the header. */
unsigned policyd_count_headers(const struct edit *edits);

/* What a verdict is for. */
struct policyd_scope {
	enum stage stage; /* DATA or END: at DATA Postfix can still put a field before the others */
	unsigned rcpts;   /* recipients that are known and were not refused */
	bool whole;       /* these are all that Postfix has accepted: what holds for them holds for the message */
	unsigned headers; /* header edits that were told, or given up, at DATA */
};

/* The verdict at the last question.  Answers what is left unsaid: the message is delivered as if the verdict had not said
 * so. */
unsigned policyd_word_verdict(struct sbuf *out, const struct verdict *v, const struct policyd_scope *scope);

#endif
