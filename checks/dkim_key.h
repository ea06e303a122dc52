/*
 * Keys and the arithmetic of signatures, by OpenSSL's libcrypto: this is its one user.  Inside checks/ only.
 *
 * A key is immutable and counted; any number of threads may use it at the same time.
 */
#ifndef MILLGATE_CHECKS_DKIM_KEY_H
#define MILLGATE_CHECKS_DKIM_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "checks/dkim_record.h"
#include "checks/dkim_sig.h"
#include "util/arena.h"

struct dk_key;

/*
 * Before anything else uses libcrypto: it does not tidy up at exit.  Else it would do so while libmilter's workers end, each
 * with error and random state of its own, which then nobody frees.  The functions below do it by themselves.
 */
void dk_key_prepare(void);

/* A public key as a record has it.  NULL when it is none. */
struct dk_key *dk_key_public(enum dk_key_type type, const unsigned char *p, size_t n);

/* A private key from PEM text.  NULL, and *why (static) says what is wrong. */
struct dk_key *dk_key_private(const char *pem, size_t n, const char **why);

/* A new private key; bits count for RSA alone.  NULL when libcrypto cannot. */
struct dk_key *dk_key_generate(enum dk_key_type type, unsigned bits);

struct dk_key *dk_key_ref(struct dk_key *k);
/* Drops a reference.  Clears *k; tolerates NULL. */
void dk_key_free(struct dk_key **k);

enum dk_key_type dk_key_type(const struct dk_key *k);
unsigned dk_key_bits(const struct dk_key *k);

/* The public half as a record's p= has it before base64: of the arena.  NULL when out of memory. */
const unsigned char *dk_key_record(const struct dk_key *k, struct arena *a, size_t *n);

/* A private key as PEM text, of the arena.  NULL when out of memory. */
const char *dk_key_pem(const struct dk_key *k, struct arena *a);

/* Whether both have the same public half. */
bool dk_key_same(const struct dk_key *a, const struct dk_key *b);

/* Whether the signature over this hash is the key's. */
bool dk_key_verify(const struct dk_key *k, enum dk_algorithm algorithm, const unsigned char *hash, size_t hash_n,
		   const unsigned char *signature, size_t signature_n);

/* Signs a SHA-256 hash: by rsa-sha256 or ed25519-sha256, as the key's type is.  0, or -1. */
int dk_key_sign(const struct dk_key *k, const unsigned char *hash, size_t hash_n, struct arena *a,
		const unsigned char **signature, size_t *signature_n);

#endif
