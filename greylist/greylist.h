/*
 * Greylisting: a client, a sender and a recipient that were not seen together before are asked to come again, since
 * much of what sends spam does not.  Layer 2; over net/.  One script call in Redis per recipient, by Redis's clock, and for
 * one that would have to wait the question whether the recipient has written to the sender.
 *
 * Who the client is: greylist/identity.h.  Who waits no longer: triplets that have passed, clients that have proved
 * themselves (greylist/script.h), correspondents (greylist/met.h).
 *
 * ask     records the attempt, and the pass when the time has come: that a client comes again is known from then on, even
 *         when this message is refused for another reason.  There is nothing to take back.
 * commit  renews a pass that was used; no more often than is needed to keep it (GREY_RENEW_PART), so that most
 *         messages of a known triplet cost one command.
 */
#ifndef MILLGATE_GREYLIST_GREYLIST_H
#define MILLGATE_GREYLIST_GREYLIST_H

#include "conf/conf.h"
#include "mail/check.h"
#include "mail/finisher.h"

extern const struct name_value grey_on_error[]; /* inherit, ignore, defer */

#define GREYLIST_SETTINGS(S)                                                                                           \
	S(BOOL, enabled, 0, "true", "Whether a section that stands in the file does anything.")                        \
	S(DURATION, delay, 0, "10s", "How long a new triplet is deferred.")                                            \
	S(DURATION, delay_no_fcrdns, 0, "2m",                                                                          \
	  "The same for a client without a host name that leads back to it.  At most half of retry_window.")           \
	S(DURATION, delay_listed, 0, "10m",                                                                            \
	  "The same for a client with a dnsbl_score of 1 or more; the longest delay that applies holds.")              \
	S(DURATION, retry_window, 0, "5h", "How late a retry may come; after that the triplet is new again.")          \
	S(DURATION, pass_for, 0, "14d", "How long a pass is remembered after it was last used.")                       \
	S(INT, known_after, CONF_RANGE(0, 20), "5",                                                                    \
	  "A client is known when its triplets with that many senders of one domain passed, each on another day; "     \
	  "then nobody of that domain waits.  Only clients that SPF or a confirmed host name tells apart.  0: off.")   \
	S(DURATION, known_for, 0, "60d", "How long a known client is remembered after it was last used.")              \
	S(DURATION, met_for, 0, "60d",                                                                                 \
	  "How long it is remembered to whom our users wrote: the replies are not deferred.  0: never.")               \
	S(BOOL, learn, 0, "true",                                                                                      \
	  "Whether outbound mail teaches to whom our users wrote; automatic mail does not, but where only the policy " \
	  "protocol is spoken, which shows no header, all does that has a sender.")                                    \
	S(INT, ipv4_mask, CONF_RANGE(8, 32), "24", "Clients of one IPv4 network of this size count as one.")           \
	S(INT, ipv6_mask, CONF_RANGE(16, 128), "64", "Clients of one IPv6 network of this size count as one.")         \
	S(ENUM, on_error, grey_on_error, "inherit", "When Redis does not answer; inherit: what redis.on_error says.")  \
	S(BOOL, shadow, 0, "false", "Learn and journal, defer nothing.")
CONF_STRUCT(grey_settings, GREYLIST_SETTINGS);

extern const struct check greylist_check;

/* Learns from accepted outbound mail to whom our users write (greylist/learn.c). */
extern const struct finisher grey_learner;

#endif
