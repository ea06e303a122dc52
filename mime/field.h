/*
 * Structured MIME fields (RFC 2045, section 5.1; RFC 2231): a value, and parameters.  Read with tolerance, as mail
 * readers do.  Of this folder alone; stateless.
 */
#ifndef MILLGATE_MIME_FIELD_H
#define MILLGATE_MIME_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "util/sbuf.h"

/* Appends the value, lower case and without comments and white space: "text/html", "attachment"; nothing when there is
 * none. */
void mime_field_value(const char *p, size_t n, struct sbuf *out);

/*
 * Appends the first parameter of that name (lower case): quotes undone, the sections of RFC 2231 joined, its percent
 * encoding undone; in its own charset.  Whether there is one.
 */
bool mime_field_param(const char *p, size_t n, const char *name, struct sbuf *out);

#endif
