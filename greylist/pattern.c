#include "greylist/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "greylist/sender.h"
#include "util/bytes.h"
#include "util/fold.h"

enum { GLOB_SIZE = 4096, IDENTITY = 0, SENDER = 1, RECIPIENT = 2, BITS_V4 = 32, BITS_V6 = 128 };

static const char any[] = "*";

static const char *fold(struct arena *a, const char *p)
{
	size_t n;

	return p != NULL ? fold_text(a, p, strlen(p), &n) : any;
}

static bool is_plain(const char *p)
{
	return p != NULL && strchr(p, '*') == NULL;
}

/* An address, or a network with or without the bits of a host; false when it is neither. */
static bool read_network(const char *p, struct ip *ip, unsigned *bits)
{
	size_t n = strcspn(p, "/");
	char text[IP_TEXT_SIZE], *end;
	unsigned whole;

	if (n >= sizeof text)
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	if (ip_parse(ip, text) != 0)
		return false;
	*bits = whole = ip->family == IP_V4 ? BITS_V4 : BITS_V6;
	if (p[n] == '\0')
		return true;
	if (!ascii_is_digit(p[n + 1]))
		return false;
	*bits = (unsigned)strtoul(p + n + 1, &end, 10);
	return *end == '\0' && *bits <= whole;
}

/* The network that greylisting knows, for one of its addresses, or a part of it. */
static const char *fold_identity(const struct grey_admin *g, struct arena *a, const char *p)
{
	struct grey_masks masks = { (unsigned)g->settings->ipv4_mask, (unsigned)g->settings->ipv6_mask };
	char net[GREY_NET_SIZE];
	unsigned bits;
	struct ip ip;

	if (p != NULL && read_network(p, &ip, &bits) && bits >= (ip.family == IP_V4 ? masks.v4 : masks.v6))
		return arena_strdup(a, grey_network(&ip, &masks, net));
	return fold(a, p);
}

static void prepare_triplet(const struct grey_admin *g, struct arena *a, const struct grey_pattern *p,
			    struct grey_pattern *out)
{
	const char *sender = p->part[SENDER];

	out->part[IDENTITY] = fold_identity(g, a, p->part[IDENTITY]);
	out->part[RECIPIENT] = fold(a, p->part[RECIPIENT]);
	out->part[SENDER] = sender != NULL && strcmp(sender, "<>") == 0 ? "" : fold(a, sender);
	if (is_plain(sender) && out->part[SENDER] != NULL)
		out->part[SENDER] = grey_sender(a, out->part[SENDER], strlen(out->part[SENDER]),
						is_plain(p->part[RECIPIENT]) ? out->part[RECIPIENT] : NULL);
}

int grey_pattern_prepare(const struct grey_admin *g, enum grey_kind kind, const struct grey_pattern *p, struct arena *a,
			 struct grey_pattern *out)
{
	*out = (struct grey_pattern){ { "", "", "" } };
	switch (kind) {
	case GREY_TRIPLETS:
		prepare_triplet(g, a, p, out);
		break;
	case GREY_CLIENTS:
		out->part[0] = fold_identity(g, a, p->part[0]);
		out->part[1] = fold(a, p->part[1]);
		break;
	case GREY_CORRESPONDENTS:
	case GREY_KINDS:
		for (unsigned i = 0; i < 2; i++) {
			out->part[i] = fold(a, p->part[i]);
			if (is_plain(p->part[i]) && out->part[i] != NULL)
				out->part[i] = grey_mailbox(a, out->part[i], strlen(out->part[i]));
		}
		break;
	}
	return arena_failed(a) ? -1 : 0;
}

bool grey_pattern_is_network(const struct grey_admin *g, const char *identity)
{
	struct ip ip;
	unsigned bits;

	return read_network(identity, &ip, &bits) &&
	       bits == (unsigned)(ip.family == IP_V4 ? g->settings->ipv4_mask : g->settings->ipv6_mask);
}

bool grey_pattern_is_exact(enum grey_kind kind, const struct grey_pattern *p)
{
	for (unsigned i = 0; i < grey_key_parts(kind); i++)
		if (strchr(p->part[i], '*') != NULL)
			return false;
	return true;
}

bool grey_pattern_match(enum grey_kind kind, const struct grey_pattern *p, const char *const parts[GREY_PARTS])
{
	for (unsigned i = 0; i < grey_key_parts(kind); i++)
		if (!bytes_match(p->part[i], parts[i]))
			return false;
	return true;
}

/* What keys hold in place of a part: nothing of an encoded part means anything to Redis's patterns. */
static void add_part(struct sbuf *b, const char *p)
{
	while (*p != '\0') {
		size_t n = strcspn(p, "*");

		sbuf_add_key(b, p, n);
		p += n;
		if (*p == '*') {
			sbuf_addc(b, '*');
			p++;
		}
	}
}

const char *grey_pattern_glob(const char *prefix, enum grey_kind kind, const struct grey_pattern *p, struct arena *a)
{
	char buf[GLOB_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add_glob(&b, prefix);
	sbuf_add(&b, grey_key_tag(kind));
	for (unsigned i = 0; i < grey_key_parts(kind); i++) {
		if (i > 0)
			sbuf_add(&b, i == 1 ? "}:" : ":");
		add_part(&b, p->part[i]);
	}
	if (b.cut) /* an absurd pattern: let the entries be compared with it instead */
		return arena_printf(a, "%.*s*", (int)(b.len - 1), b.p);
	return arena_strdup(a, b.p);
}
