/*
 * Registrable domains, from the Public Suffix List (libpsl's built-in data, private suffixes included).  Thread-safe.
 */
#ifndef MILLGATE_MAIL_PSL_H
#define MILLGATE_MAIL_PSL_H

#include <stdbool.h>

/*
 * The registrable domain of a name: "example.co.uk" of "mx1.mail.example.co.uk", "me.github.io" of "www.me.github.io".
 * Points into `domain`, which must be lower case and without a last dot (as facts are).  NULL when there is none: the
 * name is itself a public suffix, an IP address, or no domain name at all.
 */
const char *psl_registrable(const char *domain);

/* Whether a name ends in a suffix that the list has; of names like "main.c", psl_registrable() says no such thing. */
bool psl_has_suffix(const char *domain);

#endif
