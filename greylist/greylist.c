#include "greylist/greylist.h"

#include <string.h>

#include "greylist/key.h"
#include "greylist/script.h"
#include "net/redis.h"

enum {
	GREY_INHERIT = 100,      /* beside the values of enum on_error */
	GREY_ANSWER = 3,         /* what the script answers */
	GREY_RENEW_PART = 16,    /* a pass is renewed when this part of its time is over ... */
	GREY_RENEW_MS = 3600000, /* ... or an hour, whichever is shorter */
	MS_PER_S = 1000
};

const struct name_value grey_on_error[] = {
	{ "inherit", GREY_INHERIT },
	{ "ignore", ON_ERROR_IGNORE },
	{ "defer", ON_ERROR_DEFER },
	{ NULL, 0 },
};

static int verify(void *settings, const struct conf_node *group, struct error_list *errors);

#define CONF_SELF struct grey_settings
CONF_TABLE(grey_settings, GREYLIST_SETTINGS, verify);
#undef CONF_SELF

struct grey_state {
	struct redis_script script;
	struct grey_masks masks;
	struct grey_times times;
	const char *prefix;
	enum on_error on_error;
	bool shadow;
};

/* One recipient's question. */
struct grey_run {
	const char *key; /* NULL: there was nothing to ask about */
	struct net_op *op;
	bool sent; /* and not collected yet */
	bool asked;
	bool renew; /* the pass is used up far enough to be renewed when the mail is accepted */
};

/* ---- Loading ---- */

static int verify(void *settings, const struct conf_node *group, struct error_list *errors)
{
	const struct grey_settings *set = settings;
	const char *file = group != NULL ? group->file : NULL;
	int line = group != NULL ? group->line : 0;
	int result = 0;

	if (set->retry_window <= set->delay) {
		error_add(errors, file, line,
			  "greylist.retry_window must be longer than greylist.delay, or nothing ever passes");
		result = -1;
	}
	if (set->pass_for <= 0) {
		error_add(errors, file, line, "greylist.pass_for must be longer than 0, such as \"14d\"");
		result = -1;
	}
	return result;
}

static int grey_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct grey_settings *set = settings;
	struct grey_state *s;

	*state = NULL;
	if (!set->where.present || !set->enabled)
		return 0;
	s = arena_alloc(env->arena, sizeof *s);
	if (s == NULL) {
		error_add(errors, set->where.file, set->where.line, "out of memory");
		return -1;
	}
	redis_script_init(&s->script, grey_script);
	s->masks = (struct grey_masks){ (unsigned)set->ipv4_mask, (unsigned)set->ipv6_mask };
	s->times = (struct grey_times){ set->delay, set->retry_window, set->pass_for };
	s->prefix = env->redis_prefix;
	s->on_error = set->on_error == GREY_INHERIT ? env->redis_on_error : (enum on_error)set->on_error;
	s->shadow = set->shadow;
	*state = s;
	return 0;
}

/* The null sender waits until DATA: some sites ask with it whether an address exists, and go away before that. */
static void grey_rules(const void *state, struct sbuf *out)
{
	static const char defer[] =
		"then = { defer = \"451 4.7.1 greylisted, try again in %{greylist_wait} seconds\"; }; }";
	const struct grey_state *s = state;
	const char *shadow = s->shadow ? " shadow = true;" : "";

	sbuf_addf(out,
		  "rules = (\n"
		  "  { name = \"greylist: triplet\"; refuse_at = \"rcpt\";%s\n"
		  "    when = ( { fact = \"sender\"; is_not = \"\"; }, { fact = \"greylist\"; is = \"defer\"; } );\n"
		  "    %s,\n",
		  shadow, defer);
	sbuf_addf(out,
		  "  { name = \"greylist: triplet of a bounce\"; refuse_at = \"data\";%s\n"
		  "    when = ( { fact = \"sender\"; is = \"\"; }, { fact = \"greylist\"; is = \"defer\"; } );\n"
		  "    %s\n);\n",
		  shadow, defer);
}

/* ---- Asking ---- */

static bool needs_renewal(const struct grey_times *t, int64_t left_ms)
{
	int64_t slack = t->pass_ms / GREY_RENEW_PART;

	if (slack > GREY_RENEW_MS)
		slack = GREY_RENEW_MS;
	return left_ms <= t->pass_ms - slack;
}

static void set_unavailable(struct check_call *c, const char *why)
{
	const struct grey_state *s = c->state;

	fact_set_unavailable(&c->facts->v[FACT_GREYLIST], s->on_error, why);
}

static bool is_answer(const struct redis_value *v)
{
	if (v->kind != REDIS_ARRAY || v->n != GREY_ANSWER)
		return false;
	for (unsigned i = 0; i < GREY_ANSWER; i++)
		if (v->v[i].kind != REDIS_INT)
			return false;
	return v->v[0].num >= GREY_DEFER && v->v[0].num <= GREY_KNOWN;
}

static void set_facts(struct check_call *c, const struct redis_value *v, struct grey_run *run)
{
	const struct grey_state *s = c->state;
	struct fact_value *f = &c->facts->v[FACT_GREYLIST];

	if (v->kind == REDIS_UNAVAILABLE) {
		set_unavailable(c, v->str != NULL ? arena_strdup(c->arena, v->str) : "Redis does not answer");
		return;
	}
	if (!is_answer(v)) {
		set_unavailable(c, v->kind == REDIS_ERROR ? arena_printf(c->arena, "Redis answers: %.200s", v->str)
							  : "Redis answers with something else");
		return;
	}
	switch ((enum grey_decision)v->v[0].num) {
	case GREY_DEFER:
		fact_set_word(f, "defer");
		fact_set_num(&c->facts->v[FACT_GREYLIST_WAIT], (v->v[1].num + MS_PER_S - 1) / MS_PER_S);
		break;
	case GREY_PASS:
		fact_set_word(f, "pass");
		break;
	case GREY_KNOWN:
		fact_set_word(f, "known");
		run->renew = needs_renewal(&s->times, v->v[2].num);
		break;
	}
}

/* Sends the question; mail that came by no network has none. */
static void send(struct check_call *c, struct grey_run *run, const char *verb)
{
	const struct grey_state *s = c->state;
	struct grey_triplet t;

	if (c->conn->ip.family == IP_NONE || !grey_triplet_of(c, &s->masks, &t))
		return;
	run->key = grey_key(c->arena, s->prefix, &t);
	if (run->key == NULL)
		return;
	run->sent = true;
	run->op = grey_script_ask(c->wait, &s->script, run->key, verb, &s->times);
}

static void collect(struct check_call *c, struct grey_run *run)
{
	fact_set_absent(&c->facts->v[FACT_GREYLIST]);
	fact_set_absent(&c->facts->v[FACT_GREYLIST_WAIT]);
	if (c->conn->ip.family != IP_NONE && !run->sent)
		set_unavailable(c, "out of memory");
	if (!run->sent)
		return;
	run->sent = false;
	(void)net_await(c->wait, &run->op, 1, c->deadline_ms);
	set_facts(c, redis_result(run->op), run);
	net_op_free(&run->op);
}

static void grey_submit(struct check_call *c)
{
	struct grey_run *run;

	if (*c->slot != NULL)
		return; /* asked before: one attempt per transaction and recipient */
	*c->slot = run = arena_alloc(c->arena, sizeof *run);
	if (run != NULL)
		send(c, run, "ask");
}

static void grey_ask(struct check_call *c)
{
	struct grey_run none = { .asked = false }, *run;

	grey_submit(c);
	run = *c->slot != NULL ? *c->slot : &none;
	if (run->asked)
		return;
	run->asked = true;
	collect(c, run);
}

/* The attempt stays on record: the sender did try. */
static void grey_cancel(struct check_call *c)
{
	struct grey_run *run = *c->slot;

	if (run == NULL)
		return;
	net_op_free(&run->op);
	run->sent = false;
}

static void grey_commit(struct check_call *c)
{
	const struct grey_state *s = c->state;
	struct grey_run *run = *c->slot;

	if (run == NULL || run->key == NULL || !run->renew)
		return;
	run->renew = false;
	grey_script_tell(c->wait, &s->script, run->key, "renew", &s->times);
}

static void grey_peek(struct check_call *c)
{
	struct grey_run run = { 0 };

	send(c, &run, "peek");
	collect(c, &run);
}

const struct check greylist_check = {
	.name = "greylist",
	.section = "greylist",
	.settings = &grey_settings_table,
	.kind = CHECK_EFFECT,
	.scope = SCOPE_RECIPIENT,
	.stage = STAGE_RCPT,
	.provides = FACT_BIT(FACT_GREYLIST) | FACT_BIT(FACT_GREYLIST_WAIT),
	.inputs = FACT_BIT(FACT_CLIENT_IP) | FACT_BIT(FACT_SENDER) | FACT_BIT(FACT_RECIPIENT),
	.prepare = grey_prepare,
	.rules = grey_rules,
	.submit = grey_submit,
	.ask = grey_ask,
	.commit = grey_commit,
	.cancel = grey_cancel,
	.peek = grey_peek,
};
