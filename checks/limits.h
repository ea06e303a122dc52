/*
 * Limits: connections of one client, the size of a message, recipients of a message; their rates are in rates.c, and
 * both share the section `limits`.
 */
#ifndef MILLGATE_CHECKS_LIMITS_H
#define MILLGATE_CHECKS_LIMITS_H

#include "conf/conf.h"
#include "mail/check.h"

enum limits_action { LIMITS_DEFER, LIMITS_REJECT, LIMITS_HOLD };
extern const struct name_value limits_action[]; /* defer, reject, hold */

/* A number of things in a period: what an entry of limits.rates and each of its windows may say. */
#define RATE_WINDOW_ROWS(S)                                                                                            \
	S(INT, messages, CONF_RANGE(0, 1000000000), "0", "How many messages in the period.")                           \
	S(INT, recipients, CONF_RANGE(0, 1000000000), "0", "How many recipients in the period.")                       \
	S(SIZE, bytes, 0, "0", "How many bytes in the period, by the real size, at the end of the message.")           \
	S(DURATION, per, 0, "0", "The period, such as \"1m\" or \"1h\".")                                              \
	S(INT, burst, CONF_RANGE(0, 1000000000), "0", "How many may come at once; 0: the whole number of the period.") \
	S(SIZE, burst_bytes, 0, "0", "The same for bytes; a message larger than that counts as if it were as large.")
CONF_STRUCT(rate_window_settings, RATE_WINDOW_ROWS);

#define RATE_SETTINGS(S)                                                                                               \
	S(STRING, name, 0, NULL, "The rate's name for logs and rules; left out: made from the rest.")                  \
	S(STRINGS, by, 0, NULL,                                                                                        \
	  "What is counted apart: any of client_ip, client_net (/24 or /64), auth_user, sender, sender_domain, "       \
	  "recipient and recipient_domain.  Mail that has no such value is not counted.")                              \
	RATE_WINDOW_ROWS(S)                                                                                            \
	S(GROUPS, windows, rate_window_settings, NULL,                                                                 \
	  "Several numbers and periods in place of one: what all of them grant is taken from all, else from none.")    \
	S(INT, networks, CONF_RANGE(0, 1000), "0",                                                                     \
	  "How many client networks (/24 or /64) may be seen in the period `per`: a password that is known to many "   \
	  "comes from many.  Alone, or beside a number.")                                                              \
	S(STRINGS, except, 0, NULL,                                                                                    \
	  "What is not counted, by any of the values in `by`: networks, addresses, domains, users, or a "              \
	  "`file:/path` of them.")                                                                                     \
	S(ENUM, action, limits_action, "defer",                                                                        \
	  "defer (450 4.7.1) or reject (550 5.7.1) what is too much; or hold: this message and all later ones of "     \
	  "this key are accepted and quarantined until `millgate limits reset`.")                                      \
	S(DURATION, hold_for, 0, "30d", "How long `hold` lasts when nobody resets it.")
CONF_STRUCT(rate_settings, RATE_SETTINGS);

#define LIMITS_SETTINGS(S)                                                                                             \
	S(SIZE, message_size, 0, "0", "The largest message, announced at MAIL or real; 0: no limit.")                  \
	S(INT, recipients, CONF_RANGE(0, 1000000), "0",                                                                \
	  "The most recipients of one message; those beyond are answered 452; 0: no limit.")                           \
	S(INT, connections_per_client, CONF_RANGE(0, 1000000), "0",                                                    \
	  "The most sessions that one client may have open, trusted networks and relays aside; 0: no limit.")          \
	S(GROUPS, rates, rate_settings, NULL, "Rates: how much may come in a period.")                                 \
	S(BOOL, emergency, 0, "true",                                                                                  \
	  "While Redis is away the daemon counts by itself, in its memory; false: on_error decides.")                  \
	S(STRINGS, on_hit, 0, NULL,                                                                                    \
	  "A command to run, without a shell, when a rate is used up: its path and arguments.  Once for each rate "    \
	  "and key in a period; told by MILLGATE_RATE, MILLGATE_KEY, MILLGATE_ACTION, MILLGATE_CLIENT, "               \
	  "MILLGATE_USER, MILLGATE_SENDER and MILLGATE_ID in its environment.")                                        \
	S(STRING, mail_to, 0, NULL, "To whom a mail is sent then, such as your postmaster.")                           \
	S(STRING, mail_via, 0, "127.0.0.1:25",                                                                         \
	  "The SMTP server that takes this mail; coming from 127.0.0.1 or ::1 it counts for no rate.")                 \
	S(ENUM, on_error, checks_on_error, "inherit",                                                                  \
	  "When a rate cannot be asked, and emergency is false; inherit: what redis.on_error says.")                   \
	S(BOOL, shadow, 0, "false", "Count and journal, refuse nothing.")
CONF_STRUCT(limits_settings, LIMITS_SETTINGS);

extern const struct check limits_check;

#endif
