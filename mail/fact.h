/*
 * Facts: what is known about a transaction.  Each is declared once, in FACTS below; the table says its type, the stage
 * at which it becomes known, whether it holds for a session, a message or a recipient, and who provides it.
 */
#ifndef MILLGATE_MAIL_FACT_H
#define MILLGATE_MAIL_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/stage.h"
#include "util/arena.h"
#include "util/ip.h"

enum fact_type {
	FACT_TEXT,    /* any text, several values possible; compared decoded and folded */
	FACT_WORD,    /* one of a few known words */
	FACT_ADDRESS, /* mailbox addresses, "local@domain"; "" is the null sender */
	FACT_DOMAIN,  /* host or domain names, lower case, no last dot */
	FACT_IP,
	FACT_NUMBER
};

enum fact_scope { SCOPE_SESSION, SCOPE_MESSAGE, SCOPE_RECIPIENT };

/* FACT(ID, name, type, stage, scope, words or NULL, what it is) */
#define FACTS(FACT)                                                                                                    \
	FACT(CLIENT_IP, client_ip, IP, CONNECT, SESSION, NULL, "The address of the SMTP client.")                      \
	FACT(CLIENT_NAME, client_name, DOMAIN, CONNECT, SESSION, NULL,                                                 \
	     "The client's name, when its reverse and forward DNS agree (FCrDNS); else absent.")                       \
	FACT(CLIENT_PTR, client_ptr, DOMAIN, CONNECT, SESSION, NULL, "The client's name in reverse DNS, unconfirmed.") \
	FACT(CLIENT_CONNECTIONS, client_connections, NUMBER, CONNECT, SESSION, NULL,                                   \
	     "Sessions that this client has open now, this one included.")                                             \
	FACT(CLIENT_LIST, client_list, WORD, CONNECT, SESSION, "allow|deny|none",                                      \
	     "What allow.clients and deny.clients say of the client; the most specific entry wins.")                   \
	FACT(TRUSTED, trusted, WORD, CONNECT, SESSION, "yes|no", "Whether the client is in trusted_networks.")         \
	FACT(RELAY, relay, WORD, CONNECT, SESSION, "yes|no", "Whether the client is one of relays.")                   \
	FACT(SMTP, smtp, WORD, CONNECT, SESSION, "yes|no",                                                             \
	     "no for mail that did not come by SMTP (Postfix's non_smtpd_milters).")                                   \
	FACT(FCRDNS, fcrdns, WORD, CONNECT, SESSION, "pass|fail|none|temperror",                                       \
	     "Whether the client's reverse and forward DNS agree.")                                                    \
	FACT(DNSBL, dnsbl, TEXT, CONNECT, SESSION, NULL, "The names of the DNS lists that list the client.")           \
	FACT(DNSBL_SCORE, dnsbl_score, NUMBER, CONNECT, SESSION, NULL, "The sum of the weights of those lists.")       \
	FACT(HARVEST, harvest, WORD, CONNECT, SESSION, "no|slow|close|refuse",                                         \
	     "What so many unknown recipients from this client have earned it.")                                       \
	FACT(HELO, helo, DOMAIN, HELO, SESSION, NULL, "The argument of HELO or EHLO.")                                 \
	FACT(TLS, tls, TEXT, MAIL, MESSAGE, NULL, "The TLS version of the session; absent without TLS.")               \
	FACT(AUTH_USER, auth_user, TEXT, MAIL, MESSAGE, NULL, "The authenticated login name; absent without AUTH.")    \
	FACT(DIRECTION, direction, WORD, MAIL, MESSAGE, "inbound|outbound",                                            \
	     "outbound: authenticated, or from trusted_networks; inbound: everything else.")                           \
	FACT(SENDER, sender, ADDRESS, MAIL, MESSAGE, NULL, "The reverse-path of MAIL; empty for bounces.")             \
	FACT(SENDER_DOMAIN, sender_domain, DOMAIN, MAIL, MESSAGE, NULL, "Its domain; absent for the null sender.")     \
	FACT(SENDER_LIST, sender_list, WORD, MAIL, MESSAGE, "allow|deny|none",                                         \
	     "What allow.senders and deny.senders say of the sender; the most specific entry wins.")                   \
	FACT(SENDER_DOMAIN_DNS, sender_domain_dns, WORD, MAIL, MESSAGE, "mx|address|null_mx|none|temperror",           \
	     "How the sender's domain can be written to: by MX, by its address, or not at all.")                       \
	FACT(DNSBL_ENVELOPE, dnsbl_envelope, TEXT, MAIL, MESSAGE, NULL,                                                \
	     "The names of the domain lists that list the domain of HELO or of the sender.")                           \
	FACT(DNSBL_ENVELOPE_SCORE, dnsbl_envelope_score, NUMBER, MAIL, MESSAGE, NULL,                                  \
	     "dnsbl_score and the weights of those lists.")                                                            \
	FACT(DNSBL_MESSAGE, dnsbl_message, TEXT, END, MESSAGE, NULL,                                                   \
	     "The names of the domain lists that list a domain in From, or the host of a URL in the text.")            \
	FACT(DNSBL_MESSAGE_SCORE, dnsbl_message_score, NUMBER, END, MESSAGE, NULL,                                     \
	     "dnsbl_envelope_score and the weights of those lists.")                                                   \
	FACT(VOLUME, volume, TEXT, END, MESSAGE, NULL, "The names of the rates in bytes that are used up.")            \
	FACT(RECIPIENT, recipient, ADDRESS, RCPT, RECIPIENT, NULL, "The forward-path of RCPT.")                        \
	FACT(RECIPIENT_DOMAIN, recipient_domain, DOMAIN, RCPT, RECIPIENT, NULL, "Its domain.")                         \
	FACT(RATE, rate, TEXT, RCPT, RECIPIENT, NULL, "The names of the rates that are used up.")                      \
	FACT(GREYLIST, greylist, WORD, RCPT, RECIPIENT, "defer|pass|known|client|met",                                 \
	     "defer: the triplet has not waited its time; pass: it has; known: it had passed before; client: the "     \
	     "client has proved itself; met: the recipient has written to the sender.")                                \
	FACT(GREYLIST_WAIT, greylist_wait, NUMBER, RCPT, RECIPIENT, NULL,                                              \
	     "The seconds until the triplet may pass; absent when greylisting does not defer.")                        \
	FACT(GREYLIST_IDENTITY, greylist_identity, TEXT, RCPT, RECIPIENT, NULL,                                        \
	     "Who the client is for greylisting: a domain, a name or a network.")                                      \
	FACT(GREYLIST_SENDER, greylist_sender, TEXT, RCPT, RECIPIENT, NULL,                                            \
	     "The sender without what changes from message to message.")                                               \
	FACT(GREYLIST_WHY, greylist_why, TEXT, RCPT, RECIPIENT, NULL, "Why greylisting decided so, for people.")       \
	FACT(GREYLIST_WAITED, greylist_waited, NUMBER, RCPT, RECIPIENT, NULL,                                          \
	     "The seconds from the first attempt to this one, when it passes.")                                        \
	FACT(SPF, spf, WORD, MAIL, MESSAGE, "pass|fail|softfail|neutral|none|permerror|temperror",                     \
	     "The result of SPF (RFC 7208) for the sender's domain; for the null sender, for HELO.")                   \
	FACT(SPF_DOMAIN, spf_domain, DOMAIN, MAIL, MESSAGE, NULL, "The domain that SPF was asked of.")                 \
	FACT(SPF_MECHANISM, spf_mechanism, TEXT, MAIL, MESSAGE, NULL, "The term of the record that decided.")          \
	FACT(SPF_LOOKUPS, spf_lookups, NUMBER, MAIL, MESSAGE, NULL, "How many terms asked DNS.")                       \
	FACT(DKIM, dkim, WORD, END, MESSAGE, "pass|fail|policy|neutral|none|permerror|temperror",                      \
	     "The best result of the DKIM signatures (RFC 6376).")                                                     \
	FACT(DKIM_DOMAIN, dkim_domain, DOMAIN, END, MESSAGE, NULL, "The domains (d=) of the signatures that pass.")    \
	FACT(DKIM_UNKNOWN, dkim_unknown, DOMAIN, END, MESSAGE, NULL,                                                   \
	     "The domains (d=) of the signatures whose key DNS did not give.")                                         \
	FACT(DMARC, dmarc, WORD, END, MESSAGE, "pass|fail|none|permerror|temperror",                                   \
	     "The result of DMARC (RFC 9989) for the domain in From.")                                                 \
	FACT(DMARC_POLICY, dmarc_policy, WORD, END, MESSAGE, "none|quarantine|reject",                                 \
	     "What the domain in From asks for when DMARC fails.")                                                     \
	FACT(DMARC_DOMAIN, dmarc_domain, DOMAIN, END, MESSAGE, NULL,                                                   \
	     "The domain in From that decided; of several, the one with the strictest policy.")                        \
	FACT(MALFORMED_FROM, malformed_from, WORD, END, MESSAGE, "no|none|several|trick",                              \
	     "several: several From fields; trick: control characters or encoded words hide an address; none: "        \
	     "no address.")                                                                                            \
	FACT(RECIPIENTS, recipients, NUMBER, DATA, MESSAGE, NULL, "How many recipients were accepted.")                \
	FACT(HEADER, header, TEXT, HEADERS, MESSAGE, NULL,                                                             \
	     "The header fields of one name: { header = \"Name\"; ... }.")                                             \
	FACT(SUBJECT, subject, TEXT, HEADERS, MESSAGE, NULL, "The subject, decoded.")                                  \
	FACT(FROM, from, ADDRESS, HEADERS, MESSAGE, NULL, "The addresses in the From field.")                          \
	FACT(FROM_DOMAIN, from_domain, DOMAIN, HEADERS, MESSAGE, NULL, "Their domains.")                               \
	FACT(TO, to, ADDRESS, HEADERS, MESSAGE, NULL, "The addresses in the To and Cc fields.")                        \
	FACT(URL_HOST, url_host, DOMAIN, END, MESSAGE, NULL,                                                           \
	     "The hosts of the URLs in the text; of very many, the first and the last ones.")                          \
	FACT(SIZE, size, NUMBER, END, MESSAGE, NULL,                                                                   \
	     "The message's size in bytes.  The size announced at MAIL can decide `over` early, as true only.")        \
	FACT(HOUR, hour, NUMBER, CONNECT, SESSION, NULL, "The hour of the day, 0-23, local time.")                     \
	FACT(WEEKDAY, weekday, WORD, CONNECT, SESSION, "monday|tuesday|wednesday|thursday|friday|saturday|sunday",     \
	     "The day of the week, local time.")

#define FACT_ENUM_(id, name, type, stage, scope, words, doc) FACT_##id,
enum fact_id { FACTS(FACT_ENUM_) FACT_COUNT };

struct fact_def {
	const char *name;
	enum fact_type type;
	enum stage stage;
	enum fact_scope scope;
	const char *words; /* FACT_WORD: "a|b|c" */
	const char *doc;
};
extern const struct fact_def fact_table[FACT_COUNT];

/* The fact of that name, or FACT_COUNT. */
enum fact_id fact_by_name(const char *name);

/* A set of facts, as bits. */
typedef uint64_t fact_mask;
_Static_assert(FACT_COUNT <= 64, "fact_mask is too small");
#define FACT_BIT(id) ((fact_mask)1 << (id))

/* Takes the first fact out of a set that is not empty: `while (set != 0) { enum fact_id id = fact_take(&set); ...`. */
static inline enum fact_id fact_take(fact_mask *set)
{
	unsigned id = (unsigned)__builtin_ctzll(*set);

	*set &= *set - 1;
	return (enum fact_id)id;
}

/* Which fact: for FACT_HEADER also which of the names that the rules ask for. */
struct fact_ref {
	enum fact_id id;
	unsigned slot; /* FACT_HEADER: index into the rules' table of header names; else 0 */
};

/* ---- Values ---- */

enum fact_state {
	FACT_UNKNOWN, /* not yet */
	FACT_ABSENT,  /* known not to be there */
	FACT_KNOWN,
	FACT_AT_LEAST,   /* numbers: not final, but no less than num counts already */
	FACT_UNAVAILABLE /* DNS, Redis or a scanner failed */
};

enum on_error { ON_ERROR_IGNORE, ON_ERROR_DEFER };

struct fact_text {
	const char *raw; /* UTF-8, NUL-terminated, for people and headers; may hold NUL, CR, LF from the wire */
	size_t raw_n;
	const char *folded; /* for comparing: fold_text() of raw */
	size_t folded_n;
};

struct fact_value {
	enum fact_state state;
	enum on_error on_error;       /* FACT_UNAVAILABLE: what the provider's settings say */
	const char *why;              /* FACT_UNAVAILABLE: a short reason, static or of the arena */
	const struct fact_text *text; /* all types but IP and NUMBER; n values */
	unsigned n;
	struct ip ip;
	int64_t num;
};

/* The facts of one scope. */
struct fact_set {
	struct fact_value v[FACT_COUNT];
};

/*
 * Setters.  Text is copied into the arena and folded (an unfit memory leaves the arena failed).  fact_add_text() adds
 * one more value; all others replace.
 */
void fact_set_text(struct fact_value *f, struct arena *a, const char *p, size_t n);
void fact_add_text(struct fact_value *f, struct arena *a, const char *p, size_t n);
void fact_set_word(struct fact_value *f, const char *word); /* word is static and folded already */
void fact_set_num(struct fact_value *f, int64_t num);
void fact_set_at_least(struct fact_value *f, int64_t num);
void fact_set_ip(struct fact_value *f, const struct ip *ip);
void fact_set_absent(struct fact_value *f);
void fact_set_unavailable(struct fact_value *f, enum on_error on_error, const char *why);

/* The value for people: texts joined by ", ", "(absent)", "(unavailable: why)"; raw bytes, escape before use. */
struct sbuf;
void fact_format(const struct fact_value *f, enum fact_id id, struct sbuf *out);

#endif
