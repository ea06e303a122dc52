/*
 * Authentication-Results fields of others (RFC 8601, section 2.2): whose they claim to be.
 */
#ifndef MILLGATE_MAIL_AUTHRES_H
#define MILLGATE_MAIL_AUTHRES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a field's value names this authserv-id (in any case), also when it is quoted, commented or folded.  What cannot
 * be parsed is ours when the id stands in it at all: a reader more lenient than this must not be fooled (section 5).
 */
bool authres_claims(const char *value, size_t n, const char *authserv_id);

#endif
