#include "checks/dkim_key.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct dk_key {
	atomic_uint refs;
	/* immutable */
	EVP_PKEY *pkey;
	enum dk_key_type type;
	unsigned bits;
};

void dk_key_prepare(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

/* What libcrypto has to say is of no use to anybody, and must not pile up in the thread. */
static void forget_errors(void)
{
	ERR_clear_error();
}

/* ---- Life ---- */

/* Takes pkey over, which may be NULL. */
static struct dk_key *wrap(EVP_PKEY *pkey)
{
	struct dk_key *k = pkey != NULL ? calloc(1, sizeof *k) : NULL;
	int id = pkey != NULL ? EVP_PKEY_base_id(pkey) : 0;

	forget_errors();
	if (k == NULL || (id != EVP_PKEY_RSA && id != EVP_PKEY_ED25519)) {
		EVP_PKEY_free(pkey);
		free(k);
		return NULL;
	}
	atomic_init(&k->refs, 1);
	k->pkey = pkey;
	k->type = id == EVP_PKEY_RSA ? DK_KEY_RSA : DK_KEY_ED25519;
	k->bits = (unsigned)EVP_PKEY_bits(pkey);
	return k;
}

struct dk_key *dk_key_public(enum dk_key_type type, const unsigned char *p, size_t n)
{
	const unsigned char *at = p;
	EVP_PKEY *pkey;
	struct dk_key *k;

	dk_key_prepare();
	if (n == 0 || n > INT_MAX)
		return NULL;
	if (type == DK_KEY_ED25519)
		return wrap(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, p, n));
	/* The RFC says RSAPublicKey and shows a SubjectPublicKeyInfo, which is what everybody publishes. */
	pkey = d2i_PUBKEY(NULL, &at, (long)n);
	if (pkey == NULL) {
		at = p;
		pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)n);
	}
	k = wrap(pkey);
	if (k != NULL && k->type != DK_KEY_RSA)
		dk_key_free(&k);
	return k;
}

/* Nobody is there to be asked for a passphrase. */
static int no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	*(bool *)ctx = true;
	return -1;
}

struct dk_key *dk_key_private(const char *pem, size_t n, const char **why)
{
	bool encrypted = false;
	EVP_PKEY *pkey = NULL;
	struct dk_key *k;
	BIO *bio;

	dk_key_prepare();
	*why = "it is no private key in PEM";
	if (n == 0 || n > INT_MAX || (bio = BIO_new_mem_buf(pem, (int)n)) == NULL)
		return NULL;
	pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted);
	BIO_free(bio);
	if (encrypted)
		*why = "it is encrypted, and nobody is there to be asked for the passphrase";
	else if (pkey != NULL)
		*why = "it is neither an RSA nor an Ed25519 key";
	k = wrap(pkey);
	return k;
}

struct dk_key *dk_key_generate(enum dk_key_type type, unsigned bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(type == DK_KEY_RSA ? EVP_PKEY_RSA : EVP_PKEY_ED25519, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
	    (type == DK_KEY_RSA && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) != 1) ||
	    EVP_PKEY_keygen(ctx, &pkey) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return wrap(pkey);
}

struct dk_key *dk_key_ref(struct dk_key *k)
{
	atomic_fetch_add(&k->refs, 1);
	return k;
}

void dk_key_free(struct dk_key **kp)
{
	struct dk_key *k = *kp;

	*kp = NULL;
	if (k == NULL || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

/* ---- What it is ---- */

enum dk_key_type dk_key_type(const struct dk_key *k)
{
	return k->type;
}

unsigned dk_key_bits(const struct dk_key *k)
{
	return k->bits;
}

const unsigned char *dk_key_record(const struct dk_key *k, struct arena *a, size_t *n)
{
	unsigned char *der = NULL, *out;
	int len;

	if (k->type == DK_KEY_ED25519) {
		if (EVP_PKEY_get_raw_public_key(k->pkey, NULL, n) != 1 || (out = arena_alloc(a, *n)) == NULL)
			return NULL;
		return EVP_PKEY_get_raw_public_key(k->pkey, out, n) == 1 ? out : NULL;
	}
	len = i2d_PUBKEY(k->pkey, &der);
	if (len <= 0)
		return NULL;
	out = arena_alloc(a, (size_t)len);
	if (out != NULL)
		memcpy(out, der, (size_t)len);
	*n = (size_t)len;
	OPENSSL_free(der);
	return out;
}

const char *dk_key_pem(const struct dk_key *k, struct arena *a)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const char *out = NULL;
	char *p;
	long n;

	if (bio != NULL && PEM_write_bio_PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
	    (n = BIO_get_mem_data(bio, &p)) > 0)
		out = arena_strndup(a, p, (size_t)n);
	BIO_free(bio);
	forget_errors();
	return out;
}

bool dk_key_same(const struct dk_key *a, const struct dk_key *b)
{
	bool same = a->type == b->type && EVP_PKEY_eq(a->pkey, b->pkey) == 1;

	forget_errors();
	return same;
}

/* ---- Signatures ---- */

/* RFC 8463, section 3: the hash is what Ed25519 is given as its message. */
static bool verify_ed25519(const struct dk_key *k, const unsigned char *hash, size_t hash_n,
			   const unsigned char *signature, size_t signature_n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
		    EVP_DigestVerify(ctx, signature, signature_n, hash, hash_n) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

static bool verify_rsa(const struct dk_key *k, const EVP_MD *md, const unsigned char *hash, size_t hash_n,
		       const unsigned char *signature, size_t signature_n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->pkey, NULL);
	bool good = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
		    EVP_PKEY_verify(ctx, signature, signature_n, hash, hash_n) == 1;

	EVP_PKEY_CTX_free(ctx);
	return good;
}

bool dk_key_verify(const struct dk_key *k, enum dk_algorithm algorithm, const unsigned char *hash, size_t hash_n,
		   const unsigned char *signature, size_t signature_n)
{
	bool good;

	if ((algorithm == DK_ED25519_SHA256) != (k->type == DK_KEY_ED25519))
		return false;
	if (k->type == DK_KEY_ED25519)
		good = verify_ed25519(k, hash, hash_n, signature, signature_n);
	else
		good = verify_rsa(k, algorithm == DK_RSA_SHA1 ? EVP_sha1() : EVP_sha256(), hash, hash_n, signature,
				  signature_n);
	forget_errors();
	return good;
}

static bool sign_ed25519(const struct dk_key *k, const unsigned char *hash, size_t hash_n, unsigned char *out,
			 size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool done = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
		    EVP_DigestSign(ctx, out, n, hash, hash_n) == 1;

	EVP_MD_CTX_free(ctx);
	return done;
}

static bool sign_rsa(const struct dk_key *k, const unsigned char *hash, size_t hash_n, unsigned char *out, size_t *n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->pkey, NULL);
	bool done = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
		    EVP_PKEY_sign(ctx, out, n, hash, hash_n) == 1;

	EVP_PKEY_CTX_free(ctx);
	return done;
}

int dk_key_sign(const struct dk_key *k, const unsigned char *hash, size_t hash_n, struct arena *a,
		const unsigned char **signature, size_t *signature_n)
{
	size_t n = (size_t)EVP_PKEY_size(k->pkey);
	unsigned char *out = arena_alloc(a, n);
	bool done;

	if (out == NULL)
		return -1;
	done = k->type == DK_KEY_ED25519 ? sign_ed25519(k, hash, hash_n, out, &n) : sign_rsa(k, hash, hash_n, out, &n);
	forget_errors();
	*signature = out;
	*signature_n = n;
	return done ? 0 : -1;
}
