#include "checks/dnsbl.h"

#include "checks/common.h"
#include "checks/dnsbl_exam.h"
#include "checks/dnsbl_health.h"
#include "checks/dnsbl_keep.h"

#define CONF_SELF struct dnsbl_list_settings
CONF_TABLE(dnsbl_list_settings, DNSBL_LIST_SETTINGS, NULL);
#undef CONF_SELF

#define CONF_SELF struct dnsbl_settings
CONF_TABLE(dnsbl_settings, DNSBL_SETTINGS, NULL);
#undef CONF_SELF

static int dnsbl_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	struct dnsbl_zones *lists;
	int rc = dnsbl_zones_get(env, settings, &lists, errors);

	*state = lists; /* without a list of clients, too: this check looks after all lists of the section */
	return rc;
}

static void dnsbl_release(void *state)
{
	dnsbl_zones_release(state);
}

static void dnsbl_rules(const void *state, struct sbuf *out)
{
	const struct dnsbl_zones *s = state;
	struct checks_rules r;

	checks_rules_begin(&r, out);
	if (s->reject_at > 0 && (s->of & DNSBL_OF_CLIENT) != 0)
		checks_rules_add(&r, s->shadow, "dnsbl: score", s->refuse_at,
				 "when = ( { fact = \"dnsbl_score\"; at_least = %lld; } );\n"
				 "    then = { reject = \"554 5.7.1 %%{client_ip} is listed by %%{dnsbl}\"; };",
				 (long long)s->reject_at);
	checks_rules_end(&r);
}

/* ---- Asking ---- */

static void dnsbl_start(struct check_call *c)
{
	const struct dnsbl_zones *lists = c->state;
	struct dnsbl_asking *q;

	if (dnsbl_is_private(&c->conn->ip))
		return;
	*c->slot = q = dnsbl_ask_begin(c->arena, lists, lists->n_zones);
	dnsbl_ask_client(q, c->wait, &c->conn->ip);
}

static bool dnsbl_poll_client(struct check_call *c)
{
	return dnsbl_poll(*c->slot, c->wait);
}

static void dnsbl_finish(struct check_call *c)
{
	const struct dnsbl_zones *lists = c->state;
	struct fact_value *names = &c->facts->v[FACT_DNSBL];
	struct dnsbl_sum sum;

	fact_set_absent(names);
	dnsbl_sum_begin(&sum, NULL);
	if (!dnsbl_is_private(&c->conn->ip)) {
		dnsbl_await(*c->slot, c->wait, c->deadline_ms);
		dnsbl_sum_add(&sum, *c->slot, DNSBL_OF_CLIENT, c->arena, names);
	}
	dnsbl_sum_end(&sum, lists, c->arena, names, &c->facts->v[FACT_DNSBL_SCORE]);
}

static void dnsbl_drop(struct check_call *c)
{
	dnsbl_ask_end(*c->slot);
	*c->slot = NULL;
}

static void dnsbl_tick(const void *state, struct net_wait *wait, int64_t deadline_ms)
{
	dnsbl_keep(state, wait, deadline_ms);
}

static void dnsbl_status(const void *state, struct sbuf *out)
{
	dnsbl_print(state, out);
}

const struct check dnsbl_check = {
	.name = "dnsbl",
	.section = "dnsbl",
	.settings = &dnsbl_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_SESSION,
	.stage = STAGE_CONNECT,
	.provides = FACT_BIT(FACT_DNSBL) | FACT_BIT(FACT_DNSBL_SCORE),
	.inputs = FACT_BIT(FACT_CLIENT_IP),
	.prepare = dnsbl_prepare,
	.release = dnsbl_release,
	.rules = dnsbl_rules,
	.start = dnsbl_start,
	.poll = dnsbl_poll_client,
	.finish = dnsbl_finish,
	.tick = dnsbl_tick,
	.status = dnsbl_status,
	.drop = dnsbl_drop,
};
