#include "net/dns_packet.h"

#include <stdbool.h>
#include <string.h>

#include "net/limits.h"
#include "util/bytes.h"

enum {
	HEADER_SIZE = 12,
	AT_FLAGS = 2,
	AT_QUESTIONS = 4,
	AT_ANSWERS = 6,
	QUESTION_TAIL = 4, /* type, class */
	RECORD_FIXED = 10, /* type, class, ttl, length of the data */
	FLAG_RESPONSE = 0x8000,
	FLAG_TRUNCATED = 0x0200,
	RCODE_MASK = 0x000f,
	RCODE_NXDOMAIN = 3,
	CLASS_IN = 1,
	POINTER = 0xc0,
	/* A name of 255 bytes has at most 127 labels; every pointer must go backwards, but cap their number too. */
	MAX_JUMPS = 128,
	NAME_TEXT_SIZE = DNS_MAX_WIRE_NAME + 1,
	IP4_SIZE = 4,
	IP6_SIZE = 16,
	MX_PREFERENCE_SIZE = 2,
	TTL_SIGN_SHIFT = 31
};

struct reader {
	const uint8_t *p;
	size_t n;
	size_t at;
};

struct record {
	char owner[NAME_TEXT_SIZE];
	uint16_t type, class;
	uint32_t ttl;
	size_t data, data_n; /* in the packet */
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/*
 * Reads the name at *at, decompressing, into text: lower case, without the last dot.  A dot or NUL inside a label
 * would fake a label's end or the text's: it becomes '?', which no host name has.  Answers 0 and moves *at behind the
 * name, or -1.
 */
static int read_name(const struct reader *r, size_t *at, char text[NAME_TEXT_SIZE])
{
	size_t pos = *at, len = 0, floor = *at;
	unsigned jumps = 0;
	bool jumped = false;

	for (;;) {
		size_t label;

		if (pos >= r->n)
			return -1;
		label = r->p[pos];
		if ((label & POINTER) == POINTER) {
			size_t target;

			if (pos + 2 > r->n || ++jumps > MAX_JUMPS)
				return -1;
			target = get16(r->p + pos) & ~((size_t)POINTER << 8);
			if (!jumped)
				*at = pos + 2;
			jumped = true;
			if (target >= floor || target < HEADER_SIZE)
				return -1;
			pos = floor = target;
			continue;
		}
		if ((label & POINTER) != 0)
			return -1;
		pos++;
		if (label == 0)
			break;
		if (pos + label > r->n || len + label + 1 > DNS_MAX_WIRE_NAME - 1)
			return -1;
		if (len > 0)
			text[len++] = '.';
		for (size_t i = 0; i < label; i++) {
			char c = (char)r->p[pos + i];

			text[len++] = c == '.' || c == '\0' ? '?' : ascii_lower(c);
		}
		pos += label;
	}
	text[len] = '\0';
	if (!jumped)
		*at = pos;
	return 0;
}

static int read_record(struct reader *r, struct record *rec)
{
	const uint8_t *fixed;

	if (read_name(r, &r->at, rec->owner) != 0 || r->n - r->at < RECORD_FIXED)
		return -1;
	fixed = r->p + r->at;
	rec->type = get16(fixed);
	rec->class = get16(fixed + 2);
	rec->ttl = get32(fixed + 4);
	if (rec->ttl >> TTL_SIGN_SHIFT != 0) /* RFC 2181, section 8 */
		rec->ttl = 0;
	rec->data_n = get16(fixed + 8);
	r->at += RECORD_FIXED;
	rec->data = r->at;
	if (r->n - r->at < rec->data_n)
		return -1;
	r->at += rec->data_n;
	return 0;
}

/* ---- Data of the types we know ---- */

static int data_name(const struct reader *r, const struct record *rec, size_t skip, char text[NAME_TEXT_SIZE])
{
	size_t at = rec->data + skip;

	if (rec->data_n < skip || read_name(r, &at, text) != 0)
		return -1;
	return at <= rec->data + rec->data_n ? 0 : -1;
}

/* The strings of a TXT record joined: their length, or -1; written to out unless that is NULL. */
static ptrdiff_t join_text(const struct reader *r, const struct record *rec, char *out)
{
	const uint8_t *p = r->p + rec->data, *end = p + rec->data_n;
	size_t len = 0;

	while (p < end) {
		size_t n = *p++;

		if (n > (size_t)(end - p))
			return -1;
		if (out != NULL)
			memcpy(out + len, p, n);
		len += n;
		p += n;
	}
	return (ptrdiff_t)len;
}

static bool has_name(uint16_t type)
{
	return type == DNS_PTR || type == DNS_NS || type == DNS_CNAME || type == DNS_MX || type == DNS_SOA;
}

static size_t name_skip(uint16_t type)
{
	return type == DNS_MX ? MX_PREFERENCE_SIZE : 0;
}

/* Bytes of text that the record needs beside its struct dns_record, or -1 when its data is broken. */
static ptrdiff_t measure(const struct reader *r, const struct record *rec)
{
	char name[NAME_TEXT_SIZE];
	ptrdiff_t n;

	if (rec->type == DNS_A)
		return rec->data_n == IP4_SIZE ? 0 : -1;
	if (rec->type == DNS_AAAA)
		return rec->data_n == IP6_SIZE ? 0 : -1;
	if (rec->type == DNS_TXT) {
		n = join_text(r, rec, NULL);
		return n < 0 ? -1 : n + 1;
	}
	if (!has_name(rec->type))
		return 0;
	if (data_name(r, rec, name_skip(rec->type), name) != 0)
		return -1;
	return (ptrdiff_t)strlen(name) + 1;
}

/* Fills one record whose text goes to `text`; measure() has said that it is sound. Answers the text's end. */
static char *fill(const struct reader *r, const struct record *rec, struct dns_record *out, char *text)
{
	char name[NAME_TEXT_SIZE];
	size_t n;

	*out = (struct dns_record){ .name = "", .text = "" };
	if (rec->type == DNS_A || rec->type == DNS_AAAA) {
		out->ip.family = rec->type == DNS_A ? IP_V4 : IP_V6;
		memcpy(out->ip.b, r->p + rec->data, rec->data_n);
		return text;
	}
	if (rec->type == DNS_TXT) {
		n = (size_t)join_text(r, rec, text);
		text[n] = '\0';
		out->text = text;
		out->text_n = n;
		return text + n + 1;
	}
	if (!has_name(rec->type) || data_name(r, rec, name_skip(rec->type), name) != 0)
		return text;
	if (rec->type == DNS_MX)
		out->preference = get16(r->p + rec->data);
	n = strlen(name) + 1;
	out->name = memcpy(text, name, n);
	return text + n;
}

/* ---- The answer section ---- */

/* What the records of one owner and type come to. */
struct tally {
	unsigned records, broken;
	size_t text;
	uint32_t ttl;
};

typedef void record_fn(const struct reader *r, const struct record *rec, void *ctx);

/* Calls fn for each record of the answer section that has this owner and type.  0, or -1 for a broken packet. */
static int each_record(const struct reader *start, unsigned answers, const char *owner, uint16_t type, record_fn *fn,
		       void *ctx)
{
	struct reader r = *start;
	struct record rec;

	for (unsigned i = 0; i < answers; i++) {
		if (read_record(&r, &rec) != 0)
			return -1;
		if (rec.class == CLASS_IN && rec.type == type && strcmp(rec.owner, owner) == 0)
			fn(&r, &rec, ctx);
	}
	return 0;
}

/* Where CNAMEs lead: `name` moves along as they are met, so that a pass follows all that stand in order. */
struct alias {
	char *name;
	uint32_t ttl;
	unsigned hops;
	bool broken;
};

static void take_alias(const struct reader *r, const struct record *rec, void *ctx)
{
	struct alias *a = ctx;
	char target[NAME_TEXT_SIZE];

	if (++a->hops > DNS_MAX_CHAIN || data_name(r, rec, 0, target) != 0) {
		a->broken = true;
		return;
	}
	memcpy(a->name, target, sizeof(target));
	if (rec->ttl < a->ttl)
		a->ttl = rec->ttl;
}

/* Replaces name by the end of its CNAMEs; *ttl gets their least.  0, or -1. */
static int follow_aliases(const struct reader *r, unsigned answers, char name[NAME_TEXT_SIZE], uint32_t *ttl)
{
	struct alias a = { .name = name, .ttl = *ttl };
	unsigned before;

	do {
		before = a.hops;
		if (each_record(r, answers, name, DNS_CNAME, take_alias, &a) != 0 || a.broken)
			return -1;
	} while (a.hops != before);
	*ttl = a.ttl;
	return 0;
}

static void tally_record(const struct reader *r, const struct record *rec, void *ctx)
{
	struct tally *t = ctx;
	ptrdiff_t text = measure(r, rec);

	if (text < 0) {
		t->broken++;
		return;
	}
	if (t->records >= DNS_MAX_RECORDS)
		return;
	t->records++;
	t->text += (size_t)text;
	if (rec->ttl < t->ttl)
		t->ttl = rec->ttl;
}

struct filler {
	struct dns_record *next, *end;
	char *text;
};

static void fill_record(const struct reader *r, const struct record *rec, void *ctx)
{
	struct filler *f = ctx;

	if (f->next < f->end)
		f->text = fill(r, rec, f->next++, f->text);
}

static void fail(struct dns_answer *out, const char *why)
{
	*out = (struct dns_answer){ .status = DNS_FAILED, .why = why };
}

static const char *rcode_text(unsigned rcode)
{
	static const char *const names[] = { "NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
					     "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE" };

	return rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : "unknown rcode";
}

static void read_answers(struct reader *r, unsigned answers, uint16_t type, dns_room_fn *room, void *ctx,
			 struct dns_answer *out)
{
	char name[NAME_TEXT_SIZE];
	struct tally t = { .ttl = UINT32_MAX };
	struct filler f;
	struct dns_record *v;

	if (read_name(r, &r->at, name) != 0 || r->n - r->at < QUESTION_TAIL) {
		fail(out, "broken answer");
		return;
	}
	r->at += QUESTION_TAIL;
	if ((type != DNS_CNAME && follow_aliases(r, answers, name, &t.ttl) != 0) ||
	    each_record(r, answers, name, type, tally_record, &t) != 0) {
		fail(out, "broken answer");
		return;
	}
	if (t.broken > 0) {
		fail(out, "broken record");
		return;
	}
	if (t.records == 0) {
		*out = (struct dns_answer){ .status = DNS_NODATA };
		return;
	}
	v = room(ctx, t.records * sizeof(*v) + t.text);
	if (v == NULL) {
		fail(out, "out of memory");
		return;
	}
	f = (struct filler){ .next = v, .end = v + t.records, .text = (char *)(v + t.records) };
	(void)each_record(r, answers, name, type, fill_record, &f);
	*out = (struct dns_answer){ .status = DNS_OK, .v = v, .n = t.records, .ttl = t.ttl };
}

void dns_packet_read(const uint8_t *packet, size_t n, uint16_t type, dns_room_fn *room, void *ctx,
		     struct dns_answer *out)
{
	struct reader r = { packet, n, HEADER_SIZE };
	unsigned flags, rcode;

	if (n < HEADER_SIZE) {
		fail(out, "broken answer");
		return;
	}
	flags = get16(packet + AT_FLAGS);
	rcode = flags & RCODE_MASK;
	if (rcode == RCODE_NXDOMAIN)
		*out = (struct dns_answer){ .status = DNS_NXDOMAIN };
	else if (rcode != 0)
		fail(out, rcode_text(rcode));
	else if ((flags & FLAG_RESPONSE) == 0 || get16(packet + AT_QUESTIONS) != 1)
		fail(out, "broken answer");
	else if ((flags & FLAG_TRUNCATED) != 0)
		fail(out, "truncated answer");
	else
		read_answers(&r, get16(packet + AT_ANSWERS), type, room, ctx, out);
}
