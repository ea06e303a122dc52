/*
 * The tokens of an address list (RFC 5322, section 3.2), of whatever is offered as one.
 */
#ifndef MILLGATE_CHECKS_DMARC_LEX_H
#define MILLGATE_CHECKS_DMARC_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

enum dmarc_token_kind {
	DMARC_WORD, /* a run of what is nothing else, dots included */
	DMARC_QUOTED,
	DMARC_ENCODED, /* an encoded word (RFC 2047) */
	DMARC_COMMENT,
	DMARC_LITERAL, /* in square brackets */
	DMARC_SPECIAL
};

struct dmarc_token {
	enum dmarc_token_kind kind;
	char c;        /* DMARC_SPECIAL; a wide at sign is an '@' whose n is not 1 */
	bool escapes;  /* DMARC_QUOTED: it has backslashes within */
	const char *p; /* its text, without the delimiters; points into the value */
	size_t n;
	bool gap; /* white space, or a comment, before it */
};

/*
 * All tokens, in an array of the arena; NULL when out of memory.  *broken: something does not end; its opening
 * character is a DMARC_SPECIAL then.
 */
struct dmarc_token *dmarc_lex(struct arena *a, const char *p, size_t n, size_t *count, bool *broken);

/* How long the at sign is that stands at p, or what is made one when names are normalised (NFKC); 0: none does. */
size_t dmarc_lex_at(const char *p, size_t n);

#endif
