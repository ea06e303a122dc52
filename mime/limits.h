/*
 * Every limit of mime/ on message bodies, with its reason.  What lies behind one is passed over; no limit makes an error.
 */
#ifndef MILLGATE_MIME_LIMITS_H
#define MILLGATE_MIME_LIMITS_H

enum {
	/* Parts within parts.  Real mail has up to six; what lies deeper is read as text. */
	MIME_DEPTH_MAX = 24,
	/* Parts of a message.  Digests have hundreds; each costs a converter's set-up when it is text. */
	MIME_PARTS_MAX = 1000,
	/* Bytes of a boundary that are compared.  RFC 2046 allows 70; readers take longer ones. */
	MIME_BOUNDARY_MAX = 250,
	/* Bytes of a line that are seen at once: RFC 5322's 998, and a delimiter of any boundary above. */
	MIME_LINE_MAX = 1000,
	/* Bytes of one Content-... field.  The rest is cut off: no type or boundary stands there in good faith. */
	MIME_FIELD_MAX = 4 << 10,
	/* Sections of a parameter that is spread over several (RFC 2231, section 3). */
	MIME_SECTIONS_MAX = 16,
	/* Decoded bytes of a text part, and of all.  The readers that cut long messages show about 100 kB. */
	MIME_TEXT_MAX = 256 << 10,
	MIME_TEXTS_MAX = 1 << 20,
	/* Hosts that are kept of each end of the message: decoys fill one end at the most. */
	MIME_HOSTS_EACH = 128,
	/* Bytes of a host as it is written, U-labels included; DNS names have 253. */
	MIME_HOST_MAX = 512,
	/* Names without a scheme that are looked up among the public suffixes, at about 1 us each. */
	MIME_BARE_MAX = 2000,
};

#endif
