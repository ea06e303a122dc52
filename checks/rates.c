/*
 * The rates of a recipient's mail, all asked in one round trip, each in a script call of its own: their keys have
 * different hash tags, so that they may live on different nodes of a cluster.  Since they cannot be taken together,
 * a refusal gives back what the other rates granted.
 *
 * A message is taken from a rate once per transaction and key, and held by the recipients for which it was taken; the
 * last of them to be cancelled gives it back.  When Redis does not answer in time, what it took nevertheless stays taken:
 * nothing is replayed, and it is worked off in time.
 */
#include "checks/rates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "checks/common.h"
#include "checks/rates_def.h"
#include "net/redis.h"
#include "util/bytes.h"

enum { NUMBER_SIZE = 24 };

struct rates_state {
	struct rate *v;
	unsigned n;
	struct redis_script script;
	const char *prefix;
	enum on_error on_error;
	bool shadow;
};

/* A message taken from a rate: in the transaction's slot. */
struct rates_message {
	struct rates_message *next;
	const struct rate *rate;
	const char *key;
	unsigned holders; /* recipients */
	bool used_up;     /* the rate refused: the answer for the rest of the transaction */
};

/* One rate for one recipient: in the recipient's slot. */
struct rates_part {
	const struct rate *rate;
	const char *key; /* NULL: the rate does not apply */
	struct rates_message *message;
	struct net_op *op; /* while asking */
	bool taken;        /* by this recipient, or for it */
};
struct rates_run {
	unsigned n;
	bool sent; /* and not collected yet */
	bool asked;
	struct rates_part v[];
};

/* ---- Loading ---- */

static bool name_is_taken(const struct rates_state *s, const char *name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (ascii_equal(s->v[i].name, name))
			return true;
	return false;
}

static int rates_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct limits_settings *set = settings;
	const struct rate_settings *v = set->rates.v;
	unsigned before = errors->errors;
	struct rates_state *s;

	*state = NULL;
	if (set->rates.n == 0)
		return 0;
	s = arena_alloc(env->arena, sizeof *s);
	if (s == NULL || (s->v = arena_calloc(env->arena, set->rates.n, sizeof *s->v)) == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	redis_script_init(&s->script, rates_script);
	s->prefix = env->redis_prefix;
	s->on_error = checks_on_error_of(set->on_error, env->redis_on_error);
	s->shadow = set->shadow;
	for (unsigned i = 0; i < set->rates.n; i++) {
		struct rate *r = &s->v[s->n];

		if (rates_read(r, &v[i], env->arena, errors) != 0)
			continue;
		if (name_is_taken(s, r->name))
			error_add(errors, v[i].where.file, v[i].where.line,
				  "there is a rate \"%s\" already; give this one another name", r->name);
		else
			s->n++;
	}
	if (errors->errors != before)
		return -1;
	*state = s;
	return 0;
}

static void rates_rules(const void *state, struct sbuf *out)
{
	const struct rates_state *s = state;
	struct checks_rules r;
	char quoted[1024];
	struct sbuf name;

	checks_rules_begin(&r, out);
	for (unsigned i = 0; i < s->n; i++) {
		sbuf_fixed(&name, quoted, sizeof quoted);
		checks_quote(&name, s->v[i].name);
		checks_rules_add(&r, s->shadow, s->v[i].name, "rcpt",
				 "when = ( { fact = \"rate\"; is = %s; } );\n"
				 "    then = { %s; };",
				 quoted,
				 s->v[i].action == LIMITS_REJECT
					 ? "reject = \"550 5.7.1 too much mail in a short time\""
					 : "defer = \"450 4.7.1 too much mail in a short time, try again later\"");
	}
	checks_rules_end(&r);
}

/* ---- Redis ---- */

/* The words of a script call; the numbers live in the caller's buffers. */
static void script_words(const struct rate *r, const char *key, const char *verb, char interval[NUMBER_SIZE],
			 char burst[NUMBER_SIZE], struct redis_word words[4])
{
	snprintf(interval, NUMBER_SIZE, "%" PRId64, r->interval_us);
	snprintf(burst, NUMBER_SIZE, "%" PRId64, r->burst);
	words[0] = (struct redis_word){ key, strlen(key) };
	words[1] = (struct redis_word){ interval, strlen(interval) };
	words[2] = (struct redis_word){ burst, strlen(burst) };
	words[3] = (struct redis_word){ verb, strlen(verb) };
}

static struct net_op *ask_rate(const struct check_call *c, const struct rate *r, const char *key, const char *verb)
{
	const struct rates_state *s = c->state;
	char interval[NUMBER_SIZE], burst[NUMBER_SIZE];
	struct redis_word words[4];

	script_words(r, key, verb, interval, burst, words);
	return redis_eval(c->wait, &s->script, 1, words, 4);
}

static void give_back(const struct check_call *c, const struct rate *r, const char *key)
{
	const struct rates_state *s = c->state;
	char interval[NUMBER_SIZE], burst[NUMBER_SIZE];
	struct redis_word words[4];

	script_words(r, key, "give", interval, burst, words);
	redis_tell_eval(c->wait, &s->script, 1, words, 4);
}

/* ---- Messages of a transaction ---- */

static struct rates_message *find_message(const struct check_call *c, const struct rate *r, const char *key)
{
	struct rates_message *m = *c->txn_slot;

	while (m != NULL && (m->rate != r || strcmp(m->key, key) != 0))
		m = m->next;
	return m;
}

static struct rates_message *add_message(const struct check_call *c, const struct rate *r, const char *key)
{
	struct rates_message *m = arena_alloc(c->arena, sizeof *m);

	if (m == NULL)
		return NULL;
	*m = (struct rates_message){ .next = *c->txn_slot, .rate = r, .key = key };
	*c->txn_slot = m;
	return m;
}

static void forget_message(const struct check_call *c, const struct rates_message *gone)
{
	struct rates_message *m = *c->txn_slot;

	if (m == gone) {
		*c->txn_slot = m->next;
		return;
	}
	while (m->next != gone)
		m = m->next;
	m->next = gone->next;
}

/* ---- Taking and giving back ---- */

/* The part is this recipient's from now on. */
static void hold(const struct check_call *c, struct rates_part *p)
{
	p->taken = true;
	if (!p->rate->per_message)
		return;
	if (p->message == NULL)
		p->message = add_message(c, p->rate, p->key);
	if (p->message != NULL)
		p->message->holders++;
}

static void let_go(const struct check_call *c, struct rates_part *p)
{
	if (!p->taken)
		return;
	p->taken = false;
	if (p->message != NULL) {
		if (--p->message->holders > 0)
			return;
		forget_message(c, p->message);
		p->message = NULL;
	}
	give_back(c, p->rate, p->key);
}

/* The parts that apply, with what the transaction knows of them.  NULL when out of memory. */
static struct rates_run *make_run(const struct check_call *c)
{
	const struct rates_state *s = c->state;
	struct rates_run *run = arena_alloc(c->arena, sizeof *run + s->n * sizeof run->v[0]);

	if (run == NULL)
		return NULL;
	for (unsigned i = 0; i < s->n; i++) {
		struct rates_part *p = &run->v[run->n];

		p->rate = &s->v[i];
		p->key = rates_key(p->rate, s->prefix, c);
		if (p->key == NULL)
			continue;
		if (p->rate->per_message)
			p->message = find_message(c, p->rate, p->key);
		run->n++;
	}
	return run;
}

static void add_used_up(struct check_call *c, const struct rate *r)
{
	fact_add_text(&c->facts->v[FACT_RATE], c->arena, r->name, strlen(r->name));
}

/* Whether the transaction has been refused by a rate already. */
static bool refused_before(const struct rates_run *run)
{
	for (unsigned i = 0; i < run->n; i++)
		if (run->v[i].message != NULL && run->v[i].message->used_up)
			return true;
	return false;
}

static void name_refusals(struct check_call *c, const struct rates_run *run)
{
	for (unsigned i = 0; i < run->n; i++)
		if (run->v[i].message != NULL && run->v[i].message->used_up)
			add_used_up(c, run->v[i].rate);
}

/* Asks all parts that are not held yet. */
static void send(const struct check_call *c, struct rates_run *run, const char *verb)
{
	for (unsigned i = 0; i < run->n; i++)
		if (run->v[i].message == NULL)
			run->v[i].op = ask_rate(c, run->v[i].rate, run->v[i].key, verb);
}

static void await(struct check_call *c, const struct rates_run *run)
{
	struct net_op **ops = arena_calloc(c->arena, run->n, sizeof(struct net_op *));

	for (unsigned i = 0; ops != NULL && i < run->n; i++)
		ops[i] = run->v[i].op;
	if (ops != NULL)
		(void)net_await(c->wait, ops, run->n, c->deadline_ms);
}

struct rates_result {
	bool refused;
	const char *failed; /* why a rate could not be asked, or NULL */
};

/* Why a rate could not be asked. */
static const char *failure(struct arena *a, const struct redis_value *v)
{
	if (v->kind == REDIS_UNAVAILABLE && v->str != NULL)
		return arena_strdup(a, v->str);
	return v->kind == REDIS_ERROR ? arena_printf(a, "Redis answers: %.200s", v->str)
				      : "Redis answers with something else";
}

/* Reads the answers; rates that refuse are named in the fact. */
static struct rates_result collect(struct check_call *c, struct rates_run *run, bool taking)
{
	struct rates_result result = { false, NULL };

	for (unsigned i = 0; i < run->n; i++) {
		struct rates_part *p = &run->v[i];
		const struct redis_value *v = redis_result(p->op);

		if (p->message != NULL) {
			if (taking)
				hold(c, p);
		} else if (v->kind != REDIS_INT) {
			result.failed = failure(c->arena, v);
		} else if (v->num <= 0) {
			if (taking)
				hold(c, p);
		} else {
			result.refused = true;
			add_used_up(c, p->rate);
			if (taking && p->rate->per_message && (p->message = add_message(c, p->rate, p->key)) != NULL)
				p->message->used_up = true;
		}
		net_op_free(&p->op);
	}
	return result;
}

static void conclude(struct check_call *c, const struct rates_result *result)
{
	const struct rates_state *s = c->state;

	if (!result->refused && result->failed != NULL)
		fact_set_unavailable(&c->facts->v[FACT_RATE], s->on_error, result->failed);
}

static void rates_submit(struct check_call *c)
{
	struct rates_run *run;

	if (*c->slot != NULL)
		return;
	*c->slot = run = make_run(c);
	if (run == NULL || run->n == 0 || refused_before(run))
		return;
	send(c, run, "take");
	run->sent = true;
}

static void rates_ask(struct check_call *c)
{
	const struct rates_state *s = c->state;
	struct rates_result result;
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
	if (!run->sent) {
		name_refusals(c, run);
		return;
	}
	run->sent = false;
	await(c, run);
	result = collect(c, run, true);
	for (unsigned i = 0; result.refused && i < run->n; i++)
		let_go(c, &run->v[i]);
	conclude(c, &result);
}

static void rates_cancel(struct check_call *c)
{
	struct rates_run *run = *c->slot;

	if (run == NULL)
		return;
	if (run->sent) { /* never asked for: what was taken by now has to be known, to be given back */
		await(c, run);
		(void)collect(c, run, true);
		run->sent = false;
	}
	for (unsigned i = 0; i < run->n; i++)
		let_go(c, &run->v[i]);
	*c->slot = NULL;
}

static void rates_peek(struct check_call *c)
{
	const struct rates_state *s = c->state;
	struct rates_run *run = make_run(c);
	struct rates_result result;

	fact_set_absent(&c->facts->v[FACT_RATE]);
	if (run == NULL) {
		fact_set_unavailable(&c->facts->v[FACT_RATE], s->on_error, "out of memory");
		return;
	}
	send(c, run, "peek");
	await(c, run);
	result = collect(c, run, false);
	conclude(c, &result);
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
	.rules = rates_rules,
	.submit = rates_submit,
	.ask = rates_ask,
	.cancel = rates_cancel,
	.peek = rates_peek,
};
