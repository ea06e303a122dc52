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
 * local part that needs no quotes is unquoted; the letters' case stays.  "" for "<>".  Never NULL but when out of
 * memory: what cannot be parsed comes back as it was, without brackets.
 */
const char *addr_from_path(struct arena *a, const char *arg);

/* The domain behind the last '@' outside quotes, lower case, without a last dot; NULL when there is none. */
const char *addr_domain(struct arena *a, const char *addr);

/*
 * A list of patterns: "192.0.2.0/24" or an address; "example.com" that name; ".example.com" its subdomains;
 * "@example.com" addresses of that domain; "user@example.com" that address; "user@" or "user" alone (only when
 * `locals` is set) that local part in any local domain.  Compared folded.
 */
struct addr_list;
struct addr_list *addr_list_new(void);
void addr_list_free(struct addr_list **l);

/* Adds a pattern.  NULL, or a static text that says what is wrong with it. */
const char *addr_list_add(struct addr_list *l, const char *pattern);

/*
 * Specificity of the best match, 0 when none: an address or a full name beats a network or a suffix, a longer prefix
 * or suffix beats a shorter one.  Folded text in.
 */
int addr_list_match_ip(const struct addr_list *l, const struct ip *ip);
int addr_list_match_domain(const struct addr_list *l, const char *domain, size_t n);
int addr_list_match_address(const struct addr_list *l, const char *address, size_t n);
size_t addr_list_count(const struct addr_list *l);

#endif
