#include "greylist/hostname.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "util/bytes.h"
#include "util/sbuf.h"

enum {
	NAME_MAX_ = 254, /* longer ones are no names */
	TOKENS_MAX = 64, /* in a name; what comes behind is not looked at */
	OCTETS = 4,
	HEXTETS = 8,
	NIBBLES = 32,
	HALF = NIBBLES / 2, /* the network, or the interface */
	OCTET_DIGITS = 3,   /* zero-padded */
	ENOUGH_OCTETS = 3,
	ENOUGH_HEXTETS = 3,
	JOINED_MIN = 6,     /* digits: shorter ones may be a year or a serial number */
	SERIAL_LETTERS = 3, /* at most */
	SERIAL_DIGITS = 6,  /* at least: shorter ones are in use for pools of mail servers */
	TEXT_SIZE = 40
};

/* ---- Words ---- */

/* What providers call lines of customers; `whole` ones are too short to be looked for inside of others. */
#define WORD(text, whole)                                                                                              \
	{                                                                                                              \
		text, sizeof text - 1, whole                                                                           \
	}
static const struct word {
	const char *text;
	size_t n;
	bool whole;
} words[] = {
	WORD("dyn", false),   WORD("dsl", false),    WORD("pool", false),      WORD("dhcp", false),
	WORD("ppp", false),   WORD("cable", false),  WORD("cust", false),      WORD("dial", false),
	WORD("catv", false),  WORD("ftth", false),   WORD("broadband", false), WORD("gpon", false),
	WORD("wimax", false), WORD("mobile", false), WORD("subscr", false),    WORD("residential", false),
	WORD("fiber", false), WORD("cpe", true),     WORD("dip", true),        WORD("abo", true),
	WORD("lte", true),    WORD("res", true),     WORD("user", true),       WORD("ip", true),
	WORD("vps", true),    WORD("vmi", true),     WORD("members", true),    WORD("ipngn", false),
	WORD("ipbf", false),
};
#undef WORD

static bool has_word(const char *run, size_t n)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		size_t m = words[i].n;

		if (n == m ? memcmp(run, words[i].text, n) == 0
			   : !words[i].whole && n > m &&
				     (memcmp(run, words[i].text, m) == 0 || memcmp(run + n - m, words[i].text, m) == 0))
			return true;
	}
	return false;
}

static bool label_has_word(const char *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t start = i;

		while (i < n && ascii_is_alpha(p[i]))
			i++;
		if (i > start && has_word(p + start, i - start))
			return true;
		i += i == start;
	}
	return false;
}

/* Such a word, which counts with a number, be they far apart: "x12.town.adsl" is a line like "adsl12.town". */
static bool has_word_label(const char *host)
{
	bool word = false;

	for (const char *p = host; !word && *p != '\0';) {
		size_t n = strcspn(p, ".");

		word = label_has_word(p, n);
		p += n + (p[n] == '.');
	}
	return word;
}

/* A label of few letters and a long number: what hosters call machines that nobody has given a name ("vm1234567"). */
static bool has_serial_label(const char *host)
{
	for (const char *p = host; *p != '\0';) {
		size_t n = strcspn(p, "."), letters = 0, digits = 0;

		while (letters < n && ascii_is_alpha(p[letters]))
			letters++;
		while (letters + digits < n && ascii_is_digit(p[letters + digits]))
			digits++;
		if (letters > 0 && letters <= SERIAL_LETTERS && digits >= SERIAL_DIGITS && letters + digits == n)
			return true;
		p += n + (p[n] == '.');
	}
	return false;
}

/* ---- Tokens ---- */

struct token {
	const char *p;
	size_t n;
};

typedef bool (*letter_fn)(char c);

static bool is_digit(char c)
{
	return ascii_is_digit(c);
}

static bool is_alnum(char c)
{
	return ascii_is_digit(c) || ascii_is_alpha(c);
}

static bool is_hex(char c)
{
	return ascii_is_digit(c) || (c >= 'a' && c <= 'f');
}

static unsigned tokens_of(const char *host, letter_fn is_part, struct token v[TOKENS_MAX])
{
	unsigned n = 0;

	for (const char *p = host; *p != '\0' && n < TOKENS_MAX;) {
		const char *start = p;

		while (*p != '\0' && is_part(*p))
			p++;
		if (p > start)
			v[n++] = (struct token){ start, (size_t)(p - start) };
		else
			p++;
	}
	return n;
}

/* Reads in the base; false when there are letters of no such number, or too many. */
static bool read_number(const struct token *t, unsigned base, size_t digits, unsigned *out)
{
	size_t i = 0;

	*out = 0;
	while (base == 10 && t->n - i > digits && t->p[i] == '0')
		i++; /* zero-padded wider than need be */
	if (t->n - i > digits)
		return false;
	for (; i < t->n; i++) {
		char c = t->p[i];

		if (!is_hex(c) || (base == 10 && !ascii_is_digit(c)))
			return false;
		*out = *out * base + (unsigned)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	return true;
}

/* How many of the numbers stand in the name, each as a token of its own; `found` tells which. */
static unsigned count_found(const struct token *v, unsigned n, unsigned base, size_t digits, const unsigned *want,
			    unsigned n_want, bool *found)
{
	bool used[TOKENS_MAX] = { false };
	unsigned count = 0, number;

	for (unsigned k = 0; k < n_want; k++) {
		found[k] = false;
		for (unsigned i = 0; i < n && !found[k]; i++)
			if (!used[i] && read_number(&v[i], base, digits, &number) && number == want[k])
				found[k] = used[i] = true;
		count += found[k];
	}
	return count;
}

/* ---- IPv4 ---- */

/* The last two octets, the ones in which the customers of one provider differ; or any three. */
static bool has_octets(const struct token *v, unsigned n, unsigned base, size_t digits, const unsigned octets[OCTETS])
{
	static const unsigned order[OCTETS] = { 3, 2, 1, 0 };
	unsigned want[OCTETS];
	bool found[OCTETS];

	for (unsigned i = 0; i < OCTETS; i++)
		want[i] = octets[order[i]];
	return count_found(v, n, base, digits, want, OCTETS, found) >= ENOUGH_OCTETS || (found[0] && found[1]);
}

/* How octets are written that stand in one run. */
enum form { FORM_PLAIN, FORM_PADDED, FORM_HEX };

static void add_octet(struct sbuf *b, enum form form, unsigned octet)
{
	static const char hex[] = "0123456789abcdef";

	if (form == FORM_HEX) {
		sbuf_addc(b, hex[octet >> 4]);
		sbuf_addc(b, hex[octet & 0xf]);
		return;
	}
	for (unsigned least = 100; form == FORM_PADDED && least > 1 && octet < least; least /= 10)
		sbuf_addc(b, '0');
	sbuf_add_num(b, octet);
}

/* The octets from the one at `from` on in one run, forwards or backwards; exact: and nothing else in it. */
static bool has_joined(const char *text, enum form form, const unsigned octets[OCTETS], unsigned from, bool exact)
{
	char forwards[TEXT_SIZE], backwards[TEXT_SIZE];
	struct sbuf f, b;

	sbuf_fixed(&f, forwards, sizeof forwards);
	sbuf_fixed(&b, backwards, sizeof backwards);
	for (unsigned i = from; i < OCTETS; i++) {
		add_octet(&f, form, octets[i]);
		add_octet(&b, form, octets[OCTETS - 1 - (i - from)]);
	}
	if (f.len < JOINED_MIN)
		return false;
	if (exact)
		return strcmp(text, forwards) == 0 || strcmp(text, backwards) == 0;
	return strstr(text, forwards) != NULL || strstr(text, backwards) != NULL;
}

static bool run_is_address(const struct token *t, const unsigned octets[OCTETS])
{
	char text[TEXT_SIZE], whole[TEXT_SIZE];

	if (t->n < JOINED_MIN || t->n >= sizeof text)
		return false;
	memcpy(text, t->p, t->n);
	text[t->n] = '\0';
	snprintf(whole, sizeof whole, "%u",
		 octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]); /* as one number */
	return has_joined(text, FORM_PLAIN, octets, 0, true) || has_joined(text, FORM_PLAIN, octets, 1, true) ||
	       has_joined(text, FORM_PADDED, octets, 2, false) || strcmp(text, whole) == 0;
}

static bool shows_ipv4(const char *host, const char *bare, const struct ip *ip)
{
	const unsigned octets[OCTETS] = { ip->b[0], ip->b[1], ip->b[2], ip->b[3] };
	struct token v[TOKENS_MAX];
	unsigned n = tokens_of(host, is_digit, v);

	if (has_octets(v, n, 10, OCTET_DIGITS, octets))
		return true;
	for (unsigned i = 0; i < n; i++)
		if (run_is_address(&v[i], octets))
			return true;
	if (strlen(bare) >= JOINED_MIN &&
	    (has_joined(bare, FORM_HEX, octets, 0, false) || has_joined(bare, FORM_HEX, octets, 1, false)))
		return true;
	/* Octets in hex, each parted from the next: all three, since two hex digits may be anything. */
	n = tokens_of(host, is_alnum, v);
	for (unsigned i = 0; i + ENOUGH_OCTETS <= n; i++) {
		unsigned k = 0, number;

		while (k < ENOUGH_OCTETS && v[i + k].n == 2 && read_number(&v[i + k], 16, 2, &number) &&
		       number == octets[OCTETS - ENOUGH_OCTETS + k])
			k++;
		if (k == ENOUGH_OCTETS)
			return true;
	}
	return false;
}

/* ---- IPv6 ---- */

/* Either half of the address, nibble by nibble, whatever stands between them, in either direction. */
static bool has_nibbles(const char *bare, const char nibbles[NIBBLES + 1])
{
	char part[HALF + 1] = "";

	for (unsigned half = 0; half < 2; half++) {
		memcpy(part, nibbles + half * HALF, HALF);
		if (strstr(bare, part) != NULL)
			return true;
		for (unsigned i = 0; i < HALF; i++)
			part[i] = nibbles[half * HALF + HALF - 1 - i];
		if (strstr(bare, part) != NULL)
			return true;
	}
	return false;
}

static bool shows_ipv6(const char *host, const char *bare, const struct ip *ip)
{
	char nibbles[NIBBLES + 1] = "";
	unsigned want[HEXTETS], n_want = 0;
	struct token v[TOKENS_MAX];
	bool found[HEXTETS];
	unsigned n;

	for (unsigned i = 0; i < HEXTETS; i++) {
		unsigned hextet = (unsigned)ip->b[2 * i] << 8 | ip->b[2 * i + 1];

		snprintf(nibbles + OCTETS * i, OCTETS + 1, "%04x", hextet);
		if (hextet != 0)
			want[n_want++] = hextet;
	}
	if (has_nibbles(bare, nibbles))
		return true;
	n = tokens_of(host, is_alnum, v);
	return count_found(v, n, 16, OCTETS, want, n_want, found) >= ENOUGH_HEXTETS;
}

/* ---- */

/* What stands before the registrable domain; when nothing does, the name's first label. */
static void host_part(const char *name, const char *domain, char host[NAME_MAX_])
{
	size_t n = domain != NULL && domain > name ? (size_t)(domain - name - 1) : strcspn(name, ".");

	if (n >= NAME_MAX_)
		n = NAME_MAX_ - 1;
	memcpy(host, name, n);
	host[n] = '\0';
}

bool grey_hostname_is_generated(const char *name, const char *domain, const struct ip *ip)
{
	char host[NAME_MAX_], bare[NAME_MAX_];
	size_t n = 0;

	host_part(name, domain, host);
	for (const char *p = host; *p != '\0'; p++)
		if (is_alnum(*p))
			bare[n++] = *p;
	bare[n] = '\0';
	if (strpbrk(host, "0123456789") != NULL && (has_word_label(host) || has_serial_label(host)))
		return true;
	return ip->family == IP_V4 ? shows_ipv4(host, bare, ip) : shows_ipv6(host, bare, ip);
}
