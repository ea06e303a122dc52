/*
 * The domain's own record is asked for as soon as the sender is known; the rest when somebody wants the result, one
 * question after the other, as the records lead, but for hints and what was asked before.
 */
#include "checks/spf.h"

#include <string.h>

#include "checks/common.h"
#include "checks/dmarc_domain.h"
#include "checks/spf_eval.h"
#include "checks/spf_libspf2.h"
#include "mail/addr.h"
#include "net/dns.h"
#include "util/bytes.h"

enum { FIRST_NON_ASCII = 0x80 };

enum spf_engine { ENGINE_OWN, ENGINE_LIBSPF2 };

static const struct name_value spf_engines[] = {
	{ "own", ENGINE_OWN },
	{ "libspf2", ENGINE_LIBSPF2 },
	{ NULL, 0 },
};

#define CONF_SELF struct spf_settings
CONF_TABLE(spf_settings, SPF_SETTINGS, NULL);
#undef CONF_SELF

struct spf_state {
	struct spf_settings set;
	enum on_error on_error;
	bool rules;      /* the section is in force, and not only asked by others */
	bool with_dmarc; /* DMARC's pass outweighs a refusal */
};

/* A question of this transaction; each is put once. */
struct question {
	struct question *next;
	const char *name;
	enum dns_type type;
	struct net_op *op;
};

/* One transaction. */
struct spf_run {
	struct check_call *call; /* while the check is being driven */
	struct question *questions;
	const char *domain, *sender; /* sender "" when it is null */
	bool missing;                /* an answer was, when it was evaluated last */
	bool done;
	struct spf_answer answer;
};

/* ---- Settings ---- */

static bool dmarc_enabled(const struct conf_node *root)
{
	const struct conf_node *dmarc = root != NULL ? conf_child(root, "dmarc") : NULL;
	const struct conf_node *enabled = dmarc != NULL ? conf_child(dmarc, "enabled") : NULL;

	return dmarc != NULL && (enabled == NULL || (enabled->type == CONF_BOOL && enabled->flag));
}

/* There without a section, too, since greylisting and rules may ask; not when it is switched off, but for DMARC. */
static int spf_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct spf_settings *set = settings;
	struct spf_state *s;

	s = arena_alloc(env->arena, sizeof *s);
	if (s == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	s->set = *set;
	s->on_error = checks_on_error_of(set->on_error, env->dns_on_error);
	s->rules = set->where.present && set->enabled;
	s->with_dmarc = dmarc_enabled(env->root);
	*state = set->enabled || s->with_dmarc ? s : NULL;
	return 0;
}

/* ---- Rules ---- */

/* RFC 7372, section 3.2: X.7.23 a failure, X.7.24 an error.  Nothing of the sender's making is quoted. */
static const struct outcome_text {
	const char *result, *codes, *text;
} outcome_texts[] = {
	{ "fail", "7.23", "the domain of the sender does not let %{client_ip} use it" },
	{ "softfail", "7.23", "the domain of the sender does not expect %{client_ip} to use it" },
	{ "permerror", "7.24", "the domain of the sender has an SPF record that cannot be used" },
};

static void outcome_rule(const struct spf_state *s, const struct outcome_text *t, int outcome, struct checks_rules *r)
{
	const char *refuse_at = names_name(checks_refuse_at, s->set.refuse_at);
	const char *dmarc = s->with_dmarc ? ", { fact = \"dmarc\"; is_not = \"pass\"; }" : "";
	char name[32];
	struct sbuf b;

	sbuf_fixed(&b, name, sizeof name);
	sbuf_addf(&b, "spf: %s", t->result);
	switch ((enum checks_outcome)outcome) {
	case CHECKS_REJECT:
		checks_rules_add(r, s->set.shadow, name, refuse_at,
				 "when = ( { fact = \"spf\"; is = \"%s\"; }%s );\n"
				 "    then = { reject = \"550 5.%s %s\"; };",
				 t->result, dmarc, t->codes, t->text);
		break;
	case CHECKS_DEFER:
		checks_rules_add(r, s->set.shadow, name, refuse_at,
				 "when = ( { fact = \"spf\"; is = \"%s\"; }%s );\n"
				 "    then = { defer = \"451 4.%s %s\"; };",
				 t->result, dmarc, t->codes, t->text);
		break;
	case CHECKS_MARK:
		checks_rules_add(r, s->set.shadow, name, NULL,
				 "when = ( { fact = \"spf\"; is = \"%s\"; } );\n"
				 "    then = { mark = \"spf=%s\"; };",
				 t->result, t->result);
		break;
	case CHECKS_IGNORE:
		break;
	}
}

static void spf_rules(const void *state, struct sbuf *out)
{
	const struct spf_state *s = state;
	const int outcomes[] = { s->set.on_fail, s->set.on_softfail, s->set.on_permerror };
	struct checks_rules r;

	checks_rules_begin(&r, out);
	for (size_t i = 0; s->rules && i < sizeof outcomes / sizeof outcomes[0]; i++)
		outcome_rule(s, &outcome_texts[i], outcomes[i], &r);
	checks_rules_end(&r);
}

/* ---- Questions ---- */

static size_t name_length(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && name[n - 1] == '.' ? n - 1 : n;
}

/* The question, put now or before; NULL when out of memory. */
static struct question *question(struct spf_run *run, const char *name, enum dns_type type)
{
	size_t n = name_length(name);
	struct question *q;

	for (q = run->questions; q != NULL; q = q->next)
		if (q->type == type && strlen(q->name) == n && ascii_equal_n(q->name, name, n))
			return q;
	q = arena_alloc(run->call->arena, sizeof *q);
	if (q == NULL || (q->name = arena_strndup(run->call->arena, name, n)) == NULL)
		return NULL;
	q->type = type;
	q->op = dns_ask(run->call->wait, name, type);
	q->next = run->questions;
	run->questions = q;
	return q;
}

static void put_hint(void *ctx, const char *name, enum dns_type type)
{
	(void)question(ctx, name, type);
}

static const struct dns_answer *put_question(void *ctx, const char *name, enum dns_type type)
{
	struct spf_run *run = ctx;
	struct question *q = question(run, name, type);

	if (q != NULL)
		(void)net_await(run->call->wait, &q->op, 1, run->call->deadline_ms);
	return dns_result(q != NULL ? q->op : NULL);
}

/* For who must not wait: what is not answered yet counts as unavailable, and makes the result worth nothing. */
static const struct dns_answer *look_up(void *ctx, const char *name, enum dns_type type)
{
	struct spf_run *run = ctx;
	struct question *q = question(run, name, type);

	if (q != NULL && q->op != NULL && !net_op_done(q->op))
		run->missing = true;
	return dns_result(q != NULL ? q->op : NULL);
}

/* ---- Facts ---- */

static bool is_relay(const struct check_call *c)
{
	const struct fact_value *f = &c->conn->facts.v[FACT_RELAY];

	return f->state == FACT_KNOWN && strcmp(f->text->raw, "yes") == 0;
}

/* The domain in ASCII (section 4.3); as it is when it has no such form, and then it has no record either. */
static void encode_domain(struct check_call *c, struct spf_run *run)
{
	const char *at = addr_at(run->sender, strlen(run->sender)), *encoded;
	bool odd = false;

	encoded = dmarc_domain_make(c->arena, run->domain, strlen(run->domain), &odd);
	if (encoded == NULL || odd)
		return;
	run->domain = encoded;
	if (at != NULL)
		run->sender = arena_printf(c->arena, "%.*s@%s", (int)(at - run->sender), run->sender, encoded);
}

/* Who is checked: the sender, or, when it is null, postmaster at HELO. */
static void identify(struct check_call *c, struct spf_run *run)
{
	run->sender = c->txn->sender != NULL ? c->txn->sender : "";
	run->domain = run->sender[0] != '\0' ? addr_domain(c->arena, run->sender) : c->conn->helo;
	if (run->domain == NULL)
		run->domain = "";
	for (const char *p = run->domain; *p != '\0'; p++)
		if ((unsigned char)*p >= FIRST_NON_ASCII) {
			encode_domain(c, run);
			return;
		}
}

/*
 * Mail without a client's address has nothing to check; and what a relay of ours brings comes from elsewhere: our own
 * record may well name the relay, and a forger would pass by sending through it.
 */
static void spf_start(struct check_call *c)
{
	struct spf_run *run;

	if (c->conn->ip.family == IP_NONE || is_relay(c))
		return;
	run = arena_alloc(c->arena, sizeof *run);
	if (run == NULL)
		return;
	run->call = c;
	identify(c, run);
	if (arena_failed(c->arena))
		return;
	if (spf_is_identity(run->domain))
		put_hint(run, run->domain, DNS_TXT);
	run->call = NULL;
	*c->slot = run;
}

typedef const struct dns_answer *ask_fn(void *ctx, const char *name, enum dns_type type);

/* Whether there is a result: `ask` has had all answers. */
static bool evaluate(struct check_call *c, struct spf_run *run, ask_fn *ask)
{
	const struct spf_state *s = c->state;
	const struct spf_dns dns = { .ask = ask, .hint = put_hint, .ctx = run };
	const struct spf_query q = {
		.ip = c->conn->ip,
		.domain = run->domain,
		.sender = run->sender,
		.helo = c->conn->helo != NULL ? c->conn->helo : "",
	};

	run->call = c;
	run->missing = false;
	if (s->set.engine == ENGINE_LIBSPF2)
		spf_libspf2_check_host(&q, &dns, c->arena, &run->answer);
	else
		spf_check_host(&q, &dns, c->arena, &run->answer);
	run->call = NULL;
	run->done = !run->missing;
	return run->done;
}

/* Evaluating again from the beginning costs little beside what DNS does: the questions are remembered. */
static bool spf_poll(struct check_call *c)
{
	struct spf_run *run = *c->slot;

	return run == NULL || run->done || evaluate(c, run, look_up);
}

static void spf_finish(struct check_call *c)
{
	const struct spf_state *s = c->state;
	struct fact_value *v = c->facts->v;
	struct spf_run *run = *c->slot;

	if (run == NULL)
		return; /* nothing to check: absent */
	if (!run->done)
		(void)evaluate(c, run, put_question);
	if (run->domain[0] != '\0')
		fact_set_text(&v[FACT_SPF_DOMAIN], c->arena, run->domain, strlen(run->domain));
	fact_set_num(&v[FACT_SPF_LOOKUPS], run->answer.lookups);
	fact_set_absent(&v[FACT_SPF_MECHANISM]);
	for (unsigned i = 0; i < run->answer.n_path; i++)
		fact_add_text(&v[FACT_SPF_MECHANISM], c->arena, run->answer.path[i], strlen(run->answer.path[i]));
	if (run->answer.result == SPF_TEMPERROR)
		fact_set_unavailable(&v[FACT_SPF], s->on_error, arena_printf(c->arena, "SPF: %s", run->answer.problem));
	else
		fact_set_word(&v[FACT_SPF], spf_result_name(run->answer.result));
}

/* Who did not ask for SPF is not told of it. */
static bool spf_stamps(const void *state)
{
	const struct spf_state *s = state;

	return s->rules || s->with_dmarc;
}

/* RFC 8601, section 2.7.2. */
static void spf_authres(struct check_call *c, struct sbuf *out)
{
	const struct spf_run *run = *c->slot;

	if (run == NULL || !run->done)
		return;
	sbuf_addf(out, ";\n\tspf=%s", spf_result_name(run->answer.result));
	if (run->answer.problem != NULL) {
		sbuf_add(out, " reason=");
		checks_add_pvalue(out, run->answer.problem);
	}
	if (run->domain[0] == '\0')
		return;
	sbuf_add(out, run->sender[0] == '\0' ? " smtp.helo=" : " smtp.mailfrom=");
	checks_add_pvalue(out, run->domain);
}

static void spf_drop(struct check_call *c)
{
	struct spf_run *run = *c->slot;

	for (struct question *q = run != NULL ? run->questions : NULL; q != NULL; q = q->next)
		net_op_free(&q->op);
	*c->slot = NULL;
}

const struct check spf_check = {
	.name = "spf",
	.section = "spf",
	.settings = &spf_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_MAIL,
	.provides = FACT_BIT(FACT_SPF) | FACT_BIT(FACT_SPF_DOMAIN) | FACT_BIT(FACT_SPF_MECHANISM) |
		    FACT_BIT(FACT_SPF_LOOKUPS),
	.inputs = FACT_BIT(FACT_CLIENT_IP) | FACT_BIT(FACT_RELAY) | FACT_BIT(FACT_HELO) | FACT_BIT(FACT_SENDER),
	.prepare = spf_prepare,
	.rules = spf_rules,
	.start = spf_start,
	.poll = spf_poll,
	.finish = spf_finish,
	.stamps = spf_stamps,
	.authres = spf_authres,
	.drop = spf_drop,
};
