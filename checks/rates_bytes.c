/*
 * The rates over bytes, asked at the end of the message with its real size; what it claimed at MAIL is not counted.
 * All rates and keys share one round trip; a refusal by any gives all of it back.
 */
#include <string.h>

#include "checks/rates.h"
#include "checks/rates_grant.h"
#include "checks/rates_set.h"
#include "util/strmap.h"

/* In the transaction's slot. */
struct volume_run {
	unsigned n, room;
	bool sent; /* and not collected yet */
	bool asked, taken;
	struct net_op **ops;
	struct rates_grant **v; /* one for each rate and distinct key */
};

static int volume_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	return rates_set_prepare(env, settings, true, state, errors);
}

static void volume_rules(const void *state, struct sbuf *out)
{
	rates_set_rules(state, "volume", NULL, out);
}

/* ---- What is asked ---- */

static void add_grant(const struct check_call *c, struct volume_run *run, const struct rate *r,
		      const struct rates_key *key)
{
	struct rates_grant *g = run->n < run->room ? arena_alloc(c->arena, sizeof *g) : NULL;

	if (g == NULL)
		return;
	*g = (struct rates_grant){ .rate = r, .key = *key, .units = c->txn->facts.v[FACT_SIZE].num };
	run->v[run->n++] = g;
}

/* Recipients of one domain share a key; a message to thousands must not be compared thousands of times with each. */
static int add_by_recipient(const struct check_call *c, struct volume_run *run, const struct rate *r)
{
	const struct rates_set *s = c->state;
	struct strmap *seen = strmap_new();
	struct rates_key key;
	int result = seen != NULL ? 0 : -1;

	for (const struct rcpt *o = c->txn->rcpts; result == 0 && o != NULL; o = o->next) {
		bool known;

		if (!o->accepted || !rates_key_make(r, s->prefix, c, o, &key))
			continue;
		(void)strmap_get(seen, key.base, strlen(key.base), &known);
		if (known)
			continue;
		result = strmap_set(seen, key.base, strlen(key.base), NULL);
		add_grant(c, run, r, &key);
	}
	strmap_free(&seen);
	return result;
}

/* NULL when out of memory. */
static struct volume_run *make_run(const struct check_call *c)
{
	const struct rates_set *s = c->state;
	struct volume_run *run = arena_alloc(c->arena, sizeof *run);
	unsigned recipients = c->txn->n_rcpts > 0 ? c->txn->n_rcpts : 1;
	struct rates_key key;

	if (run == NULL)
		return NULL;
	for (unsigned i = 0; i < s->n; i++)
		run->room += rates_key_has_recipient(s->v[i]) ? recipients : 1;
	run->ops = arena_calloc(c->arena, run->room, sizeof(struct net_op *));
	run->v = arena_calloc(c->arena, run->room, sizeof(struct rates_grant *));
	if (c->txn->facts.v[FACT_SIZE].state != FACT_KNOWN)
		return run; /* nobody told: nothing to count */
	for (unsigned i = 0; run->v != NULL && i < s->n; i++) {
		if (!rates_key_has_recipient(s->v[i])) {
			if (rates_key_make(s->v[i], s->prefix, c, NULL, &key))
				add_grant(c, run, s->v[i], &key);
		} else if (add_by_recipient(c, run, s->v[i]) != 0) {
			arena_fail(c->arena);
		}
	}
	return arena_failed(c->arena) ? NULL : run;
}

static void send(const struct check_call *c, const struct volume_run *run, enum rates_verb verb)
{
	for (unsigned i = 0; i < run->n; i++)
		rates_grant_send(c, run->v[i], verb);
}

/* ---- What it comes to ---- */

static void give_all(const struct check_call *c, struct volume_run *run)
{
	for (unsigned i = 0; run->taken && i < run->n; i++)
		if (run->v[i]->result.answer == RATES_GRANTED)
			rates_grant_give(c, run->v[i]);
	run->taken = false;
}

/* The fact, from the answers.  True when a rate refuses. */
static bool conclude(struct check_call *c, const struct volume_run *run)
{
	const struct rates_set *s = c->state;
	const char *failed = NULL;
	bool refused = false;

	for (unsigned i = 0; i < run->n; i++) {
		const struct rates_grant *g = run->v[i];

		if (g->result.answer == RATES_FAILED)
			failed = g->result.why;
		if (g->result.answer != RATES_USED_UP && g->result.answer != RATES_HELD)
			continue;
		refused = true;
		rates_grant_add_name(c, &c->facts->v[FACT_VOLUME], g->rate);
	}
	if (!refused && failed != NULL)
		fact_set_unavailable(&c->facts->v[FACT_VOLUME], s->on_error, failed);
	return refused;
}

static void collect(struct check_call *c, struct volume_run *run)
{
	if (!run->sent)
		return;
	rates_grant_collect(c, run->v, run->n, run->ops, RATES_TAKE);
	run->taken = true;
	run->sent = false;
}

static void volume_submit(struct check_call *c)
{
	struct volume_run *run;

	if (*c->slot != NULL)
		return;
	*c->slot = run = make_run(c);
	if (run == NULL)
		return;
	send(c, run, RATES_TAKE);
	run->sent = true;
}

static void volume_ask(struct check_call *c)
{
	const struct rates_set *s = c->state;
	struct volume_run *run;

	volume_submit(c);
	run = *c->slot;
	if (run == NULL) {
		fact_set_unavailable(&c->facts->v[FACT_VOLUME], s->on_error, "out of memory");
		return;
	}
	if (run->asked)
		return;
	run->asked = true;
	fact_set_absent(&c->facts->v[FACT_VOLUME]);
	collect(c, run);
	if (conclude(c, run))
		give_all(c, run);
}

static void volume_cancel(struct check_call *c)
{
	struct volume_run *run = *c->slot;

	if (run == NULL)
		return;
	collect(c, run);
	give_all(c, run);
	*c->slot = NULL;
}

static void volume_peek(struct check_call *c)
{
	const struct rates_set *s = c->state;
	struct volume_run *run = make_run(c);

	fact_set_absent(&c->facts->v[FACT_VOLUME]);
	if (run == NULL) {
		fact_set_unavailable(&c->facts->v[FACT_VOLUME], s->on_error, "out of memory");
		return;
	}
	send(c, run, RATES_PEEK);
	rates_grant_collect(c, run->v, run->n, run->ops, RATES_PEEK);
	(void)conclude(c, run);
}

const struct check volume_check = {
	.name = "volume",
	.section = "limits",
	.settings = &limits_settings_table,
	.kind = CHECK_EFFECT,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_END,
	.provides = FACT_BIT(FACT_VOLUME),
	/* The size, so that the MTA sends the body. */
	.inputs = FACT_BIT(FACT_CLIENT_IP) | FACT_BIT(FACT_AUTH_USER) | FACT_BIT(FACT_SENDER) |
		  FACT_BIT(FACT_SENDER_DOMAIN) | FACT_BIT(FACT_SIZE),
	.prepare = volume_prepare,
	.release = rates_set_release,
	.rules = volume_rules,
	.submit = volume_submit,
	.ask = volume_ask,
	.cancel = volume_cancel,
	.peek = volume_peek,
	.tick = rates_set_tick,
	.status = rates_set_status,
};
