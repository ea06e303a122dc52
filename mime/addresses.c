/*
 * The mailboxes of From, To, Cc (RFC 5322, section 3.4 and the obsolete forms of 4.4; RFC 6532 for UTF-8).
 *
 * Not GMime's parser: it recurses for each nested group, so that 200 kB of "a:" overflow the stack, and GLib aborts the
 * process when memory is out.  This one is a single pass with a counter for comments.  It keeps what a mail reader
 * would show as an address; a display name never gives one.
 */
#include "mime/header.h"

#include <stdbool.h>
#include <string.h>

#include "mail/addr.h"
#include "util/bytes.h"

enum {
	LITERAL_MAX = 80
}; /* "[IPv6:...]" has at most 52 bytes; and "@[@[@[..." must not cost the square of its length */

struct parser {
	struct arena *arena;
	const char *p, *end;
	bool comments, quotes; /* cleared by the first that is never closed */

	/* What may become an address: text without comments and white space around its dots and its at sign. */
	char *text;
	size_t n;
	bool angle;  /* inside <...> */
	bool done;   /* behind <...>: what follows, up to the next separator, is no address */
	bool gap;    /* white space or a comment was skipped */
	bool broken; /* cannot be an address: two words side by side, or a control character */

	const char **out;
	unsigned found;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind the comment at p, nested ones included; NULL when it is never closed. */
static const char *skip_comment(const char *p, const char *end)
{
	size_t depth = 0;

	for (; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return NULL;
}

/* Behind the quoted string at p; NULL when it is never closed. */
static const char *skip_quoted(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		if (*p == '"')
			return p + 1;
		if (*p == '\\')
			p++;
	}
	return NULL;
}

static void clear(struct parser *s)
{
	s->n = 0;
	s->gap = false;
	s->broken = false;
}

/* What may stand beside a gap within an address. */
static bool is_joint(char c)
{
	return c == '.' || c == '@' || c == ',' || c == ':';
}

static void add(struct parser *s, char c)
{
	if (s->gap && s->n > 0 && !is_joint(s->text[s->n - 1]) && !is_joint(c))
		s->broken = true;
	s->gap = false;
	if ((unsigned char)c < ' ' || c == '\x7f')
		s->broken = true;
	s->text[s->n++] = c;
}

/* Adds what stands from s->p to `to` as it is, unfolded. */
static void add_verbatim(struct parser *s, const char *to)
{
	for (; s->p < to; s->p++) {
		if (*s->p != '\r' && *s->p != '\n')
			add(s, *s->p);
	}
}

/* A name of sorts, or a literal. */
static bool is_domain(const char *p, size_t n)
{
	if (n == 0 || p[0] == '.')
		return false;
	if (p[0] == '[')
		return n > 2 && memchr(p, ']', n) == p + n - 1;
	for (size_t i = 0; i < n; i++) {
		if (!ascii_is_alpha(p[i]) && !ascii_is_digit(p[i]) && (unsigned char)p[i] < 0x80 && p[i] != '-' &&
		    p[i] != '_' && p[i] != '.')
			return false;
	}
	return true;
}

/* A quoted string, or atoms and dots in any order: ".." and a last dot are invalid, and in use. */
static bool is_local(const char *p, size_t n)
{
	if (n > 0 && p[0] == '"')
		return skip_quoted(p, p + n) == p + n;
	for (size_t i = 0; i < n; i++) {
		if (strchr("()<>[]:;@\\,\"", p[i]) != NULL)
			return false;
	}
	return n > 0;
}

/* Takes the text as an address if it is one, and begins anew. */
static void emit(struct parser *s)
{
	const char *address, *at;
	size_t n;

	s->text[s->n] = '\0';
	if (s->n > 0 && !s->broken && !s->done) {
		address = addr_from_path(s->arena, s->text);
		n = address != NULL ? strlen(address) : 0;
		at = address != NULL ? addr_at(address, n) : NULL;
		if (at != NULL && is_local(address, (size_t)(at - address)) &&
		    is_domain(at + 1, n - (size_t)(at + 1 - address)))
			s->out[s->found++] = address;
	}
	clear(s);
}

static void separate(struct parser *s)
{
	emit(s);
	s->angle = false;
	s->done = false;
}

static void on_comment(struct parser *s)
{
	const char *behind = s->comments ? skip_comment(s->p, s->end) : NULL;

	s->comments = behind != NULL;
	if (behind == NULL) {
		separate(s); /* "a@b (never closed" has an address, and so has "Name (never closed <a@b>" */
		s->p++;
		return;
	}
	s->gap = true;
	s->p = behind;
}

static void on_quote(struct parser *s)
{
	const char *behind = s->quotes ? skip_quoted(s->p, s->end) : NULL;

	s->quotes = behind != NULL;
	if (behind == NULL) {
		separate(s);
		s->p++;
		return;
	}
	add_verbatim(s, behind);
}

/* Characters with a meaning of their own; false: any other. */
static bool on_special(struct parser *s, char c)
{
	switch (c) {
	case '<': /* what was before is a display name */
		clear(s);
		s->angle = true;
		s->done = false;
		return true;
	case '>':
		emit(s);
		s->angle = false;
		s->done = true;
		return true;
	case ',': /* also within a source route: "<@one,@two:user@example.com>" */
		if (s->angle && s->n > 0 && s->text[0] == '@')
			return false;
		separate(s);
		return true;
	case ';':
		separate(s);
		return true;
	case ':': /* what was before is a group's name */
		if (s->angle)
			return false;
		clear(s);
		s->done = false;
		return true;
	default:
		return false;
	}
}

static void step(struct parser *s)
{
	const char *behind;

	if (is_space(*s->p)) {
		s->gap = true;
		s->p++;
	} else if (*s->p == '(') {
		on_comment(s);
	} else if (*s->p == '"') {
		on_quote(s);
	} else if (*s->p == '[' && s->n > 0 && s->text[s->n - 1] == '@') {
		size_t most = (size_t)(s->end - s->p) < LITERAL_MAX ? (size_t)(s->end - s->p) : LITERAL_MAX;

		behind = memchr(s->p, ']', most);
		add_verbatim(s, behind != NULL ? behind + 1 : s->p + 1);
	} else if (on_special(s, *s->p)) {
		s->p++;
	} else {
		add(s, *s->p++);
	}
}

int mime_addresses(struct arena *a, const char *value, size_t value_n, const char ***out, unsigned *n)
{
	struct parser s = { .arena = a, .p = value, .end = value + value_n, .comments = true, .quotes = true };
	size_t ats = 0;

	for (size_t i = 0; i < value_n; i++)
		ats += value[i] == '@';
	s.text = arena_alloc(a, value_n + 1);
	s.out = arena_calloc(a, ats + 1, sizeof s.out[0]);
	if (s.text == NULL || s.out == NULL)
		return -1;
	while (s.p < s.end)
		step(&s);
	separate(&s);
	*out = s.out;
	*n = s.found;
	return arena_failed(a) ? -1 : 0;
}
