#include "checks/dkim_hash.h"

#include <dkim.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks/dkim_key.h"
#include "util/bytes.h"
#include "util/strmap.h"

#define SIGNATURE_NAME "DKIM-Signature"

enum {
	ALLOCATION_MAX = 8 << 20, /* of libopendkim at once: it keeps the current line of a relaxed body */
	NAME_ROOM = DK_NAMES_BYTES_MAX + 1
};

struct dk_lib {
	DKIM_LIB *lib;
};

/* What libopendkim is refused, it does not always notice: then no hash is to be trusted. */
struct memory {
	bool refused;
};

struct dk_hasher {
	struct arena *arena;
	struct memory memory;
	DKIM *dkim;
	const char *why; /* there will be no hashes */
	const struct dk_wanted *wanted;
	unsigned n_wanted;
	unsigned *index;  /* of each wanted signature in libopendkim's list */
	unsigned full[2]; /* the same of the companions without l=, by relaxed_body */
	bool has_full[2];
	unsigned n_listed; /* signature fields that libopendkim has been given */
	char last[2];      /* bytes of the body */
	bool any;          /* body */
};

/* ---- The library ---- */

static void *allocate(void *closure, size_t n)
{
	struct memory *m = closure;
	void *p = n <= ALLOCATION_MAX ? malloc(n) : NULL;

	if (p == NULL)
		m->refused = true;
	return p;
}

static void release(void *closure, void *p)
{
	(void)closure;
	free(p);
}

/* Keys are none of its business: it must never ask its own resolver. */
static DKIM_CBSTAT no_key(DKIM *dkim, DKIM_SIGINFO *sig, unsigned char *buf, size_t n)
{
	(void)dkim;
	(void)sig;
	(void)buf;
	(void)n;
	return DKIM_CBSTAT_ERROR;
}

struct dk_lib *dk_lib_new(void)
{
	/* A field of From that it cannot parse is no reason to give up. */
	unsigned flags = DKIM_LIBFLAGS_DELAYSIGPROC | DKIM_LIBFLAGS_BADSIGHANDLES;
	struct dk_lib *l = calloc(1, sizeof *l);

	dk_key_prepare(); /* libopendkim uses it, too */
	if (l == NULL || (l->lib = dkim_init(allocate, release)) == NULL) {
		free(l);
		return NULL;
	}
	(void)dkim_set_key_lookup(l->lib, no_key);
	if (dkim_options(l->lib, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof flags) != DKIM_STAT_OK)
		dk_lib_free(&l);
	return l;
}

void dk_lib_free(struct dk_lib **lp)
{
	struct dk_lib *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	dkim_close(l->lib);
	free(l);
}

/* ---- Which fields matter ----
 *
 * A name that stands n times in a signature's h= means the last n fields of that name (RFC 6376, section 5.4.2); all
 * others change nothing.  libopendkim looks for each name among all fields it was given, for each signature: it is
 * given as few as will do, or a message made for it would take minutes.
 */

struct want {
	unsigned sig;  /* the last signature that named it, from 1 */
	unsigned here; /* how often that did */
	unsigned most; /* the most that any did, less the fields found already */
};

static size_t lower_name(const char *name, char out[NAME_ROOM])
{
	size_t n = 0;

	for (; n < NAME_ROOM && name[n] != '\0'; n++)
		out[n] = ascii_lower(name[n]);
	return n;
}

static int note_names(struct strmap *m, struct arena *a, const struct dk_sig *s, unsigned number)
{
	char name[NAME_ROOM];

	for (unsigned i = 0; i < s->n_names; i++) {
		size_t n = lower_name(s->names[i], name);
		struct want *w = strmap_get(m, name, n, NULL);

		if (w == NULL) {
			w = arena_alloc(a, sizeof *w);
			if (w == NULL || strmap_set(m, name, n, w) != 0)
				return -1;
		}
		if (w->sig != number)
			*w = (struct want){ .sig = number, .most = w->most };
		if (++w->here > w->most)
			w->most = w->here;
	}
	return 0;
}

static void mark_fields(const struct strmap *m, const struct dk_field *fields, size_t n_fields, bool *marks)
{
	char name[NAME_ROOM];

	for (size_t i = n_fields; i-- > 0;) {
		struct want *w = strmap_get(m, name, lower_name(fields[i].name, name), NULL);

		if (w != NULL && w->most > 0) {
			w->most--;
			marks[i] = true;
		}
	}
}

static bool *choose_fields(const struct dk_hasher *h, const struct dk_field *fields, size_t n_fields)
{
	bool *marks = arena_calloc(h->arena, n_fields + 1, sizeof *marks);
	struct strmap *m = strmap_new();
	int failed = m == NULL || marks == NULL;

	for (unsigned i = 0; !failed && i < h->n_wanted; i++) {
		failed = note_names(m, h->arena, h->wanted[i].sig, i + 1);
		marks[h->wanted[i].field - fields] = true;
	}
	if (!failed)
		mark_fields(m, fields, n_fields, marks);
	strmap_free(&m);
	return failed ? NULL : marks;
}

/* ---- Headers ---- */

/* "Name: value", lines parted by CRLF. */
static int give(struct dk_hasher *h, const char *name, const char *value, size_t value_n)
{
	size_t name_n = strlen(name), n = name_n;
	char *text = malloc(name_n + 1 + 2 * value_n + 1);

	if (text == NULL)
		return -1;
	memcpy(text, name, name_n);
	text[n++] = ':';
	for (size_t i = 0; i < value_n; i++) {
		if (value[i] == '\n' && (i == 0 || value[i - 1] != '\r'))
			text[n++] = '\r';
		text[n++] = value[i];
	}
	text[n] = '\0';
	/* What it says is heard later: of signatures one by one.  A name that it does not take can be in no h=. */
	(void)dkim_header(h->dkim, (unsigned char *)text, n);
	free(text);
	return 0;
}

static int give_constant(struct dk_hasher *h, const char *name, const char *value)
{
	return give(h, name, value, strlen(value));
}

/*
 * Fields of our own, before all others, where they are the last to be chosen.  The first has a name that no h= can
 * hold: when every field is chosen and one more is named, libopendkim writes behind its array.  The others hash the
 * same body without a limit, so that a signature's l= can be compared with the whole.
 */
static int give_ours(struct dk_hasher *h)
{
	static const char *const companions[2] = {
		" v=1; a=rsa-sha256; c=simple/simple; d=x; s=x; h=from; bh=AA==; b=AA==",
		" v=1; a=rsa-sha256; c=simple/relaxed; d=x; s=x; h=from; bh=AA==; b=AA==",
	};

	if (give_constant(h, "never signed", " x") != 0)
		return -1;
	for (unsigned i = 0; i < h->n_wanted; i++) {
		unsigned relaxed = h->wanted[i].sig->relaxed_body;

		if (!h->wanted[i].sig->limited || h->has_full[relaxed])
			continue;
		h->has_full[relaxed] = true;
		h->full[relaxed] = h->n_listed++;
		if (give_constant(h, SIGNATURE_NAME, companions[relaxed]) != 0)
			return -1;
	}
	return 0;
}

static int give_fields(struct dk_hasher *h, const struct dk_field *fields, size_t n_fields, const bool *marks)
{
	for (size_t i = 0; i < n_fields; i++) {
		if (!marks[i])
			continue;
		for (unsigned w = 0; w < h->n_wanted; w++)
			if (h->wanted[w].field == &fields[i])
				h->index[w] = h->n_listed;
		h->n_listed += ascii_equal(fields[i].name, SIGNATURE_NAME);
		if (give(h, fields[i].name, fields[i].value, fields[i].value_n) != 0)
			return -1;
	}
	return 0;
}

struct dk_hasher *dk_hasher_new(struct dk_lib *l, struct arena *a, const struct dk_field *fields, size_t n_fields,
				const struct dk_wanted *wanted, unsigned n_wanted)
{
	struct dk_hasher *h = arena_alloc(a, sizeof *h);
	const bool *marks;
	DKIM_STAT status;

	if (h == NULL)
		return NULL;
	h->arena = a;
	h->wanted = wanted;
	h->n_wanted = n_wanted;
	h->index = arena_calloc(a, n_wanted + 1, sizeof *h->index);
	marks = choose_fields(h, fields, n_fields);
	h->dkim = dkim_verify(l->lib, (const unsigned char *)"millgate", &h->memory, &status);
	if (h->index == NULL || marks == NULL || h->dkim == NULL || give_ours(h) != 0 ||
	    give_fields(h, fields, n_fields, marks) != 0) {
		dk_hasher_free(&h);
		return NULL;
	}
	status = dkim_eoh(h->dkim);
	if (status != DKIM_STAT_OK && status != DKIM_STAT_NOSIG)
		h->why = "the header cannot be canonicalized";
	return h;
}

void dk_hasher_free(struct dk_hasher **hp)
{
	struct dk_hasher *h = *hp;

	*hp = NULL;
	if (h == NULL || h->dkim == NULL)
		return;
	dkim_free(h->dkim);
	h->dkim = NULL;
}

/* ---- Body ---- */

void dk_hasher_body(struct dk_hasher *h, const void *p, size_t n)
{
	const char *bytes = p;

	if (n == 0 || h->why != NULL)
		return;
	h->last[0] = n > 1 ? bytes[n - 2] : h->last[1];
	h->last[1] = bytes[n - 1];
	h->any = true;
	if (dkim_body(h->dkim, (unsigned char *)(uintptr_t)p, n) != DKIM_STAT_OK)
		h->why = "the body cannot be canonicalized";
	else if (h->memory.refused)
		h->why = "a line of the body is too long to be canonicalized";
}

/* RFC 6376, sections 3.4.3 and 3.4.4: a body that does not end in a line's end is given one. */
static void end_line(struct dk_hasher *h)
{
	if (h->any && (h->last[0] != '\r' || h->last[1] != '\n'))
		dk_hasher_body(h, "\r\n", 2);
}

/* ---- Results ---- */

static ssize_t body_length(const struct dk_hasher *h, DKIM_SIGINFO *sig)
{
	ssize_t raw, canonicalized = 0, signed_n;

	(void)dkim_sig_getcanonlen(h->dkim, sig, &raw, &canonicalized, &signed_n);
	return canonicalized;
}

static void copy_hashes(const struct dk_hasher *h, DKIM_SIGINFO *sig, struct dk_hashes *out)
{
	void *header, *body;

	if (dkim_sig_gethashes(sig, &header, &out->header_n, &body, &out->body_n) != DKIM_STAT_OK) {
		out->why = "libopendkim has no hash of it";
		return;
	}
	out->header = (const unsigned char *)arena_strndup(h->arena, header, out->header_n);
	out->body = (const unsigned char *)arena_strndup(h->arena, body, out->body_n);
}

/* Whether libopendkim can evaluate a signature: only then it has hashes, and may be asked for them. */
static bool is_sound(DKIM_SIGINFO *sig)
{
	return dkim_sig_geterror(sig) == DKIM_SIGERROR_UNKNOWN;
}

/* Ends the body for all signatures, and keeps libopendkim from looking for keys.  0, or -1. */
static int finish_body(struct dk_hasher *h, DKIM_SIGINFO **list, unsigned n)
{
	DKIM_STAT status;

	for (unsigned i = 0; i < n; i++)
		dkim_sig_ignore(list[i]);
	status = dkim_eom(h->dkim, NULL);
	return (status == DKIM_STAT_OK || status == DKIM_STAT_NOSIG) && !h->memory.refused ? 0 : -1;
}

static void read_one(const struct dk_hasher *h, DKIM_SIGINFO **list, const bool *sound, unsigned w,
		     struct dk_hashes *out)
{
	const struct dk_sig *s = h->wanted[w].sig;
	DKIM_SIGINFO *sig = list[h->index[w]];

	if (!sound[h->index[w]]) {
		out->why = arena_strdup(h->arena, dkim_sig_geterrorstr(dkim_sig_geterror(sig)));
		if (out->why == NULL)
			out->why = "libopendkim cannot read it";
		return;
	}
	copy_hashes(h, sig, out);
	out->whole = true;
	if (s->limited && out->why == NULL) {
		ssize_t signed_n = body_length(h, sig);

		out->beyond = signed_n >= 0 && (uint64_t)signed_n < s->length;
		out->whole = body_length(h, list[h->full[s->relaxed_body]]) <= signed_n;
	}
}

int dk_hasher_end(struct dk_hasher *h, struct dk_hashes *out)
{
	DKIM_SIGINFO **list = NULL;
	int listed = 0;
	bool *sound;

	end_line(h);
	memset(out, 0, h->n_wanted * sizeof *out);
	sound = arena_calloc(h->arena, h->n_listed + 1, sizeof *sound);
	if (sound == NULL)
		return -1;
	if (h->why == NULL &&
	    (dkim_getsiglist(h->dkim, &list, &listed) != DKIM_STAT_OK || (unsigned)listed != h->n_listed))
		h->why = "the header cannot be canonicalized";
	for (int i = 0; h->why == NULL && i < listed; i++)
		sound[i] = is_sound(list[i]);
	if (h->why == NULL && finish_body(h, list, h->n_listed) != 0)
		h->why = "the body cannot be canonicalized";
	for (unsigned w = 0; w < h->n_wanted; w++) {
		if (h->why != NULL)
			out[w].why = h->why;
		else
			read_one(h, list, sound, w, &out[w]);
	}
	return arena_failed(h->arena) ? -1 : 0;
}
