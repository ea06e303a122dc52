/*
 * Allow and deny lists of clients and of senders: the top-level groups `allow` and `deny`.
 */
#ifndef MILLGATE_CHECKS_LISTS_H
#define MILLGATE_CHECKS_LISTS_H

#include "conf/conf.h"
#include "mail/check.h"

#define ALLOW_SETTINGS(S)                                                                                              \
	S(STRINGS, clients, 0, NULL,                                                                                   \
	  "Addresses, networks and confirmed names of clients that skip greylisting, DNS lists and FCrDNS.")           \
	S(STRINGS, senders, 0, NULL, "Addresses and domains of senders that skip the same; see `unverified`.")         \
	S(BOOL, unverified, 0, "false",                                                                                \
	  "Let allow.senders count for senders that no SPF or DKIM pass stands behind: anybody can write them.")       \
	S(BOOL, shadow, 0, "false", "Journal what would be allowed, change nothing.")
CONF_STRUCT(allow_settings, ALLOW_SETTINGS);

#define DENY_SETTINGS(S)                                                                                               \
	S(STRINGS, clients, 0, NULL, "Addresses, networks and confirmed names of clients that are refused.")           \
	S(STRINGS, senders, 0, NULL, "Addresses and domains of senders that are refused.")                             \
	S(ENUM, refuse_at, checks_refuse_at, "rcpt", "The earliest stage at which a denied client is refused.")        \
	S(BOOL, shadow, 0, "false", "Journal what would be refused, refuse nothing.")
CONF_STRUCT(deny_settings, DENY_SETTINGS);

#define LISTS_SETTINGS(S)                                                                                              \
	S(GROUP, allow, allow_settings, NULL, "Whom client checks leave alone; the most specific entry wins.")         \
	S(GROUP, deny, deny_settings, NULL, "Who is refused; the most specific entry wins, a tie goes to allow.")
CONF_STRUCT(lists_settings, LISTS_SETTINGS);

/* In this order; what `allow` skips comes behind it. */
extern const struct check allow_check, deny_clients_check, deny_senders_check;

#endif
