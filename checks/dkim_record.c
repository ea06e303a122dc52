#include "checks/dkim_record.h"

#include <string.h>

#include "checks/dkim_tags.h"
#include "util/bytes.h"

static const char *read_type(struct dk_record *r, const char *k)
{
	if (k == NULL || strcmp(k, "rsa") == 0)
		r->type = DK_KEY_RSA;
	else if (strcmp(k, "ed25519") == 0)
		r->type = DK_KEY_ED25519;
	else
		return "the key's type (k=) is unknown";
	return NULL;
}

static const char *read_key(struct dk_record *r, struct arena *a, const char *p)
{
	if (p == NULL)
		return "there is no key (p=)";
	r->revoked = p[0] == '\0';
	r->key = dk_base64_decode(a, p, &r->key_n);
	return r->key != NULL ? NULL : "the key (p=) is no base64";
}

const char *dk_record_read(struct dk_record *r, struct arena *a, const char *text, size_t n)
{
	const char *v, *h, *s, *t, *wrong;
	struct dk_tags tags;

	memset(r, 0, sizeof *r);
	wrong = dk_tags_parse(&tags, a, text, n);
	if (wrong != NULL)
		return wrong;
	v = dk_tags_get(&tags, "v");
	if (v != NULL && (strcmp(v, "DKIM1") != 0 || strcmp(tags.v[0].name, "v") != 0))
		return "the version (v=) is unknown, or not at the beginning";
	if ((wrong = read_type(r, dk_tags_get(&tags, "k"))) != NULL ||
	    (wrong = read_key(r, a, dk_tags_get(&tags, "p"))) != NULL)
		return wrong;
	h = dk_tags_get(&tags, "h");
	s = dk_tags_get(&tags, "s");
	t = dk_tags_get(&tags, "t");
	r->sha1 = h == NULL || dk_tags_listed(h, "sha1");
	r->sha256 = h == NULL || dk_tags_listed(h, "sha256");
	r->email = s == NULL || dk_tags_listed(s, "*") || dk_tags_listed(s, "email");
	r->testing = t != NULL && dk_tags_listed(t, "y");
	r->no_subdomains = t != NULL && dk_tags_listed(t, "s");
	return NULL;
}
