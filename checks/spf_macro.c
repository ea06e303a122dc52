#include <string.h>

#include "checks/spf_eval.h"
#include "util/bytes.h"
#include "util/sbuf.h"

enum {
	NAME_MAX_BYTES = 253,
	LABEL_MAX = 63,
	PARTS_MAX = 128,
	VALUE_MAX = 2048,
	EXPANDED_MAX = 4 * VALUE_MAX,
	DELIMITERS_SIZE = sizeof ".-+,/_=" /* each at most once */
};

bool spf_is_domain(const char *name)
{
	size_t n = strlen(name), label = 0, labels = 0;

	if (n > 0 && name[n - 1] == '.')
		n--;
	if (n == 0 || n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (i < n && name[i] != '.') {
			if (++label > LABEL_MAX)
				return false;
			continue;
		}
		if (label == 0)
			return false;
		labels++;
		label = 0;
	}
	return labels > 1;
}

bool spf_is_identity(const char *domain)
{
	for (const char *p = domain; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == '[' || *p == '"' || *p == '@')
			return false;
	return spf_is_domain(domain);
}

/* %{i}: dotted quads, or nibbles parted by dots. */
static void add_ip(const struct ip *ip, struct sbuf *out)
{
	char text[IP_TEXT_SIZE];

	if (ip->family == IP_V4) {
		sbuf_add(out, ip_format(ip, text));
		return;
	}
	for (int i = 0; i < 16; i++)
		sbuf_addf(out, "%s%x.%x", i > 0 ? "." : "", ip->b[i] >> 4, ip->b[i] & 15);
}

static void add_letter(char letter, const struct spf_macro *m, struct sbuf *out)
{
	const char *at = strrchr(m->q->sender, '@');

	switch (letter) {
	case 's':
		sbuf_add(out, m->q->sender);
		break;
	case 'l':
		sbuf_addn(out, m->q->sender, at != NULL ? (size_t)(at - m->q->sender) : strlen(m->q->sender));
		break;
	case 'o':
		sbuf_add(out, at != NULL ? at + 1 : "");
		break;
	case 'd':
		sbuf_add(out, m->domain);
		break;
	case 'i':
		add_ip(&m->q->ip, out);
		break;
	case 'p':
		sbuf_add(out, m->validated(m->ctx));
		break;
	case 'h':
		sbuf_add(out, m->q->helo);
		break;
	case 'v':
		sbuf_add(out, m->q->ip.family == IP_V4 ? "in-addr" : "ip6");
		break;
	default:
		break;
	}
}

/* A capital letter asks for URL escaping (section 7.3). */
static void add_escaped(const char *p, size_t n, bool escape, struct sbuf *out)
{
	for (size_t i = 0; i < n; i++) {
		char c = p[i];
		bool plain = ascii_is_digit(c) || ascii_is_alpha(c) || (c != '\0' && strchr("-._~", c) != NULL);

		if (plain || !escape)
			sbuf_addc(out, c);
		else
			sbuf_addf(out, "%%%02X", (unsigned char)c);
	}
}

struct parts {
	const char *p[PARTS_MAX];
	size_t n[PARTS_MAX];
	unsigned count;
};

/* False when there are more of them than any name has labels. */
static bool split(const char *value, const char *delimiters, struct parts *out)
{
	out->count = 0;
	for (;;) {
		size_t n = strcspn(value, delimiters);

		if (out->count == PARTS_MAX)
			return false;
		out->p[out->count] = value;
		out->n[out->count++] = n;
		if (value[n] == '\0')
			return true;
		value += n + 1;
	}
}

/* One "%{...}"; the grammar has been checked.  Answers what is behind it. */
static const char *add_macro(const char *p, const struct spf_macro *m, struct sbuf *out)
{
	char value[VALUE_MAX], delimiters[DELIMITERS_SIZE] = "";
	char letter = ascii_lower(p[2]);
	bool escape = letter != p[2], reverse = false;
	unsigned keep = 0, d = 0, from;
	struct parts parts;
	struct sbuf b;

	for (p += 3; ascii_is_digit(*p); p++)
		keep = keep < PARTS_MAX ? keep * 10 + (unsigned)(*p - '0') : keep;
	if (ascii_lower(*p) == 'r') {
		reverse = true;
		p++;
	}
	for (; *p != '}'; p++)
		if (strchr(delimiters, *p) == NULL)
			delimiters[d++] = *p;
	if (d == 0)
		delimiters[0] = '.';
	sbuf_fixed(&b, value, sizeof value);
	add_letter(letter, m, &b);
	if (!split(value, delimiters, &parts) || b.cut)
		out->cut = true;
	from = keep > 0 && keep < parts.count ? parts.count - keep : 0;
	for (unsigned i = from; i < parts.count; i++) {
		/* Reversal comes first, then the rightmost parts are kept. */
		unsigned at = reverse ? parts.count - 1 - i : i;

		if (i > from)
			sbuf_addc(out, '.');
		add_escaped(parts.p[at], parts.n[at], escape, out);
	}
	return p + 1;
}

/* A name that is too long loses labels on its left side (section 7.3). */
static const char *shorten(const char *name)
{
	size_t n = strlen(name);

	if (n > 0 && name[n - 1] == '.')
		n--;
	while (n > NAME_MAX_BYTES) {
		const char *dot = memchr(name, '.', n);

		if (dot == NULL)
			break;
		n -= (size_t)(dot + 1 - name);
		name = dot + 1;
	}
	return name;
}

const char *spf_expand(struct arena *a, const char *spec, const struct spf_macro *m)
{
	char buf[EXPANDED_MAX];
	struct sbuf out;

	sbuf_fixed(&out, buf, sizeof buf);
	while (*spec != '\0') {
		if (*spec != '%') {
			sbuf_addc(&out, *spec++);
		} else if (spec[1] == '{') {
			spec = add_macro(spec, m, &out);
		} else {
			sbuf_add(&out, spec[1] == '%' ? "%" : spec[1] == '_' ? " " : "%20");
			spec += 2;
		}
	}
	return out.cut ? NULL : arena_strdup(a, shorten(buf));
}
