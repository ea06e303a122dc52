/*
 * Limits: connections of one client, the size of a message, recipients of a message; their rates are in rates.c, and
 * both share the section `limits`.
 */
#ifndef MILLGATE_CHECKS_LIMITS_H
#define MILLGATE_CHECKS_LIMITS_H

#include "conf/conf.h"
#include "mail/check.h"

enum limits_action { LIMITS_DEFER, LIMITS_REJECT };
extern const struct name_value limits_action[]; /* defer, reject */

#define RATE_SETTINGS(S)                                                                                               \
	S(STRING, name, 0, NULL, "The rate's name for logs and rules; left out: made from the rest.")                  \
	S(STRINGS, by, 0, NULL,                                                                                        \
	  "What is counted apart: any of client_ip, client_net (/24 or /64), auth_user, sender, sender_domain, "       \
	  "recipient and recipient_domain.  Mail that has no such value is not counted.")                              \
	S(INT, messages, CONF_RANGE(0, 1000000000), "0", "How many messages in the period; or give recipients.")       \
	S(INT, recipients, CONF_RANGE(0, 1000000000), "0", "How many recipients in the period; or give messages.")     \
	S(DURATION, per, 0, "0", "The period, such as \"1m\" or \"1h\".")                                              \
	S(INT, burst, CONF_RANGE(0, 1000000000), "0", "How many may come at once; 0: the whole number of the period.") \
	S(ENUM, action, limits_action, "defer", "defer (450 4.7.1) or reject (550 5.7.1) what is too much.")
CONF_STRUCT(rate_settings, RATE_SETTINGS);

#define LIMITS_SETTINGS(S)                                                                                             \
	S(SIZE, message_size, 0, "0", "The largest message, announced at MAIL or real; 0: no limit.")                  \
	S(INT, recipients, CONF_RANGE(0, 1000000), "0",                                                                \
	  "The most recipients of one message; those beyond are answered 452; 0: no limit.")                           \
	S(INT, connections_per_client, CONF_RANGE(0, 1000000), "0",                                                    \
	  "The most sessions that one client may have open, trusted networks and relays aside; 0: no limit.")          \
	S(GROUPS, rates, rate_settings, NULL, "Rates: how much may come in a period.")                                 \
	S(ENUM, on_error, checks_on_error, "inherit",                                                                  \
	  "When a rate cannot be asked; inherit: what redis.on_error says.")                                           \
	S(BOOL, shadow, 0, "false", "Count and journal, refuse nothing.")
CONF_STRUCT(limits_settings, LIMITS_SETTINGS);

extern const struct check limits_check;

#endif
