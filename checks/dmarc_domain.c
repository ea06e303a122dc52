#include "checks/dmarc_domain.h"

#include <idn2.h>
#include <string.h>

#include "util/bytes.h"

enum {
	NAME_MAX_TEXT = 1024
}; /* longer than any name that DNS holds, U-labels included: what is cut off is on the left */

/* A letter of a host name; the underscore is there because there are such names. */
static bool is_ldh(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

/* Lower case, empty labels and the last dot left out. */
static size_t tidy(char *out, const char *p, size_t n, bool *odd)
{
	size_t len = 0;

	while (n > 0 && p[n - 1] == '.')
		n--;
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '.' && (len == 0 || out[len - 1] == '.'))
			*odd = true;
		else
			out[len++] = ascii_lower(p[i]);
		if (p[i] != '.' && !is_ldh(p[i]))
			*odd = true;
	}
	out[len] = '\0';
	return len;
}

static bool is_ascii(const char *p)
{
	for (; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			return false;
	return true;
}

/* As mail clients look names up (UTS 46, non-transitional), which also maps other scripts' dots to dots. */
static const char *to_ascii(struct arena *a, const char *text)
{
	char *ascii = NULL;
	const char *copy = NULL;

	if (idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
		copy = arena_strdup(a, ascii);
	if (ascii != NULL)
		idn2_free(ascii);
	return copy;
}

const char *dmarc_domain_make(struct arena *a, const char *p, size_t n, bool *odd)
{
	bool strange = false, still = false;
	const char *ascii;
	size_t len;
	char *text;

	if (n > NAME_MAX_TEXT) {
		*odd = true;
		p += n - NAME_MAX_TEXT;
		n = NAME_MAX_TEXT;
	}
	text = arena_alloc(a, n + 1);
	if (text == NULL || memchr(p, '\0', n) != NULL)
		return NULL;
	len = tidy(text, p, n, &strange);
	if (len > 0 && !is_ascii(text) && (ascii = to_ascii(a, text)) != NULL) {
		text = arena_alloc(a, strlen(ascii) + 1);
		if (text == NULL)
			return NULL;
		len = tidy(text, ascii, strlen(ascii), &still);
		strange = still;
	}
	*odd = *odd || strange;
	return len > 0 ? text : NULL;
}

static size_t utf8_length(const char *p)
{
	size_t n = 1;

	while (((unsigned char)p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Whether a name may have this letter.  Some cannot begin a label, others not stand behind Latin ones. */
static bool is_letter(struct arena *a, const char *p, size_t n)
{
	enum { UTF8_MAX = 4 };
	char later[1 + UTF8_MAX] = "a";
	bool odd_alone = false, odd_later = false;

	if (n == 1)
		return is_ldh(*p) || *p == '.';
	if (n > UTF8_MAX)
		return false;
	memcpy(later + 1, p, n);
	if (dmarc_domain_make(a, later, n + 1, &odd_later) != NULL && !odd_later)
		return true;
	return dmarc_domain_make(a, p, n, &odd_alone) != NULL && !odd_alone;
}

size_t dmarc_domain_span(struct arena *a, const char *text)
{
	size_t span = 0;

	while (text[span] != '\0' && is_letter(a, text + span, utf8_length(text + span)))
		span += utf8_length(text + span);
	return span;
}

unsigned dmarc_domain_labels(const char *domain)
{
	unsigned n = 1;

	for (; *domain != '\0'; domain++)
		n += *domain == '.';
	return n;
}

const char *dmarc_domain_last(const char *domain, unsigned n)
{
	for (unsigned have = dmarc_domain_labels(domain); have > n; have--)
		domain = strchr(domain, '.') + 1;
	return domain;
}

bool dmarc_domain_within(const char *domain, const char *other)
{
	size_t n = strlen(domain), other_n = strlen(other);

	if (n < other_n || strcmp(domain + n - other_n, other) != 0)
		return false;
	return n == other_n || domain[n - other_n - 1] == '.';
}
