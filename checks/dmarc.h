/*
 * DMARC (RFC 9989): whether the domain in From stands behind the message, and what it asks for when it does not.
 */
#ifndef MILLGATE_CHECKS_DMARC_H
#define MILLGATE_CHECKS_DMARC_H

#include "checks/common.h"
#include "conf/conf.h"
#include "mail/check.h"

/* clang-format off */
#define DMARC_SETTINGS(S)                                                                                              \
	S(BOOL, enabled, 0, "true", "Whether DMARC is checked.")                                                       \
	S(BOOL, honour_policy, 0, "true",                                                                              \
	  "Whether what the domain in From asks for is done: reject (550 5.7.1), or on_quarantine.  false: the facts " \
	  "and Authentication-Results only.")                                                                          \
	S(ENUM, on_quarantine, dmarc_on_quarantine, "mark",                                                            \
	  "When the domain asks for quarantine: mark, quarantine (hold in the MTA's queue), reject or ignore.")        \
	S(ENUM, on_malformed_from, checks_outcome, "reject",                                                           \
	  "When there are several From fields, or one whose address hides behind control characters or encoded "       \
	  "words: reject, defer, mark or ignore.")                                                                     \
	S(STRINGS, exceptions, 0, NULL,                                                                                \
	  "Whose policy is not honoured, such as mailing lists: domains in From (example.org, .example.org), and "     \
	  "clients by address, network or name.")                                                                      \
	S(ENUM, on_error, checks_on_error, "inherit", "When DNS does not answer; inherit: what dns.on_error says.")    \
	S(BOOL, shadow, 0, "false", "Journal what would be done, do nothing.")
/* clang-format on */
CONF_STRUCT(dmarc_settings, DMARC_SETTINGS);

extern const struct name_value dmarc_on_quarantine[];

extern const struct check dmarc_check;

#endif
