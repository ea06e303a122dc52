/*
 * A DKIM-Signature field, read and held to its grammar (RFC 6376, sections 3.5 and 6.1.1; RFC 8301; RFC 8463).  Inside
 * checks/ only.
 */
#ifndef MILLGATE_CHECKS_DKIM_SIG_H
#define MILLGATE_CHECKS_DKIM_SIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"

enum dk_algorithm { DK_RSA_SHA256, DK_RSA_SHA1, DK_ED25519_SHA256 };

enum {
	DK_FIELD_MAX =
		32 << 10, /* bytes of a signature field: libopendkim's own buffers end at 64K, for all messages' sake */
	DK_NAMES_MAX = 256,       /* names in h=: each is looked for among all fields */
	DK_NAMES_BYTES_MAX = 4095 /* libopendkim cuts a longer h= off */
};

struct dk_sig {
	/* Told of in any case, as far as they were understood; NULL else. */
	const char *domain;   /* d=, lower case */
	const char *selector; /* s= */
	const char *a;        /* a= */
	const char *b;        /* b=, base64 without white space */

	enum dk_algorithm algorithm;
	const unsigned char *signature, *body_hash;
	size_t signature_n, body_hash_n;
	const char **names; /* h= */
	unsigned n_names;
	const char *agent_domain; /* of i=, lower case; d= without one */
	bool relaxed_body;        /* c= */
	bool limited;             /* l= */
	uint64_t length;
	uint64_t expires; /* x=, seconds since 1970; 0: never */
	uint64_t made;    /* t=; 0: not told */
};

/* Reads the value of a field.  NULL, or a static text that says why it is no signature that can be evaluated. */
const char *dk_sig_read(struct dk_sig *s, struct arena *a, const char *value, size_t n);

#endif
