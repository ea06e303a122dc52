/*
 * Charsets: the names that mail uses, and conversion to UTF-8.  Of this folder alone.
 */
#ifndef MILLGATE_MIME_CHARSET_H
#define MILLGATE_MIME_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

#include "util/sbuf.h"

struct charset;

/*
 * The charset of a name, in any case and with or without its "-" and "_"; NULL when it is not one of ours, or says
 * nothing about bytes above 0x7f ("us-ascii", "unknown-8bit").  Aliases of one charset give one pointer.
 */
const struct charset *mime_charset_find(const char *name, size_t n);

/*
 * Appends n bytes as UTF-8.  What is no character of the charset becomes U+FFFD, so that nothing around it is lost; cs
 * NULL: what is not UTF-8 does.  false when iconv does not know the charset: nothing was appended.
 */
bool mime_charset_convert(const struct charset *cs, const char *p, size_t n, struct sbuf *out);

/* The most bytes of UTF-8 that mime_charset_convert() makes of n bytes. */
size_t mime_charset_room(size_t n);

#endif
