#include "greylist/greylist.h"

#include <string.h>

#include "greylist/ask.h"

enum { GREY_INHERIT = 100 }; /* beside the values of enum on_error */

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

/* ---- Loading ---- */

/* A delay for clients of a kind: one that was asked for must leave half of the window for the retry. */
static int verify_delay(const struct conf_node *group, const char *name, int64_t delay_ms, int64_t window_ms,
			struct error_list *errors)
{
	const struct conf_node *node = conf_child(group, name);

	if (node == NULL || delay_ms <= window_ms / 2)
		return 0;
	error_add(errors, node->file, node->line, "greylist.%s must not be longer than half of greylist.retry_window",
		  name);
	return -1;
}

static int verify(void *settings, const struct conf_node *group, struct error_list *errors)
{
	const struct grey_settings *set = settings;
	int result = 0;

	if (set->retry_window <= set->delay) {
		error_add(errors, group->file, group->line,
			  "greylist.retry_window must be longer than greylist.delay, or nothing ever passes");
		result = -1;
	}
	if (set->pass_for <= 0) {
		error_add(errors, group->file, group->line, "greylist.pass_for must be longer than 0, such as \"14d\"");
		result = -1;
	}
	if (set->known_after > 0 && set->known_for <= 0) {
		error_add(errors, group->file, group->line,
			  "greylist.known_for must be longer than 0; known_after = 0 switches known clients off");
		result = -1;
	}
	if (verify_delay(group, "delay_no_fcrdns", set->delay_no_fcrdns, set->retry_window, errors) != 0 ||
	    verify_delay(group, "delay_listed", set->delay_listed, set->retry_window, errors) != 0)
		result = -1;
	return result;
}

/* A default that does not fit a short window gives way. */
static int64_t at_most(int64_t delay_ms, int64_t limit_ms)
{
	return delay_ms < limit_ms ? delay_ms : limit_ms;
}

static void make_terms(const struct grey_settings *set, int64_t delay_ms, struct grey_terms *out)
{
	grey_terms_make(out, &(struct grey_times){ .delay_ms = delay_ms,
						   .window_ms = set->retry_window,
						   .pass_ms = set->pass_for,
						   .known_after = set->known_after,
						   .known_for_ms = set->known_for });
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
	make_terms(set, set->delay, &s->plain);
	make_terms(set, at_most(set->delay_no_fcrdns, set->retry_window / 2), &s->no_name);
	make_terms(set, at_most(set->delay_listed, set->retry_window / 2), &s->listed);
	s->prefix = env->redis_prefix;
	s->on_error = set->on_error == GREY_INHERIT ? env->redis_on_error : (enum on_error)set->on_error;
	s->correspondents = set->met_for > 0;
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

static void grey_submit(struct check_call *c)
{
	struct grey_run *run;

	if (*c->slot != NULL)
		return; /* asked before: one attempt per transaction and recipient */
	*c->slot = run = arena_alloc(c->arena, sizeof *run);
	if (run != NULL)
		grey_send(c, run, "ask");
}

static bool grey_poll(struct check_call *c)
{
	struct grey_run *run = *c->slot;

	return run != NULL && grey_go_on(c, run);
}

static void grey_ask(struct check_call *c)
{
	struct grey_run none = { .asked = false }, *run;

	grey_submit(c);
	run = *c->slot != NULL ? *c->slot : &none;
	if (run->asked)
		return;
	run->asked = true;
	grey_collect(c, run);
}

/* The attempt stays on record: the sender did try. */
static void grey_cancel(struct check_call *c)
{
	struct grey_run *run = *c->slot;

	if (run != NULL)
		grey_drop(run);
}

static void grey_commit(struct check_call *c)
{
	const struct grey_state *s = c->state;
	struct grey_run *run = *c->slot;

	if (run == NULL || !run->renew)
		return;
	run->renew = false;
	grey_script_tell(c->wait, &s->script, "renew", &run->question);
}

static void grey_peek(struct check_call *c)
{
	struct grey_run run = { 0 };

	grey_send(c, &run, "peek");
	grey_collect(c, &run);
}

const struct check greylist_check = {
	.name = "greylist",
	.section = "greylist",
	.settings = &grey_settings_table,
	.kind = CHECK_EFFECT,
	.scope = SCOPE_RECIPIENT,
	.stage = STAGE_RCPT,
	.provides = FACT_BIT(FACT_GREYLIST) | FACT_BIT(FACT_GREYLIST_WAIT) | FACT_BIT(FACT_GREYLIST_IDENTITY) |
		    FACT_BIT(FACT_GREYLIST_SENDER) | FACT_BIT(FACT_GREYLIST_WHY) | FACT_BIT(FACT_GREYLIST_WAITED),
	.inputs = FACT_BIT(FACT_CLIENT_IP) | FACT_BIT(FACT_CLIENT_NAME) | FACT_BIT(FACT_FCRDNS) |
		  FACT_BIT(FACT_DNSBL_SCORE) | FACT_BIT(FACT_SENDER) | FACT_BIT(FACT_SENDER_DOMAIN) |
		  FACT_BIT(FACT_SPF) | FACT_BIT(FACT_SPF_DOMAIN) | FACT_BIT(FACT_SPF_MECHANISM) |
		  FACT_BIT(FACT_RECIPIENT),
	.prepare = grey_prepare,
	.rules = grey_rules,
	.submit = grey_submit,
	.poll = grey_poll,
	.ask = grey_ask,
	.commit = grey_commit,
	.cancel = grey_cancel,
	.peek = grey_peek,
};
