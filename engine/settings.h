/*
 * The general settings: what belongs to no check.  Each is declared here, once.
 */
#ifndef MILLGATE_ENGINE_SETTINGS_H
#define MILLGATE_ENGINE_SETTINGS_H

#include "conf/conf.h"
#include "mail/fact.h"

extern const struct name_value settings_on_error[]; /* ignore, defer: enum on_error */
extern const struct name_value settings_mixed[];    /* enum mixed */
extern const struct name_value settings_log_to[];   /* enum log_sink */
extern const struct name_value settings_log_level[];

enum mixed { MIXED_MARK, MIXED_REDIRECT, MIXED_SPLIT };

#define MILTER_SETTINGS(S)                                                                                             \
	S(STRING, listen, 0, "unix:/var/spool/postfix/millgate/milter.sock",                                           \
	  "Where the MTA connects: unix:PATH, or inet:PORT@ADDRESS.")                                                  \
	S(MODE, mode, 0, "0660", "Permissions of the Unix socket.")                                                    \
	S(STRING, group, 0, NULL, "Group of the Unix socket; the MTA must be able to write to it.")
CONF_STRUCT(milter_settings, MILTER_SETTINGS);

#define POLICYD_SETTINGS(S)                                                                                            \
	S(STRING, listen, 0, NULL,                                                                                     \
	  "Where Postfix's check_policy_service connects: unix:PATH, or inet:PORT@ADDRESS; left out: not served.")     \
	S(MODE, mode, 0, "0660", "Permissions of the Unix socket.")                                                    \
	S(STRING, group, 0, NULL, "Group of the Unix socket; Postfix must be able to write to it.")                    \
	S(STRINGS, asked_at, 0, NULL,                                                                                  \
	  "Where main.cf has check_policy_service: \"rcpt\" (smtpd_recipient_restrictions), \"data\" "                 \
	  "(smtpd_data_restrictions), \"end\" (smtpd_end_of_data_restrictions); left out: \"rcpt\" alone.")            \
	S(INT, workers, CONF_RANGE(1, 256), "8",                                                                       \
	  "How many requests may wait in a thread of their own at a time; most need none.")
CONF_STRUCT(policyd_settings, POLICYD_SETTINGS);
/* Whether it listens at all. */
bool settings_policyd_serves(const struct policyd_settings *set);
/* The stages at which Postfix asks, as bits 1 << stage: of RCPT, DATA and END. */
unsigned settings_policyd_stages(const struct policyd_settings *set);

#define CONTROL_SETTINGS(S)                                                                                            \
	S(STRING, listen, 0, "unix:/run/millgate/control.sock", "Where `millgate reload` connects: unix:PATH.")        \
	S(MODE, mode, 0, "0600", "Permissions of the control socket.")                                                 \
	S(STRING, group, 0, NULL, "Group of the control socket.")
CONF_STRUCT(control_settings, CONTROL_SETTINGS);

#define REDIS_SETTINGS(S)                                                                                              \
	S(STRING, server, 0, "unix:/run/redis/redis-server.sock", "unix:PATH, or HOST:PORT; \"\" does without Redis.") \
	S(STRING, username, 0, "", "The ACL user; empty for none.")                                                    \
	S(STRING, password_file, 0, "", "A file whose first line is the password; readable by its owner only.")        \
	S(INT, database, CONF_RANGE(0, 1000000), "0", "The database's number.")                                        \
	S(STRING, prefix, 0, "millgate:", "What every key begins with.")                                               \
	S(DURATION, timeout, 0, "500ms", "How long one command may take.")                                             \
	S(ENUM, on_error, settings_on_error, "ignore", "While Redis is away: ignore what it would say, or defer.")
CONF_STRUCT(redis_settings, REDIS_SETTINGS);

#define DNS_SETTINGS(S)                                                                                                \
	S(STRINGS, servers, 0, NULL, "Resolvers, ADDRESS@PORT; left out: those of /etc/resolv.conf.")                  \
	S(DURATION, timeout, 0, "3s", "How long one question may take.")                                               \
	S(ENUM, on_error, settings_on_error, "ignore", "When DNS does not answer: ignore what it would say, or defer.")
CONF_STRUCT(dns_settings, DNS_SETTINGS);

#define LOG_SETTINGS(S)                                                                                                \
	S(ENUM, to, settings_log_to, "syslog", "syslog, or stderr (JSON lines).")                                      \
	S(ENUM, level, settings_log_level, "info", "error, warning, info or debug.")
CONF_STRUCT(log_settings, LOG_SETTINGS);

#define JOURNAL_SETTINGS(S)                                                                                            \
	S(BOOL, enabled, 0, "true", "Whether each transaction leaves an entry in Redis (PREFIXjournal).")              \
	S(INT, entries, CONF_RANGE(100, 100000000), "100000", "How many entries are kept, about.")
CONF_STRUCT(journal_settings, JOURNAL_SETTINGS);

#define ENGINE_SETTINGS(S)                                                                                             \
	S(STRING, user, 0, "millgate", "The user that the daemon becomes.")                                            \
	S(STRING, group, 0, "millgate", "Its group.")                                                                  \
	S(STRING, hostname, 0, NULL, "The authserv-id, and %{hostname}; left out: the machine's name.")                \
	S(STRINGS, local_domains, 0, NULL, "The domains whose mail this site receives.")                               \
	S(STRINGS, trusted_networks, 0, NULL, "Clients whose mail is outbound, as if authenticated.")                  \
	S(STRINGS, relays, 0, NULL, "Backup MXs, filters that re-inject, fetchmail: never refused by client.")         \
	S(STRINGS, exempt_recipients, 0, NULL,                                                                         \
	  "Recipients that no client-level refusal hits; left out: postmaster and abuse of the local domains.")        \
	S(ENUM, mixed_recipients, settings_mixed, "mark",                                                              \
	  "When a refusal decided at the end of the message fits only some recipients: mark, redirect or split.")      \
	S(STRING, quarantine_address, 0, NULL, "Where `redirect` sends mail.")                                         \
	S(BOOL, shadow, 0, "false", "Evaluate and journal everything, change nothing.")                                \
	S(DURATION, deadline, 0, "10s", "How long one stage may wait for DNS and Redis in all; at most 10s.")          \
	S(STRINGS, charsets, 0, NULL, "Charsets to try on raw 8-bit headers; left out: KOI8-R and windows-1251.")      \
	S(BOOL, authentication_results, 0, "true",                                                                     \
	  "Whether inbound mail is stamped with Authentication-Results, when SPF, DKIM or DMARC is checked; fields "   \
	  "that claim to be ours are removed then.")                                                                   \
	S(GROUP, milter, milter_settings, NULL, "The milter front end.")                                               \
	S(GROUP, policyd, policyd_settings, NULL, "The front end of Postfix's policy protocol.")                       \
	S(GROUP, control, control_settings, NULL, "The control socket.")                                               \
	S(GROUP, redis, redis_settings, NULL, "The Redis server.")                                                     \
	S(GROUP, dns, dns_settings, NULL, "The resolvers.")                                                            \
	S(GROUP, log, log_settings, NULL, "The log.")                                                                  \
	S(GROUP, journal, journal_settings, NULL, "The journal.")                                                      \
	S(NODE, rules, 0, NULL, "The administrator's rules, in order.")
CONF_STRUCT(engine_settings, ENGINE_SETTINGS);

#endif
