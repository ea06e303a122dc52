/*
 * Forward-confirmed reverse DNS (RFC 8601, section 2.7.3, calls it iprev): does one of the names that the client's
 * address points to point back to it?
 */
#ifndef MILLGATE_CHECKS_FCRDNS_H
#define MILLGATE_CHECKS_FCRDNS_H

#include "conf/conf.h"
#include "mail/check.h"

#define FCRDNS_SETTINGS(S)                                                                                             \
	S(BOOL, enabled, 0, "true", "Whether the section refuses or marks anything.")                                  \
	S(ENUM, on_fail, checks_outcome, "reject",                                                                     \
	  "When the names do not lead back to the client: reject (550 5.7.25), defer, mark or ignore.")                \
	S(ENUM, on_none, checks_outcome, "mark",                                                                       \
	  "When the client has no name in reverse DNS: the same.  Postfix with smtpd_peername_lookup = no says "       \
	  "that of every client.")                                                                                     \
	S(ENUM, on_error, checks_on_error, "inherit", "When DNS does not answer; inherit: what dns.on_error says.")    \
	S(ENUM, refuse_at, checks_refuse_at, "rcpt", "The earliest stage at which a client is refused.")               \
	S(BOOL, shadow, 0, "false", "Journal what would be done, do nothing.")
CONF_STRUCT(fcrdns_settings, FCRDNS_SETTINGS);

extern const struct check fcrdns_check;

#endif
