/*
 * DNS lists of clients (RFC 5782): deny lists and, with a negative weight, allow lists.
 *
 * What a failed list does.  The score is the sum of the weights of the entries that list the client; a list that fails
 * (no answer, SERVFAIL, a listing that could not be confirmed) leaves it open between the least and the most that it could
 * be.
 *   - The least reaches reject_at: the refusal is certain whatever the failed lists would say; the facts are known.
 *   - The most stays below reject_at: no refusal is possible; dnsbl_score is known, dnsbl is unavailable (a rule that asks
 *     for the absence of a name must not fire because that list failed).
 *   - Anything between, or no reject_at at all: both are unavailable, and follow on_error.
 * A known score is the least that it can be: a rule with a threshold of its own never refuses a client on the strength
 * of an answer that an allow list did not get to give.
 *
 * What a suspended list does: nothing, as if its entry were not there; on_error is for the few failures until a list is
 * suspended.  To defer for a list that is away for days would take mail down, and so would an allow list that leaves every
 * score open: with it all the others could refuse nobody.  Only for those whom an allow list saved lately, its last word
 * stands.
 */
#ifndef MILLGATE_CHECKS_DNSBL_H
#define MILLGATE_CHECKS_DNSBL_H

#include "conf/conf.h"
#include "mail/check.h"

#define DNSBL_LIST_SETTINGS(S)                                                                                              \
	S(STRING, zone, 0, NULL, "The list's zone, such as zen.spamhaus.org.")                                              \
	S(STRING, codes, 0, "",                                                                                             \
	  "The answers that count, ranges per octet: \"127.0.0.2-11, 127.0.4.1\"; empty: all of 127.0.0.0/8 but 127.0.0.1 " \
	  "and 127.255.255.0/24, by which lists tell that they do not serve us.")                                           \
	S(INT, weight, CONF_RANGE(-1000000, 1000000), "1",                                                                  \
	  "What a listing adds to the score; negative for allow lists.")                                                    \
	S(STRING, name, 0, NULL, "What replies and logs call it; left out: the zone, without a key in it.")                 \
	S(STRINGS, of, 0, NULL,                                                                                             \
	  "What it is asked about: \"client\" (the default), the client's address; or domain names, any of \"helo\", "      \
	  "\"sender\" (the domain of MAIL FROM), \"from\" (those in From) and \"url\" (the hosts of URLs in the text).  A " \
	  "list that knows addresses and domains has two entries.")                                                         \
	S(STRINGS, probe, 0, NULL,                                                                                          \
	  "What the list must list while it works, and, with \"!\" in front, what it must not; left out: what RFC 5782 "    \
	  "demands, 127.0.0.2 and not 127.0.0.1 (the same in ::FFFF:0:0/96); of domains TEST, or the test entry of a list " \
	  "older than that (dbltest.com, test.surbl.org, test.uribl.com), and not INVALID.  A list without them is "        \
	  "suspended at once: give it an entry that it always has, or \"off\" if it has none or lists 127.0.0.0/8; then "   \
	  "only error answers, failures, listings of the whole world and a sudden jump of the share of listed clients "     \
	  "suspend it.")
CONF_STRUCT(dnsbl_list_settings, DNSBL_LIST_SETTINGS);

#define DNSBL_SETTINGS(S)                                                                                              \
	S(INT, reject_at, CONF_RANGE(0, 1000000), "1",                                                                 \
	  "The score from which a client is refused; 0: none is, rules may read dnsbl_score.")                         \
	S(GROUPS, lists, dnsbl_list_settings, NULL, "The lists.")                                                      \
	S(DURATION, timeout, 0, "0", "How long to wait for all lists together; 0: as long as dns.timeout.")            \
	S(DURATION, trust_for, 0, "0",                                                                                 \
	  "Each listing is confirmed by two more questions (every five minutes, by thirteen), whose answers tell a "   \
	  "list that lists everybody; how long such a confirmation counts for other listings, for sites near a "       \
	  "list's quota; 0: each has its own.")                                                                        \
	S(ENUM, on_error, checks_on_error, "inherit",                                                                  \
	  "When failed lists leave it open; inherit: what dns.on_error says.  A suspended list is as if it were not "  \
	  "there.")                                                                                                    \
	S(ENUM, refuse_at, checks_refuse_at, "rcpt", "The earliest stage at which a client is refused.")               \
	S(BOOL, shadow, 0, "false", "Journal what would be refused, refuse nothing.")
CONF_STRUCT(dnsbl_settings, DNSBL_SETTINGS);

extern const struct check dnsbl_check;

#endif
