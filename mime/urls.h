/*
 * The hosts of the URLs in a text.  Of this folder alone; stateless.
 *
 * Found are: SCHEME://HOST of http, https and ftp, wherever it stands, so also in another URL's query (?u=http://HOST,
 * once or twice percent-encoded); www.HOST; and in text that is shown also NAME/ without a scheme when the name ends as
 * domains do, since readers make links of these.  A name that no slash follows is none: "readme.md" is a file.  In a link
 * also what browsers make of it: //HOST, http:HOST, backslashes, white space in between.
 */
#ifndef MILLGATE_MIME_URLS_H
#define MILLGATE_MIME_URLS_H

#include <stddef.h>

struct mime_urls {
	/* One host, as it is written: without user information and port. */
	void (*host)(void *ctx, const char *p, size_t n);
	void *ctx;
	unsigned bare; /* names without a scheme that were looked up; MIME_BARE_MAX at the most */
};

void mime_urls_in_text(struct mime_urls *u, const char *p, size_t n);
/* The value of an attribute.  It may be rewritten. */
void mime_urls_in_link(struct mime_urls *u, char *p, size_t n);

#endif
