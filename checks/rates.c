/*
 * The rates of a recipient's mail, all asked in one round trip, each in a script call of its own: their keys have
 * different hash tags, so that they may live on different nodes of a cluster.  Since they cannot be taken together,
 * a refusal gives back what the other rates granted.
 *
 * A message is taken from a rate once per transaction and key, and held by the recipients for which it was taken; the
 * last of them to be cancelled gives it back.  When Redis does not answer in time, what it took nevertheless stays
 * taken: nothing is replayed, and it is worked off in time.
 */
#include "checks/rates.h"

#include <string.h>

#include "checks/rates_grant.h"
#include "checks/rates_set.h"

/* One rate for one recipient: in the recipient's slot. */
struct rates_part {
	struct rates_grant *grant;
	bool held; /* by this recipient */
};
struct rates_run {
	unsigned n;
	bool sent; /* and not collected yet */
	bool asked;
	struct net_op **ops; /* room for waiting */
	struct rates_grant **waiting;
	struct rates_part v[];
};

static int rates_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	return rates_set_prepare(env, settings, false, state, errors);
}

static void rates_rules(const void *state, struct sbuf *out)
{
	rates_set_rules(state, "rate", "rcpt", out);
}

/* ---- Messages of a transaction: a list in its slot ---- */

static struct rates_grant *find_message(const struct check_call *c, const struct rate *r, const char *key)
{
	struct rates_grant *g = *c->txn_slot;

	while (g != NULL && (g->rate != r || strcmp(g->key.base, key) != 0))
		g = g->next;
	return g;
}

static void forget_message(const struct check_call *c, const struct rates_grant *gone)
{
	struct rates_grant *g = *c->txn_slot;

	if (g == gone) {
		*c->txn_slot = g->next;
		return;
	}
	while (g != NULL && g->next != gone)
		g = g->next;
	if (g != NULL)
		g->next = gone->next;
}

/* ---- Taking and giving back ---- */

static bool is_shared(const struct rates_grant *g)
{
	return g->rate->unit == RATE_MESSAGES;
}

static bool refuses(const struct rates_grant *g)
{
	return g->answered && (g->result.answer == RATES_USED_UP || g->result.answer == RATES_HELD);
}

static void hold(struct rates_part *p)
{
	p->held = true;
	p->grant->holders++;
}

static void let_go(const struct check_call *c, struct rates_part *p)
{
	if (!p->held)
		return;
	p->held = false;
	if (--p->grant->holders > 0)
		return;
	if (is_shared(p->grant))
		forget_message(c, p->grant);
	rates_grant_give(c, p->grant);
}

/* The grant that this recipient shares with others, or one of its own.  NULL: the rate does not apply, or no memory. */
static struct rates_grant *make_grant(const struct check_call *c, const struct rate *r)
{
	const struct rates_set *s = c->state;
	struct rates_grant *g;
	struct rates_key key;

	if (!rates_key_make(r, s->prefix, c, c->rcpt, &key))
		return NULL;
	if (r->unit == RATE_MESSAGES && (g = find_message(c, r, key.base)) != NULL)
		return g;
	g = arena_alloc(c->arena, sizeof *g);
	if (g != NULL)
		*g = (struct rates_grant){ .rate = r, .key = key, .units = 1 };
	return g;
}

/* The parts that apply, with what the transaction knows of them.  NULL when out of memory. */
static struct rates_run *make_run(const struct check_call *c)
{
	const struct rates_set *s = c->state;
	struct rates_run *run = arena_alloc(c->arena, sizeof *run + s->n * sizeof run->v[0]);

	if (run == NULL)
		return NULL;
	run->ops = arena_calloc(c->arena, s->n, sizeof(struct net_op *));
	run->waiting = arena_calloc(c->arena, s->n, sizeof(struct rates_grant *));
	for (unsigned i = 0; i < s->n; i++) {
		run->v[run->n].grant = make_grant(c, s->v[i]);
		if (run->v[run->n].grant != NULL)
			run->n++;
	}
	return arena_failed(c->arena) ? NULL : run;
}

/* Whether the transaction has been refused by a rate already. */
static bool refused_before(const struct rates_run *run)
{
	for (unsigned i = 0; i < run->n; i++)
		if (refuses(run->v[i].grant))
			return true;
	return false;
}

static void send(const struct check_call *c, const struct rates_run *run, enum rates_verb verb)
{
	for (unsigned i = 0; i < run->n; i++)
		if (!run->v[i].grant->answered)
			rates_grant_send(c, run->v[i].grant, verb);
}

static void collect(struct check_call *c, struct rates_run *run, enum rates_verb verb)
{
	unsigned n = 0;

	for (unsigned i = 0; i < run->n; i++)
		if (!run->v[i].grant->answered)
			run->waiting[n++] = run->v[i].grant;
	rates_grant_collect(c, run->waiting, n, run->ops, verb);
	for (unsigned i = 0; verb == RATES_TAKE && i < run->n; i++) {
		struct rates_grant *g = run->v[i].grant;

		if (is_shared(g) && g->result.answer != RATES_FAILED && find_message(c, g->rate, g->key.base) == NULL) {
			g->next = *c->txn_slot;
			*c->txn_slot = g;
		}
		if (g->result.answer == RATES_GRANTED)
			hold(&run->v[i]);
	}
}

/* ---- What it comes to ---- */

/* A message is held for all of its recipients: those before this one learn of it, too. */
static void hold_message(const struct check_call *c, const struct rate *r)
{
	for (struct rcpt *o = c->txn->rcpts; o != NULL; o = o->next) {
		enum fact_state state = o->facts.v[FACT_RATE].state;

		if (o == c->rcpt || state == FACT_UNKNOWN)
			continue;
		if (state == FACT_UNAVAILABLE) /* that one could not be asked about; now it is known */
			fact_set_absent(&o->facts.v[FACT_RATE]);
		rates_grant_add_name(c, &o->facts.v[FACT_RATE], r);
	}
}

/* The fact, from the answers.  True when a rate refuses. */
static bool conclude(struct check_call *c, const struct rates_run *run)
{
	const struct rates_set *s = c->state;
	const char *failed = NULL;
	bool refused = false;

	for (unsigned i = 0; i < run->n; i++) {
		const struct rates_grant *g = run->v[i].grant;

		if (g->answered && g->result.answer == RATES_FAILED)
			failed = g->result.why;
		if (!refuses(g))
			continue;
		refused = true;
		rates_grant_add_name(c, &c->facts->v[FACT_RATE], g->rate);
		if (g->result.answer == RATES_HELD)
			hold_message(c, g->rate);
	}
	if (!refused && failed != NULL)
		fact_set_unavailable(&c->facts->v[FACT_RATE], s->on_error, failed);
	return refused;
}

static void rates_submit(struct check_call *c)
{
	struct rates_run *run;

	if (*c->slot != NULL)
		return;
	*c->slot = run = make_run(c);
	if (run == NULL || run->n == 0 || refused_before(run))
		return;
	send(c, run, RATES_TAKE);
	run->sent = true;
}

static bool rates_poll(struct check_call *c)
{
	const struct rates_run *run = *c->slot;

	if (run == NULL)
		return false;
	for (unsigned i = 0; run->sent && i < run->n; i++)
		if (rates_grant_is_open(run->v[i].grant))
			return false;
	return true;
}

static void rates_ask(struct check_call *c)
{
	const struct rates_set *s = c->state;
	struct rates_run *run;

	rates_submit(c);
	run = *c->slot;
	if (run == NULL) {
		fact_set_unavailable(&c->facts->v[FACT_RATE], s->on_error, "out of memory");
		return;
	}
	if (run->asked)
		return;
	run->asked = true;
	fact_set_absent(&c->facts->v[FACT_RATE]);
	if (run->sent)
		collect(c, run, RATES_TAKE);
	run->sent = false;
	if (!conclude(c, run))
		return;
	for (unsigned i = 0; i < run->n; i++)
		let_go(c, &run->v[i]);
}

static void rates_cancel(struct check_call *c)
{
	struct rates_run *run = *c->slot;

	if (run == NULL)
		return;
	if (run->sent) /* never asked for: what was taken by now has to be known, to be given back */
		collect(c, run, RATES_TAKE);
	run->sent = false;
	for (unsigned i = 0; i < run->n; i++)
		let_go(c, &run->v[i]);
	*c->slot = NULL;
}

static void rates_peek(struct check_call *c)
{
	const struct rates_set *s = c->state;
	struct rates_run *run = make_run(c);

	fact_set_absent(&c->facts->v[FACT_RATE]);
	if (run == NULL) {
		fact_set_unavailable(&c->facts->v[FACT_RATE], s->on_error, "out of memory");
		return;
	}
	send(c, run, RATES_PEEK);
	collect(c, run, RATES_PEEK);
	(void)conclude(c, run);
}

const struct check rates_check = {
	.name = "rates",
	.section = "limits",
	.settings = &limits_settings_table,
	.kind = CHECK_EFFECT,
	.scope = SCOPE_RECIPIENT,
	.stage = STAGE_RCPT,
	.provides = FACT_BIT(FACT_RATE),
	.inputs = FACT_BIT(FACT_CLIENT_IP) | FACT_BIT(FACT_AUTH_USER) | FACT_BIT(FACT_SENDER) |
		  FACT_BIT(FACT_SENDER_DOMAIN) | FACT_BIT(FACT_RECIPIENT) | FACT_BIT(FACT_RECIPIENT_DOMAIN),
	.prepare = rates_prepare,
	.release = rates_set_release,
	.rules = rates_rules,
	.submit = rates_submit,
	.poll = rates_poll,
	.ask = rates_ask,
	.cancel = rates_cancel,
	.peek = rates_peek,
	.tick = rates_set_tick,
	.status = rates_set_status,
};
