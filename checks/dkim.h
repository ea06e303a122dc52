/*
 * DKIM (RFC 6376, RFC 8301, RFC 8463): signatures of inbound mail are verified, outbound mail is signed.
 */
#ifndef MILLGATE_CHECKS_DKIM_H
#define MILLGATE_CHECKS_DKIM_H

#include "checks/common.h"
#include "conf/conf.h"
#include "mail/check.h"
#include "mail/finisher.h"

/* canonicalization: bits. */
enum { DK_RELAXED_HEADER = 1, DK_RELAXED_BODY = 2 };
extern const struct name_value dk_canonicalizations[];

#define DKIM_SIGN_SETTINGS(S)                                                                                          \
	S(STRING, domain, 0, NULL,                                                                                     \
	  "The domain that signs (d=), and whose mail is signed: that with its name in From.")                         \
	S(STRING, selector, 0, NULL, "The selector (s=): the key is published at SELECTOR._domainkey.DOMAIN.")         \
	S(STRING, key, 0, NULL, "The file of the private key, RSA or Ed25519, in PEM; nobody else may read it.")       \
	S(BOOL, subdomains, 0, "false", "Whether mail from the domain's subdomains is signed as well.")                \
	S(STRINGS, headers, 0, NULL, "The fields to sign, where they are present; left out: the usual ones.")          \
	S(STRINGS, oversign, 0, NULL,                                                                                  \
	  "Fields of which no more may be added later; left out: From and others that must stand once.")               \
	S(ENUM, canonicalization, dk_canonicalizations, "relaxed/relaxed",                                             \
	  "How much may change on the way without harm, in the header and in the body.")                               \
	S(DURATION, expire, 0, "0", "How long a signature holds (x=); 0: for ever.")
CONF_STRUCT(dkim_sign_settings, DKIM_SIGN_SETTINGS);

#define DKIM_SETTINGS(S)                                                                                               \
	S(BOOL, verify, 0, "true", "Whether signatures are verified, and told of in Authentication-Results.")          \
	S(INT, max_signatures, CONF_RANGE(1, 16), "6",                                                                 \
	  "How many signatures of a message are verified: those of the author's domain first, then the first ones.")   \
	S(INT, min_key_bits, CONF_RANGE(1024, 8192), "1024", "RSA keys shorter than this are not believed.")           \
	S(ENUM, on_error, checks_on_error, "inherit", "When DNS does not answer; inherit: what dns.on_error says.")    \
	S(GROUPS, sign, dkim_sign_settings, NULL, "What is signed with; several entries of one domain all sign.")      \
	S(STRINGS, sender_login, 0, NULL,                                                                              \
	  "Whose address is whose, as \"address: login, login\" or \"@domain: login\": mail from such an address is "  \
	  "signed for these logins alone, and a login's mail from its own addresses alone.")                           \
	S(BOOL, shadow, 0, "false", "Log what would be signed, sign nothing.")
CONF_STRUCT(dkim_settings, DKIM_SETTINGS);

extern const struct check dkim_check;
extern const struct finisher dk_finisher;

#endif
