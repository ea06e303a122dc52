#include "checks/dnsbl.h"

#include <string.h>

#include "checks/common.h"
#include "checks/dnsbl_zones.h"
#include "net/dns.h"
#include "util/clock.h"
#include "util/log.h"

enum { QUESTION_SIZE = 256 }; /* RFC 1035: 253 letters and the NUL, with room */

#define CONF_SELF struct dnsbl_list_settings
CONF_TABLE(dnsbl_list_settings, DNSBL_LIST_SETTINGS, NULL);
#undef CONF_SELF

#define CONF_SELF struct dnsbl_settings
CONF_TABLE(dnsbl_settings, DNSBL_SETTINGS, NULL);
#undef CONF_SELF

struct dnsbl_state {
	struct dnsbl_zones lists;
	int64_t reject_at, timeout_ms;
	enum on_error on_error;
	const char *refuse_at;
	bool shadow;
};

/* One session's questions, one per zone. */
struct dnsbl_run {
	int64_t until_ms;
	struct net_op *ops[];
};

static int dnsbl_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct dnsbl_settings *set = settings;
	struct dnsbl_state *s;

	*state = NULL;
	if (set->lists.n == 0)
		return 0;
	s = arena_alloc(env->arena, sizeof *s);
	if (s == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	s->reject_at = set->reject_at;
	s->timeout_ms = set->timeout > 0 ? set->timeout : env->dns_timeout_ms;
	s->on_error = checks_on_error_of(set->on_error, env->dns_on_error);
	s->refuse_at = names_name(checks_refuse_at, set->refuse_at);
	s->shadow = set->shadow;
	if (dnsbl_zones_read(&s->lists, &set->lists, env->arena, errors) != 0)
		return -1;
	*state = s;
	return 0;
}

static void dnsbl_rules(const void *state, struct sbuf *out)
{
	const struct dnsbl_state *s = state;
	struct checks_rules r;

	checks_rules_begin(&r, out);
	if (s->reject_at > 0)
		checks_rules_add(&r, s->shadow, "dnsbl: score", s->refuse_at,
				 "when = ( { fact = \"dnsbl_score\"; at_least = %lld; } );\n"
				 "    then = { reject = \"554 5.7.1 %%{client_ip} is listed by %%{dnsbl}\"; };",
				 (long long)s->reject_at);
	checks_rules_end(&r);
}

/* ---- Asking ---- */

/* Addresses that no list knows: asking would only tell the lists about our network. */
static bool is_private(const struct ip *ip)
{
	static const struct ip_net nets[] = {
		{ { IP_V4, { 0 } }, 8 },         { { IP_V4, { 10 } }, 8 },          { { IP_V4, { 127 } }, 8 },
		{ { IP_V4, { 100, 64 } }, 10 },  { { IP_V4, { 169, 254 } }, 16 },   { { IP_V4, { 172, 16 } }, 12 },
		{ { IP_V4, { 192, 168 } }, 16 }, { { IP_V6, { 0 } }, 127 }, /* :: and ::1 */
		{ { IP_V6, { 0xfc } }, 7 },      { { IP_V6, { 0xfe, 0x80 } }, 10 },
	};

	for (unsigned i = 0; i < sizeof nets / sizeof nets[0]; i++)
		if (ip_in_net(ip, &nets[i]))
			return true;
	return ip->family == IP_NONE;
}

static void dnsbl_start(struct check_call *c)
{
	const struct dnsbl_state *s = c->state;
	struct dnsbl_run *run;
	char question[QUESTION_SIZE];

	if (is_private(&c->conn->ip))
		return;
	run = arena_alloc(c->arena, sizeof *run + s->lists.n_zones * sizeof run->ops[0]);
	if (run == NULL)
		return;
	run->until_ms = clock_mono_ms() + s->timeout_ms;
	for (unsigned i = 0; i < s->lists.n_zones; i++) {
		atomic_fetch_add_explicit(&s->lists.zones[i].health->questions, 1, memory_order_relaxed);
		if (dns_reverse_name(&c->conn->ip, s->lists.zones[i].zone, question, sizeof question) == 0)
			run->ops[i] = dns_ask(c->wait, question, DNS_A);
	}
	*c->slot = run;
}

/* ---- Judging ---- */

static void note_error(const struct dnsbl_zone *z, const struct ip *answer)
{
	char text[IP_TEXT_SIZE];

	atomic_fetch_add_explicit(&z->health->errors, 1, memory_order_relaxed);
	if (atomic_exchange_explicit(&z->health->logged, true, memory_order_relaxed))
		return;
	log_warning("dnsbl: list %s answers %s, which is an error of the list and no listing: it is not believed",
		    z->name, ip_format(answer, text));
}

/* A zone's answer, read once: a late one must not be half seen. */
struct dnsbl_result {
	const struct dns_answer *answer;
	bool works; /* it is an answer to go by */
};

static bool zone_works(const struct dnsbl_zone *z, const struct dns_answer *a)
{
	if (a->status == DNS_FAILED) {
		atomic_fetch_add_explicit(&z->health->failures, 1, memory_order_relaxed);
		return false;
	}
	for (unsigned i = 0; a->status == DNS_OK && i < a->n; i++) {
		if (dnsbl_codes_is_error(&a->v[i].ip)) {
			note_error(z, &a->v[i].ip);
			return false;
		}
	}
	return true;
}

static bool lists_client(const struct dnsbl_entry *e, const struct dns_answer *a)
{
	for (unsigned i = 0; a->status == DNS_OK && i < a->n; i++)
		if (dnsbl_codes_match(&e->codes, &a->v[i].ip))
			return true;
	return false;
}

/* What all answers together say. */
struct dnsbl_sum {
	int64_t least, most;     /* the score, as far as it is known */
	const char *failed_name; /* a list that failed, or NULL */
	const char *why;
};

static void add_entry(struct check_call *c, const struct dnsbl_entry *e, const struct dnsbl_result *r,
		      struct dnsbl_sum *sum)
{
	if (r->works && lists_client(e, r->answer)) {
		sum->least += e->weight;
		sum->most += e->weight;
		fact_add_text(&c->facts->v[FACT_DNSBL], c->arena, e->name, strlen(e->name));
	} else if (!r->works) {
		if (e->weight < 0)
			sum->least += e->weight;
		else
			sum->most += e->weight;
		if (sum->failed_name == NULL) {
			sum->failed_name = e->name;
			sum->why = r->answer->why != NULL ? r->answer->why : "it answers with errors";
		}
	}
}

/* Whether the failed lists could change what this section decides. */
static bool left_open(const struct dnsbl_state *s, const struct dnsbl_sum *sum)
{
	if (sum->least == sum->most)
		return false;
	return s->reject_at == 0 || (sum->least < s->reject_at && sum->most >= s->reject_at);
}

static void conclude(struct check_call *c, const struct dnsbl_sum *sum)
{
	const struct dnsbl_state *s = c->state;
	bool refused = s->reject_at > 0 && sum->least >= s->reject_at;
	const char *why = NULL;

	if (sum->failed_name != NULL)
		why = arena_printf(c->arena, "DNS list %s: %s", sum->failed_name, sum->why);
	if (left_open(s, sum))
		fact_set_unavailable(&c->facts->v[FACT_DNSBL_SCORE], s->on_error, why);
	else
		fact_set_num(&c->facts->v[FACT_DNSBL_SCORE], sum->least);
	if (sum->failed_name != NULL && !refused)
		fact_set_unavailable(&c->facts->v[FACT_DNSBL], s->on_error, why);
}

static void dnsbl_finish(struct check_call *c)
{
	const struct dnsbl_state *s = c->state;
	struct dnsbl_run *run = *c->slot;
	struct dnsbl_sum sum = { 0 };
	struct dnsbl_result *results;

	fact_set_absent(&c->facts->v[FACT_DNSBL]);
	if (is_private(&c->conn->ip)) {
		fact_set_num(&c->facts->v[FACT_DNSBL_SCORE], 0);
		return;
	}
	results = arena_calloc(c->arena, s->lists.n_zones, sizeof *results);
	if (run == NULL || results == NULL) {
		fact_set_unavailable(&c->facts->v[FACT_DNSBL], s->on_error, "out of memory");
		fact_set_unavailable(&c->facts->v[FACT_DNSBL_SCORE], s->on_error, "out of memory");
		return;
	}
	(void)net_await(c->wait, run->ops, s->lists.n_zones,
			run->until_ms < c->deadline_ms ? run->until_ms : c->deadline_ms);
	for (unsigned i = 0; i < s->lists.n_zones; i++) {
		results[i].answer = dns_result(run->ops[i]);
		results[i].works = zone_works(&s->lists.zones[i], results[i].answer);
	}
	for (unsigned i = 0; i < s->lists.n_entries; i++)
		add_entry(c, &s->lists.entries[i], &results[s->lists.entries[i].zone], &sum);
	conclude(c, &sum);
}

static void dnsbl_drop(struct check_call *c)
{
	const struct dnsbl_state *s = c->state;
	struct dnsbl_run *run = *c->slot;

	if (run == NULL)
		return;
	for (unsigned i = 0; i < s->lists.n_zones; i++)
		net_op_free(&run->ops[i]);
	*c->slot = NULL;
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
	.rules = dnsbl_rules,
	.start = dnsbl_start,
	.finish = dnsbl_finish,
	.drop = dnsbl_drop,
};
