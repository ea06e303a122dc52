/*
 * SPF records (RFC 7208, sections 4.6, 5, 6, 12): strict syntax, no evaluation.
 */
#ifndef MILLGATE_CHECKS_SPF_RECORD_H
#define MILLGATE_CHECKS_SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/ip.h"

/* Longer records are none: honest ones stay below 512 bytes (section 3.4), and each term costs memory and time. */
enum { SPF_RECORD_MAX = 8192 };

enum spf_result { SPF_NONE, SPF_NEUTRAL, SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_TEMPERROR, SPF_PERMERROR };

enum spf_mechanism { SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS };

struct spf_term {
	struct spf_term *next;
	enum spf_mechanism mechanism;
	enum spf_result qualifier; /* what a match means */
	const char *domain;        /* domain-spec, macros unexpanded; NULL: none was written */
	struct ip_net net;         /* ip4, ip6 */
	uint8_t bits4, bits6;      /* a, mx: prefix lengths */
	const char *text;          /* as written, for people */
};

struct spf_record {
	struct spf_term *terms;
	const char *redirect;      /* domain-spec; NULL: none */
	const char *redirect_text; /* as written */
	bool has_all;
};

/* Whether a TXT record is an SPF record: "v=spf1" alone or before a space (section 4.5). */
bool spf_is_record(const char *text, size_t n);

/* Parses a whole record.  0; -1 when it is no record of the grammar, too long (permerror), or out of memory. */
int spf_parse(struct arena *a, const char *text, size_t n, struct spf_record *out);

/* "none", "neutral", "pass", ... (section 2.6). */
const char *spf_result_name(enum spf_result r);

#endif
