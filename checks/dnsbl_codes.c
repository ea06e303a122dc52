#include "checks/dnsbl_codes.h"

#include <string.h>

#include "util/bytes.h"

enum { OCTETS = 4, OCTET_MAX = 255, CODES_LOOPBACK = 127 };

static const char *skip_space(const char *p)
{
	while (ascii_is_space(*p))
		p++;
	return p;
}

/* A decimal octet; answers behind it, or NULL. */
static const char *octet(const char *p, uint8_t *out)
{
	unsigned value = 0;

	if (!ascii_is_digit(*p))
		return NULL;
	for (; ascii_is_digit(*p); p++) {
		value = value * 10 + (unsigned)(*p - '0');
		if (value > OCTET_MAX)
			return NULL;
	}
	*out = (uint8_t)value;
	return p;
}

/* "2" or "2-11"; answers behind it, or NULL. */
static const char *octet_range(const char *p, uint8_t *lo, uint8_t *hi)
{
	p = octet(p, lo);
	if (p == NULL)
		return NULL;
	*hi = *lo;
	if (*p != '-')
		return p;
	p = octet(p + 1, hi);
	return p != NULL && *lo <= *hi ? p : NULL;
}

static const char *one_range(const char *p, struct dnsbl_range *r)
{
	for (unsigned i = 0; i < OCTETS; i++) {
		if (i > 0 && *p++ != '.')
			return NULL;
		p = octet_range(p, &r->lo[i], &r->hi[i]);
		if (p == NULL)
			return NULL;
	}
	return p;
}

const char *dnsbl_codes_parse(struct dnsbl_codes *codes, const char *text, struct arena *a)
{
	struct dnsbl_range *v;
	unsigned most = 1;

	codes->v = NULL;
	codes->n = 0;
	text = skip_space(text);
	if (*text == '\0')
		return NULL;
	for (const char *p = text; *p != '\0'; p++)
		most += *p == ',';
	codes->v = v = arena_calloc(a, most, sizeof *v);
	if (v == NULL)
		return "out of memory";
	for (const char *p = text;; p = skip_space(p + 1)) {
		p = one_range(p, &v[codes->n]);
		if (p == NULL)
			return "write codes as 127.0.0.2, 127.0.0.2-11 or 127.0.0-255.1-3, several parted by commas";
		if (v[codes->n].lo[0] != CODES_LOOPBACK || v[codes->n].hi[0] != CODES_LOOPBACK)
			return "codes of DNS lists are in 127.0.0.0/8";
		codes->n++;
		p = skip_space(p);
		if (*p == '\0')
			return NULL;
		if (*p != ',')
			return "codes are parted by commas";
	}
}

bool dnsbl_codes_match(const struct dnsbl_codes *codes, const struct ip *answer)
{
	static const uint8_t refusal[OCTETS] = { CODES_LOOPBACK, 0, 0, 1 };

	if (codes->n == 0)
		return memcmp(answer->b, refusal, OCTETS) != 0;
	for (unsigned i = 0; i < codes->n; i++) {
		const struct dnsbl_range *r = &codes->v[i];
		bool inside = true;

		for (unsigned k = 0; k < OCTETS; k++)
			inside = inside && answer->b[k] >= r->lo[k] && answer->b[k] <= r->hi[k];
		if (inside)
			return true;
	}
	return false;
}

bool dnsbl_codes_is_error(const struct ip *answer)
{
	return answer->family != IP_V4 || answer->b[0] != CODES_LOOPBACK ||
	       (answer->b[1] == OCTET_MAX && answer->b[2] == OCTET_MAX);
}
