/*
 * What outbound mail is signed with: the entries of dkim.sign, checked, with their keys.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_DKIM_SIGNERS_H
#define MILLGATE_CHECKS_DKIM_SIGNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "checks/dkim.h"
#include "checks/dkim_key.h"
#include "mail/check.h"

/* Names of fields, in lower case. */
struct dk_names {
	const char **v;
	unsigned n;
};

struct dk_signer {
	const char *domain, *selector; /* in lower case */
	struct dk_key *key;
	bool subdomains;
	struct dk_names headers;  /* to sign where present; From is the first */
	struct dk_names oversign; /* of headers: named once more than they are there */
	const char *canonicalization;
	bool relaxed_body;
	int64_t expire_s; /* 0: never */
};

struct dk_signers {
	struct dk_signer *v; /* memory of the configuration's arena */
	unsigned n;
};

/* Reads the entries and their key files.  0, or -1 with errors added. */
int dk_signers_read(struct dk_signers *s, const struct dkim_settings *set, const struct check_env *env,
		    struct error_list *errors);
void dk_signers_release(struct dk_signers *s);

/*
 * The domain (d=) that signs for mail from this domain, which is in lower case: an entry's own, else the longest of
 * those that sign for subdomains.  NULL: none.
 */
const char *dk_signers_domain(const struct dk_signers *s, const char *from_domain);

#endif
