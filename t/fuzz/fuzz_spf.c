/*
 * Fuzz target (libFuzzer): SPF records and their evaluation, by both evaluators, where every answer of DNS comes from the
 * fuzzer's bytes.  Beside the sanitizers' findings, limits and results must keep their promises.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks/spf_eval.h"
#include "checks/spf_libspf2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(cond)                                                                                                  \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			abort();                                                                                       \
	} while (0)

enum { RECORDS_MAX = 12, NAME_SIZE = 256, TERMS_ASK_MAX = 1 + SPF_TERMS_MAX };

/* What is left of the input, and what was asked. */
struct source {
	const uint8_t *p;
	size_t n;
	struct arena *arena;
	unsigned texts, others;
};

static unsigned take(struct source *s, unsigned below)
{
	if (s->n == 0)
		return 0;
	s->n--;
	return *s->p++ % below;
}

/* A line of the input. */
static size_t take_text(struct source *s, const char **text)
{
	const uint8_t *end = s->n > 0 ? memchr(s->p, '\n', s->n) : NULL;
	size_t n = end != NULL ? (size_t)(end - s->p) : s->n;

	*text = arena_strndup(s->arena, (const char *)s->p, n);
	s->p += n + (end != NULL);
	s->n -= n + (end != NULL);
	return n;
}

/* net/ keeps names below 256 bytes. */
static const char *take_name(struct source *s)
{
	const char *text;
	char *name;

	(void)take_text(s, &text);
	name = arena_strdup(s->arena, text);
	if (strlen(name) >= NAME_SIZE)
		name[NAME_SIZE - 1] = '\0';
	return name;
}

static void take_record(struct source *s, enum dns_type type, struct dns_record *r)
{
	r->name = r->text = "";
	if (type == DNS_TXT) {
		r->text_n = take_text(s, &r->text);
	} else if (type == DNS_MX || type == DNS_PTR) {
		r->name = take_name(s);
	} else {
		r->ip.family = type == DNS_A ? IP_V4 : IP_V6;
		r->ip.b[0] = (uint8_t)take(s, 4);
	}
}

static const struct dns_answer *ask(void *ctx, const char *name, enum dns_type type)
{
	static const enum dns_status statuses[] = {
		DNS_OK, DNS_OK, DNS_OK, DNS_OK, DNS_NXDOMAIN, DNS_NODATA, DNS_FAILED
	};
	struct source *s = ctx;
	struct dns_answer *answer = arena_alloc(s->arena, sizeof *answer);
	struct dns_record *v = arena_calloc(s->arena, RECORDS_MAX, sizeof *v);

	PROMISE(name[0] != '\0' && strlen(name) < NAME_SIZE);
	if (type == DNS_TXT)
		s->texts++;
	else
		s->others++;
	answer->status = statuses[take(s, sizeof statuses / sizeof statuses[0])];
	if (answer->status != DNS_OK)
		return answer;
	answer->n = 1 + take(s, type == DNS_TXT ? 2 : RECORDS_MAX);
	answer->v = v;
	for (unsigned i = 0; i < answer->n; i++)
		take_record(s, type, &v[i]);
	return answer;
}

static void hint(void *ctx, const char *name, enum dns_type type)
{
	(void)ctx;
	(void)type;
	PROMISE(name[0] != '\0');
}

typedef void check_fn(const struct spf_query *q, const struct spf_dns *dns, struct arena *a, struct spf_answer *out);

static void evaluate(check_fn *fn, const uint8_t *data, size_t size)
{
	struct source s = { .p = data, .n = size, .arena = arena_new(0) };
	const struct spf_dns dns = { .ask = ask, .hint = hint, .ctx = &s };
	struct spf_query q = { .domain = "example.org" };
	struct spf_answer out;
	bool failed;

	q.ip.family = take(&s, 2) == 0 ? IP_V4 : IP_V6;
	q.ip.b[0] = (uint8_t)take(&s, 4);
	q.sender = arena_printf(s.arena, "%s@example.org", take_name(&s));
	q.helo = take_name(&s);
	fn(&q, &dns, s.arena, &out);
	failed = out.result == SPF_PERMERROR || out.result == SPF_TEMPERROR;
	PROMISE(spf_result_name(out.result) != NULL);
	PROMISE(failed == (out.problem != NULL));
	PROMISE(out.lookups <= SPF_TERMS_MAX && out.n_path <= SPF_PATH_MAX && (out.n_path == 0 || !failed));
	for (unsigned i = 0; i < out.n_path; i++)
		PROMISE(out.path[i][0] > ' ');
	PROMISE(s.texts <= TERMS_ASK_MAX);
	/* Each term asks one question, and mx ten more; the client's names take eleven. */
	PROMISE(s.others <= (SPF_TERMS_MAX + 1) * (1 + SPF_NAMES_MAX));
	arena_free(&s.arena);
}

static void parse(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct spf_record r;

	if (spf_parse(a, (const char *)data, size, &r) == 0)
		for (const struct spf_term *t = r.terms; t != NULL; t = t->next)
			PROMISE(strpbrk(t->text, " \n") == NULL && t->bits4 <= 32 && t->bits6 <= 128);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse(data, size);
	evaluate(spf_check_host, data, size);
	evaluate(spf_libspf2_check_host, data, size);
	return 0;
}
