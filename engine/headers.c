/*
 * Header edits: the actions of all rules that fired, worked out on a model of the fields that the message has, then
 * given to the front end in an order in which no edit shifts the index of a later one.
 */
#include <string.h>

#include "engine/session.h"
#include "mail/authres.h"
#include "util/bytes.h"

#define MARK_NAME "X-Millgate-Mark"

struct field {
	struct field *next;
	const char *name;
	const char *value; /* NULL: deleted */
	const char *original;
	unsigned nth; /* 0: new */
	bool changed;
	bool first; /* new, and goes before all others */
};

struct header_edits {
	struct engine_session *s;
	struct field *fields, **tail;
};

static struct field *append(struct header_edits *h, const char *name, const char *value, unsigned nth)
{
	struct field *f = arena_alloc(h->s->txn->arena, sizeof *f);

	if (f == NULL)
		return NULL;
	f->name = name;
	f->value = f->original = value;
	f->nth = nth;
	*h->tail = f;
	h->tail = &f->next;
	return f;
}

struct header_edits *headers_new(struct engine_session *s)
{
	struct header_edits *h = arena_alloc(s->txn->arena, sizeof *h);

	if (h == NULL)
		return NULL;
	h->s = s;
	h->tail = &h->fields;
	for (const struct txn_header *t = s->txn->headers; t != NULL; t = t->next)
		(void)append(h, t->name, t->value, t->nth);
	return h;
}

void headers_add(struct header_edits *h, const char *name, const char *value)
{
	if (value != NULL)
		(void)append(h, name, value, 0);
}

void headers_insert(struct header_edits *h, const char *name, const char *value)
{
	struct field *f = name != NULL && value != NULL ? append(h, name, value, 0) : NULL;

	if (f != NULL)
		f->first = true;
}

void headers_mark(struct header_edits *h, const char *text)
{
	headers_insert(h, MARK_NAME, text);
}

static void set(struct header_edits *h, const char *name, const char *value)
{
	bool done = false;

	for (struct field *f = h->fields; f != NULL; f = f->next) {
		if (f->value == NULL || !txn_header_is(f->name, name))
			continue;
		f->value = done ? NULL : value;
		f->changed = true;
		done = true;
	}
	if (!done)
		headers_add(h, name, value);
}

static void remove_all(struct header_edits *h, const char *name)
{
	for (struct field *f = h->fields; f != NULL; f = f->next) {
		if (txn_header_is(f->name, name)) {
			f->value = NULL;
			f->changed = true;
		}
	}
}

/* A tag that is no ASCII goes as encoded words (RFC 2047), each of at most 75 characters and of whole letters. */
static const char *encode_tag(struct arena *a, const char *tag)
{
	static const char digits[] = "0123456789ABCDEF";
	enum { WORD_MAX = 60, PREFIX = sizeof "=?UTF-8?Q?" - 1 };
	struct sbuf b;
	const char *out;
	size_t start = 0;
	bool ascii = true;

	for (const char *p = tag; *p != '\0'; p++)
		ascii = ascii && (unsigned char)*p < 0x80;
	if (ascii)
		return tag;
	sbuf_heap(&b, 4096);
	sbuf_add(&b, "=?UTF-8?Q?");
	for (const char *p = tag; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c & 0xC0) != 0x80 && b.len - start > WORD_MAX) {
			sbuf_add(&b, "?= ");
			start = b.len;
			sbuf_add(&b, "=?UTF-8?Q?");
		}
		if (ascii_is_digit(*p) || ascii_is_alpha(*p)) {
			sbuf_addc(&b, *p);
		} else if (c == ' ') {
			sbuf_addc(&b, '_');
		} else {
			sbuf_addc(&b, '=');
			sbuf_addc(&b, digits[c >> 4]);
			sbuf_addc(&b, digits[c & 15]);
		}
	}
	sbuf_add(&b, "?=");
	out = arena_strdup(a, b.p);
	sbuf_done(&b);
	return out;
}

static void tag_subject(struct header_edits *h, const char *tag)
{
	struct arena *a = h->s->txn->arena;
	const char *encoded = encode_tag(a, tag);

	if (encoded == NULL)
		return;
	for (struct field *f = h->fields; f != NULL; f = f->next) {
		const char *old;

		if (f->value == NULL || !txn_header_is(f->name, "Subject"))
			continue;
		for (old = f->value; ascii_is_space(*old); old++)
			;
		if (strncmp(old, encoded, strlen(encoded)) == 0)
			return; /* an answer to a message that we tagged */
		f->value = arena_printf(a, "%s %s", encoded, old);
		f->changed = true;
		return;
	}
	headers_add(h, "Subject", encoded);
}

void headers_apply(struct header_edits *h, const struct rule_action *action, const char *value)
{
	switch (action->kind) {
	case ACTION_ADD_HEADER:
		headers_add(h, action->name, value);
		break;
	case ACTION_SET_HEADER:
		set(h, action->name, value);
		break;
	case ACTION_REMOVE_HEADER:
		remove_all(h, action->name);
		break;
	case ACTION_TAG_SUBJECT:
		tag_subject(h, value);
		break;
	case ACTION_MARK:
		headers_mark(h, value);
		break;
	default:
		break;
	}
}

static bool is_forged(const struct header_edits *h, const struct field *f)
{
	static const char prefix[] = "X-Millgate-";
	const struct snapshot *snap = h->s->snap;

	if (f->nth == 0 || f->value == NULL)
		return false;
	if (txn_header_begins(f->name, prefix))
		return true;
	return snap->authres && txn_header_is(f->name, "Authentication-Results") &&
	       authres_claims(f->value, strlen(f->value), snap->hostname);
}

void headers_clean(struct header_edits *h)
{
	if (h->s->relay) /* our own relay may have written them */
		return;
	for (struct field *f = h->fields; f != NULL; f = f->next) {
		if (is_forged(h, f)) {
			f->value = NULL;
			f->changed = true;
		}
	}
}

unsigned headers_changed(const struct header_edits *h)
{
	unsigned n = 0;

	for (const struct field *f = h->fields; f != NULL; f = f->next)
		n += f->nth > 0 && f->changed;
	return n;
}

void headers_forgo(struct header_edits *h)
{
	for (struct field *f = h->fields; f != NULL; f = f->next) {
		if (f->nth == 0 || !f->changed)
			continue;
		f->changed = false;
		f->value = f->original;
	}
}

static void put_final(struct engine_session *s, struct finish_field *out, const struct field *f)
{
	bool ours = f->nth == 0 || f->changed;

	out->name = f->name;
	out->value = ours ? arena_printf(s->txn->arena, " %s", f->value) : f->value;
}

int headers_final(struct header_edits *h, const struct finish_field **out, size_t *n)
{
	struct finish_field *v;
	size_t count = 0, first = 0, at = 0;

	for (const struct field *f = h->fields; f != NULL; f = f->next) {
		count += f->value != NULL;
		first += f->value != NULL && f->first;
	}
	v = arena_calloc(h->s->txn->arena, count + 1, sizeof *v);
	if (v == NULL)
		return -1;
	at = first;
	for (const struct field *f = h->fields; f != NULL; f = f->next) {
		if (f->value == NULL)
			continue;
		/* Each goes before those inserted earlier. */
		put_final(h->s, f->first ? &v[--first] : &v[at++], f);
	}
	*out = v;
	*n = count;
	return arena_failed(h->s->txn->arena) ? -1 : 0;
}

static void emit(struct header_edits *h, struct edit ***tail, enum edit_kind kind, const struct field *f)
{
	struct edit *e = arena_alloc(h->s->txn->arena, sizeof *e);

	if (e == NULL)
		return;
	e->kind = kind;
	e->name = f->name;
	e->value = f->value;
	e->index = kind == EDIT_CHANGE_HEADER ? (int)f->nth : 0;
	**tail = e;
	*tail = &e->next;
}

/* Deletions last field first, so that the indexes before them stay. */
static void emit_deletions(struct header_edits *h, struct edit ***tail)
{
	const struct field **v;
	size_t n = 0;

	for (const struct field *f = h->fields; f != NULL; f = f->next)
		n += f->nth > 0 && f->changed && f->value == NULL;
	v = arena_calloc(h->s->txn->arena, n + 1, sizeof *v);
	if (v == NULL)
		return;
	n = 0;
	for (const struct field *f = h->fields; f != NULL; f = f->next)
		if (f->nth > 0 && f->changed && f->value == NULL)
			v[n++] = f;
	while (n > 0)
		emit(h, tail, EDIT_CHANGE_HEADER, v[--n]);
}

void headers_emit(struct header_edits *h, struct edit ***tail)
{
	for (const struct field *f = h->fields; f != NULL; f = f->next)
		if (f->nth > 0 && f->changed && f->value != NULL)
			emit(h, tail, EDIT_CHANGE_HEADER, f);
	emit_deletions(h, tail);
	for (const struct field *f = h->fields; f != NULL; f = f->next)
		if (f->nth == 0 && f->value != NULL)
			emit(h, tail, f->first ? EDIT_INSERT_HEADER : EDIT_ADD_HEADER, f);
}
