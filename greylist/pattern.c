#include "greylist/pattern.h"

#include <string.h>

#include "util/fold.h"

enum { GLOB_SIZE = 4096 };

static const char any[] = "*";

static const char *fold(struct arena *a, const char *p)
{
	size_t n;

	return p != NULL ? fold_text(a, p, strlen(p), &n) : any;
}

int grey_pattern_prepare(const struct grey_admin *g, const struct grey_pattern *p, struct arena *a,
			 struct grey_triplet *out)
{
	struct grey_masks masks = { (unsigned)g->settings->ipv4_mask, (unsigned)g->settings->ipv6_mask };
	char net[GREY_NET_SIZE];
	struct ip ip;

	if (p->identity != NULL && ip_parse(&ip, p->identity) == 0)
		out->identity = arena_strdup(a, grey_network(&ip, &masks, net));
	else
		out->identity = fold(a, p->identity);
	out->sender = p->sender != NULL && strcmp(p->sender, "<>") == 0 ? "" : fold(a, p->sender);
	out->recipient = fold(a, p->recipient);
	return out->identity != NULL && out->sender != NULL && out->recipient != NULL ? 0 : -1;
}

bool grey_pattern_is_exact(const struct grey_triplet *p)
{
	return strchr(p->identity, '*') == NULL && strchr(p->sender, '*') == NULL && strchr(p->recipient, '*') == NULL;
}

/* Greedy with one point to come back to: time is the product of the lengths at the most. */
static bool match(const char *pattern, const char *text)
{
	const char *star = NULL, *back = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			back = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++back;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool grey_pattern_match(const struct grey_triplet *p, const struct grey_triplet *t)
{
	return match(p->identity, t->identity) && match(p->sender, t->sender) && match(p->recipient, t->recipient);
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

const char *grey_pattern_glob(const char *prefix, const struct grey_triplet *p, struct arena *a)
{
	char buf[GLOB_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	for (; *prefix != '\0'; prefix++) {
		if (strchr("*?[]\\", *prefix) != NULL)
			sbuf_addc(&b, '\\');
		sbuf_addc(&b, *prefix);
	}
	sbuf_add(&b, "grey:{");
	add_part(&b, p->identity);
	sbuf_add(&b, "}:");
	add_part(&b, p->sender);
	sbuf_addc(&b, ':');
	add_part(&b, p->recipient);
	if (b.cut) /* an absurd pattern: let the entries be compared with it instead */
		return arena_printf(a, "%.*s*", (int)(b.len - 1), b.p);
	return arena_strdup(a, b.p);
}
