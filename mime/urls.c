#include "mime/urls.h"

#include <stdbool.h>
#include <string.h>

#include "mail/psl.h"
#include "mime/limits.h"
#include "util/bytes.h"

enum {
	NAME_MAX_BYTES = 255,            /* RFC 1035, section 2.3.4 */
	WRITTEN_MAX = 3 * MIME_HOST_MAX, /* of a host that is no longer, each letter percent-encoded */
};

/* ---- Letters, plain or percent-encoded once or twice ---- */

/* How long "%2f" or "%252f" is at p, for the letter with that code; 0 when it is not there. */
static size_t encoded(const char *p, const char *end, const char *code)
{
	size_t n = 1;

	if (p == end || *p != '%')
		return 0;
	if (end - p > 2 && p[1] == '2' && p[2] == '5')
		n = 3;
	if ((size_t)(end - p) < n + 2 || !ascii_equal_n(p + n, code, 2))
		return 0;
	return n + 2;
}

static size_t slash(const char *p, const char *end)
{
	size_t n;

	if (p < end && (*p == '/' || *p == '\\'))
		return 1;
	n = encoded(p, end, "2f");
	return n > 0 ? n : encoded(p, end, "5c");
}

static size_t colon(const char *p, const char *end)
{
	return p < end && *p == ':' ? 1 : encoded(p, end, "3a");
}

/* Where an authority ends (RFC 3986, section 3.2), also one within another URL. */
static bool ends_authority(const char *p, const char *end, bool nested)
{
	if (p == end || (unsigned char)*p <= ' ' || strchr("?#<>\"", *p) != NULL || slash(p, end) > 0)
		return true;
	return nested &&
	       (*p == '&' || encoded(p, end, "3f") > 0 || encoded(p, end, "23") > 0 || encoded(p, end, "26") > 0);
}

static bool is_host_letter(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' || c == '.' || c == '%' ||
	       (unsigned char)c >= 0x80;
}

/* ---- What is found ---- */

/* Its letters, and once more without other scripts': "example.com。…" may be a sentence's end. */
static void give_host(struct mime_urls *u, const char *p, const char *end)
{
	const char *host = p;
	bool dot = false;

	if (p < end && *p == '[') {
		const char *close = memchr(p, ']', (size_t)(end - p));

		if (close != NULL)
			u->host(u->ctx, p, (size_t)(close + 1 - p));
		return;
	}
	if (end - p > WRITTEN_MAX)
		end = p + WRITTEN_MAX;
	while (p < end && is_host_letter(*p) && (unsigned char)*p < 0x80)
		dot = *p++ == '.' || dot;
	if (p < end && is_host_letter(*p)) {
		if (dot)
			u->host(u->ctx, host, (size_t)(p - host));
		while (p < end && is_host_letter(*p))
			p++;
	}
	if (p > host)
		u->host(u->ctx, host, (size_t)(p - host));
}

/* What stands before the last "@" is for the eye only. */
static void give_authority(struct mime_urls *u, const char *p, const char *end, bool nested)
{
	const char *host = p;

	for (; !ends_authority(p, end, nested); p++) {
		if (*p == '@')
			host = p + 1;
		else if (nested && encoded(p, end, "40") > 0)
			host = p + encoded(p, end, "40");
	}
	if (host <= p)
		give_host(u, host, p);
}

/* ---- With a scheme ---- */

/* Whether a scheme that is linked ends before p. */
static bool has_scheme(const char *begin, const char *p)
{
	static const char *const schemes[] = { "http", "https", "ftp", NULL };

	for (unsigned i = 0; schemes[i] != NULL; i++) {
		size_t n = strlen(schemes[i]);

		if ((size_t)(p - begin) >= n && ascii_equal_n(p - n, schemes[i], n))
			return true;
	}
	return false;
}

/* At a colon of whatever kind: how long it and its slashes are, or 0. */
static size_t try_scheme(struct mime_urls *u, const char *begin, const char *p, const char *end)
{
	const char *at = p + colon(p, end);
	unsigned slashes = 0;
	size_t n;

	if (at == p || !has_scheme(begin, p))
		return 0;
	for (; (n = slash(at, end)) > 0; slashes++)
		at += n;
	if (slashes < 2)
		return 0;
	give_authority(u, at, end, *p == '%' || at[-1] != '/');
	return (size_t)(at - p);
}

/* ---- Without ---- */

static bool is_word_letter(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' || c == '.' || c == '@';
}

static void try_www(struct mime_urls *u, const char *begin, const char *p, const char *end)
{
	static const char www[] = "www.";

	if ((size_t)(end - p) < sizeof www || !ascii_equal_n(p, www, sizeof www - 1))
		return;
	if (p > begin && (is_word_letter(p[-1]) || p[-1] == '/'))
		return;
	give_host(u, p, end);
}

/* Whether a name ends in a suffix that is in use. */
static bool is_domain(const char *p, size_t n)
{
	char name[NAME_MAX_BYTES + 1];

	for (size_t i = 0; i < n; i++)
		name[i] = ascii_lower(p[i]);
	name[n] = '\0';
	return psl_registrable(name) != NULL && psl_has_suffix(name);
}

/* The name before a slash, with a port or without. */
static void try_bare(struct mime_urls *u, const char *begin, const char *slash_at)
{
	const char *end = slash_at, *p;
	bool dot = false;

	while (end > begin && ascii_is_digit(end[-1]) && slash_at - end <= 5)
		end--;
	if (end == begin || end[-1] != ':' || end == slash_at)
		end = slash_at;
	else
		end--;
	for (p = end; p > begin && is_word_letter(p[-1]) && p[-1] != '@' && end - p < NAME_MAX_BYTES; p--)
		dot = dot || p[-1] == '.';
	if (!dot || (p > begin && (p[-1] == '@' || p[-1] == '/' || p[-1] == '\\')) || u->bare == MIME_BARE_MAX)
		return;
	while (p < end && *p == '.')
		p++;
	u->bare++;
	if (is_domain(p, (size_t)(end - p)))
		u->host(u->ctx, p, (size_t)(end - p));
}

static void scan(struct mime_urls *u, const char *begin, const char *end, bool shown)
{
	for (const char *p = begin; p < end; p++) {
		size_t n;

		switch (*p) {
		case ':':
		case '%':
			n = try_scheme(u, begin, p, end);
			p += n > 0 ? n - 1 : 0;
			break;
		case 'w':
		case 'W':
			try_www(u, begin, p, end);
			break;
		case '/':
			if (shown)
				try_bare(u, begin, p);
			break;
		default:
			break;
		}
	}
}

void mime_urls_in_text(struct mime_urls *u, const char *p, size_t n)
{
	scan(u, p, p + n, true);
}

/* ---- As browsers read a link ---- */

/* Tabs and line breaks are left out; so is white space at the beginning. */
static size_t squeeze(char *p, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (p[i] != '\t' && p[i] != '\r' && p[i] != '\n' && (k > 0 || (unsigned char)p[i] > ' '))
			p[k++] = p[i];
	return k;
}

void mime_urls_in_link(struct mime_urls *u, char *p, size_t n)
{
	const char *at = p, *end = p + squeeze(p, n), *first;
	size_t slashes = 0;

	while (at < end && ascii_is_alpha(*at))
		at++;
	if (at > p && (at == end || *at != ':' || !has_scheme(p, at)))
		at = p; /* a scheme of no interest, or none */
	else if (at > p)
		at++;
	for (first = at; at < end && slash(at, end) == 1; at++)
		slashes++;
	/* "//HOST", "http:HOST"; what has a scheme and two slashes is found below. */
	if ((first == p && slashes >= 2) || (first > p && slashes < 2))
		give_authority(u, at, end, false);
	scan(u, p, end, false);
}
