#include "greylist/key.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

enum {
	PART_MAX = 320, /* bytes: a path of RFC 5321 (256) with room */
	PART_KEPT = 200,
	KEY_SIZE = 4096 /* prefix and three parts */
};

/* What stands in braces is a hash tag: all keys with the same one are in one slot of a cluster. */
static const struct kind {
	const char *tag;
	unsigned parts;
} kinds[GREY_KINDS] = {
	[GREY_TRIPLETS] = { "grey:{", 3 },
	[GREY_CLIENTS] = { "known:{", 2 },
	[GREY_CORRESPONDENTS] = { "met:{", 2 },
};

unsigned grey_key_parts(enum grey_kind kind)
{
	return kinds[kind].parts;
}

const char *grey_key_tag(enum grey_kind kind)
{
	return kinds[kind].tag;
}

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

const char *grey_key(struct arena *a, const char *prefix, enum grey_kind kind, const char *const parts[GREY_PARTS])
{
	char buf[KEY_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add(&b, prefix);
	sbuf_add(&b, kinds[kind].tag);
	for (unsigned i = 0; i < kinds[kind].parts; i++) {
		if (i > 0)
			sbuf_add(&b, i == 1 ? "}:" : ":");
		grey_key_add_part(&b, parts[i], strlen(parts[i]));
	}
	return arena_strndup(a, b.p, b.len);
}

const char *grey_key_triplet(struct arena *a, const char *prefix, const struct grey_triplet *t)
{
	const char *const parts[GREY_PARTS] = { t->identity, t->sender, t->recipient };

	return grey_key(a, prefix, GREY_TRIPLETS, parts);
}

/* ---- Back again ---- */

bool grey_key_parse(struct arena *a, const char *prefix, enum grey_kind kind, const char *key, size_t n,
		    const char *parts[GREY_PARTS])
{
	const char *tag = kinds[kind].tag, *end = key + n, *p;
	size_t prefix_n = strlen(prefix), tag_n = strlen(tag);

	if (n < prefix_n + tag_n || memcmp(key, prefix, prefix_n) != 0 || memcmp(key + prefix_n, tag, tag_n) != 0)
		return false;
	p = key + prefix_n + tag_n;
	for (unsigned i = 0; i < GREY_PARTS; i++) {
		const char *stop = end;

		parts[i] = "";
		if (i >= kinds[kind].parts)
			continue;
		if (i + 1 < kinds[kind].parts)
			stop = memchr(p, i == 0 ? '}' : ':', (size_t)(end - p));
		if (stop == NULL || (i == 0 && (stop + 1 >= end || stop[1] != ':')))
			return false;
		parts[i] = sbuf_from_key(a, p, (size_t)(stop - p));
		if (parts[i] == NULL)
			return false;
		p = stop + (i == 0 ? 2 : 1);
	}
	return true;
}
