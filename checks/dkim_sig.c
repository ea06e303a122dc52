#include "checks/dkim_sig.h"

#include <string.h>

#include "checks/dkim_tags.h"
#include "util/bytes.h"

enum {
	NUMBER_DIGITS_MAX = 15, /* of t= and x=: RFC 6376, section 3.5, asks for 12 at least */
	LENGTH_DIGITS_MAX = 18, /* of l=: the RFC allows 76, for mail that does not fit on this planet */
	NAME_MAX_BYTES = 253,   /* of a DNS name */
	LABEL_MAX_BYTES = 63
};

static bool is_number(const char *s, size_t digits_max)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= digits_max && s[n] == '\0';
}

static uint64_t number(const char *s)
{
	uint64_t v = 0;

	for (; *s != '\0'; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	return v;
}

/* A domain or selector: labels of letters, digits, hyphens and, in the wild, underscores. */
static bool is_name(const char *s)
{
	size_t label = 0;

	if (strlen(s) > NAME_MAX_BYTES)
		return false;
	for (; *s != '\0'; s++) {
		if (*s == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (!ascii_is_alpha(*s) && !ascii_is_digit(*s) && *s != '-' && *s != '_') {
			return false;
		} else if (++label > LABEL_MAX_BYTES) {
			return false;
		}
	}
	return label > 0;
}

static const char *lower(struct arena *a, const char *s)
{
	char *out = arena_strdup(a, s);

	for (char *p = out; p != NULL && *p != '\0'; p++)
		*p = ascii_lower(*p);
	return out;
}

/* ---- Its parts ---- */

static const char *read_algorithm(struct dk_sig *s)
{
	static const struct {
		const char *name;
		enum dk_algorithm algorithm;
	} known[] = {
		{ "rsa-sha256", DK_RSA_SHA256 },
		{ "rsa-sha1", DK_RSA_SHA1 },
		{ "ed25519-sha256", DK_ED25519_SHA256 },
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (ascii_equal(s->a, known[i].name)) {
			s->algorithm = known[i].algorithm;
			return NULL;
		}
	}
	return "the algorithm (a=) is unknown";
}

/* "simple", "relaxed/simple" ...; the body's is simple when it is not told. */
static const char *read_canonicalization(struct dk_sig *s, const char *c)
{
	static const struct {
		const char *name;
		bool relaxed_body;
	} known[] = {
		{ "simple", false },        { "relaxed", false },        { "simple/simple", false },
		{ "simple/relaxed", true }, { "relaxed/simple", false }, { "relaxed/relaxed", true },
	};

	for (size_t i = 0; c != NULL && i < sizeof known / sizeof known[0]; i++) {
		if (ascii_equal(c, known[i].name)) {
			s->relaxed_body = known[i].relaxed_body;
			return NULL;
		}
	}
	return c == NULL ? NULL : "the canonicalization (c=) is unknown";
}

/* Of the query methods there is one that anybody knows. */
static const char *check_query(const char *q)
{
	return q == NULL || dk_tags_listed(q, "dns/txt") ? NULL : "the query method (q=) is unknown";
}

static bool is_field_name(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] >= 0x7f || p[i] == ':')
			return false;
	return n > 0;
}

static const char *read_names(struct dk_sig *s, struct arena *a, const char *h)
{
	char *list = dk_tags_squeeze(a, h), *p = list;
	bool from = false;

	s->names = arena_calloc(a, DK_NAMES_MAX, sizeof *s->names);
	if (list == NULL || s->names == NULL)
		return "out of memory";
	if (strlen(list) > DK_NAMES_BYTES_MAX)
		return "the list of fields (h=) is too long";
	for (;;) {
		size_t n = strcspn(p, ":");
		bool last = p[n] == '\0';

		if (!is_field_name(p, n))
			return "the list of fields (h=) is malformed";
		if (s->n_names == DK_NAMES_MAX)
			return "the list of fields (h=) is too long";
		p[n] = '\0';
		from = from || ascii_equal(p, "From");
		s->names[s->n_names++] = p;
		if (last)
			return from ? NULL : "From is not signed (h=)";
		p += n + 1;
	}
}

/* DKIM-Quoted-Printable (RFC 6376, section 2.11), in place. */
static bool unquote(char *s)
{
	static const char digits[] = "0123456789ABCDEF";
	char *q = s;

	for (char *p = s; *p != '\0'; p++) {
		const char *high = *p == '=' && p[1] != '\0' ? strchr(digits, p[1]) : NULL;
		const char *low = high != NULL && p[2] != '\0' ? strchr(digits, p[2]) : NULL;

		if (*p != '=') {
			*q++ = *p;
			continue;
		}
		if (low == NULL)
			return false;
		*q++ = (char)((high - digits) << 4 | (low - digits));
		p += 2;
	}
	*q = '\0';
	return true;
}

/* The domain of i= is d= or below it. */
static const char *read_agent(struct dk_sig *s, struct arena *a, const char *i)
{
	char *text = dk_tags_squeeze(a, i != NULL ? i : ""), *at;
	size_t n, d = strlen(s->domain);

	s->agent_domain = s->domain;
	if (text == NULL)
		return "out of memory";
	if (i == NULL)
		return NULL;
	at = unquote(text) ? strrchr(text, '@') : NULL;
	if (at == NULL)
		return "the agent (i=) is malformed";
	s->agent_domain = lower(a, at + 1);
	if (s->agent_domain == NULL)
		return "out of memory";
	n = strlen(s->agent_domain);
	if (n < d || strcmp(s->agent_domain + n - d, s->domain) != 0 || (n > d && s->agent_domain[n - d - 1] != '.'))
		return "the agent (i=) is not of the domain (d=)";
	return NULL;
}

static const char *read_times(struct dk_sig *s, const char *t, const char *x)
{
	if ((t != NULL && !is_number(t, NUMBER_DIGITS_MAX)) || (x != NULL && !is_number(x, NUMBER_DIGITS_MAX)))
		return "a time (t=, x=) is malformed";
	s->made = t != NULL ? number(t) : 0;
	s->expires = x != NULL ? number(x) : 0;
	if (t != NULL && x != NULL && s->expires <= s->made)
		return "it expires (x=) before it is made (t=)";
	return NULL;
}

static const char *read_hashes(struct dk_sig *s, struct arena *a, const char *bh)
{
	size_t want = s->algorithm == DK_RSA_SHA1 ? 20 : 32;

	s->signature = dk_base64_decode(a, s->b, &s->signature_n);
	if (s->signature == NULL || s->signature_n == 0)
		return "the signature (b=) is no base64";
	s->body_hash = dk_base64_decode(a, bh, &s->body_hash_n);
	if (s->body_hash == NULL || s->body_hash_n != want)
		return "the body's hash (bh=) is malformed";
	return NULL;
}

/* ---- All of it ---- */

/* What reports tell of a signature, also of one that is no good otherwise. */
static void note(struct dk_sig *s, struct arena *a, const struct dk_tags *t)
{
	const char *d = dk_tags_get(t, "d"), *sel = dk_tags_get(t, "s"), *b = dk_tags_get(t, "b");

	if (d != NULL && is_name(d))
		s->domain = lower(a, d);
	if (sel != NULL && is_name(sel))
		s->selector = sel;
	s->a = dk_tags_get(t, "a");
	if (b != NULL)
		s->b = dk_tags_squeeze(a, b);
}

static const char *check_required(const struct dk_sig *s, const struct dk_tags *t)
{
	const char *v = dk_tags_get(t, "v");

	if (v == NULL || strcmp(v, "1") != 0)
		return "the version (v=) is missing or unknown";
	if (dk_tags_get(t, "d") == NULL || dk_tags_get(t, "s") == NULL || dk_tags_get(t, "h") == NULL ||
	    dk_tags_get(t, "bh") == NULL || s->a == NULL || s->b == NULL)
		return "a required tag is missing";
	if (s->domain == NULL)
		return "the domain (d=) is malformed";
	if (s->selector == NULL)
		return "the selector (s=) is malformed";
	return NULL;
}

const char *dk_sig_read(struct dk_sig *s, struct arena *a, const char *value, size_t n)
{
	struct dk_tags t;
	const char *wrong = n <= DK_FIELD_MAX ? dk_tags_parse(&t, a, value, n) : "it is too long", *l;

	memset(s, 0, sizeof *s);
	if (wrong != NULL)
		return wrong;
	note(s, a, &t);
	l = dk_tags_get(&t, "l");
	s->limited = l != NULL;
	if ((wrong = check_required(s, &t)) != NULL || (wrong = read_algorithm(s)) != NULL ||
	    (wrong = read_canonicalization(s, dk_tags_get(&t, "c"))) != NULL ||
	    (wrong = check_query(dk_tags_get(&t, "q"))) != NULL ||
	    (wrong = read_names(s, a, dk_tags_get(&t, "h"))) != NULL ||
	    (wrong = read_agent(s, a, dk_tags_get(&t, "i"))) != NULL ||
	    (wrong = read_times(s, dk_tags_get(&t, "t"), dk_tags_get(&t, "x"))) != NULL ||
	    (wrong = read_hashes(s, a, dk_tags_get(&t, "bh"))) != NULL)
		return wrong;
	if (l != NULL && !is_number(l, LENGTH_DIGITS_MAX))
		return "the body's length (l=) is malformed";
	s->length = l != NULL ? number(l) : 0;
	return NULL;
}
