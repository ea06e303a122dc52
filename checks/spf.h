/*
 * SPF (RFC 7208): may the client use the domain of the sender, or, for the null sender, the name it gives in HELO?
 */
#ifndef MILLGATE_CHECKS_SPF_H
#define MILLGATE_CHECKS_SPF_H

#include "conf/conf.h"
#include "mail/check.h"

#define SPF_SETTINGS(S)                                                                                                \
	S(BOOL, enabled, 0, "true",                                                                                    \
	  "Whether SPF is asked.  Without this section it is asked when a rule or greylisting wants to know; with "    \
	  "dmarc enabled it is asked in any case.  Only an enabled section refuses and marks.")                        \
	S(ENUM, on_fail, checks_outcome, "mark",                                                                       \
	  "When the sender's domain says that the client may not use it: reject (550 5.7.23), defer, mark or ignore.") \
	S(ENUM, on_softfail, checks_outcome, "mark", "When it says so half-heartedly (~all): the same.")               \
	S(ENUM, on_permerror, checks_outcome, "ignore",                                                                \
	  "When its record cannot be used: reject (550 5.7.24), defer, mark or ignore.")                               \
	S(ENUM, on_error, checks_on_error, "inherit", "When DNS does not answer; inherit: what dns.on_error says.")    \
	S(ENUM, engine, spf_engines, "own",                                                                            \
	  "Who evaluates the records: own, strictly by RFC 7208; libspf2, the library, within the same limits.")       \
	S(ENUM, refuse_at, checks_refuse_at, "rcpt",                                                                   \
	  "The earliest stage at which a message is refused; connect: already at MAIL.  With dmarc enabled a refusal " \
	  "waits for the end of the message, and DMARC's pass outweighs it.")                                          \
	S(BOOL, shadow, 0, "false", "Journal what would be done, do nothing.")
CONF_STRUCT(spf_settings, SPF_SETTINGS);

extern const struct check spf_check;

#endif
