/*
 * Fuzz target (libFuzzer): DKIM.  The input is a message: its fields, its body, and behind a form feed the text of the key
 * record.  Signature fields go through our grammar and libopendkim, all of them into one handle; beside the sanitizers'
 * findings, what each answers must keep its promises.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks/dkim_cache.h"
#include "checks/dkim_hash.h"
#include "checks/dkim_judge.h"
#include "checks/dkim_tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS_MAX = 64, SIGNATURES_MAX = 6 };

#define PROMISE(cond)                                                                                                  \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			abort();                                                                                       \
	} while (0)

struct input {
	struct dk_field fields[FIELDS_MAX];
	size_t n_fields;
	const char *body, *record;
	size_t body_n, record_n;
};

/* Parts the text in place, as an MTA would: no NUL in a header. */
static void part(struct input *in, char *p, size_t n)
{
	char *end = p + n, *feed = memchr(p, '\f', n);

	memset(in, 0, sizeof *in);
	if (feed != NULL) {
		in->record = feed + 1;
		in->record_n = (size_t)(end - feed - 1);
		end = feed;
	}
	while (p < end && *p != '\n' && in->n_fields < FIELDS_MAX) {
		char *line = p, *colon;

		do
			p = memchr(p + 1, '\n', (size_t)(end - p - 1));
		while (p != NULL && p + 1 < end && (p[1] == ' ' || p[1] == '\t'));
		if (p == NULL)
			p = end - 1;
		*p++ = '\0';
		colon = strchr(line, ':');
		if (colon == NULL)
			continue;
		*colon = '\0';
		in->fields[in->n_fields++] = (struct dk_field){ line, colon + 1, strlen(colon + 1) };
	}
	in->body = p;
	in->body_n = (size_t)(end - p);
}

static void judge(struct arena *a, const struct input *in, const struct dk_wanted *wanted, unsigned n,
		  const struct dk_hashes *hashes)
{
	static struct dk_cache *cache;
	struct dns_record record = { .text = in->record, .text_n = in->record_n };
	struct dns_answer answer = { .status = in->record != NULL ? DNS_OK : DNS_NODATA, .v = &record, .n = 1 };
	struct dk_judge j = { .arena = a, .min_bits = 1024, .now = 1800000000 };

	if (cache == NULL)
		cache = dk_cache_new();
	j.cache = cache;
	for (unsigned i = 0; i < n; i++) {
		struct dk_result r = dk_judge(&j, wanted[i].sig, &hashes[i], &answer);

		PROMISE(r.outcome <= DK_NONE && (r.outcome == DK_PASS) == (r.why == NULL));
		PROMISE(hashes[i].why != NULL || (hashes[i].header_n == hashes[i].body_n && hashes[i].header_n > 0));
	}
}

static void verify(struct arena *a, const struct input *in)
{
	static struct dk_lib *lib;
	struct dk_sig sigs[SIGNATURES_MAX];
	struct dk_wanted wanted[SIGNATURES_MAX];
	struct dk_hashes hashes[SIGNATURES_MAX];
	struct dk_hasher *h;
	unsigned n = 0;

	if (lib == NULL)
		lib = dk_lib_new();
	for (size_t i = 0; i < in->n_fields && n < SIGNATURES_MAX; i++) {
		const struct dk_field *f = &in->fields[i];

		if (strcasecmp(f->name, "DKIM-Signature") != 0 ||
		    dk_sig_read(&sigs[n], a, f->value, f->value_n) != NULL)
			continue;
		PROMISE(sigs[n].n_names > 0 && sigs[n].domain[0] != '\0' && sigs[n].selector[0] != '\0');
		wanted[n] = (struct dk_wanted){ f, &sigs[n] };
		n++;
	}
	h = dk_hasher_new(lib, a, in->fields, in->n_fields, wanted, n);
	PROMISE(h != NULL);
	for (size_t at = 0, piece = 1; at < in->body_n; at += piece, piece = 2 * piece + 1)
		dk_hasher_body(h, in->body + at, in->body_n - at < piece ? in->body_n - at : piece);
	PROMISE(dk_hasher_end(h, hashes) == 0);
	judge(a, in, wanted, n, hashes);
	dk_hasher_free(&h);
}

static void grammar(struct arena *a, const char *p, size_t n)
{
	struct dk_record record;
	struct dk_tags tags;
	size_t bytes;

	(void)dk_record_read(&record, a, p, n);
	if (dk_tags_parse(&tags, a, p, n) != NULL)
		return;
	PROMISE(tags.n > 0 && tags.n <= DK_TAGS_MAX);
	for (unsigned i = 0; i < tags.n; i++) {
		const char *value = tags.v[i].value;
		const unsigned char *decoded = dk_base64_decode(a, value, &bytes);

		PROMISE(dk_tags_get(&tags, tags.v[i].name) == value && strlen(value) <= n);
		PROMISE(strlen(dk_tags_squeeze(a, value)) <= strlen(value));
		if (decoded != NULL)
			PROMISE(bytes <= strlen(value) && dk_base64_encode(a, decoded, bytes) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	char *copy = malloc(size + 1);
	struct input in;

	memcpy(copy, data, size);
	copy[size] = '\0';
	grammar(a, copy, size);
	if (size > 0) {
		part(&in, copy, size);
		verify(a, &in);
	}
	arena_free(&a);
	free(copy);
	return 0;
}
