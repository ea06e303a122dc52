/*
 * The path of MAIL and RCPT (RFC 5321, section 4.1.2; RFC 6531 for UTF-8): lenient, since the MTA has already accepted
 * what it hands over, and linear in its length.
 */
#include "mail/addr.h"

#include <string.h>

#include "util/bytes.h"
#include "util/fold.h"

struct span {
	const char *p;
	size_t n;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* atext of RFC 5321, with UTF-8 (RFC 6531, section 3.3). */
static bool is_atext(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static struct span trim(struct span s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Behind the quoted string that begins at s.p[i]; 0 when it is never closed. */
static size_t skip_quoted(struct span s, size_t i)
{
	for (i++; i < s.n; i++) {
		if (s.p[i] == '"')
			return i + 1;
		if (s.p[i] == '\\')
			i++;
	}
	return 0;
}

/* Where the first (or last) `c` outside quoted strings stands; s.n when there is none. */
static size_t find_unquoted(struct span s, char c, bool last)
{
	bool quotes = true;
	size_t found = s.n;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' && quotes) {
			size_t behind = skip_quoted(s, i);

			/* A quote that is never closed is an ordinary character: it cannot hide what follows. */
			quotes = behind != 0;
			if (quotes)
				i = behind - 1;
		} else if (s.p[i] == c) {
			found = i;
			if (!last)
				break;
		}
	}
	return found;
}

/* Whether s is nothing but ESMTP parameters: keyword, or keyword=value, parted by blanks (RFC 5321, 4.1.2). */
static bool all_params(struct span s)
{
	size_t i = 0;

	for (;;) {
		while (i < s.n && is_blank(s.p[i]))
			i++;
		if (i == s.n)
			return true;
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]))
			return false;
		while (i < s.n && (ascii_is_alpha(s.p[i]) || ascii_is_digit(s.p[i]) || s.p[i] == '-'))
			i++;
		if (i < s.n && s.p[i] == '=') {
			while (i < s.n && !is_blank(s.p[i]))
				i++;
		} else if (i < s.n && !is_blank(s.p[i])) {
			return false;
		}
	}
}

/* What stands between the brackets.  Without brackets: all but the parameters. */
static struct span path_content(const char *arg)
{
	struct span s = trim((struct span){ arg, strlen(arg) });
	size_t i;

	if (s.n > 0 && s.p[0] == '<') {
		s.p++;
		s.n--;
		s.n = find_unquoted(s, '>', false);
		return trim(s);
	}
	i = find_unquoted(s, ' ', false);
	if (i < s.n && all_params((struct span){ s.p + i, s.n - i }))
		s.n = i;
	if (s.n > 0 && s.p[s.n - 1] == '>')
		s.n--;
	return trim(s);
}

/* Takes off a source route, "@one,@two:" (RFC 5321, appendix C).  What only looks like one stays. */
static struct span without_route(struct span s)
{
	bool literal = false; /* "[IPv6:...]" has colons of its own */

	if (s.n == 0 || s.p[0] != '@')
		return s;
	for (size_t i = 0; i + 1 < s.n; i++) {
		if (s.p[i] == '[')
			literal = true;
		else if (s.p[i] == ']')
			literal = false;
		else if (s.p[i] == ':' && !literal)
			return trim((struct span){ s.p + i + 1, s.n - i - 1 });
	}
	return s;
}

/* A dot-string: atoms parted by single dots. */
static bool is_dot_string(struct span s)
{
	bool atom = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' ? !atom : !is_atext(s.p[i]))
			return false;
		atom = s.p[i] != '.';
	}
	return atom;
}

/* A quoted local part in its shortest form: unquoted if it may be, else without needless backslashes. */
static struct span canonical_local(struct arena *a, struct span local)
{
	struct span plain;
	char *w, *text;

	if (local.n == 0 || local.p[0] != '"' || skip_quoted(local, 0) != local.n)
		return local;
	w = arena_alloc(a, local.n);
	if (w == NULL)
		return local;
	plain.p = w;
	for (size_t i = 1; i + 1 < local.n; i++) {
		if (local.p[i] == '\\')
			i++;
		*w++ = local.p[i];
	}
	plain.n = (size_t)(w - plain.p);
	if (is_dot_string(plain))
		return plain;

	w = text = arena_alloc(a, local.n); /* what needs a backslash had one */
	if (text == NULL)
		return local;
	*w++ = '"';
	for (size_t i = 0; i < plain.n; i++) {
		if (plain.p[i] == '"' || plain.p[i] == '\\')
			*w++ = '\\';
		*w++ = plain.p[i];
	}
	*w++ = '"';
	return (struct span){ text, (size_t)(w - text) };
}

const char *addr_from_path(struct arena *a, const char *arg)
{
	struct span s = without_route(path_content(arg)), local, rest;
	size_t at = find_unquoted(s, '@', true);
	char *text;

	rest = (struct span){ s.p + at, s.n - at }; /* the '@' and the domain */
	while (rest.n > 2 && rest.p[rest.n - 1] == '.')
		rest.n--;
	local = canonical_local(a, (struct span){ s.p, at });
	text = arena_alloc(a, local.n + rest.n + 1);
	if (text == NULL)
		return NULL;
	memcpy(text, local.p, local.n);
	memcpy(text + local.n, rest.p, rest.n);
	return text;
}

const char *addr_at(const char *addr, size_t n)
{
	size_t at = find_unquoted((struct span){ addr, n }, '@', true);

	return at < n ? addr + at : NULL;
}

const char *addr_domain(struct arena *a, const char *addr)
{
	size_t n = strlen(addr);
	const char *at = addr_at(addr, n), *copy;

	if (at == NULL)
		return NULL;
	n -= (size_t)(at + 1 - addr);
	if (n > 0 && at[n] == '.')
		n--;
	if (n == 0)
		return NULL;
	copy = arena_strndup(a, at + 1, n);
	return copy != NULL ? fold_text(a, copy, n, &n) : NULL;
}
