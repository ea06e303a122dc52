/*
 * DNS on the wire (RFC 1035, section 4): reading an answer packet, hostile or not.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_DNS_PACKET_H
#define MILLGATE_NET_DNS_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "net/dns.h"

/* Where the memory of an answer comes from: called at most once per packet. */
typedef void *dns_room_fn(void *ctx, size_t n);

/*
 * Reads the answer to a question for records of `type` out of packet[n]: follows its CNAMEs and takes the records at
 * their end.  Fills *out always; DNS_FAILED for a packet that is broken or says so.
 */
void dns_packet_read(const uint8_t *packet, size_t n, uint16_t type, dns_room_fn *room, void *ctx,
		     struct dns_answer *out);

#endif
