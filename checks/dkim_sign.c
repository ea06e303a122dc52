/*
 * A signer computes what a verifier will: first the hash of the body, then, with that in its place, the hash of the
 * header and of the signature field itself; then it signs.
 */
#include "checks/dkim_sign.h"

#include <string.h>

#include "checks/dkim_tags.h"
#include "util/bytes.h"
#include "util/sbuf.h"

enum {
	LINE_WIDTH = 72, /* of the field's lines, where they can be broken */
	B_WIDTH = 64,    /* of those of b= */
	CHUNK = 64 << 10,
	FIELD_ROOM = 16 << 10,
	FIELD_NAMES = DK_NAMES_MAX - 8 /* in h=; a message with more fields of these names has not all of them signed */
};

/* Stands where the signature will: a verifier takes it out before it hashes. */
static const char placeholder[] = "AA==";

/* ---- The field's text ---- */

struct folded {
	struct sbuf b;
	size_t column;
};

/* A piece that is not to be broken; `lead` goes before it, or a fold. */
static void add_piece(struct folded *f, const char *lead, const char *piece, size_t n)
{
	size_t width = strlen(lead) + n;

	if (f->column > 0 && f->column + width > LINE_WIDTH) {
		/* White space of the lead is the fold's. */
		if (strcmp(lead, " ") != 0)
			sbuf_add(&f->b, lead);
		sbuf_add(&f->b, "\n\t");
		f->column = 8;
	} else {
		sbuf_add(&f->b, lead);
		f->column += strlen(lead);
	}
	sbuf_addn(&f->b, piece, n);
	f->column += n;
}

static void add_tag(struct folded *f, const char *lead, const char *name, const char *value)
{
	char tag[DK_NAMES_BYTES_MAX];
	struct sbuf b;

	sbuf_fixed(&b, tag, sizeof tag);
	sbuf_addf(&b, "%s=%s;", name, value);
	add_piece(f, lead, b.p, b.len);
}

static void add_number(struct folded *f, const char *name, uint64_t value)
{
	char digits[24];
	struct sbuf b;

	sbuf_fixed(&b, digits, sizeof digits);
	sbuf_addf(&b, "%llu", (unsigned long long)value);
	add_tag(f, " ", name, digits);
}

static unsigned occurrences(const struct dk_signing *s, const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->n_fields; i++)
		n += ascii_equal(s->fields[i].name, name);
	return n;
}

/* h=: each name as often as it is there, and once more when it is not to come again. */
static void add_names(struct folded *f, const struct dk_signing *s, const struct dk_signer *k)
{
	const char *lead = " h=";
	unsigned left = FIELD_NAMES;

	for (unsigned i = 0; i < k->headers.n; i++) {
		const char *name = k->headers.v[i];
		unsigned times = occurrences(s, name);

		for (unsigned j = 0; j < k->oversign.n; j++)
			times += strcmp(k->oversign.v[j], name) == 0;
		for (; times > 0 && left > 0; times--, left--) {
			add_piece(f, lead, name, strlen(name));
			lead = ":";
		}
	}
	sbuf_addc(&f->b, ';');
	f->column++;
}

/* All up to "b=". */
static const char *compose(const struct dk_signing *s, const struct dk_signer *k, const char *body_hash)
{
	bool rsa = dk_key_type(k->key) == DK_KEY_RSA;
	char text[FIELD_ROOM];
	struct folded f = { .column = sizeof "DKIM-Signature: " - 1 };

	sbuf_fixed(&f.b, text, sizeof text);
	add_tag(&f, "", "v", "1");
	add_tag(&f, " ", "a", rsa ? "rsa-sha256" : "ed25519-sha256");
	add_tag(&f, " ", "c", k->canonicalization);
	add_tag(&f, " ", "d", k->domain);
	add_tag(&f, " ", "s", k->selector);
	add_number(&f, "t", s->now);
	if (k->expire_s > 0)
		add_number(&f, "x", s->now + (uint64_t)k->expire_s);
	add_names(&f, s, k);
	add_tag(&f, " ", "bh", body_hash);
	add_piece(&f, " ", "b=", 2);
	return f.b.cut ? NULL : arena_strndup(s->arena, f.b.p, f.b.len);
}

/* ---- Hashes ---- */

/* A signature field of ours as part of a message, and read as a verifier would. */
struct draft {
	struct dk_field field;
	struct dk_sig sig;
};

/* 0, or -1: out of memory, or it would not be understood. */
static int make_draft(const struct dk_signing *s, struct draft *d, const char *text)
{
	char *value = arena_printf(s->arena, " %s%s", text, placeholder);

	if (value == NULL)
		return -1;
	d->field = (struct dk_field){ "DKIM-Signature", value, strlen(value) };
	return dk_sig_read(&d->sig, s->arena, value, d->field.value_n) == NULL ? 0 : -1;
}

/* 0, or -1 when the body cannot be read. */
static int feed_body(const struct dk_signing *s, struct dk_hasher *h)
{
	char buf[CHUNK];
	uint64_t offset = 0;
	ssize_t n;

	while ((n = s->body.read(s->body.ctx, offset, buf, sizeof buf)) > 0) {
		dk_hasher_body(h, buf, (size_t)n);
		offset += (uint64_t)n;
	}
	return n == 0 ? 0 : -1;
}

/* The hashes of a message with these drafts on top; without fields but the drafts, that of the body. */
static enum dk_signed hash(const struct dk_signing *s, const struct draft *drafts, unsigned n, bool body,
			   struct dk_hashes *out, const char **why)
{
	size_t n_fields = n + (body ? 0 : s->n_fields);
	struct dk_field *fields = arena_calloc(s->arena, n_fields + 1, sizeof *fields);
	struct dk_wanted *wanted = arena_calloc(s->arena, n + 1, sizeof *wanted);
	enum dk_signed result = DK_FAILED;
	struct dk_hasher *h;

	if (fields == NULL || wanted == NULL)
		return DK_FAILED;
	for (unsigned i = 0; i < n; i++) {
		fields[i] = drafts[i].field;
		wanted[i] = (struct dk_wanted){ &fields[i], &drafts[i].sig };
	}
	if (n_fields > n)
		memcpy(&fields[n], s->fields, s->n_fields * sizeof *fields);
	h = dk_hasher_new(s->lib, s->arena, fields, n_fields, wanted, n);
	if (h != NULL && (!body || feed_body(s, h) == 0) && dk_hasher_end(h, out) == 0)
		result = DK_SIGNED;
	dk_hasher_free(&h);
	for (unsigned i = 0; result == DK_SIGNED && i < n; i++) {
		if (out[i].why != NULL) {
			*why = out[i].why;
			result = DK_UNSIGNABLE;
		}
	}
	return result;
}

/* The body's hashes in base64, [0] simple, [1] relaxed: those that a signer wants. */
static enum dk_signed hash_body(const struct dk_signing *s, const struct dk_signer *const *signers, unsigned n,
				const char *hashes[2], const char **why)
{
	static const char *const texts[2] = {
		"v=1; a=rsa-sha256; c=simple/simple; d=x; s=x; h=from; "
		"bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=",
		"v=1; a=rsa-sha256; c=simple/relaxed; d=x; s=x; h=from; "
		"bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=",
	};
	struct dk_hashes out[2];
	struct draft drafts[2] = { 0 };
	bool wanted[2] = { false, false };
	unsigned n_drafts = 0;
	enum dk_signed result;

	for (unsigned i = 0; i < n; i++)
		wanted[signers[i]->relaxed_body] = true;
	for (unsigned r = 0; r < 2; r++)
		if (wanted[r] && make_draft(s, &drafts[n_drafts++], texts[r]) != 0)
			return DK_FAILED;
	result = hash(s, drafts, n_drafts, true, out, why);
	if (result != DK_SIGNED)
		return result;
	n_drafts = 0;
	for (unsigned r = 0; r < 2; r++) {
		if (!wanted[r])
			continue;
		hashes[r] = dk_base64_encode(s->arena, out[n_drafts].body, out[n_drafts].body_n);
		n_drafts++;
	}
	return DK_SIGNED;
}

/* ---- Signatures ---- */

static const char *sign_one(const struct dk_signing *s, const struct dk_signer *k, const char *text,
			    const struct dk_hashes *h)
{
	const unsigned char *signature;
	size_t n, at = 0;
	char out[FIELD_ROOM];
	const char *base64;
	struct sbuf b;

	if (dk_key_sign(k->key, h->header, h->header_n, s->arena, &signature, &n) != 0 ||
	    (base64 = dk_base64_encode(s->arena, signature, n)) == NULL)
		return NULL;
	sbuf_fixed(&b, out, sizeof out);
	sbuf_add(&b, text);
	for (n = strlen(base64); at < n; at += B_WIDTH) {
		sbuf_add(&b, "\n\t");
		sbuf_addn(&b, base64 + at, n - at < B_WIDTH ? n - at : B_WIDTH);
	}
	return b.cut ? NULL : arena_strndup(s->arena, b.p, b.len);
}

enum dk_signed dk_sign(const struct dk_signing *s, const struct dk_signer *const *signers, unsigned n,
		       const char **values, const char **why)
{
	struct draft *drafts = arena_calloc(s->arena, n, sizeof *drafts);
	struct dk_hashes *hashes = arena_calloc(s->arena, n, sizeof *hashes);
	const char **texts = arena_calloc(s->arena, n, sizeof *texts), *body[2] = { NULL, NULL };
	enum dk_signed result;

	if (drafts == NULL || hashes == NULL || texts == NULL)
		return DK_FAILED;
	result = hash_body(s, signers, n, body, why);
	for (unsigned i = 0; result == DK_SIGNED && i < n; i++) {
		texts[i] = compose(s, signers[i], body[signers[i]->relaxed_body]);
		if (texts[i] == NULL || make_draft(s, &drafts[i], texts[i]) != 0)
			result = DK_FAILED;
	}
	if (result == DK_SIGNED)
		result = hash(s, drafts, n, false, hashes, why);
	for (unsigned i = 0; result == DK_SIGNED && i < n; i++) {
		values[i] = sign_one(s, signers[i], texts[i], &hashes[i]);
		if (values[i] == NULL)
			result = DK_FAILED;
	}
	return result;
}
