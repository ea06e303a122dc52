/*
 * DNS lists of domains (RFC 5782, section 3): of HELO and the sender's domain before the message, of the domains in From
 * and the hosts of URLs at its end.  The settings are those of dnsbl.h.
 *
 * A list is asked about registrable domains ("example.co.uk" for "www.shop.example.co.uk"), by the Public Suffix List with
 * its private part, so about "shop.blogspot.com" but not "blogspot.com": this is what the lists in use are made of, and no
 * host name can be made up that a list has not heard of.  Not asked about are addresses, names of no domain or of none
 * that the world knows (checks/dnsbl_domain_name.h), and our own domains: whoever names them says nothing about himself.
 *
 * An entry weighs once in a message, whatever it lists: dnsbl_message_score is no sum of the other scores but made anew of
 * all that the message names.
 */
#ifndef MILLGATE_CHECKS_DNSBL_DOMAIN_H
#define MILLGATE_CHECKS_DNSBL_DOMAIN_H

#include "checks/dnsbl.h"

extern const struct check dnsbl_envelope_check, dnsbl_message_check;

#endif
