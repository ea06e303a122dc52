#include "t/lib/fake_net.h"

#include <stdlib.h>

static struct {
	struct net_op *first;
	unsigned open, awaits;
	int64_t deadline;
	bool late;
} fake;

struct net_op *fake_net_op(void)
{
	struct net_op *op = calloc(1, sizeof *op);

	if (op == NULL)
		return NULL;
	fake.open++;
	op->next = fake.first;
	fake.first = op;
	return op;
}

void fake_net_answer(void)
{
	for (struct net_op *op = fake.first; op != NULL; op = op->next)
		op->done = true;
}

void fake_net_late(bool late)
{
	fake.late = late;
}

void fake_net_come(void)
{
	for (struct net_op *op = fake.first; op != NULL; op = op->next)
		op->done = op->done || op->due;
}

void fake_net_lay_out(struct net_op *op, bool never)
{
	op->done = !never && !fake.late;
	op->due = !never && fake.late;
}

unsigned fake_net_open(void)
{
	return fake.open;
}

unsigned fake_net_awaits(void)
{
	return fake.awaits;
}

int64_t fake_net_deadline(void)
{
	return fake.deadline;
}

void net_op_free(struct net_op **op)
{
	struct net_op **p = &fake.first;

	if (*op == NULL)
		return;
	while (*p != *op)
		p = &(*p)->next;
	*p = (*op)->next;
	fake.open--;
	free(*op);
	*op = NULL;
}

bool net_op_done(const struct net_op *op)
{
	return op->done;
}

void net_flush(struct net_wait *w)
{
	(void)w;
}

bool net_await(struct net_wait *w, struct net_op *const *ops, size_t n, int64_t deadline_ms)
{
	bool all = true;

	(void)w;
	fake.awaits++;
	fake.deadline = deadline_ms;
	for (size_t i = 0; i < n; i++) {
		if (ops[i] == NULL)
			continue;
		ops[i]->done = ops[i]->done || (ops[i]->due && deadline_ms > 0);
		all = all && ops[i]->done;
	}
	return all;
}
