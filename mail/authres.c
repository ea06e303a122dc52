#include "mail/authres.h"

#include <string.h>

#include "util/bytes.h"

enum { ID_MAX = 256, COMMENT_DEPTH = 32 };

struct cursor {
	const char *p, *end;
};

/* Comments and folding white space (RFC 5322, section 3.2.2).  False: a comment that does not end. */
static bool skip_cfws(struct cursor *c)
{
	unsigned depth = 0;

	for (; c->p < c->end; c->p++) {
		if (*c->p == '(') {
			if (++depth > COMMENT_DEPTH)
				return false;
		} else if (depth > 0 && *c->p == ')') {
			depth--;
		} else if (depth > 0 && *c->p == '\\' && c->p + 1 < c->end) {
			c->p++;
		} else if (depth == 0 && !ascii_is_space(*c->p)) {
			return true;
		}
	}
	return depth == 0;
}

static bool quoted(struct cursor *c, char *out, size_t *n)
{
	for (c->p++; c->p < c->end && *c->p != '"'; c->p++) {
		if (*c->p == '\\' && c->p + 1 < c->end)
			c->p++;
		if (*n >= ID_MAX)
			return false;
		out[(*n)++] = *c->p;
	}
	if (c->p == c->end)
		return false;
	c->p++;
	return true;
}

/* The first word, as a token or a quoted string. */
static bool first_word(struct cursor *c, char *out, size_t *n)
{
	*n = 0;
	if (!skip_cfws(c) || c->p == c->end)
		return false;
	if (*c->p == '"')
		return quoted(c, out, n);
	for (; c->p < c->end && !ascii_is_space(*c->p) && memchr(";()\"", *c->p, 4) == NULL; c->p++) {
		if (*n >= ID_MAX)
			return false;
		out[(*n)++] = *c->p;
	}
	return *n > 0;
}

static bool stands_in(const char *value, size_t n, const char *id)
{
	size_t len = strlen(id);

	for (size_t i = 0; len > 0 && i + len <= n; i++)
		if (ascii_equal_n(value + i, id, len))
			return true;
	return false;
}

bool authres_claims(const char *value, size_t n, const char *authserv_id)
{
	struct cursor c = { value, value + n };
	char word[ID_MAX];
	size_t len = strlen(authserv_id), word_n;

	if (!first_word(&c, word, &word_n))
		return stands_in(value, n, authserv_id);
	if (word_n > 0 && word[word_n - 1] == '.')
		word_n--; /* the same name, fully written */
	if (word_n == len && ascii_equal_n(word, authserv_id, len))
		return true;
	/* Behind an authserv-id come a version or a semicolon; anything else is no field of this grammar. */
	if (!skip_cfws(&c))
		return stands_in(value, n, authserv_id);
	while (c.p < c.end && ascii_is_digit(*c.p))
		c.p++;
	if (!skip_cfws(&c) || (c.p < c.end && *c.p != ';'))
		return stands_in(value, n, authserv_id);
	return false;
}
