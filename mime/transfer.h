/*
 * Content-Transfer-Encoding undone (RFC 2045, section 6), piece by piece.  No input is an error: what is no code stands
 * for itself or for nothing, as in mail readers.  Of this folder alone.
 */
#ifndef MILLGATE_MIME_TRANSFER_H
#define MILLGATE_MIME_TRANSFER_H

#include <stddef.h>
#include <stdint.h>

enum mime_encoding { MIME_IDENTITY, MIME_QUOTED, MIME_BASE64 };

struct mime_decoder {
	enum mime_encoding encoding;
	uint32_t bits; /* base64: what has been read of a group */
	unsigned n;    /* and its letters; quoted-printable: what has been read behind "=" */
	char first;    /* quoted-printable: the first digit */
};

/* What a decoder may give beyond as many bytes as it is given. */
enum { MIME_DECODER_HELD = 4 };

/* The encoding that a field names; identity for what nobody knows. */
enum mime_encoding mime_encoding_find(const char *field, size_t n);

void mime_decoder_start(struct mime_decoder *d, enum mime_encoding encoding);

/* Decodes n bytes to out, which has room for n + MIME_DECODER_HELD; answers how many it gave. */
size_t mime_decoder_feed(struct mime_decoder *d, const char *p, size_t n, char *out);

/* What is left at the end of the data; at most MIME_DECODER_HELD bytes. */
size_t mime_decoder_end(struct mime_decoder *d, char *out);

#endif
