#include "checks/rates_key.h"

#include <string.h>

#include "util/sbuf.h"

enum {
	V4_BITS = 24,
	V6_BITS = 64,
	VALUE_MAX = 320, /* bytes of a value in a key: a path of RFC 5321 (256) with room; the rest is cut off */
	KEY_SIZE = 8192  /* all values, percent-encoded, with room */
};

static const char tag[] = "rate:{", nets_suffix[] = ":nets", held_suffix[] = ":held";

/* ---- The values ---- */

static void add_value(struct sbuf *b, const char *p, size_t n)
{
	sbuf_addc(b, ':');
	sbuf_add_key(b, p, n < VALUE_MAX ? n : VALUE_MAX);
}

/* The first value of a fact; NULL when there is none, or when it is the null sender. */
static const struct fact_text *first(const struct fact_set *facts, enum fact_id id)
{
	const struct fact_value *f = &facts->v[id];

	return f->state == FACT_KNOWN && f->n > 0 && f->text[0].folded_n > 0 ? &f->text[0] : NULL;
}

static const struct fact_text *text_of(enum rate_by by, const struct txn *t, const struct rcpt *r)
{
	switch (by) {
	case RATE_BY_AUTH_USER:
		return first(&t->facts, FACT_AUTH_USER);
	case RATE_BY_SENDER:
		return first(&t->facts, FACT_SENDER);
	case RATE_BY_SENDER_DOMAIN:
		return first(&t->facts, FACT_SENDER_DOMAIN);
	case RATE_BY_RECIPIENT:
		return r != NULL ? first(&r->facts, FACT_RECIPIENT) : NULL;
	case RATE_BY_RECIPIENT_DOMAIN:
		return r != NULL ? first(&r->facts, FACT_RECIPIENT_DOMAIN) : NULL;
	case RATE_BY_CLIENT_IP:
	case RATE_BY_CLIENT_NET:
	case RATE_BY_COUNT:
		break;
	}
	return NULL;
}

static bool is_except(const struct addr_list *l, enum rate_by by, const struct fact_text *text)
{
	if (by == RATE_BY_SENDER_DOMAIN || by == RATE_BY_RECIPIENT_DOMAIN)
		return addr_list_match_domain(l, text->folded, text->folded_n) > 0;
	return addr_list_match_address(l, text->folded, text->folded_n) > 0;
}

struct ip rates_network(const struct ip *ip)
{
	return ip->family == IP_NONE ? *ip : ip_mask(ip, ip->family == IP_V4 ? V4_BITS : V6_BITS);
}

static bool add_client(struct sbuf *b, enum rate_by by, const struct rate *r, const struct ip *ip)
{
	char text[IP_TEXT_SIZE];
	struct ip shown = by == RATE_BY_CLIENT_NET ? rates_network(ip) : *ip;

	if (ip->family == IP_NONE || (r->except != NULL && addr_list_match_ip(r->except, ip) > 0))
		return false;
	ip_format(&shown, text);
	add_value(b, text, strlen(text));
	if (by == RATE_BY_CLIENT_NET)
		sbuf_addf(b, "/%d", ip->family == IP_V4 ? V4_BITS : V6_BITS);
	return true;
}

static bool add_by(struct sbuf *b, enum rate_by by, const struct rate *r, const struct check_call *c,
		   const struct rcpt *rcpt)
{
	const struct fact_text *text;

	if (by == RATE_BY_CLIENT_IP || by == RATE_BY_CLIENT_NET)
		return add_client(b, by, r, &c->conn->ip);
	text = text_of(by, c->txn, rcpt);
	if (text == NULL || (r->except != NULL && is_except(r->except, by, text)))
		return false;
	add_value(b, text->folded, text->folded_n);
	return true;
}

/* The alarm that a rate is used up comes so, and must not be refused by that rate. */
static bool is_own_notice(const struct check_call *c)
{
	static const struct ip_net v4 = { { IP_V4, { 127 } }, 8 };
	static const struct ip_net v6 = { { IP_V6, { [15] = 1 } }, 128 };

	return (ip_in_net(&c->conn->ip, &v4) || ip_in_net(&c->conn->ip, &v6)) &&
	       first(&c->txn->facts, FACT_SENDER) == NULL;
}

bool rates_key_has_recipient(const struct rate *r)
{
	for (unsigned i = 0; i < r->n_by; i++)
		if (r->by[i] == RATE_BY_RECIPIENT || r->by[i] == RATE_BY_RECIPIENT_DOMAIN)
			return true;
	return false;
}

/* ---- The keys ---- */

bool rates_key_from_base(const struct rate *r, const char *base, struct arena *a, struct rates_key *out)
{
	*out = (struct rates_key){ .base = base };
	if (base == NULL || !rates_is_wide(r))
		return base != NULL;
	out->nets = arena_printf(a, "%s%s", base, nets_suffix);
	out->held = arena_printf(a, "%s%s", base, held_suffix);
	return out->nets != NULL && out->held != NULL;
}

bool rates_key_make(const struct rate *r, const char *prefix, const struct check_call *c, const struct rcpt *rcpt,
		    struct rates_key *out)
{
	char buf[KEY_SIZE];
	struct sbuf b;

	if (is_own_notice(c))
		return false;
	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add(&b, prefix);
	sbuf_add(&b, tag);
	sbuf_add_key(&b, r->name, strlen(r->name));
	for (unsigned i = 0; i < r->n_by; i++)
		if (!add_by(&b, r->by[i], r, c, rcpt))
			return false;
	sbuf_addc(&b, '}');
	return rates_key_from_base(r, arena_strndup(c->arena, b.p, b.len), c->arena, out);
}

/* ---- Back again ---- */

static bool kind_of(const char *p, size_t n, enum rates_key_kind *kind)
{
	if (n == 0)
		*kind = RATES_KEY_BASE;
	else if (n == sizeof nets_suffix - 1 && memcmp(p, nets_suffix, n) == 0)
		*kind = RATES_KEY_NETS;
	else if (n == sizeof held_suffix - 1 && memcmp(p, held_suffix, n) == 0)
		*kind = RATES_KEY_HELD;
	else
		return false;
	return true;
}

/* The values between p and end, parted by colons; each of them is encoded, so it has none. */
static void parse_values(struct arena *a, const char *p, const char *end, struct rates_key_parts *out)
{
	char buf[KEY_SIZE];
	struct sbuf joined;

	sbuf_fixed(&joined, buf, sizeof buf);
	while (p < end && out->n_values < RATE_BY_COUNT) {
		const char *colon = memchr(p, ':', (size_t)(end - p));
		const char *stop = colon != NULL ? colon : end;
		const char *value = sbuf_from_key(a, p, (size_t)(stop - p));

		if (value == NULL)
			return;
		out->value[out->n_values++] = value;
		sbuf_addf(&joined, "%s%s", joined.len > 0 ? " " : "", value);
		p = colon != NULL ? colon + 1 : end;
	}
	out->text = arena_strndup(a, joined.p, joined.len);
}

bool rates_key_parse(struct arena *a, const char *prefix, const char *key, size_t n, struct rates_key_parts *out)
{
	size_t prefix_n = strlen(prefix), tag_n = sizeof tag - 1;
	const char *end = key + n, *close, *colon, *p;

	*out = (struct rates_key_parts){ 0 };
	if (n < prefix_n + tag_n || memcmp(key, prefix, prefix_n) != 0 || memcmp(key + prefix_n, tag, tag_n) != 0)
		return false;
	p = key + prefix_n + tag_n;
	close = memchr(p, '}', (size_t)(end - p));
	if (close == NULL || !kind_of(close + 1, (size_t)(end - close - 1), &out->kind))
		return false;
	colon = memchr(p, ':', (size_t)(close - p));
	if (colon == NULL)
		return false;
	out->base = arena_strndup(a, key, (size_t)(close + 1 - key));
	out->name = sbuf_from_key(a, p, (size_t)(colon - p));
	out->value = arena_calloc(a, RATE_BY_COUNT, sizeof *out->value);
	if (out->value != NULL)
		parse_values(a, colon + 1, close, out);
	return out->base != NULL && out->name != NULL && out->text != NULL;
}
