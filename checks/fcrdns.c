/*
 * The front end has set these facts already when the MTA told them; what is left open is asked of DNS here: the reverse
 * look-up when the client connects, the forward look-ups of all its names at once when somebody wants to know.
 */
#include "checks/fcrdns.h"

#include <string.h>

#include "checks/common.h"
#include "net/dns.h"

enum {
	FCRDNS_MAX_NAMES = 10, /* of one address; the rest is passed over, as RFC 7208, section 5.5, does */
	FCRDNS_NAME_SIZE = 80  /* 32 nibbles with their dots, and ip6.arpa */
};

#define CONF_SELF struct fcrdns_settings
CONF_TABLE(fcrdns_settings, FCRDNS_SETTINGS, NULL);
#undef CONF_SELF

struct fcrdns_state {
	struct fcrdns_settings set;
	enum on_error on_error;
};

/* One session's questions. */
struct fcrdns_run {
	struct net_op *ptr;
	struct net_op *forward[FCRDNS_MAX_NAMES];
	bool asked; /* for these */
};

/*
 * Always there, also without a section: lists and rules read client_name.
 */
static int fcrdns_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	struct fcrdns_state *s = arena_alloc(env->arena, sizeof *s);

	*state = s;
	if (s == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	s->set = *(const struct fcrdns_settings *)settings;
	s->on_error = checks_on_error_of(s->set.on_error, env->dns_on_error);
	return 0;
}

/* ---- Rules ---- */

static void outcome_rule(const struct fcrdns_settings *set, const char *result, const char *reply, int outcome,
			 struct checks_rules *r)
{
	const char *refuse_at = names_name(checks_refuse_at, set->refuse_at);
	char name[32];
	struct sbuf b;

	sbuf_fixed(&b, name, sizeof name);
	sbuf_addf(&b, "fcrdns: %s", result);
	switch ((enum checks_outcome)outcome) {
	case CHECKS_REJECT:
		checks_rules_add(r, set->shadow, name, refuse_at,
				 "when = ( { fact = \"fcrdns\"; is = \"%s\"; } );\n"
				 "    then = { reject = \"550 5.7.25 %s\"; };",
				 result, reply);
		break;
	case CHECKS_DEFER:
		checks_rules_add(r, set->shadow, name, refuse_at,
				 "when = ( { fact = \"fcrdns\"; is = \"%s\"; } );\n"
				 "    then = { defer = \"450 4.7.25 %s\"; };",
				 result, reply);
		break;
	case CHECKS_MARK:
		checks_rules_add(r, set->shadow, name, NULL,
				 "when = ( { fact = \"fcrdns\"; is = \"%s\"; } );\n"
				 "    then = { mark = \"fcrdns=%s\"; };",
				 result, result);
		break;
	case CHECKS_IGNORE:
		break;
	}
}

static void fcrdns_rules(const void *state, struct sbuf *out)
{
	const struct fcrdns_state *s = state;
	struct checks_rules r;

	checks_rules_begin(&r, out);
	if (s->set.where.present && s->set.enabled) {
		outcome_rule(&s->set, "fail", "the host name of %{client_ip} does not lead back to it", s->set.on_fail,
			     &r);
		outcome_rule(&s->set, "none", "%{client_ip} has no host name in reverse DNS", s->set.on_none, &r);
	}
	checks_rules_end(&r);
}

/* ---- Facts ---- */

static bool is_open(const struct check_call *c, enum fact_id id)
{
	return c->facts->v[id].state == FACT_UNKNOWN;
}

/* For the facts that nobody has set yet. */
static void close_absent(struct check_call *c, enum fact_id id)
{
	if (is_open(c, id))
		fact_set_absent(&c->facts->v[id]);
}

static void close_unavailable(struct check_call *c, enum fact_id id, const char *why)
{
	const struct fcrdns_state *s = c->state;

	if (is_open(c, id))
		fact_set_unavailable(&c->facts->v[id], s->on_error, why);
}

static void conclude(struct check_call *c, const char *result)
{
	if (is_open(c, FACT_FCRDNS))
		fact_set_word(&c->facts->v[FACT_FCRDNS], result);
	close_absent(c, FACT_CLIENT_NAME);
}

static void conclude_unavailable(struct check_call *c, const char *why)
{
	close_unavailable(c, FACT_FCRDNS, why);
	close_unavailable(c, FACT_CLIENT_NAME, why);
}

static void fcrdns_start(struct check_call *c)
{
	char name[FCRDNS_NAME_SIZE];
	struct fcrdns_run *run;

	if (c->conn->ip.family == IP_NONE || c->conn->unresolved ||
	    (!is_open(c, FACT_FCRDNS) && !is_open(c, FACT_CLIENT_NAME) && !is_open(c, FACT_CLIENT_PTR)))
		return;
	run = arena_alloc(c->arena, sizeof *run);
	if (run == NULL || dns_reverse_name(&c->conn->ip, NULL, name, sizeof name) != 0)
		return;
	run->ptr = dns_ask(c->wait, name, DNS_PTR);
	*c->slot = run;
}

static void set_ptr(struct check_call *c, const struct dns_answer *names)
{
	if (!is_open(c, FACT_CLIENT_PTR))
		return;
	fact_set_absent(&c->facts->v[FACT_CLIENT_PTR]);
	for (unsigned i = 0; i < names->n && i < FCRDNS_MAX_NAMES; i++)
		fact_add_text(&c->facts->v[FACT_CLIENT_PTR], c->arena, names->v[i].name, strlen(names->v[i].name));
}

static bool leads_back(const struct dns_answer *a, const struct ip *ip)
{
	for (unsigned i = 0; i < a->n; i++)
		if (ip_equal(&a->v[i].ip, ip))
			return true;
	return false;
}

/* Asks for the addresses of the names, once; answers how many are asked about. */
static unsigned ask_forward(struct check_call *c, struct fcrdns_run *run, const struct dns_answer *names)
{
	unsigned n = names->n < FCRDNS_MAX_NAMES ? names->n : FCRDNS_MAX_NAMES;

	for (unsigned i = 0; i < n && !run->asked; i++)
		run->forward[i] = dns_ask(c->wait, names->v[i].name, c->conn->ip.family == IP_V4 ? DNS_A : DNS_AAAA);
	run->asked = true;
	return n;
}

static bool must_confirm(const struct check_call *c)
{
	return is_open(c, FACT_FCRDNS) || is_open(c, FACT_CLIENT_NAME);
}

/* All names that lead back are the client's: reverse records come in any order, and the result must not hang on it. */
static void confirm(struct check_call *c, struct fcrdns_run *run, const struct dns_answer *names)
{
	unsigned n = ask_forward(c, run, names), confirmed = 0;
	bool name_open = is_open(c, FACT_CLIENT_NAME);
	const char *failed = NULL;

	(void)net_await(c->wait, run->forward, n, c->deadline_ms);
	for (unsigned i = 0; i < n; i++) {
		const struct dns_answer *a = dns_result(run->forward[i]);

		if (a->status == DNS_FAILED)
			failed = a->why != NULL ? a->why : "no answer";
		if (a->status != DNS_OK || !leads_back(a, &c->conn->ip))
			continue;
		confirmed++;
		if (name_open)
			fact_add_text(&c->facts->v[FACT_CLIENT_NAME], c->arena, names->v[i].name,
				      strlen(names->v[i].name));
	}
	if (confirmed > 0)
		conclude(c, "pass");
	else if (failed != NULL)
		conclude_unavailable(c, arena_printf(c->arena, "host name look-up: %s", failed));
	else
		conclude(c, "fail");
}

static bool fcrdns_poll(struct check_call *c)
{
	struct fcrdns_run *run = *c->slot;
	const struct dns_answer *names;

	if (run == NULL)
		return true;
	if (!checks_answered(&run->ptr, 1))
		return false;
	names = dns_result(run->ptr);
	return names->status != DNS_OK || !must_confirm(c) || checks_answered(run->forward, ask_forward(c, run, names));
}

static void fcrdns_finish(struct check_call *c)
{
	struct fcrdns_run *run = *c->slot;
	const struct dns_answer *names;

	if (c->conn->ip.family == IP_NONE) {
		close_absent(c, FACT_FCRDNS);
		close_absent(c, FACT_CLIENT_NAME);
		close_absent(c, FACT_CLIENT_PTR);
		return;
	}
	if (c->conn->unresolved) {
		conclude_unavailable(c, "the MTA could not resolve the client");
		close_unavailable(c, FACT_CLIENT_PTR, "the MTA could not resolve the client");
		return;
	}
	if (run != NULL)
		(void)net_await(c->wait, &run->ptr, 1, c->deadline_ms);
	names = dns_result(run != NULL ? run->ptr : NULL);
	switch (names->status) {
	case DNS_OK:
		set_ptr(c, names);
		if (must_confirm(c))
			confirm(c, run, names);
		break;
	case DNS_NXDOMAIN:
	case DNS_NODATA:
		conclude(c, "none");
		close_absent(c, FACT_CLIENT_PTR);
		break;
	case DNS_FAILED: {
		const char *why =
			arena_printf(c->arena, "reverse DNS: %s", names->why != NULL ? names->why : "no answer");

		conclude_unavailable(c, why);
		close_unavailable(c, FACT_CLIENT_PTR, why);
		break;
	}
	}
}

static void fcrdns_drop(struct check_call *c)
{
	struct fcrdns_run *run = *c->slot;

	if (run == NULL)
		return;
	net_op_free(&run->ptr);
	for (unsigned i = 0; i < FCRDNS_MAX_NAMES; i++)
		net_op_free(&run->forward[i]);
	*c->slot = NULL;
}

const struct check fcrdns_check = {
	.name = "fcrdns",
	.section = "fcrdns",
	.settings = &fcrdns_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_SESSION,
	.stage = STAGE_CONNECT,
	.provides = FACT_BIT(FACT_FCRDNS) | FACT_BIT(FACT_CLIENT_NAME) | FACT_BIT(FACT_CLIENT_PTR),
	.inputs = FACT_BIT(FACT_CLIENT_IP),
	.prepare = fcrdns_prepare,
	.rules = fcrdns_rules,
	.start = fcrdns_start,
	.poll = fcrdns_poll,
	.finish = fcrdns_finish,
	.drop = fcrdns_drop,
};
