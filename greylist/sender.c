#include "greylist/sender.h"

#include <stdbool.h>
#include <string.h>

#include "mail/addr.h"
#include "util/bytes.h"
#include "util/sbuf.h"

enum {
	LOCAL_MAX = 512,   /* a longer local part is left as it is */
	WRAPPERS_MAX = 4,  /* one around the other */
	HEX_MIN = 8,       /* of a token of hex digits that counts as a number */
	MIXED_MIN = 8,     /* of one of letters and digits */
	MIXED_CHANGES = 2, /* how often letters and digits take turns in it */
	LONG_MIN = 16,     /* of one that has letters behind a digit, however few digits they are */
	HEX_CHANGES = 2,
	HEX_LONG = 10 /* with a digit among them they are no word */
};

static const char separators[] = "-._=+~#%";

/* A local part, worked on in place. */
struct local {
	char p[LOCAL_MAX];
	size_t n;
};

static bool starts_with(const char *p, size_t n, const char *what)
{
	size_t m = strlen(what);

	return n >= m && memcmp(p, what, m) == 0;
}

static void cut_front(struct local *l, size_t n)
{
	memmove(l->p, l->p + n, l->n - n + 1);
	l->n -= n;
}

/* Puts the text in place of n bytes at `at`; what no longer fits is dropped. */
static void replace(struct local *l, size_t at, size_t n, const char *with)
{
	size_t m = strlen(with);

	if (l->n - n + m >= sizeof l->p)
		return;
	memmove(l->p + at + m, l->p + at + n, l->n - at - n + 1);
	memcpy(l->p + at, with, m);
	l->n = l->n - n + m;
}

static bool is_alnum(char c)
{
	return ascii_is_digit(c) || ascii_is_alpha(c);
}

static bool is_domain_char(char c)
{
	return is_alnum(c) || c == '.' || c == '-' || (unsigned char)c >= 0x80;
}

/* ---- Wrappers: BATV, SRS ---- */

/*
 * BATV (prvs=TAG=local; an early draft had prvs=local/TAG), Barracuda's btv1==TAG==local, SparkPost's msprvs1=TAG=local.
 * False: none of them.
 */
static bool unwrap_batv(struct local *l)
{
	static const struct {
		const char *start, *end;
	} forms[] = { { "prvs=", "=" }, { "btv1==", "==" }, { "msprvs1=", "=" } };

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		size_t n = strlen(forms[i].start);
		const char *end;

		if (!starts_with(l->p, l->n, forms[i].start))
			continue;
		end = strstr(l->p + n, forms[i].end);
		if (end == NULL && i == 0 && (end = strchr(l->p + n, '/')) != NULL && end > l->p + n) {
			replace(l, (size_t)(end - l->p), strlen(end), "");
			cut_front(l, n);
			return true;
		}
		if (end == NULL || end == l->p + n || end[strlen(forms[i].end)] == '\0')
			return false;
		cut_front(l, (size_t)(end - l->p) + strlen(forms[i].end));
		return true;
	}
	return false;
}

/* Where the field behind the next '=' begins; NULL: there is none. */
static char *next_field(char *p)
{
	char *eq = strchr(p, '=');

	return eq != NULL && eq[1] != '\0' ? eq + 1 : NULL;
}

/* Hashes and days have no dot; domains do: a field with one was stripped before. */
static bool is_domain_field(const char *p)
{
	return memchr(p, '.', strcspn(p, "=")) != NULL;
}

static void drop_field(struct local *l, size_t at)
{
	const char *next = next_field(l->p + at);

	if (next != NULL && !is_domain_field(l->p + at))
		replace(l, at, (size_t)(next - l->p) - at, "");
}

/*
 * SRS0=HASH=TIME=domain=local becomes srs0=domain=local; the sign behind SRS0 may also be - or +.  SRS1=HASH=first
 * forwarder==HASH=TIME=domain=local becomes srs1=forwarder=domain=local.  Answers where the innermost local part begins;
 * 0: it is no SRS.
 */
static size_t strip_srs(struct local *l)
{
	bool second = starts_with(l->p, l->n, "srs1");
	const char *inner;
	size_t at = 5;

	if ((!second && !starts_with(l->p, l->n, "srs0")) || l->n <= at || strchr("=-+", l->p[at - 1]) == NULL)
		return 0;
	l->p[at - 1] = '=';
	if (second) {
		drop_field(l, at);
		inner = next_field(l->p + at);
		if (inner == NULL)
			return 0;
		at = (size_t)(inner - l->p);
		if (strchr("=-+", l->p[at]) != NULL) /* of the SRS0 that it was */
			replace(l, at, 1, "");
	}
	drop_field(l, at);
	drop_field(l, at);
	inner = next_field(l->p + at);
	return inner != NULL ? (size_t)(inner - l->p) : 0;
}

/* ---- VERP ---- */

/* The recipient's own address, with "=" or another sign in place of its "@", or its local part and domain that way. */
static bool cut_recipient(struct local *l, const char *recipient)
{
	static const char *const signs[] = { "=", "_at_", "-at-", ".at.", "#", "%", "_", "-", "~" };
	const char *at = recipient != NULL ? addr_at(recipient, strlen(recipient)) : NULL;
	char buf[LOCAL_MAX];

	/* Few senders have it, and to look for each of the forms costs more than all the rest. */
	if (at == NULL || at == recipient || strstr(l->p, at + 1) == NULL)
		return false;
	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
		const char *found;
		struct sbuf b;
		size_t start;

		sbuf_fixed(&b, buf, sizeof buf);
		sbuf_addn(&b, recipient, (size_t)(at - recipient));
		sbuf_add(&b, signs[i]);
		sbuf_add(&b, at + 1);
		found = b.cut ? NULL : strstr(l->p, b.p);
		if (found == NULL)
			continue;
		start = (size_t)(found - l->p);
		if ((start > 0 && is_alnum(l->p[start - 1])) || is_alnum(found[b.len]))
			continue;
		replace(l, start, b.len, "#");
		return true;
	}
	return false;
}

/* local=domain at the end, of somebody: it came by a list or an alias.  From the sign before the local part on. */
static void cut_verp(struct local *l, size_t from)
{
	char *eq = l->n > 0 ? strrchr(l->p + from, '=') : NULL, *start;
	const char *dot;
	size_t n;

	if (eq == NULL || eq == l->p + from)
		return;
	n = strlen(eq + 1);
	dot = memchr(eq + 1, '.', n);
	if (dot == NULL || dot == eq + 1 || eq[n] == '.')
		return;
	for (size_t i = 1; i <= n; i++)
		if (!is_domain_char(eq[i]))
			return;
	for (start = eq; start > l->p + from && strchr("+-._", start[-1]) == NULL; start--)
		;
	if (start == eq)
		return;
	replace(l, (size_t)(start - l->p), (size_t)(l->p + l->n - start), "#");
}

/* ---- Extension ---- */

static void cut_extension(struct local *l, size_t from)
{
	char *plus = memchr(l->p + from, '+', l->n - from);

	if (plus == NULL || plus == l->p + from)
		return;
	*plus = '\0';
	l->n = (size_t)(plus - l->p);
}

/* ---- Numbers ---- */

static bool is_hex(char c)
{
	return ascii_is_digit(c) || (c >= 'a' && c <= 'f');
}

/* A token that no person would choose: a number in hex or base32, a random word of letters and digits. */
static bool is_number_like(const char *p, size_t n)
{
	unsigned changes = 0;
	bool hex = true, digit = false;

	for (size_t i = 0; i < n; i++) {
		hex = hex && is_hex(p[i]);
		digit = digit || ascii_is_digit(p[i]);
		changes += i > 0 && ascii_is_digit(p[i]) != ascii_is_digit(p[i - 1]);
	}
	if (hex && digit && n >= HEX_MIN && (changes >= HEX_CHANGES || n >= HEX_LONG))
		return true;
	if (n >= LONG_MIN && digit && !ascii_is_digit(p[n - 1]))
		return true;
	return n >= MIXED_MIN && changes >= MIXED_CHANGES;
}

/* 8-4-4-4-12 hex digits; answers their length, 0 when it is no UUID. */
static size_t uuid_length(const char *p, size_t n)
{
	static const size_t groups[] = { 8, 4, 4, 4, 12 };
	size_t at = 0;

	for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
		if (g > 0 && (at >= n || p[at++] != '-'))
			return 0;
		for (size_t i = 0; i < groups[g]; i++, at++)
			if (at >= n || !is_hex(p[at]))
				return 0;
	}
	return at == n || !is_alnum(p[at]) ? at : 0;
}

static void add_number(struct sbuf *out)
{
	if (out->len == 0 || out->p[out->len - 1] != '#')
		sbuf_addc(out, '#');
}

static void add_token(struct sbuf *out, const char *p, size_t n)
{
	if (is_number_like(p, n)) {
		add_number(out);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (ascii_is_digit(p[i]))
			add_number(out);
		else
			sbuf_addc(out, p[i]);
	}
}

/* "#-#" says no more than "#". */
static void collapse(struct sbuf *b)
{
	size_t out = 0, last = 0; /* last: behind the last '#' that was kept */
	bool numbers = false;

	for (size_t i = 0; i < b->len; i++) {
		if (b->p[i] == '#' && numbers) {
			out = last;
			continue;
		}
		b->p[out++] = b->p[i];
		if (b->p[i] == '#') {
			numbers = true;
			last = out;
		} else if (strchr(separators, b->p[i]) == NULL) {
			numbers = false;
		}
	}
	b->len = out;
	b->p[out] = '\0';
}

static void strip_numbers(struct local *l, size_t from)
{
	char buf[LOCAL_MAX];
	struct sbuf b;

	if (strpbrk(l->p + from, "0123456789#-") == NULL)
		return; /* a UUID may be without digits */
	sbuf_fixed(&b, buf, sizeof buf);
	for (size_t i = from; i < l->n;) {
		size_t n = uuid_length(l->p + i, l->n - i);

		if (n > 0) {
			add_number(&b);
			i += n;
			continue;
		}
		n = strcspn(l->p + i, separators);
		add_token(&b, l->p + i, n);
		i += n;
		while (i < l->n && strchr(separators, l->p[i]) != NULL) {
			if (l->p[i] == '#')
				add_number(&b);
			else
				sbuf_addc(&b, l->p[i]);
			i++;
		}
	}
	collapse(&b);
	memcpy(l->p + from, b.p, b.len + 1); /* no longer than it was */
	l->n = from + b.len;
}

/* ---- */

/* The local part; false when it is too long to look at, or there is no domain. */
static bool split(const char *address, size_t n, struct local *l, const char **at)
{
	*at = addr_at(address, n);
	if (*at == NULL || *at == address || (size_t)(*at - address) >= sizeof l->p)
		return false;
	l->n = (size_t)(*at - address);
	memcpy(l->p, address, l->n);
	l->p[l->n] = '\0';
	return strlen(l->p) == l->n; /* a NUL from the wire: nobody's address */
}

/* The local part as it has become, with the domain it had: `at` and what is behind it. */
static const char *join(struct arena *a, const struct local *l, const char *at, size_t n)
{
	char *out = arena_alloc(a, l->n + n + 1);

	if (out == NULL)
		return NULL;
	memcpy(out, l->p, l->n);
	memcpy(out + l->n, at, n);
	return out;
}

const char *grey_sender(struct arena *a, const char *sender, size_t n, const char *recipient)
{
	struct local l;
	const char *at;
	size_t from;

	if (!split(sender, n, &l, &at))
		return arena_strndup(a, sender, n);
	for (unsigned i = 0; i < WRAPPERS_MAX && unwrap_batv(&l); i++)
		;
	from = strip_srs(&l);
	if (!cut_recipient(&l, recipient))
		cut_verp(&l, from);
	if (from > l.n)
		from = 0; /* the recipient stood in the SRS itself */
	cut_extension(&l, from);
	strip_numbers(&l, from);
	if (l.n == 0)
		return arena_strndup(a, sender, n);
	return join(a, &l, at, n - (size_t)(at - sender));
}

const char *grey_mailbox(struct arena *a, const char *address, size_t n)
{
	struct local l;
	const char *at;

	if (!split(address, n, &l, &at))
		return arena_strndup(a, address, n);
	for (unsigned i = 0; i < WRAPPERS_MAX && unwrap_batv(&l); i++)
		;
	cut_extension(&l, 0);
	return join(a, &l, at, n - (size_t)(at - address));
}
