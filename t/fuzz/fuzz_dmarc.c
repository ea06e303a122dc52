/*
 * Fuzz target (libFuzzer): DMARC's records, its tree walk, and the author's domains in From.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks/dmarc_domain.h"
#include "checks/dmarc_from.h"
#include "checks/dmarc_record.h"
#include "checks/dmarc_walk.h"
#include "net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(cond)                                                                                                  \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			abort();                                                                                       \
	} while (0)

static void record(const char *p, size_t n)
{
	struct dmarc_record r;

	if (!dmarc_record_parse(p, n, &r))
		return;
	PROMISE(n >= sizeof "v=DMARC1" - 1 && p[0] == 'v');
	PROMISE(r.p <= DMARC_REJECT && r.sp <= DMARC_REJECT && r.np <= DMARC_REJECT);
	PROMISE(r.usable || (r.p == DMARC_NONE && r.sp == DMARC_NONE && r.np == DMARC_NONE));
}

static void domain(struct arena *a, const char *p, size_t n)
{
	bool odd = false, still = false;
	const char *name = dmarc_domain_make(a, p, n, &odd), *again;
	size_t len;

	if (name == NULL)
		return;
	len = strlen(name);
	PROMISE(len > 0 && name[0] != '.' && name[len - 1] != '.' && strstr(name, "..") == NULL);
	again = dmarc_domain_make(a, name, len, &still);
	PROMISE(odd || (!still && strcmp(again, name) == 0));
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), end_n = strlen(end);

	return n >= end_n && strcmp(name + n - end_n, end) == 0;
}

static void from(struct arena *a, const char *p, size_t n)
{
	struct dmarc_from f = { 0 }, twice;

	dmarc_from_add(&f, a, p, n);
	PROMISE(f.fields == 1 && f.n <= DMARC_FROM_MAX);
	for (unsigned i = 0; i < f.n; i++) {
		PROMISE(f.domains[i][0] != '\0');
		for (unsigned j = 0; j < i; j++)
			PROMISE(strcmp(f.domains[i], f.domains[j]) != 0);
	}
	/* The same again adds no domain; and whatever it is, an address behind it is not hidden by it. */
	twice = f;
	dmarc_from_add(&twice, a, p, n);
	PROMISE(twice.n == f.n && twice.fields == 2);
	dmarc_from_add(&twice, a, "ceo@bank.example", 16);
	for (unsigned i = 0; i < twice.n; i++)
		if (strcmp(twice.domains[i], "bank.example") == 0)
			return;
	PROMISE(twice.too_much);
}

/* "domain LF record LF record ...": the records are the answers, an empty line is none, '!' a failure. */
static void walk(struct arena *a, const char *p, size_t n)
{
	struct dns_record records[DMARC_WALK_MAX];
	struct dns_answer answers[DMARC_WALK_MAX];
	const struct dns_answer *at[DMARC_WALK_MAX];
	const char *end = p + n, *line = memchr(p, '\n', n), *names[DMARC_WALK_MAX], *name;
	struct dmarc_walk w;
	struct dmarc_found found;
	bool odd = false;
	unsigned count;

	name = line != NULL ? dmarc_domain_make(a, p, (size_t)(line - p), &odd) : NULL;
	if (name == NULL)
		return;
	count = dmarc_walk_names(name, names);
	PROMISE(count >= 1 && count <= DMARC_WALK_MAX && names[0] == name);
	for (unsigned i = 0; i < DMARC_WALK_MAX; i++) {
		const char *from_p = line != NULL ? line + 1 : end;

		line = from_p < end ? memchr(from_p, '\n', (size_t)(end - from_p)) : NULL;
		records[i] =
			(struct dns_record){ .text = from_p, .text_n = (size_t)((line != NULL ? line : end) - from_p) };
		answers[i] = (struct dns_answer){ .status = DNS_OK, .v = &records[i], .n = 1 };
		if (records[i].text_n == 0)
			answers[i].status = DNS_NXDOMAIN;
		else if (from_p[0] == '!')
			answers[i].status = DNS_FAILED;
		at[i] = &answers[i];
	}
	dmarc_walk_read(&w, name, at);
	PROMISE(ends_with(name, w.organisational) && dmarc_domain_within(name, w.organisational));
	PROMISE(!w.org_found || w.failed == NULL);
	found = dmarc_walk_policy(&w);
	PROMISE(found.found == (w.own_found || w.org_found || w.psd_found));
	(void)dmarc_walk_applied(&found, true);
	(void)dmarc_walk_applied(&found, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);

	record((const char *)data, size);
	domain(a, (const char *)data, size);
	from(a, (const char *)data, size);
	walk(a, (const char *)data, size);
	arena_free(&a);
	return 0;
}
