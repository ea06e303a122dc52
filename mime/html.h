/*
 * HTML as mail has it, which is seldom well-formed: what its attributes name, and what it shows.  No tree is made; time
 * and memory are of the text's length.  Of this folder alone.
 */
#ifndef MILLGATE_MIME_HTML_H
#define MILLGATE_MIME_HTML_H

#include <stddef.h>

struct mime_html_reader {
	/* The value of an attribute that can name something elsewhere (href, src, style ...), or a style sheet; character
	 * references replaced.  The reader may rewrite it. */
	void (*link)(void *ctx, char *p, size_t n);
	/* All that is shown, in one piece: without tags, character references replaced. */
	void (*text)(void *ctx, const char *p, size_t n);
};

/* 0, or -1 when out of memory; then not all was given. */
int mime_html_read(const char *p, size_t n, const struct mime_html_reader *reader, void *ctx);

#endif
