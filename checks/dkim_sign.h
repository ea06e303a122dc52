/*
 * Making DKIM-Signature fields (RFC 6376, section 5).  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_DKIM_SIGN_H
#define MILLGATE_CHECKS_DKIM_SIGN_H

#include "checks/dkim_hash.h"
#include "checks/dkim_signers.h"

/* The body, read from its beginning: the bytes at offset, 0 at the end, -1 on failure. */
struct dk_body {
	ssize_t (*read)(void *ctx, uint64_t offset, void *buf, size_t n);
	void *ctx;
};

struct dk_signing {
	struct dk_lib *lib;
	struct arena *arena;
	const struct dk_field *fields; /* of the message */
	size_t n_fields;
	struct dk_body body;
	uint64_t now; /* seconds since 1970 */
};

enum dk_signed {
	DK_SIGNED,
	DK_UNSIGNABLE, /* this message cannot be: *why (static) */
	DK_FAILED      /* this time: no memory, no body, libcrypto */
};

/*
 * One value for each signer, without its leading space, folded with LF.
 */
enum dk_signed dk_sign(const struct dk_signing *s, const struct dk_signer *const *signers, unsigned n,
		       const char **values, const char **why);

#endif
