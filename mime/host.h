/*
 * The host of a URL, as it is written, made comparable (the WHATWG URL standard's host parser, which is what browsers
 * do; RFC 3986, section 3.2.2).  Of this folder alone; stateless.
 */
#ifndef MILLGATE_MIME_HOST_H
#define MILLGATE_MIME_HOST_H

#include <stddef.h>

#include "mime/limits.h"

enum mime_host_kind {
	MIME_HOST_NONE, /* nothing that could be a host */
	MIME_HOST_NAME, /* lower case but for letters of other scripts, no dot at the end */
	MIME_HOST_IP    /* an address, in its canonical form whatever it came in: decimal, hexadecimal, octal, short */
};

/* Percent encoding is undone.  *out is NUL-terminated. */
enum mime_host_kind mime_host_make(const char *p, size_t n, char out[MIME_HOST_MAX]);

#endif
