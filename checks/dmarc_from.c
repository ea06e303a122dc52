/*
 * A look at each '@' among the tokens of RFC 5322: no parser's verdict on what the rest means can hide a domain.  What
 * is passed over is only what every mail client shows as a name: words, quoted or encoded, before "<".
 */
#include "checks/dmarc_from.h"

#include <string.h>

#include "checks/dmarc_domain.h"
#include "checks/dmarc_lex.h"
#include "checks/dmarc_words.h"
#include "util/bytes.h"
#include "util/sbuf.h"

enum {
	VALUE_MAX = 16 << 10, /* of one field: what MTAs cut header lines at is far more than an address needs */
	TOTAL_MAX = 64 << 10, /* of all fields: their number is the sender's choice */
	NAMES_MAX = 256,      /* that are made A-labels, the same ones included: this is slow */
	JOINED_MAX = 16       /* words of one domain that has white space in it */
};

struct scan {
	struct dmarc_from *from;
	struct arena *a;
	struct dmarc_token *v;
	size_t n;
	bool broken; /* something does not end */
};

/* ---- Domains ---- */

/* Whether it is one that was not there. */
static bool add_name(struct scan *s, const char *name)
{
	struct dmarc_from *f = s->from;

	if (name == NULL) {
		f->doubtful = true;
		return false;
	}
	for (unsigned i = 0; i < f->n; i++)
		if (strcmp(f->domains[i], name) == 0)
			return false;
	if (f->n == DMARC_FROM_MAX) {
		f->too_much = true;
		return false;
	}
	f->domains[f->n++] = name;
	return true;
}

static bool is_ascii(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] >= 0x80)
			return false;
	return true;
}

static bool is_host_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_';
}

static size_t domain_run(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (is_host_byte(p[i]) || ((unsigned char)p[i] >= 0x80 && dmarc_lex_at(p + i, n - i) == 0)))
		i++;
	return i;
}

/* Names of one label are no mail domain of the world's; outside addresses they are words. */
static bool has_dot(const char *p, size_t n)
{
	while (n > 0 && *p == '.') {
		p++;
		n--;
	}
	while (n > 0 && p[n - 1] == '.')
		n--;
	return memchr(p, '.', n) != NULL;
}

/* What is read of a name that cannot be: a client that does not show its odd letters shows another domain. */
static void add_hosts(struct scan *s, const char *name)
{
	for (size_t run; *name != '\0'; name += run > 0 ? run : 1) {
		run = dmarc_domain_span(s->a, name);
		if (has_dot(name, run) || !is_ascii(name, run))
			add_name(s, dmarc_domain_make(s->a, name, run, &s->from->doubtful));
	}
}

static void add_domain(struct scan *s, const char *p, size_t n)
{
	bool odd = false, added;
	const char *name;

	if (++s->from->names > NAMES_MAX)
		s->from->too_much = true;
	if (s->from->too_much)
		return;
	name = dmarc_domain_make(s->a, p, n, &odd);
	added = add_name(s, name);
	s->from->doubtful = s->from->doubtful || odd;
	if ((odd || name == NULL) && !is_ascii(p, n)) {
		s->from->trick = true;
		if (added)
			add_hosts(s, name);
	}
}

/* The domain of an address, or each part of it that could be one when it has letters that no domain has. */
static void add_pieces(struct scan *s, const char *p, size_t n, bool any)
{
	size_t run = domain_run(p, n);

	if (run == n) {
		if (any || has_dot(p, n))
			add_domain(s, p, n);
		return;
	}
	s->from->doubtful = true;
	for (size_t i = 0; i < n; i += run + 1) {
		run = domain_run(p + i, n - i);
		if (run > 0 && has_dot(p + i, run))
			add_domain(s, p + i, run);
	}
}

/* Behind the next at sign; NULL when there is none. */
static const char *behind_at(const char *p, const char *end)
{
	for (; p < end; p++) {
		size_t n = dmarc_lex_at(p, (size_t)(end - p));

		if (n > 0)
			return p + n;
	}
	return NULL;
}

static bool has_at(const char *p, size_t n)
{
	return behind_at(p, p + n) != NULL;
}

/* Every "@domain" of a text, whatever stands around it. */
static void add_plain(struct scan *s, const char *p, size_t n)
{
	const char *end = p + n, *at = p;

	while ((at = behind_at(at, end)) != NULL) {
		size_t run;

		for (; at < end && ascii_is_space(*at); at++)
			;
		run = domain_run(at, (size_t)(end - at));
		if (has_dot(at, run))
			add_domain(s, at, run);
	}
}

/* ---- Encoded words, and bytes that are not for the eye ---- */

static bool is_control(char c)
{
	/* ESC, SO and SI are how ISO 2022 shifts, in names of old. */
	return ((unsigned char)c < ' ' && memchr("\t\r\n\033\016\017", c, 6) == NULL) || c == 0x7f;
}

/* A carriage return or line feed that folds nothing begins a new line to some. */
static bool has_control(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool folds = i + 1 < n && (p[i + 1] == ' ' || p[i + 1] == '\t');

		if (is_control(p[i]) || (p[i] == '\n' && !folds && i + 1 < n) ||
		    (p[i] == '\r' && i + 1 < n && p[i + 1] != '\n'))
			return true;
	}
	return false;
}

static struct sbuf decoded(const char *p, size_t n)
{
	struct sbuf b;

	sbuf_heap(&b, VALUE_MAX + 1); /* decoding shortens */
	dmarc_words_decode(p, n, &b);
	return b;
}

static void add_decoded(struct scan *s, const char *p, size_t n)
{
	struct sbuf b = decoded(p, n);
	size_t kept = 0;

	s->from->too_much = s->from->too_much || b.cut;
	add_plain(s, b.p, b.len);
	for (size_t i = 0; i < b.len; i++) /* some drop what cannot be shown, others stop at it */
		if (!is_control(b.p[i]))
			b.p[kept++] = b.p[i];
	add_plain(s, b.p, kept);
	sbuf_done(&b);
}

/* Whether decoding a name gives something that a client could take for more than a name. */
static bool decodes_to_trick(const char *p, size_t n)
{
	struct sbuf b;
	bool trick;

	if (bytes_find(p, n, "=?", 2) == NULL)
		return false;
	b = decoded(p, n);
	trick = b.cut || has_control(b.p, b.len) || memchr(b.p, '\n', b.len) != NULL ||
		(has_at(b.p, b.len) && memchr(b.p, '<', b.len) != NULL);
	sbuf_done(&b);
	return trick;
}

/* ---- What the tokens say ---- */

static bool is(const struct scan *s, size_t i, char c)
{
	return i < s->n && s->v[i].kind == DMARC_SPECIAL && s->v[i].c == c;
}

/* The next token that is no comment. */
static size_t next(const struct scan *s, size_t i)
{
	for (i++; i < s->n && s->v[i].kind == DMARC_COMMENT; i++)
		;
	return i;
}

/* Which tokens have only words between them and the "<" of the address that they name. */
static bool *find_names(struct scan *s)
{
	bool *name = arena_calloc(s->a, s->n + 1, sizeof *name);
	bool open = false; /* a "<" follows, with words before it */

	for (size_t i = s->n; name != NULL && i-- > 0;) {
		const struct dmarc_token *t = &s->v[i];

		if (t->kind == DMARC_SPECIAL && t->c != '@')
			open = t->c == '<';
		name[i] = open && (t->kind != DMARC_SPECIAL || t->c == '@');
		if (t->kind == DMARC_SPECIAL && t->c == '@')
			open = false; /* what stands before it may be a local part */
	}
	return name;
}

/* Whether a local part goes before an '@'. */
static bool behind_word(const struct scan *s, size_t at)
{
	while (at > 0 && s->v[at - 1].kind == DMARC_COMMENT)
		at--;
	return at > 0 && (s->v[at - 1].kind == DMARC_WORD || s->v[at - 1].kind == DMARC_QUOTED ||
			  s->v[at - 1].kind == DMARC_ENCODED);
}

/*
 * Behind an '@'.  White space and comments within a domain are obsolete: some join what they part, some stop there, so
 * both count.
 */
static void read_domain(struct scan *s, size_t at, bool in_name)
{
	char joined[VALUE_MAX];
	size_t i = next(s, at);
	unsigned words = 1;
	struct sbuf b;

	s->from->doubtful = s->from->doubtful || (!in_name && !behind_word(s, at));
	if (i >= s->n || s->v[i].kind == DMARC_SPECIAL || s->v[i].kind == DMARC_ENCODED) {
		s->from->doubtful = s->from->doubtful || !in_name;
		return;
	}
	if (s->v[i].kind == DMARC_QUOTED || s->v[i].kind == DMARC_LITERAL) {
		if (s->v[i].kind == DMARC_LITERAL && domain_run(s->v[i].p, s->v[i].n) != s->v[i].n)
			add_name(s, arena_printf(s->a, "[%.*s]", (int)s->v[i].n, s->v[i].p));
		else
			add_pieces(s, s->v[i].p, s->v[i].n, false);
		s->from->doubtful = true;
		return;
	}
	sbuf_fixed(&b, joined, sizeof joined);
	sbuf_addn(&b, s->v[i].p, s->v[i].n);
	add_pieces(s, b.p, b.len, !in_name);
	for (size_t k = next(s, i); k < s->n && s->v[k].kind == DMARC_WORD && !s->from->too_much; k = next(s, k)) {
		if (b.len > 0 && b.p[b.len - 1] != '.' && s->v[k].p[0] != '.')
			break;
		if (words++ == JOINED_MAX) {
			s->from->too_much = true;
			break;
		}
		sbuf_addn(&b, s->v[k].p, s->v[k].n);
		s->from->doubtful = true;
		add_pieces(s, b.p, b.len, !in_name);
	}
}

static void read_encoded(struct scan *s, size_t i, bool in_name)
{
	const struct dmarc_token *t = &s->v[i];
	bool touches =
		(is(s, i + 1, '@') && !s->v[i + 1].gap) || (i > 0 && is(s, i - 1, '@')) || (i > 0 && is(s, i - 1, '<'));
	struct sbuf b;

	if (in_name)
		return; /* names are judged together */
	b = decoded(t->p, t->n);
	if (touches || has_at(b.p, b.len) || has_control(b.p, b.len))
		s->from->trick = true;
	else
		s->from->doubtful = true;
	sbuf_done(&b);
}

static void read_token(struct scan *s, size_t i, bool in_name)
{
	const struct dmarc_token *t = &s->v[i];

	switch (t->kind) {
	case DMARC_SPECIAL:
		s->from->trick = s->from->trick || (t->c == '@' && t->n > 1 && !in_name);
		if (t->c == '@')
			read_domain(s, i, in_name);
		else if (strchr("<>,", t->c) == NULL || t->c == '\0')
			s->from->doubtful = true;
		break;
	case DMARC_QUOTED:
		if (!in_name || t->escapes)
			add_plain(s, t->p, t->n);
		if (!in_name && has_at(t->p, t->n))
			s->from->doubtful = true;
		if (decodes_to_trick(t->p, t->n))
			s->from->trick = true;
		break;
	case DMARC_COMMENT:
		add_decoded(s, t->p, t->n);
		break;
	case DMARC_ENCODED:
		read_encoded(s, i, in_name);
		break;
	case DMARC_WORD:
	case DMARC_LITERAL:
		break;
	}
}

/* The words of each name, decoded together: a trick may be spread over them. */
static void judge_names(struct scan *s, const bool *name)
{
	for (size_t i = 0, end; i < s->n; i = end + 1) {
		for (end = i; end < s->n && name[end]; end++)
			;
		if (end > i) {
			const struct dmarc_token *last = &s->v[end - 1];

			if (decodes_to_trick(s->v[i].p, (size_t)(last->p + last->n - s->v[i].p)))
				s->from->trick = true;
		}
	}
}

static void check_brackets(struct scan *s)
{
	bool open = false;

	for (size_t i = 0; i < s->n; i++) {
		if (!is(s, i, '<') && !is(s, i, '>'))
			continue;
		if (open == is(s, i, '<'))
			s->broken = true;
		open = is(s, i, '<');
	}
	s->broken = s->broken || open;
}

bool dmarc_from_is_field(const char *name)
{
	size_t n = strlen(name);

	while (n > 0 && (unsigned char)*name <= ' ') {
		name++;
		n--;
	}
	while (n > 0 && ((unsigned char)name[n - 1] <= ' ' || name[n - 1] == ':'))
		n--;
	return n == 4 && ascii_equal_n(name, "From", 4);
}

/* How much of a field is looked at. */
static size_t allowed(struct dmarc_from *f, size_t n)
{
	size_t most = TOTAL_MAX - f->read < VALUE_MAX ? TOTAL_MAX - f->read : VALUE_MAX;

	if (n > most) {
		f->too_much = true;
		n = most;
	}
	f->read += n;
	return n;
}

void dmarc_from_add(struct dmarc_from *f, struct arena *a, const char *value, size_t n)
{
	struct scan s = { .from = f, .a = a };
	bool *name;

	f->fields++;
	if (f->too_much)
		return;
	n = allowed(f, n);
	s.v = dmarc_lex(a, value, n, &s.n, &s.broken);
	if (s.v == NULL)
		return;
	f->trick = f->trick || has_control(value, n);
	name = find_names(&s);
	if (name == NULL)
		return;
	for (size_t i = 0; i < s.n; i++)
		read_token(&s, i, name[i]);
	judge_names(&s, name);
	check_brackets(&s);
	f->doubtful = f->doubtful || s.broken;
	f->trick = f->trick || (f->n == 0 && !is_ascii(value, n));
	if (f->trick || s.broken) {
		add_plain(&s, value, n);
		add_decoded(&s, value, n);
	}
}
