/*
 * Address harvesting: a client that tries one recipient after the other to learn which exist is answered late, then
 * sent away, then refused for a time.  Unknown recipients are counted per client in Redis, for all daemons together.
 */
#ifndef MILLGATE_CHECKS_HARVEST_H
#define MILLGATE_CHECKS_HARVEST_H

#include "conf/conf.h"
#include "mail/check.h"

#define HARVEST_SETTINGS(S)                                                                                            \
	S(BOOL, enabled, 0, "true",                                                                                    \
	  "Whether recipients that the MTA refuses as unknown (5.1.1 and 5.1.2) are counted: per client (IPv6: per "   \
	  "/64), of inbound mail alone.  This needs the milter: the policy protocol does not tell of them.  "          \
	  "sendmail tells of users whom its local mailer does not know, not of those whom its rules refuse, as "       \
	  "virtusertable does.")                                                                                       \
	S(INT, slow_after, CONF_RANGE(0, HARVEST_COUNT_MAX), "3",                                                      \
	  "After so many unknown recipients within `per`, further ones are answered late; 0: never.")                  \
	S(DURATION, delay, 0, "2s", "How late; at most 5s, and never so late that the MTA would lose patience.")       \
	S(INT, max_sleepers, CONF_RANGE(0, HARVEST_SLEEPERS_MAX), "16",                                                \
	  "How many sessions may be held up so at the same time; further ones are answered at once.")                  \
	S(INT, close_after, CONF_RANGE(0, HARVEST_COUNT_MAX), "10",                                                    \
	  "From so many on, a session that brings an unknown recipient is ended at its next MAIL or accepted "         \
	  "recipient (421 4.7.0); 0: never.")                                                                          \
	S(INT, refuse_after, CONF_RANGE(0, HARVEST_COUNT_MAX), "30",                                                   \
	  "With so many, the client is refused (421 4.7.0) for the time of refuse_for; 0: never.  All its mail comes " \
	  "later then: spare hosts that err in good faith, as big providers and lists with many stale addresses do, "  \
	  "by a rule with skip = \"harvesting\".")                                                                     \
	S(DURATION, per, 0, "1h", "The period, which begins with the client's first unknown recipient.")               \
	S(DURATION, refuse_for, 0, "1h",                                                                               \
	  "How long a client is refused; then it is counted anew.  `millgate limits reset ADDRESS` ends it.")          \
	S(ENUM, refuse_at, harvest_refuse_at, "mail",                                                                  \
	  "The earliest stage at which a client is refused: mail; connect, when HELO is answered: then users behind "  \
	  "the same address cannot authenticate either; rcpt, which spares exempt_recipients, and tells the client "   \
	  "which recipients exist.")                                                                                   \
	S(ENUM, on_error, checks_on_error, "inherit",                                                                  \
	  "When Redis does not answer; inherit: what redis.on_error says.")                                            \
	S(BOOL, shadow, 0, "false", "Count, and journal what would be done, do nothing.")
enum { HARVEST_COUNT_MAX = 1000000, HARVEST_SLEEPERS_MAX = 1000 };
CONF_STRUCT(harvest_settings, HARVEST_SETTINGS);

extern const struct check harvest_check;

#endif
