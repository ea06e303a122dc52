/*
 * Registrable domains, from the Public Suffix List (libpsl's built-in data, private suffixes included).  Thread-safe.
 */
#ifndef MILLGATE_MAIL_PSL_H
#define MILLGATE_MAIL_PSL_H

/*
 * The registrable domain of a name: "example.co.uk" of "mx1.mail.example.co.uk", "me.github.io" of "www.me.github.io".
 * Points into `domain`, which must be lower case and without a last dot (as facts are).  NULL when there is none: the
 * name is itself a public suffix, an IP address, or no domain name at all.
 */
const char *psl_registrable(const char *domain);

#endif
