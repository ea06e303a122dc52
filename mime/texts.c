#include "mime/texts.h"

#include <string.h>

#include "mime/charset.h"
#include "mime/field.h"
#include "mime/limits.h"
#include "mime/walk.h"
#include "util/sbuf.h"

enum {
	ROOM_AT_FIRST = 4 << 10,
	CHARSET_SIZE = 64,
	/* What a text counts at the least, so that a thousand converters for a letter each are not set up. */
	LEAST_COUNTED = 1 << 10
};

struct mime_texts {
	struct arena *arena;
	struct mime_walk *walk;
	void (*text)(void *ctx, const struct mime_part_text *t);
	void *ctx;

	size_t total;
	/* The text at hand. */
	bool html, cut;
	const struct charset *charset;
	char *p;
	size_t n, room;
};

/* ---- What comes of a part ---- */

static bool is_html(const char *type)
{
	return strncmp(type, "text/html", strlen("text/html")) == 0 || strcmp(type, "text/x-amp-html") == 0 ||
	       strcmp(type, "application/xhtml+xml") == 0;
}

static bool part(void *ctx, const struct mime_part *p)
{
	struct mime_texts *t = ctx;
	char name[CHARSET_SIZE];
	struct sbuf b;

	t->html = is_html(p->type);
	if ((!t->html && strncmp(p->type, "text/", strlen("text/")) != 0) || t->total >= MIME_TEXTS_MAX)
		return false;
	sbuf_fixed(&b, name, sizeof name);
	(void)mime_field_param(p->content_type, p->content_type_n, "charset", &b);
	t->charset = mime_charset_find(b.p, b.len);
	t->n = 0;
	t->cut = false;
	return true;
}

/* Room is doubled, and what it was before is left to the arena: all in all twice the limit. */
static bool make_room(struct mime_texts *t, size_t n)
{
	size_t room = t->room > 0 ? t->room : ROOM_AT_FIRST;
	char *p;

	if (n <= t->room)
		return true;
	while (room < n)
		room *= 2;
	p = arena_alloc(t->arena, room);
	if (p == NULL)
		return false;
	if (t->n > 0)
		memcpy(p, t->p, t->n);
	t->p = p;
	t->room = room;
	return true;
}

static void data(void *ctx, const char *p, size_t n)
{
	struct mime_texts *t = ctx;
	size_t most = MIME_TEXT_MAX < MIME_TEXTS_MAX - t->total ? MIME_TEXT_MAX : MIME_TEXTS_MAX - t->total;

	if (n > most - t->n) {
		n = most - t->n;
		t->cut = true;
	}
	if (n == 0 || !make_room(t, t->n + n))
		return;
	memcpy(t->p + t->n, p, n);
	t->n += n;
}

/* ---- Conversion ---- */

/* UTF-16 says so itself, when the part does not. */
static const struct charset *find_charset(const struct mime_texts *t)
{
	if (t->charset == NULL && t->n >= 2 && (memcmp(t->p, "\xff\xfe", 2) == 0 || memcmp(t->p, "\xfe\xff", 2) == 0))
		return mime_charset_find("utf-16", strlen("utf-16"));
	return t->charset;
}

static void give_converted(struct mime_texts *t, const struct charset *charset, struct mime_part_text *out)
{
	struct sbuf b;

	sbuf_heap(&b, mime_charset_room(t->n) + 1);
	if (mime_charset_convert(charset, t->p, t->n, &b)) {
		out->p = b.p;
		out->n = b.len;
	}
	if (b.cut)
		arena_fail(t->arena);
	else
		t->text(t->ctx, out);
	sbuf_done(&b);
}

static void end(void *ctx)
{
	struct mime_texts *t = ctx;
	const struct charset *charset = find_charset(t);
	struct mime_part_text out = { .p = t->p, .n = t->n, .html = t->html, .cut = t->cut };

	t->total += t->n > LEAST_COUNTED ? t->n : LEAST_COUNTED;
	if (t->n == 0 || arena_failed(t->arena))
		return;
	/* Text that nobody says a charset of is left as it is; so is UTF-8. */
	if (charset == NULL || charset == mime_charset_find("utf-8", strlen("utf-8")))
		t->text(t->ctx, &out);
	else
		give_converted(t, charset, &out);
}

static const struct mime_reader reader = { .part = part, .data = data, .end = end };

/* ---- What comes in ---- */

struct mime_texts *mime_texts_new(struct arena *a, void (*text)(void *ctx, const struct mime_part_text *t), void *ctx)
{
	struct mime_texts *t = arena_alloc(a, sizeof *t);

	if (t == NULL)
		return NULL;
	t->arena = a;
	t->text = text;
	t->ctx = ctx;
	t->walk = mime_walk_new(a, &reader, t);
	return t->walk != NULL ? t : NULL;
}

void mime_texts_field(struct mime_texts *t, const char *name, const char *value, size_t n)
{
	mime_walk_field(t->walk, name, value, n);
}

void mime_texts_body(struct mime_texts *t, const char *p, size_t n)
{
	mime_walk_body(t->walk, p, n);
}

void mime_texts_end(struct mime_texts *t)
{
	mime_walk_end(t->walk);
}
