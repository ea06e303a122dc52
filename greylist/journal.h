/*
 * What greylisting left in the journal (a Redis stream, written by engine/record.c), read back entry by entry.  The one user
 * of jansson: what an entry says of its recipients is JSON with text from the wire in it.  Inside greylist/ only.
 */
#ifndef MILLGATE_GREYLIST_JOURNAL_H
#define MILLGATE_GREYLIST_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "greylist/admin.h"

/* The words of the fact greylist. */
enum grey_word { GREY_WORD_DEFER, GREY_WORD_PASS, GREY_WORD_KNOWN, GREY_WORD_CLIENT, GREY_WORD_MET, GREY_WORDS };

/* One recipient of one transaction.  Text from the wire: escape before use. */
struct grey_attempt {
	int64_t ms;        /* when the transaction began, by Redis's clock, milliseconds since 1970 */
	int64_t waited_ms; /* since the triplet was first seen, to the second; -1: not told */
	enum grey_word word;
	bool deferred;                             /* it was told to come again */
	const char *identity, *sender, *recipient; /* as the triplet has them; never NULL */
	const char *why;
};

typedef void (*grey_attempt_fn)(void *ctx, const struct grey_attempt *a);

struct grey_journal {
	int64_t now_ms;      /* Redis's clock when the walk began: later entries are not read */
	int64_t first_ms;    /* the oldest entry that is there; -1: none */
	uint64_t entries;    /* read */
	uint64_t unreadable; /* of these, ones that engine/record.c has not written */
};

/* Now, by Redis's clock, which is the journal's.  0, or -1 with an error added. */
int grey_journal_now(const struct grey_admin *g, int64_t *now_ms, struct error_list *errors);

/*
 * All attempts written down from since_ms on, in that order (which may not be that of their beginnings), a page of entries in memory at a time; what fn is given lives until it
 * returns.  0, or -1 with an error added (Redis away).
 */
int grey_journal_walk(const struct grey_admin *g, int64_t since_ms, grey_attempt_fn fn, void *ctx,
		      struct grey_journal *out, struct error_list *errors);

#endif
