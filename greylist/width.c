#include "greylist/width.h"

#include <stdbool.h>
#include <string.h>

#include "util/bytes.h"

/*
 * Wider ranges are nobody's own.  Not narrower: one of the biggest hosters of mail lists two /15 beside several /16, and a
 * retry that crosses from one to the other must not be a stranger's.
 */
enum { WIDEST_V4 = 15, WIDEST_V6 = 32 };

enum { BITS_V4 = 32, BITS_V6 = 128, BITS_MAX_DIGITS = 3 };

/*
 * Whether what a term comes to hangs on more than the domain that was asked.  %{d} is that domain or one that its records
 * lead to, and %{o} is the sender's domain, which is the one that was asked: whoever passes under one name has been
 * held against the same set of hosts.  All other macros change with the client (i, c, p, v), or are the client's to choose
 * (h, s, l); r and t have no place in a term.
 */
static bool has_client_macro(const char *term)
{
	for (const char *p = strchr(term, '%'); p != NULL; p = strchr(p + 2, '%')) {
		if (p[1] == '{' && ascii_lower(p[2]) != 'd' && ascii_lower(p[2]) != 'o')
			return true;
		if (p[1] == '\0')
			return true;
	}
	return false;
}

static const char *skip_qualifier(const char *term)
{
	return *term != '\0' && strchr("+-?~", *term) != NULL ? term + 1 : term;
}

static bool is_mechanism(const char *term, size_t n, const char *name)
{
	return n == strlen(name) && ascii_equal_n(term, name, n);
}

/* Decimal digits; -1 when there is anything else. */
static int read_bits(const char *p, size_t n)
{
	int bits = 0;

	if (n == 0 || n > BITS_MAX_DIGITS)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!ascii_is_digit(p[i]))
			return -1;
		bits = bits * 10 + (p[i] - '0');
	}
	return bits;
}

/*
 * The prefix length for clients of this family: what ip4 and ip6 carry behind the slash, and a and mx in the form
 * "/24//64", either half of which may be missing.  -1: unreadable.
 */
static int prefix_bits(const char *term, enum ip_family client, bool dual)
{
	int whole = client == IP_V4 ? BITS_V4 : BITS_V6;
	const char *slash, *v6;

	if (!dual) {
		slash = strchr(term, '/');
		return slash != NULL ? read_bits(slash + 1, strlen(slash + 1)) : whole;
	}
	v6 = strstr(term, "//");
	if (client == IP_V6)
		return v6 != NULL ? read_bits(v6 + 2, strlen(v6 + 2)) : whole;
	slash = strchr(term, '/');
	if (slash == NULL || slash == v6)
		return whole;
	return read_bits(slash + 1, v6 != NULL ? (size_t)(v6 - slash - 1) : strlen(slash + 1));
}

static enum grey_width matched_width(const char *term, enum ip_family client)
{
	size_t n;
	bool dual;

	term = skip_qualifier(term);
	n = strcspn(term, ":/=");
	if (is_mechanism(term, n, "exists") || is_mechanism(term, n, "ptr"))
		return GREY_VAGUE;
	dual = is_mechanism(term, n, "a") || is_mechanism(term, n, "mx");
	if (!dual && !is_mechanism(term, n, "ip4") && !is_mechanism(term, n, "ip6"))
		return GREY_OPEN; /* all; and whatever else may be said to have matched */
	return prefix_bits(term, client, dual) >= (client == IP_V4 ? WIDEST_V4 : WIDEST_V6) ? GREY_NARROW : GREY_OPEN;
}

enum grey_width grey_width_of(const struct fact_value *mechanism, enum ip_family client)
{
	enum grey_width width;

	if (mechanism->state != FACT_KNOWN || mechanism->n == 0)
		return GREY_OPEN; /* libspf2 does not tell */
	width = matched_width(mechanism->text[mechanism->n - 1].folded, client);
	for (unsigned i = 0; i < mechanism->n && width == GREY_NARROW; i++)
		if (has_client_macro(mechanism->text[i].folded))
			width = GREY_VAGUE;
	return width;
}
