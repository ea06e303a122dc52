/*
 * check_host() of RFC 7208, section 4: a pure function of the client, the identity and what DNS answers.
 */
#ifndef MILLGATE_CHECKS_SPF_EVAL_H
#define MILLGATE_CHECKS_SPF_EVAL_H

#include "checks/spf_record.h"
#include "net/dns.h"
#include "util/arena.h"
#include "util/ip.h"

/* Section 4.6.4; counted across includes and redirects. */
enum { SPF_TERMS_MAX = 10, SPF_VOIDS_MAX = 2, SPF_NAMES_MAX = 10 };

struct spf_dns {
	/* Answers a question; DNS_FAILED on time-outs.  Never NULL. */
	const struct dns_answer *(*ask)(void *ctx, const char *name, enum dns_type type);
	/* The question is likely to be asked soon; may be NULL. */
	void (*hint)(void *ctx, const char *name, enum dns_type type);
	void *ctx;
};

struct spf_query {
	struct ip ip;
	const char *domain; /* of the identity checked */
	const char *sender; /* local@domain; without a local part: postmaster@domain (section 4.3) */
	const char *helo;
};

/* One for each include and redirect that leads from the domain's own record to the last one, and that one itself. */
enum { SPF_PATH_MAX = SPF_TERMS_MAX + 1 };

struct spf_answer {
	enum spf_result result;
	/* The terms that decided, as written: those that lead to other records, then what matched; 0: nothing matched. */
	const char *path[SPF_PATH_MAX];
	unsigned n_path;
	const char *problem; /* permerror, temperror: a short reason, static */
	unsigned lookups;    /* terms that asked DNS */
};

/* Memory is of the arena; so is what `out` points to. */
void spf_check_host(const struct spf_query *q, const struct spf_dns *dns, struct arena *a, struct spf_answer *out);

/* checks/spf_macro.c: replaces the macros of a domain-spec (section 7); NULL: the result is no usable name, or out of
 * memory.  `validated` answers %{p}; it is called only for that. */
struct spf_macro {
	const struct spf_query *q;
	const char *domain; /* %{d}: of the record being evaluated */
	const char *(*validated)(void *ctx);
	void *ctx;
};
const char *spf_expand(struct arena *a, const char *spec, const struct spf_macro *m);

/* Whether a name can be asked: labels of 1-63 bytes, 253 in all, and more than one of them (section 4.3). */
bool spf_is_domain(const char *name);

/* Whether it can be the domain of an identity: not an address literal either, nor with bytes that no domain has. */
bool spf_is_identity(const char *domain);

/* The sender with a local part, "postmaster" where it has none (section 4.3); NULL when out of memory. */
const char *spf_whole_sender(const struct spf_query *q, struct arena *a);

#endif
