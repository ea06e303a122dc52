/*
 * Encoded words (RFC 2047) as the most lenient mail client decodes them: for finding addresses that hide in them, not
 * for showing text.  The letters of addresses are ASCII's, so that only charsets that write these otherwise matter.
 */
#ifndef MILLGATE_CHECKS_DMARC_WORDS_H
#define MILLGATE_CHECKS_DMARC_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/sbuf.h"

/*
 * How long the encoded word is that begins at p; 0: none does.  *endless, false at first, is kept from one call to the
 * next, further right in the same text: it remembers that no word ends there, so that this is looked for once.
 */
size_t dmarc_words_match(const char *p, size_t n, bool *endless);

/*
 * The text with its words decoded, the white space between neighbours left out; what UTF-16 and UTF-7 write keeps its
 * NUL bytes.
 */
void dmarc_words_decode(const char *p, size_t n, struct sbuf *out);

#endif
