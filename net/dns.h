/*
 * DNS questions over libunbound, by the loop thread.  RFC 1035; failures are told apart from "does not exist".
 */
#ifndef MILLGATE_NET_DNS_H
#define MILLGATE_NET_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "net/net.h"
#include "util/ip.h"

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28
};

enum dns_status {
	DNS_OK,       /* at least one record of the type asked for */
	DNS_NXDOMAIN, /* the name does not exist */
	DNS_NODATA,   /* the name exists, the type does not */
	DNS_FAILED    /* SERVFAIL, REFUSED, a time-out, a broken packet, no memory, or the loop is stopping */
};

struct dns_record {
	struct ip ip; /* A, AAAA */
	/* PTR, MX, NS, CNAME: lower case, without the last dot; "" is the root (null MX, RFC 7505).  A dot or NUL inside a
	 * label is '?' here, since it would fake another name; any other byte is as it came. */
	const char *name;
	uint16_t preference; /* MX */
	const char *text;    /* TXT: the strings joined, NUL-terminated; may hold NUL */
	size_t text_n;
};

struct dns_answer {
	enum dns_status status;
	const struct dns_record *v;
	unsigned n;
	uint32_t ttl;    /* seconds; the least of the records */
	const char *why; /* DNS_FAILED: "timeout", "SERVFAIL", ... */
};

/*
 * Submits a question.  name: letters as the zone has them, labels of 1-63 bytes, no escaping ('.' ends a label); one
 * that is no valid DNS name is answered DNS_NXDOMAIN without asking.  Never NULL but when out of memory.
 */
struct net_op *dns_ask(struct net_wait *w, const char *name, enum dns_type type);

/* The answer of a question that was awaited: valid until net_op_free().  An open one, and NULL, read as DNS_FAILED. */
const struct dns_answer *dns_result(const struct net_op *op);

/* The name under which the reverse of an address is asked: "1.2.0.192" + "." + suffix; nibbles for IPv6.  NULL
 * suffix: in-addr.arpa or ip6.arpa.  0, or -1 when it does not fit. */
int dns_reverse_name(const struct ip *ip, const char *suffix, char *out, size_t size);

#endif
