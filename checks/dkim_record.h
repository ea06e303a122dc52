/*
 * A DKIM key record (RFC 6376, section 3.6.1; RFC 8463, section 4).  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_DKIM_RECORD_H
#define MILLGATE_CHECKS_DKIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

enum dk_key_type { DK_KEY_RSA, DK_KEY_ED25519 };

struct dk_record {
	enum dk_key_type type;
	const unsigned char *key; /* p=: a SubjectPublicKeyInfo or RSAPublicKey for RSA, the 32 bytes for Ed25519 */
	size_t key_n;
	bool revoked;       /* p= is empty */
	bool sha1, sha256;  /* h= allows it */
	bool email;         /* s= allows mail */
	bool testing;       /* t=y */
	bool no_subdomains; /* t=s */
};

/* Reads a TXT record's text.  NULL, or a static text that says why it is no key record. */
const char *dk_record_read(struct dk_record *r, struct arena *a, const char *text, size_t n);

#endif
