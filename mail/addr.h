/*
 * Mailbox addresses and lists of them (RFC 5321, section 4.1.2).
 */
#ifndef MILLGATE_MAIL_ADDR_H
#define MILLGATE_MAIL_ADDR_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"
#include "util/ip.h"

/*
 * The address in the argument of MAIL or RCPT: angle brackets, a source route and parameters are taken off, a quoted
 * local part that needs no quotes is unquoted, dots at the domain's end are dropped; the letters' case stays.  "" for
 * "<>".  Never NULL but when out of memory: what cannot be parsed comes back as it was, without brackets.
 */
const char *addr_from_path(struct arena *a, const char *arg);

/* The '@' that parts local part and domain: the last one outside quotes; NULL when there is none. */
const char *addr_at(const char *addr, size_t n);

/* The domain behind the last '@' outside quotes, lower case, without a last dot; NULL when there is none. */
const char *addr_domain(struct arena *a, const char *addr);

/*
 * A list of patterns: "192.0.2.0/24" or an address; "example.com" that name; ".example.com" its subdomains;
 * "@example.com" addresses of that domain; "user@example.com" that address; "user@" or "user" alone (only when
 * `locals` is set) that local part in any local domain.  Compared folded.
 *
 * Where an address is looked up, "example.com" and ".example.com" are compared with its domain.  A local part without a
 * domain (bare <postmaster>) is matched by "user@" and "user" also when `locals` is not set.
 *
 * Building is for one thread; look-ups write nothing and may come from many.
 */
struct addr_list;
struct addr_list *addr_list_new(void);
void addr_list_free(struct addr_list **l);

/* Which domains are local, for "user@"; `locals` must live as long as l.  NULL: none. */
void addr_list_set_locals(struct addr_list *l, const struct addr_list *locals);

/* Adds a pattern.  NULL, or a static text that says what is wrong with it. */
const char *addr_list_add(struct addr_list *l, const char *pattern);

/*
 * Specificity of the best match, 0 when none: an address or a full name beats a network or a suffix, a longer prefix
 * or suffix beats a shorter one.  Folded text in.  One scale for all three, so that the answers of several look-ups and
 * lists compare:
 *
 *   ADDR_EXACT       one IP address, a full name, one mailbox
 *   ADDR_LOCAL       a local part in any local domain
 *   ADDR_DOMAIN      all addresses of one domain
 *   less             1 + 2 for each bit of an IPv4 prefix, 1 for each bit of an IPv6 prefix, 16 for each label of a suffix:
 *                    ".example.com", an organisation's, weighs as much as 192.0.0.0/16 and 2001:db8::/32
 */
enum { ADDR_EXACT = 10000, ADDR_LOCAL = 9000, ADDR_DOMAIN = 8000 };
int addr_list_match_ip(const struct addr_list *l, const struct ip *ip);
int addr_list_match_domain(const struct addr_list *l, const char *domain, size_t n);
int addr_list_match_address(const struct addr_list *l, const char *address, size_t n);
size_t addr_list_count(const struct addr_list *l);

#endif
