#include "mime/walk.h"

#include <string.h>

#include "mime/field.h"
#include "mime/head.h"
#include "mime/limits.h"
#include "mime/transfer.h"
#include "util/bytes.h"
#include "util/sbuf.h"

enum state {
	IN_MESSAGE_HEADER, /* which is told field by field */
	IN_HEADER,         /* of a part */
	IN_DATA,
	IN_NOTHING /* before the first part, behind the last, or of no interest */
};

/* A multipart that is open. */
struct level {
	char boundary[MIME_BOUNDARY_MAX];
	size_t n;
	bool digest; /* its parts are messages unless they say something else (RFC 2046, section 5.1.5) */
};

struct mime_walk {
	const struct mime_reader *reader;
	void *ctx;
	enum state state;
	struct level levels[MIME_DEPTH_MAX];
	unsigned depth, parts;

	struct mime_head head;
	bool digested;          /* it is that of a digest's part, not of a message within one */
	struct mime_kept *open; /* what a folded line belongs to */

	bool wanted;
	struct mime_decoder decoder;
	char eol[2]; /* the line break before a delimiter is the delimiter's: it waits for the next line */
	size_t eol_n;

	char line[MIME_LINE_MAX];
	size_t line_n;
	bool broken; /* the line at hand continues one that was too long to be seen at once */
};

struct mime_walk *mime_walk_new(struct arena *a, const struct mime_reader *reader, void *ctx)
{
	struct mime_walk *w = arena_alloc(a, sizeof *w);

	if (w == NULL)
		return NULL;
	w->reader = reader;
	w->ctx = ctx;
	return w;
}

/* ---- Data ---- */

static void give(struct mime_walk *w, const char *p, size_t n)
{
	char out[MIME_LINE_MAX + MIME_DECODER_HELD];

	if (w->decoder.encoding == MIME_IDENTITY) {
		if (n > 0)
			w->reader->data(w->ctx, p, n);
		return;
	}
	while (n > 0) {
		size_t piece = n < MIME_LINE_MAX ? n : MIME_LINE_MAX;
		size_t made = mime_decoder_feed(&w->decoder, p, piece, out);

		if (made > 0)
			w->reader->data(w->ctx, out, made);
		p += piece;
		n -= piece;
	}
}

static void data_line(struct mime_walk *w, const char *p, size_t n)
{
	size_t eol = 0;

	if (!w->wanted)
		return;
	give(w, w->eol, w->eol_n);
	if (n > 0 && p[n - 1] == '\n')
		eol = n > 1 && p[n - 2] == '\r' ? 2 : 1;
	w->eol_n = eol;
	memcpy(w->eol, p + n - eol, eol);
	give(w, p, n - eol);
}

static void end_part(struct mime_walk *w)
{
	char rest[MIME_DECODER_HELD];
	size_t n;

	if (w->state != IN_DATA || !w->wanted)
		return;
	n = mime_decoder_end(&w->decoder, rest);
	if (n > 0)
		w->reader->data(w->ctx, rest, n);
	w->reader->end(w->ctx);
	w->wanted = false;
}

/* ---- What a part is ---- */

static void begin_header(struct mime_walk *w, bool digested)
{
	mime_head_clear(&w->head);
	w->digested = digested;
	w->open = NULL;
	w->eol_n = 0;
	w->state = IN_NOTHING;
	if (w->parts < MIME_PARTS_MAX) {
		w->parts++;
		w->state = IN_HEADER;
	}
}

/* Whether the part is a multipart whose parts can be told: then it is open. */
static bool open_multipart(struct mime_walk *w, const struct mime_part *part)
{
	struct level *l = &w->levels[w->depth];
	char boundary[MIME_BOUNDARY_MAX + 1];
	struct sbuf b;

	if (w->depth == MIME_DEPTH_MAX)
		return false;
	sbuf_fixed(&b, boundary, sizeof boundary);
	if (!mime_field_param(part->content_type, part->content_type_n, "boundary", &b))
		return false;
	while (b.len > 0 && ascii_is_space(b.p[b.len - 1])) /* RFC 2046: no boundary ends so */
		b.len--;
	if (b.len == 0)
		return false;
	memcpy(l->boundary, b.p, b.len);
	l->n = b.len;
	l->digest = strcmp(part->type, "multipart/digest") == 0;
	w->depth++;
	return true;
}

static void begin_data(struct mime_walk *w, const struct mime_part *part, enum mime_encoding encoding)
{
	mime_decoder_start(&w->decoder, encoding);
	w->wanted = w->reader->part(w->ctx, part);
	w->state = IN_DATA;
}

static void end_header(struct mime_walk *w)
{
	enum mime_encoding encoding;
	struct mime_part part;

	mime_head_judge(&w->head, w->digested, &part, &encoding);
	if (strncmp(part.type, "multipart/", strlen("multipart/")) == 0) {
		if (open_multipart(w, &part)) {
			w->state = IN_NOTHING;
			return;
		}
		strcpy(part.type, "text/plain");
	}
	if (strcmp(part.type, "message/rfc822") == 0 || strcmp(part.type, "message/global") == 0) {
		if (encoding == MIME_IDENTITY) {
			begin_header(w, false);
			return;
		}
		strcpy(part.type, "text/plain"); /* RFC 2046, section 5.2.1: it must not be encoded */
	}
	begin_data(w, &part, encoding);
}

/* ---- Fields ---- */

void mime_walk_field(struct mime_walk *w, const char *name, const char *value, size_t n)
{
	struct mime_kept *f = mime_head_find(&w->head, name, strlen(name));

	if (f != NULL)
		mime_head_add(f, value, n);
}

static bool is_blank_line(const char *p, size_t n)
{
	return n == 0 || (n == 1 && p[0] == '\n') || (n == 2 && p[0] == '\r' && p[1] == '\n');
}

/* A line that is no field begins the data, though nothing says so. */
static void header_line(struct mime_walk *w, const char *p, size_t n, bool continues)
{
	const char *colon;

	if (continues || *p == ' ' || *p == '\t') {
		if (w->open != NULL)
			mime_head_add(w->open, p, n);
		return;
	}
	if (is_blank_line(p, n)) {
		end_header(w);
		return;
	}
	colon = memchr(p, ':', n);
	if (colon == NULL) {
		end_header(w);
		if (w->state == IN_DATA)
			data_line(w, p, n);
		return;
	}
	w->open = mime_head_find(&w->head, p, (size_t)(colon - p));
	if (w->open != NULL)
		mime_head_add(w->open, colon + 1, n - (size_t)(colon + 1 - p));
}

/* ---- Delimiters ---- */

enum delimiter { NO_DELIMITER, NEXT_PART, LAST_PART };

/* exactly: nothing but white space follows the boundary. */
static enum delimiter delimits(const struct level *l, const char *p, size_t n, bool exactly)
{
	bool closes;

	if (n < l->n || memcmp(p, l->boundary, l->n) != 0)
		return NO_DELIMITER;
	p += l->n;
	n -= l->n;
	closes = n >= 2 && p[0] == '-' && p[1] == '-';
	if (closes) {
		p += 2;
		n -= 2;
	}
	for (; exactly && n > 0; p++, n--)
		if (!ascii_is_space(*p))
			return NO_DELIMITER;
	return closes ? LAST_PART : NEXT_PART;
}

/* A boundary may begin with another: who is named exactly goes first, then the innermost. */
static enum delimiter find_delimiter(const struct mime_walk *w, const char *p, size_t n, unsigned *level)
{
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = w->depth; i-- > 0;) {
			enum delimiter d = delimits(&w->levels[i], p, n, pass == 0);

			*level = i;
			if (d != NO_DELIMITER)
				return d;
		}
	}
	return NO_DELIMITER;
}

static bool take_delimiter(struct mime_walk *w, const char *p, size_t n)
{
	enum { DASHES = 2 };
	enum delimiter d;
	unsigned level;

	if (w->depth == 0 || n < DASHES || p[0] != '-' || p[1] != '-')
		return false;
	d = find_delimiter(w, p + DASHES, n - DASHES, &level);
	if (d == NO_DELIMITER)
		return false;
	if (w->state == IN_HEADER)
		end_header(w); /* a part of nothing but fields; what it opened is closed with it */
	end_part(w);
	w->depth = level + 1;
	w->state = IN_NOTHING;
	if (d == NEXT_PART)
		begin_header(w, w->levels[level].digest);
	return true;
}

/* ---- Lines ---- */

static void take_line(struct mime_walk *w, const char *p, size_t n)
{
	bool continues = w->broken;

	w->broken = p[n - 1] != '\n';
	if (!continues && take_delimiter(w, p, n))
		return;
	if (w->state == IN_HEADER)
		header_line(w, p, n, continues);
	else if (w->state == IN_DATA)
		data_line(w, p, n);
}

static void flush_line(struct mime_walk *w)
{
	if (w->line_n > 0)
		take_line(w, w->line, w->line_n);
	w->line_n = 0;
}

void mime_walk_body(struct mime_walk *w, const char *p, size_t n)
{
	const char *end = p + n;

	if (w->state == IN_MESSAGE_HEADER)
		end_header(w);
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t piece = nl != NULL ? (size_t)(nl + 1 - p) : (size_t)(end - p);

		if (w->line_n == 0 && nl != NULL && piece <= MIME_LINE_MAX) {
			take_line(w, p, piece);
			p += piece;
			continue;
		}
		if (piece > MIME_LINE_MAX - w->line_n)
			piece = MIME_LINE_MAX - w->line_n;
		memcpy(w->line + w->line_n, p, piece);
		w->line_n += piece;
		p += piece;
		if (w->line_n == MIME_LINE_MAX || w->line[w->line_n - 1] == '\n')
			flush_line(w);
	}
}

void mime_walk_end(struct mime_walk *w)
{
	if (w->state == IN_MESSAGE_HEADER)
		end_header(w);
	flush_line(w);
	if (w->state == IN_HEADER)
		end_header(w);
	if (w->state == IN_DATA && w->wanted)
		give(w, w->eol, w->eol_n); /* no delimiter claims it */
	end_part(w);
	w->state = IN_NOTHING;
}
