/*
 * Fuzz target (libFuzzer): bodies.  The first line is the message's Content-Type, the second its transfer encoding.
 * However a body is cut in pieces, the same hosts are found in it; none has what no host has.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mime/limits.h"
#include "mime/links.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(cond)                                                                                                  \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			abort();                                                                                       \
	} while (0)

struct input {
	const char *p;
	size_t n;
};

static struct input take_line(struct input *in)
{
	const char *nl = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
	size_t n = nl != NULL ? (size_t)(nl - in->p) : in->n;
	struct input line = { in->p, n };

	n += nl != NULL;
	in->p += n;
	in->n -= n;
	return line;
}

static struct mime_links *read_links(struct arena *a, struct input in, size_t step)
{
	struct mime_links *l = mime_links_new(a);
	struct input type = take_line(&in), encoding = take_line(&in);

	mime_links_field(l, "Content-Type", type.p, type.n);
	mime_links_field(l, "Content-Transfer-Encoding", encoding.p, encoding.n);
	for (size_t i = 0; i < in.n; i += step)
		mime_links_body(l, in.p + i, in.n - i < step ? in.n - i : step);
	mime_links_end(l);
	return l;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct input in = { (const char *)data, size };
	struct mime_links *whole = read_links(a, in, size + 1), *pieces = read_links(a, in, 1 + size % 13);
	const struct mime_link_host *h, *other;

	for (unsigned i = 0; (h = mime_links_host(whole, i)) != NULL; i++) {
		other = mime_links_host(pieces, i);
		PROMISE(other != NULL && strcmp(h->name, other->name) == 0 && h->ip == other->ip);
		PROMISE(h->name[0] != '\0' && strlen(h->name) < MIME_HOST_MAX && strpbrk(h->name, " \t\r\n/@") == NULL);
		PROMISE(i < 2 * MIME_HOSTS_EACH);
	}
	PROMISE(!arena_failed(a));
	arena_free(&a);
	return 0;
}
