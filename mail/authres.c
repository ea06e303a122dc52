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

/* RFC 2045, section 5.1; what is no ASCII passes as a token too (RFC 6532). */
static bool is_token_byte(char c)
{
	return !ascii_is_space(c) && memchr("()<>@,;:\\\"/[]?=", c, 15) == NULL;
}

/* The first word, as a token or a quoted string. */
static bool first_word(struct cursor *c, char *out, size_t *n)
{
	*n = 0;
	if (!skip_cfws(c) || c->p == c->end)
		return false;
	if (*c->p == '"')
		return quoted(c, out, n);
	for (; c->p < c->end && is_token_byte(*c->p); c->p++) {
		if (*n >= ID_MAX)
			return false;
		out[(*n)++] = *c->p;
	}
	return *n > 0;
}

/* Whether the id begins here, for a reader to whom quotes, backslashes, comments and white space are nothing. */
static bool begins_here(const char *p, const char *end, const char *id)
{
	struct cursor c = { p, end };

	while (*id != '\0' && c.p < c.end) {
		if (ascii_lower(*c.p) == ascii_lower(*id)) {
			c.p++;
			id++;
		} else if (*c.p == '"' || *c.p == '\\') {
			c.p++;
		} else if (*c.p != '(' && !ascii_is_space(*c.p)) {
			return false;
		} else if (!skip_cfws(&c)) {
			return false;
		}
	}
	return *id == '\0';
}

static bool stands_in(const char *value, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(value[i]) == ascii_lower(id[0]) && begins_here(value + i, value + n, id))
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
