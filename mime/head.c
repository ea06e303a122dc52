#include "mime/head.h"

#include <string.h>

#include "mime/field.h"
#include "util/bytes.h"
#include "util/sbuf.h"

static void clear(struct mime_kept f[2])
{
	f[0].n = f[1].n = 0;
	f[0].seen = f[1].seen = false;
}

void mime_head_clear(struct mime_head *h)
{
	clear(h->type);
	clear(h->encoding);
	clear(h->disposition);
}

/* The first of the two that is free. */
static struct mime_kept *take(struct mime_kept f[2])
{
	struct mime_kept *next = f[0].seen ? &f[1] : &f[0];

	if (next->seen)
		return NULL;
	next->seen = true;
	return next;
}

static bool is_name(const char *p, size_t n, const char *name)
{
	return strlen(name) == n && ascii_equal_n(p, name, n);
}

struct mime_kept *mime_head_find(struct mime_head *h, const char *name, size_t n)
{
	while (n > 0 && ascii_is_space(name[n - 1]))
		n--;
	if (is_name(name, n, "content-type"))
		return take(h->type);
	if (is_name(name, n, "content-transfer-encoding"))
		return take(h->encoding);
	return is_name(name, n, "content-disposition") ? take(h->disposition) : NULL;
}

void mime_head_add(struct mime_kept *f, const char *p, size_t n)
{
	for (const char *end = p + n; p < end && f->n < MIME_FIELD_MAX; p++)
		if (*p != '\n' && *p != '\r')
			f->p[f->n++] = *p;
}

static bool begins(const char *type, const char *with)
{
	return strncmp(type, with, strlen(with)) == 0;
}

/* How much is seen when a part is read as of this type. */
static unsigned shows(const struct mime_kept *f)
{
	enum { LITTLE, HTML, MESSAGE, MULTIPART };
	char type[MIME_TYPE_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, type, sizeof type);
	mime_field_value(f->p, f->n, &b);
	if (begins(type, "multipart/"))
		return MULTIPART;
	if (begins(type, "message/"))
		return MESSAGE;
	return begins(type, "text/html") ? HTML : LITTLE;
}

void mime_head_judge(const struct mime_head *h, bool message, struct mime_part *part, enum mime_encoding *encoding)
{
	const struct mime_kept *type = shows(&h->type[1]) > shows(&h->type[0]) ? &h->type[1] : &h->type[0];
	const char *slash;
	struct sbuf b;

	part->content_type = type->p;
	part->content_type_n = type->n;
	part->disposition = h->disposition[0].p;
	part->disposition_n = h->disposition[0].n;
	sbuf_fixed(&b, part->type, sizeof part->type);
	mime_field_value(type->p, type->n, &b);
	slash = strchr(part->type, '/');
	if (!type->seen && message)
		strcpy(part->type, "message/rfc822");
	else if (slash == NULL || slash == part->type || slash[1] == '\0')
		strcpy(part->type, "text/plain"); /* RFC 2045, section 5.2 */
	*encoding = mime_encoding_find(h->encoding[0].p, h->encoding[0].n);
	if (*encoding == MIME_IDENTITY)
		*encoding = mime_encoding_find(h->encoding[1].p, h->encoding[1].n);
}
