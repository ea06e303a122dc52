/*
 * String builder, bounded.  Over caller's storage (sbuf_fixed) or over the heap up to a limit (sbuf_heap).
 *
 * What does not fit is cut off and remembered in `cut`, and nothing is added behind a cut until sbuf_reset(); the text
 * is always NUL-terminated.
 */
#ifndef MILLGATE_UTIL_SBUF_H
#define MILLGATE_UTIL_SBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct sbuf {
	char *p;      /* the text, NUL-terminated */
	size_t len;   /* bytes, without the NUL */
	size_t room;  /* bytes of storage now */
	size_t limit; /* bytes of storage at the most */
	bool heap;    /* p belongs to the sbuf */
	bool cut;     /* something did not fit, or memory ran out */
};

/* Builds in buf[size], which the caller owns; size >= 1. */
void sbuf_fixed(struct sbuf *b, char *buf, size_t size);

/* Builds on the heap, at most `limit` bytes; sbuf_done() frees it. */
void sbuf_heap(struct sbuf *b, size_t limit);
void sbuf_done(struct sbuf *b);

void sbuf_reset(struct sbuf *b);

/* sbuf_addn() where there may be no room: grows, or cuts. */
void sbuf_add_tight(struct sbuf *b, const char *s, size_t n);

/* Inline, so that adding a constant is a store or two. */
static inline void sbuf_addn(struct sbuf *b, const char *s, size_t n)
{
	if (n == 0 || b->cut || n >= b->room - b->len) {
		sbuf_add_tight(b, s, n);
		return;
	}
	memcpy(b->p + b->len, s, n);
	b->len += n;
	b->p[b->len] = '\0';
}

static inline void sbuf_add(struct sbuf *b, const char *s)
{
	sbuf_addn(b, s, strlen(s));
}

static inline void sbuf_addc(struct sbuf *b, char c)
{
	sbuf_addn(b, &c, 1);
}

/* In decimal; cheaper than sbuf_addf(). */
void sbuf_add_num(struct sbuf *b, long long num);
void sbuf_addf(struct sbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sbuf_vaddf(struct sbuf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/*
 * For a human's log or terminal: control characters (C0, DEL, C1), bidirectional overrides, line separators and invalid
 * UTF-8 as \xNN, backslash as \\.
 */
void sbuf_add_safe(struct sbuf *b, const char *s, size_t n);

/* For an SMTP reply (RFC 5321, section 4.2.1: printable ASCII): every other byte becomes '?'. */
void sbuf_add_reply(struct sbuf *b, const char *s, size_t n);

/* A JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void sbuf_add_json(struct sbuf *b, const char *s, size_t n);

/* A component of a Redis key: everything but A-Z a-z 0-9 . _ - @ + = / is percent-encoded (so `:`, `{`, `}`, `%`, space). */
void sbuf_add_key(struct sbuf *b, const char *s, size_t n);

/* Text that stands for itself in a glob pattern (Redis's SCAN): * ? [ ] and \ are quoted. */
void sbuf_add_glob(struct sbuf *b, const char *s);

/* The text that sbuf_add_key() made p of; what is not so encoded stands for itself.  NULL (sticky) when out of memory. */
const char *sbuf_from_key(struct arena *a, const char *p, size_t n);

#endif
