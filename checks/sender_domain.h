/*
 * The sender's domain: could an answer be sent to it?  By MX, by its own address (RFC 5321, section 5.1), or not at all,
 * since it says so (null MX, RFC 7505) or does not exist.  Our own domains are not asked about: the MTA has their mail.
 */
#ifndef MILLGATE_CHECKS_SENDER_DOMAIN_H
#define MILLGATE_CHECKS_SENDER_DOMAIN_H

#include "conf/conf.h"
#include "mail/check.h"

#define SENDER_DOMAIN_SETTINGS(S)                                                                                      \
	S(BOOL, enabled, 0, "true", "Whether the section refuses or marks anything.")                                  \
	S(ENUM, on_null_mx, checks_outcome, "reject",                                                                  \
	  "When the sender's domain says that it takes no mail (RFC 7505): reject (550 5.7.27), defer, mark or "       \
	  "ignore.")                                                                                                   \
	S(ENUM, on_none, checks_outcome, "reject",                                                                     \
	  "When it does not exist, or has neither MX nor address: reject (550 5.1.8), defer, mark or ignore.  "        \
	  "Whether the hosts that its MX names exist is not looked at; local_domains are spared.")                     \
	S(ENUM, on_error, checks_on_error, "inherit", "When DNS does not answer; inherit: what dns.on_error says.")    \
	S(ENUM, refuse_at, checks_refuse_at, "rcpt",                                                                   \
	  "The earliest stage at which a message is refused; connect: already at MAIL.")                               \
	S(BOOL, shadow, 0, "false", "Journal what would be done, do nothing.")
CONF_STRUCT(sender_domain_settings, SENDER_DOMAIN_SETTINGS);

extern const struct check sender_domain_check;

#endif
