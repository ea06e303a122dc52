/*
 * IP addresses, networks and sets of networks.
 *
 * An IPv4-mapped IPv6 address (::ffff:192.0.2.1) is read as the IPv4 address, so that a client has one form.
 */
#ifndef MILLGATE_UTIL_IP_H
#define MILLGATE_UTIL_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ip_family { IP_NONE = 0, IP_V4 = 4, IP_V6 = 6 };

struct ip {
	uint8_t family; /* enum ip_family */
	uint8_t b[16];  /* network order; IPv4 in the first four */
};

struct ip_net {
	struct ip ip;
	uint8_t bits; /* prefix length: 0-32 or 0-128 */
};

enum { IP_TEXT_SIZE = 46 };

/* "192.0.2.1", "2001:db8::1", also "IPv6:2001:db8::1" (RFC 5321, 4.1.3) and with brackets.  0, or -1 when it is none. */
int ip_parse(struct ip *ip, const char *text);

/* An address alone (full prefix) or ADDRESS/BITS; host bits must be zero.  0; -1 not a network; -2 host bits set. */
int ip_net_parse(struct ip_net *net, const char *text);

/* Writes the canonical text (RFC 5952); answers buf. */
const char *ip_format(const struct ip *ip, char buf[IP_TEXT_SIZE]);

bool ip_equal(const struct ip *a, const struct ip *b);
bool ip_in_net(const struct ip *ip, const struct ip_net *net);

/* The address with all but the first `bits` bits cleared. */
struct ip ip_mask(const struct ip *ip, unsigned bits);

/* A set of networks; look-up takes time of the number of distinct prefix lengths, not of entries. */
struct ip_set;
struct ip_set *ip_set_new(void);
void ip_set_free(struct ip_set **s);
/* 0, or -1 when out of memory. */
int ip_set_add(struct ip_set *s, const struct ip_net *net);
/* The prefix length of the most specific network that holds ip, or -1 when none does. */
int ip_set_match(const struct ip_set *s, const struct ip *ip);
size_t ip_set_count(const struct ip_set *s);

#endif
