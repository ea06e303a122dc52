#include "mime/transfer.h"

#include <string.h>

#include "mime/field.h"
#include "util/bytes.h"
#include "util/sbuf.h"

enum { NAME_SIZE = 64 };

enum mime_encoding mime_encoding_find(const char *field, size_t n)
{
	char name[NAME_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, name, sizeof name);
	mime_field_value(field, n, &b);
	if (strcmp(name, "base64") == 0)
		return MIME_BASE64;
	return strcmp(name, "quoted-printable") == 0 ? MIME_QUOTED : MIME_IDENTITY;
}

void mime_decoder_start(struct mime_decoder *d, enum mime_encoding encoding)
{
	memset(d, 0, sizeof *d);
	d->encoding = encoding;
}

/* ---- base64 ---- */

/* A group that ends early: padded, or cut off. */
static size_t base64_flush(struct mime_decoder *d, char *out)
{
	size_t k = 0;

	if (d->n >= 2)
		out[k++] = (char)(d->bits >> (6 * d->n - 8));
	if (d->n == 3)
		out[k++] = (char)(d->bits >> 2);
	d->n = 0;
	d->bits = 0;
	return k;
}

/* Behind padding the next group begins: some join what was encoded apart. */
static size_t base64_feed(struct mime_decoder *d, const char *p, size_t n, char *out)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		int v = ascii_base64(p[i]);

		if (p[i] == '=')
			k += base64_flush(d, out + k);
		if (v < 0)
			continue;
		d->bits = d->bits << 6 | (uint32_t)v;
		if (++d->n < 4)
			continue;
		out[k++] = (char)(d->bits >> 16);
		out[k++] = (char)(d->bits >> 8);
		out[k++] = (char)d->bits;
		d->n = 0;
		d->bits = 0;
	}
	return k;
}

/* ---- quoted-printable ---- */

enum { OUTSIDE, BEHIND_EQUALS, BEHIND_DIGIT, BEHIND_BLANK }; /* values of mime_decoder.n */

/* What was read behind "=" was no code: it stands for itself. */
static size_t quoted_flush(struct mime_decoder *d, char *out)
{
	size_t k = 0;

	if (d->n != OUTSIDE)
		out[k++] = '=';
	if (d->n == BEHIND_DIGIT)
		out[k++] = d->first;
	d->n = OUTSIDE;
	return k;
}

static size_t quoted_letter(struct mime_decoder *d, char c, char *out)
{
	size_t k;

	switch (d->n) {
	case BEHIND_EQUALS:
	case BEHIND_BLANK: /* of a soft line break that white space was added to */
		if (c == '\n') {
			d->n = OUTSIDE;
			return 0;
		}
		if (c == ' ' || c == '\t' || c == '\r') {
			d->n = BEHIND_BLANK;
			return 0;
		}
		if (d->n == BEHIND_EQUALS && ascii_hex(c) >= 0) {
			d->first = c;
			d->n = BEHIND_DIGIT;
			return 0;
		}
		break;
	case BEHIND_DIGIT:
		if (ascii_hex(c) >= 0) {
			d->n = OUTSIDE;
			out[0] = (char)(ascii_hex(d->first) * 16 + ascii_hex(c));
			return 1;
		}
		break;
	default:
		break;
	}
	k = quoted_flush(d, out);
	if (c == '=')
		d->n = BEHIND_EQUALS;
	else
		out[k++] = c;
	return k;
}

static size_t quoted_feed(struct mime_decoder *d, const char *p, size_t n, char *out)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (d->n == OUTSIDE && p[i] != '=')
			out[k++] = p[i];
		else
			k += quoted_letter(d, p[i], out + k);
	}
	return k;
}

size_t mime_decoder_feed(struct mime_decoder *d, const char *p, size_t n, char *out)
{
	switch (d->encoding) {
	case MIME_BASE64:
		return base64_feed(d, p, n, out);
	case MIME_QUOTED:
		return quoted_feed(d, p, n, out);
	case MIME_IDENTITY:
		break;
	}
	memcpy(out, p, n);
	return n;
}

size_t mime_decoder_end(struct mime_decoder *d, char *out)
{
	switch (d->encoding) {
	case MIME_BASE64:
		return base64_flush(d, out);
	case MIME_QUOTED:
		return d->n == BEHIND_BLANK ? 0 : quoted_flush(d, out);
	case MIME_IDENTITY:
		break;
	}
	return 0;
}
