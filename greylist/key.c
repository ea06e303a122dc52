#include "greylist/key.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "util/bytes.h"

enum {
	PART_MAX = 320, /* bytes: a path of RFC 5321 (256) with room */
	PART_KEPT = 200,
	KEY_SIZE = 4096 /* prefix and three parts */
};

static const char tag[] = "grey:{"; /* a hash tag: all entries of one client are in one slot of a cluster */

const char *grey_network(const struct ip *ip, const struct grey_masks *masks, char buf[GREY_NET_SIZE])
{
	unsigned bits = ip->family == IP_V4 ? masks->v4 : masks->v6;
	struct ip net = ip_mask(ip, bits);
	char text[IP_TEXT_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, buf, GREY_NET_SIZE);
	sbuf_addf(&b, "%s/%u", ip_format(&net, text), bits);
	return buf;
}

const char *grey_identity(const struct check_call *c, const struct grey_masks *masks)
{
	char buf[GREY_NET_SIZE];

	if (c->conn->ip.family == IP_NONE)
		return NULL;
	return arena_strdup(c->arena, grey_network(&c->conn->ip, masks, buf));
}

const char *grey_sender(struct arena *a, const char *folded, size_t n)
{
	return arena_strndup(a, folded, n);
}

bool grey_triplet_of(const struct check_call *c, const struct grey_masks *masks, struct grey_triplet *t)
{
	const struct fact_value *sender = &c->txn->facts.v[FACT_SENDER];
	const struct fact_value *recipient = &c->rcpt->facts.v[FACT_RECIPIENT];

	if (recipient->state != FACT_KNOWN || recipient->n == 0)
		return false;
	t->identity = grey_identity(c, masks);
	t->sender = "";
	if (sender->state == FACT_KNOWN && sender->n > 0)
		t->sender = grey_sender(c->arena, sender->text[0].folded, sender->text[0].folded_n);
	t->recipient = arena_strndup(c->arena, recipient->text[0].folded, recipient->text[0].folded_n);
	return t->identity != NULL && t->sender != NULL && t->recipient != NULL;
}

/* FNV-1a: tells cut names apart; nothing is trusted to it. */
static uint64_t digest(const char *p, size_t n)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * UINT64_C(1099511628211);
	return h;
}

void grey_key_add_part(struct sbuf *b, const char *p, size_t n)
{
	if (n <= PART_MAX) {
		sbuf_add_key(b, p, n);
		return;
	}
	sbuf_add_key(b, p, PART_KEPT);
	sbuf_addf(b, "%%7E%016" PRIx64, digest(p, n)); /* a '~' before it */
}

const char *grey_key(struct arena *a, const char *prefix, const struct grey_triplet *t)
{
	char buf[KEY_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add(&b, prefix);
	sbuf_add(&b, tag);
	grey_key_add_part(&b, t->identity, strlen(t->identity));
	sbuf_add(&b, "}:");
	grey_key_add_part(&b, t->sender, strlen(t->sender));
	sbuf_addc(&b, ':');
	grey_key_add_part(&b, t->recipient, strlen(t->recipient));
	return arena_strndup(a, b.p, b.len);
}

/* ---- Back again ---- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c != '\0' ? strchr(digits, ascii_lower(c)) : NULL;

	return p != NULL ? (int)(p - digits) : -1;
}

static const char *decode(struct arena *a, const char *p, size_t n)
{
	char *out = arena_alloc(a, n + 1);
	size_t len = 0;

	for (size_t i = 0; out != NULL && i < n; i++) {
		if (p[i] == '%' && i + 2 < n && hex_digit(p[i + 1]) >= 0 && hex_digit(p[i + 2]) >= 0) {
			out[len++] = (char)(hex_digit(p[i + 1]) * 16 + hex_digit(p[i + 2]));
			i += 2;
		} else {
			out[len++] = p[i];
		}
	}
	return out;
}

bool grey_key_parse(struct arena *a, const char *prefix, const char *key, size_t n, struct grey_triplet *t)
{
	size_t prefix_n = strlen(prefix), tag_n = sizeof tag - 1;
	const char *end = key + n, *close, *colon, *p;

	if (n < prefix_n + tag_n || memcmp(key, prefix, prefix_n) != 0 || memcmp(key + prefix_n, tag, tag_n) != 0)
		return false;
	p = key + prefix_n + tag_n;
	close = memchr(p, '}', (size_t)(end - p));
	if (close == NULL || close + 1 == end || close[1] != ':')
		return false;
	colon = memchr(close + 2, ':', (size_t)(end - close - 2));
	if (colon == NULL)
		return false;
	t->identity = decode(a, p, (size_t)(close - p));
	t->sender = decode(a, close + 2, (size_t)(colon - close - 2));
	t->recipient = decode(a, colon + 1, (size_t)(end - colon - 1));
	return t->identity != NULL && t->sender != NULL && t->recipient != NULL;
}
