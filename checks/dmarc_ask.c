#include "checks/dmarc_ask.h"

#include <string.h>

struct dmarc_question {
	struct dmarc_question *next;
	const char *domain; /* whose _dmarc. is asked, or, for the type A, which itself is */
	enum dns_type type;
	struct net_op *op;
};

static struct dmarc_question *find(const struct dmarc_ask *q, const char *domain, enum dns_type type)
{
	struct dmarc_question *one = q->first;

	while (one != NULL && (one->type != type || strcmp(one->domain, domain) != 0))
		one = one->next;
	return one;
}

static void ask(struct dmarc_ask *q, const char *domain, enum dns_type type)
{
	struct dmarc_question *one;
	const char *name;

	if (find(q, domain, type) != NULL)
		return;
	one = arena_alloc(q->arena, sizeof *one);
	name = type == DNS_TXT ? arena_printf(q->arena, "_dmarc.%s", domain) : domain;
	if (one == NULL || name == NULL)
		return;
	one->domain = domain;
	one->type = type;
	one->op = dns_ask(q->wait, name, type);
	one->next = q->first;
	q->first = one;
	q->n++;
}

void dmarc_ask_walk(struct dmarc_ask *q, const char *domain)
{
	const char *names[DMARC_WALK_MAX];
	unsigned n = dmarc_walk_names(domain, names);

	for (unsigned i = 0; i < n; i++)
		ask(q, names[i], DNS_TXT);
}

void dmarc_ask_existence(struct dmarc_ask *q, const char *domain)
{
	ask(q, domain, DNS_A);
}

void dmarc_ask_await(struct dmarc_ask *q, int64_t deadline_ms)
{
	struct net_op **ops;
	size_t n = 0;

	if (q->awaited == q->n)
		return;
	q->awaited = q->n;
	ops = arena_calloc(q->arena, q->n, sizeof *ops);
	for (const struct dmarc_question *one = q->first; ops != NULL && one != NULL; one = one->next)
		ops[n++] = one->op;
	if (ops != NULL)
		(void)net_await(q->wait, ops, n, deadline_ms);
}

static const struct dns_answer *answer(const struct dmarc_ask *q, const char *domain, enum dns_type type)
{
	const struct dmarc_question *one = find(q, domain, type);

	return dns_result(one != NULL ? one->op : NULL);
}

void dmarc_ask_read(const struct dmarc_ask *q, const char *domain, struct dmarc_walk *w)
{
	const struct dns_answer *answers[DMARC_WALK_MAX];
	const char *names[DMARC_WALK_MAX];
	unsigned n = dmarc_walk_names(domain, names);

	for (unsigned i = 0; i < n; i++)
		answers[i] = answer(q, names[i], DNS_TXT);
	dmarc_walk_read(w, domain, answers);
}

enum dns_status dmarc_ask_exists(const struct dmarc_ask *q, const char *domain)
{
	return answer(q, domain, DNS_A)->status;
}

void dmarc_ask_drop(struct dmarc_ask *q)
{
	for (struct dmarc_question *one = q->first; one != NULL; one = one->next)
		net_op_free(&one->op);
	q->first = NULL;
	q->n = q->awaited = 0;
}
