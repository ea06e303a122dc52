#include "checks/rates_grant.h"

#include <string.h>

#include "checks/rates_hit.h"
#include "util/clock.h"

static struct rates_question question(const struct check_call *c, const struct rates_grant *g)
{
	return (struct rates_question){ .rate = g->rate,
					.key = &g->key,
					.units = g->units,
					.network = rates_network(&c->conn->ip),
					.stamp = g->result.stamp };
}

void rates_grant_send(const struct check_call *c, struct rates_grant *g, enum rates_verb verb)
{
	const struct rates_set *s = c->state;
	struct rates_question q = question(c, g);

	g->op = rates_script_ask(c->wait, &s->script, &q, verb);
}

bool rates_grant_is_open(const struct rates_grant *g)
{
	return g->op != NULL && !net_op_done(g->op);
}

/* What Redis says, or, when it says nothing, the daemon's own count. */
static void read_answer(const struct check_call *c, struct rates_grant *g, enum rates_verb verb)
{
	const struct rates_set *s = c->state;
	struct rates_question q = question(c, g);
	int64_t now_us = clock_mono_us();

	g->result = rates_script_result(g->op, c->arena);
	net_op_free(&g->op);
	g->answered = true;
	g->local = g->result.answer == RATES_FAILED && s->local != NULL;
	if (g->local)
		g->result = rates_local_call(s->local, &q, verb, now_us);
	else if (s->local != NULL && g->rate->action == LIMITS_HOLD && g->result.answer != RATES_FAILED)
		rates_local_note_hold(s->local, &q, g->result.answer == RATES_HELD ? g->result.wait_ms : 0, now_us);
	if (g->result.first && verb == RATES_TAKE)
		rates_hit_tell(c, g);
}

void rates_grant_collect(struct check_call *c, struct rates_grant *const *v, unsigned n, struct net_op **ops,
			 enum rates_verb verb)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < n; i++)
		if (v[i]->op != NULL)
			ops[sent++] = v[i]->op;
	if (sent > 0)
		(void)net_await(c->wait, ops, sent, c->deadline_ms);
	for (unsigned i = 0; i < n; i++)
		if (!v[i]->answered)
			read_answer(c, v[i], verb);
}

void rates_grant_give(const struct check_call *c, const struct rates_grant *g)
{
	const struct rates_set *s = c->state;
	struct rates_question q = question(c, g);

	if (g->local)
		(void)rates_local_call(s->local, &q, RATES_GIVE, clock_mono_us());
	else
		rates_script_tell(c->wait, &s->script, &q, RATES_GIVE);
}

void rates_grant_add_name(const struct check_call *c, struct fact_value *f, const struct rate *r)
{
	size_t n = strlen(r->name);

	for (unsigned i = 0; f->state == FACT_KNOWN && i < f->n; i++)
		if (f->text[i].raw_n == n && memcmp(f->text[i].raw, r->name, n) == 0)
			return;
	fact_add_text(f, c->arena, r->name, n);
}
