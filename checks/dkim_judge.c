#include "checks/dkim_judge.h"

#include <string.h>

enum {
	RECORDS_MAX = 4,     /* of one name: other TXT records may stand beside the key */
	RSA_BITS_MAX = 8192, /* what is longer costs more than any signature is worth */
	CLOCK_SKEW = 300     /* seconds */
};

const char *dk_outcome_name(enum dk_outcome o)
{
	static const char *const names[] = {
		[DK_PASS] = "pass",       [DK_TEMPERROR] = "temperror", [DK_POLICY] = "policy", [DK_FAIL] = "fail",
		[DK_NEUTRAL] = "neutral", [DK_PERMERROR] = "permerror", [DK_NONE] = "none",
	};

	return names[o];
}

static struct dk_result result(enum dk_outcome outcome, const char *why)
{
	return (struct dk_result){ .outcome = outcome, .why = why };
}

/* ---- The key ---- */

/* NULL, or why this record's key is not for this signature. */
static const char *refuses(const struct dk_record *r, const struct dk_sig *s)
{
	if (r->revoked)
		return "the key is revoked";
	if ((r->type == DK_KEY_ED25519) != (s->algorithm == DK_ED25519_SHA256))
		return "the key is of another algorithm";
	if (s->algorithm == DK_RSA_SHA1 ? !r->sha1 : !r->sha256)
		return "the key is not for this hash";
	if (!r->email)
		return "the key is not for mail";
	if (r->no_subdomains && strcmp(s->agent_domain, s->domain) != 0)
		return "the key is not for subdomains";
	return NULL;
}

static const char *bits_text(const struct dk_judge *j, unsigned bits, const char *what)
{
	const char *text = arena_printf(j->arena, "a key of %u bits is too %s", bits, what);

	return text != NULL ? text : "the key's length";
}

/* What is no pass although the arithmetic is right. */
static struct dk_result by_policy(const struct dk_judge *j, const struct dk_sig *s, const struct dk_hashes *h,
				  unsigned bits)
{
	if (s->algorithm == DK_RSA_SHA1)
		return result(DK_POLICY, "rsa-sha1 is no longer a signature (RFC 8301)");
	if (s->algorithm == DK_RSA_SHA256 && bits < j->min_bits)
		return result(DK_POLICY, bits_text(j, bits, "short"));
	if (!h->whole)
		return result(DK_POLICY, "part of the body is not signed (l=)");
	return result(DK_PASS, NULL);
}

static struct dk_result with_key(const struct dk_judge *j, const struct dk_sig *s, const struct dk_hashes *h,
				 const struct dk_key *key)
{
	unsigned bits = dk_key_bits(key);

	if (s->algorithm != DK_ED25519_SHA256 && bits > RSA_BITS_MAX)
		return result(DK_POLICY, bits_text(j, bits, "long"));
	if (h->beyond)
		return result(DK_FAIL, "the body is shorter than signed (l=)");
	if (h->body_n != s->body_hash_n || memcmp(h->body, s->body_hash, h->body_n) != 0)
		return result(DK_FAIL, "the body's hash is another");
	if (!dk_key_verify(key, s->algorithm, h->header, h->header_n, s->signature, s->signature_n))
		return result(DK_FAIL, "the signature does not fit the header and the key");
	return by_policy(j, s, h, bits);
}

static struct dk_result with_record(const struct dk_judge *j, const struct dk_sig *s, const struct dk_hashes *h,
				    const struct dns_record *txt)
{
	struct dk_record record;
	const char *wrong = dk_record_read(&record, j->arena, txt->text, txt->text_n);
	struct dk_result r;
	struct dk_key *key;

	if (wrong == NULL)
		wrong = refuses(&record, s);
	if (wrong != NULL)
		return result(DK_PERMERROR, wrong);
	key = dk_cache_public(j->cache, record.type, record.key, record.key_n);
	if (key == NULL)
		return result(DK_PERMERROR, "the key cannot be decoded");
	r = with_key(j, s, h, key);
	r.bits = dk_key_bits(key);
	r.testing = record.testing;
	dk_key_free(&key);
	/* RFC 6376, section 3.6.1: as if it were not signed, when it fails. */
	if (r.testing && r.outcome == DK_FAIL)
		r.outcome = DK_NEUTRAL;
	return r;
}

/* ---- All of it ---- */

struct dk_result dk_judge(const struct dk_judge *j, const struct dk_sig *s, const struct dk_hashes *h,
			  const struct dns_answer *key)
{
	struct dk_result best = result(DK_PERMERROR, "there is no key");

	if (s->expires != 0 && s->expires + CLOCK_SKEW < j->now)
		return result(DK_POLICY, "it has expired (x=)");
	if (s->made > j->now + CLOCK_SKEW)
		return result(DK_POLICY, "it was made in the future (t=)");
	if (h->why != NULL)
		return result(DK_PERMERROR, h->why);
	if (key->status == DNS_FAILED)
		return result(DK_TEMPERROR, "the key's DNS does not answer");
	/* RFC 6376, section 6.1.2: of several records any may be the one. */
	for (unsigned i = 0; key->status == DNS_OK && i < key->n && i < RECORDS_MAX; i++) {
		struct dk_result r = with_record(j, s, h, &key->v[i]);

		if (i == 0 || r.outcome < best.outcome)
			best = r;
	}
	return best;
}
