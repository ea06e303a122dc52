/*
 * The two hashes behind a DKIM signature (RFC 6376, section 3.7), canonicalized and computed by libopendkim: this is its
 * one user.  A signer needs the same hashes as a verifier, so both use this; the arithmetic with keys is dkim_key.h's,
 * since libopendkim would parse the key again for every message, which takes longer than to sign.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_DKIM_HASH_H
#define MILLGATE_CHECKS_DKIM_HASH_H

#include <stdbool.h>
#include <stddef.h>

#include "checks/dkim_sig.h"
#include "util/arena.h"

/* libopendkim, set up.  Thread-safe; one for a configuration. */
struct dk_lib;
struct dk_lib *dk_lib_new(void);
void dk_lib_free(struct dk_lib **l);

/* A field of the message. */
struct dk_field {
	const char *name;
	const char *value; /* with its leading space; folded lines parted by LF or CRLF */
	size_t value_n;
};

/* A signature whose hashes are wanted. */
struct dk_wanted {
	const struct dk_field *field; /* one of the message's fields */
	const struct dk_sig *sig;
};

struct dk_hashes {
	const char *why; /* NULL, or why there are none: a static text, or of the arena */
	const unsigned char *header, *body;
	size_t header_n, body_n;
	bool whole;  /* the body's hash covers all of the body: nothing is left out by l= */
	bool beyond; /* l= is larger than the body */
};

/* One message, used by one thread at a time.  The arena must live as long. */
struct dk_hasher;

/*
 * Begins with all fields of a message, in order, and the signatures.  NULL when out of memory.
 */
struct dk_hasher *dk_hasher_new(struct dk_lib *l, struct arena *a, const struct dk_field *fields, size_t n_fields,
				const struct dk_wanted *wanted, unsigned n_wanted);
/* Clears *h; tolerates NULL. */
void dk_hasher_free(struct dk_hasher **h);

/* A piece of the body; lines end in CRLF. */
void dk_hasher_body(struct dk_hasher *h, const void *p, size_t n);

/* The end of the body: out[i] for wanted[i], of the arena.  0, or -1 when out of memory. */
int dk_hasher_end(struct dk_hasher *h, struct dk_hashes *out);

#endif
