#include "checks/dnsbl_domain.h"

#include <string.h>

#include "checks/common.h"
#include "checks/dmarc_from.h"
#include "checks/dnsbl_domain_name.h"
#include "checks/dnsbl_health.h"

enum { OF_ENVELOPE = DNSBL_OF_HELO | DNSBL_OF_SENDER, OF_MESSAGE = DNSBL_OF_FROM | DNSBL_OF_URL };
enum { ENVELOPE_NAMES = 2 };

struct state {
	const struct dnsbl_zones *lists;
	struct addr_list *own;
};

/* ---- Loading ---- */

static int prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	struct dnsbl_zones *lists;
	struct state *s;

	*state = NULL;
	if (dnsbl_zones_get(env, settings, &lists, errors) != 0)
		return -1;
	if (lists == NULL)
		return 0;
	s = arena_alloc(env->arena, sizeof *s);
	if (s == NULL || (s->own = dnsbl_domain_own(env)) == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	s->lists = lists;
	*state = s; /* without a list of domains, too: then the scores are those of the client */
	return 0;
}

/* Anybody can write the name of a good domain, where a client's address is his own. */
static void warn_of_allow_lists(const struct dnsbl_settings *set, const struct dnsbl_zones *lists,
				struct error_list *errors)
{
	const struct dnsbl_list_settings *v = set->lists.v;

	for (unsigned i = 0; i < lists->n_entries; i++)
		if (lists->entries[i].weight < 0 && (lists->entries[i].of & DNSBL_OF_DOMAIN) != 0)
			error_warn(
				errors, v[i].where.file, v[i].where.line,
				"%s takes from the score for domains that it lists, but senders can name any domain: "
				"a negative weight is for lists of clients",
				lists->entries[i].name);
}

static int envelope_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	int rc = prepare(env, settings, state, errors);
	const struct state *s = *state;

	if (rc == 0 && s != NULL)
		warn_of_allow_lists(settings, s->lists, errors);
	return rc;
}

static void release(void *state)
{
	struct state *s = state;

	addr_list_free(&s->own);
}

/* ---- Rules ---- */

static void envelope_rules(const void *state, struct sbuf *out)
{
	const struct dnsbl_zones *lists = ((const struct state *)state)->lists;
	struct checks_rules r;

	checks_rules_begin(&r, out);
	if (lists->reject_at > 0 && (lists->of & OF_ENVELOPE) != 0)
		checks_rules_add(&r, lists->shadow, "dnsbl: HELO and sender", lists->refuse_at,
				 "when = ( { fact = \"dnsbl_envelope\"; exists = true; }, "
				 "{ fact = \"dnsbl_envelope_score\"; at_least = %lld; } );\n"
				 "    then = { reject = \"554 5.7.1 the domain of HELO or of the sender is listed by "
				 "%%{dnsbl_envelope}\"; };",
				 (long long)lists->reject_at);
	checks_rules_end(&r);
}

static void message_rules(const void *state, struct sbuf *out)
{
	const struct dnsbl_zones *lists = ((const struct state *)state)->lists;
	struct checks_rules r;

	checks_rules_begin(&r, out);
	if (lists->reject_at > 0 && (lists->of & OF_MESSAGE) != 0)
		checks_rules_add(&r, lists->shadow, "dnsbl: domains in the message", NULL,
				 "when = ( { fact = \"dnsbl_message\"; exists = true; }, "
				 "{ fact = \"dnsbl_message_score\"; at_least = %lld; } );\n"
				 "    then = { reject = \"554 5.7.1 a domain in the message is listed by "
				 "%%{dnsbl_message}\"; };",
				 (long long)lists->reject_at);
	checks_rules_end(&r);
}

/* ---- HELO and sender ---- */

static void ask_about(struct check_call *c, struct dnsbl_asking *q, enum dnsbl_of of, const struct fact_value *f)
{
	const struct state *s = c->state;

	for (unsigned i = 0; (s->lists->of & of) != 0 && f->state == FACT_KNOWN && i < f->n; i++) {
		const char *domain = dnsbl_domain_name(c->arena, s->own, f->text[i].raw, f->text[i].raw_n);

		if (domain != NULL)
			dnsbl_ask_domain(q, c->wait, of, domain);
	}
}

static void ask_envelope(struct check_call *c, struct dnsbl_asking *q)
{
	ask_about(c, q, DNSBL_OF_HELO, &c->conn->facts.v[FACT_HELO]);
	ask_about(c, q, DNSBL_OF_SENDER, &c->txn->facts.v[FACT_SENDER_DOMAIN]);
}

static void envelope_start(struct check_call *c)
{
	const struct dnsbl_zones *lists = ((const struct state *)c->state)->lists;
	struct dnsbl_asking *q;

	if ((lists->of & OF_ENVELOPE) == 0)
		return;
	*c->slot = q = dnsbl_ask_begin(c->arena, lists, ENVELOPE_NAMES * lists->n_zones);
	ask_envelope(c, q);
}

static bool envelope_poll(struct check_call *c)
{
	return dnsbl_poll(*c->slot, c->wait);
}

static void envelope_finish(struct check_call *c)
{
	const struct dnsbl_zones *lists = ((const struct state *)c->state)->lists;
	struct fact_value *names = &c->facts->v[FACT_DNSBL_ENVELOPE];
	struct dnsbl_sum sum;

	fact_set_absent(names);
	dnsbl_sum_begin(&sum, &c->conn->facts.v[FACT_DNSBL_SCORE]);
	if ((lists->of & OF_ENVELOPE) != 0) {
		dnsbl_await(*c->slot, c->wait, c->deadline_ms);
		dnsbl_sum_add(&sum, *c->slot, OF_ENVELOPE, c->arena, names);
	}
	dnsbl_sum_end(&sum, lists, c->arena, names, &c->facts->v[FACT_DNSBL_ENVELOPE_SCORE]);
}

static void drop(struct check_call *c)
{
	dnsbl_ask_end(*c->slot);
	*c->slot = NULL;
}

/* ---- The message ---- */

/* Every domain that some mail reader might show as the author's. */
static void ask_from(struct check_call *c, struct dnsbl_asking *q)
{
	const struct state *s = c->state;
	struct dmarc_from from = { .fields = 0 };

	if ((s->lists->of & DNSBL_OF_FROM) == 0)
		return;
	for (const struct txn_header *h = c->txn->headers; h != NULL; h = h->next)
		if (dmarc_from_is_field(h->name))
			dmarc_from_add(&from, c->arena, h->value, h->value_n);
	for (unsigned i = 0; i < from.n; i++) {
		const char *domain = dnsbl_domain_name(c->arena, s->own, from.domains[i], strlen(from.domains[i]));

		if (domain != NULL)
			dnsbl_ask_domain(q, c->wait, DNSBL_OF_FROM, domain);
	}
}

static void ask_urls(struct check_call *c, struct dnsbl_asking *q)
{
	const struct state *s = c->state;
	struct dnsbl_domain_set set;

	if ((s->lists->of & DNSBL_OF_URL) == 0)
		return;
	dnsbl_domain_collect(&set, c->arena, s->own, &c->facts->v[FACT_URL_HOST]);
	for (unsigned i = 0; i < set.n; i++)
		dnsbl_ask_domain(q, c->wait, DNSBL_OF_URL, set.v[i]);
}

/* HELO and sender once more, which their caches know: an entry may list them and what the message names. */
static void message_start(struct check_call *c)
{
	const struct dnsbl_zones *lists = ((const struct state *)c->state)->lists;
	unsigned names = ENVELOPE_NAMES + DMARC_FROM_MAX;
	struct dnsbl_asking *q;

	if ((lists->of & OF_MESSAGE) == 0)
		return;
	if (lists->of & DNSBL_OF_URL)
		names += DNSBL_DOMAIN_URLS;
	*c->slot = q = dnsbl_ask_begin(c->arena, lists, names * lists->n_zones);
	ask_envelope(c, q);
	ask_from(c, q);
}

/* Of the names only those count that are the message's own; of the weights, all. */
static void message_finish(struct check_call *c)
{
	const struct dnsbl_zones *lists = ((const struct state *)c->state)->lists;
	struct fact_value *names = &c->facts->v[FACT_DNSBL_MESSAGE], *score = &c->facts->v[FACT_DNSBL_MESSAGE_SCORE];
	struct fact_value all_names = { .state = FACT_ABSENT }, own_score = { .state = FACT_UNKNOWN };
	struct dnsbl_sum own, all;

	fact_set_absent(names);
	if ((lists->of & OF_MESSAGE) == 0) {
		*score = c->facts->v[FACT_DNSBL_ENVELOPE_SCORE];
		return;
	}
	ask_urls(c, *c->slot);
	dnsbl_await(*c->slot, c->wait, c->deadline_ms);
	dnsbl_sum_begin(&own, NULL);
	dnsbl_sum_add(&own, *c->slot, OF_MESSAGE, c->arena, names);
	dnsbl_sum_begin(&all, &c->conn->facts.v[FACT_DNSBL_SCORE]);
	dnsbl_sum_add(&all, *c->slot, OF_ENVELOPE | OF_MESSAGE, c->arena, &all_names);
	dnsbl_sum_end(&all, lists, c->arena, &all_names, score);
	/* What is refused whatever failed lists would say has its names. */
	if (lists->reject_at == 0 || all.least < lists->reject_at)
		dnsbl_sum_end(&own, lists, c->arena, names, &own_score);
}

static fact_mask message_reads(const void *state)
{
	const struct dnsbl_zones *lists = ((const struct state *)state)->lists;
	fact_mask reads = FACT_BIT(FACT_HELO) | FACT_BIT(FACT_SENDER_DOMAIN) | FACT_BIT(FACT_DNSBL_SCORE);

	if ((lists->of & OF_MESSAGE) == 0)
		return FACT_BIT(FACT_DNSBL_ENVELOPE_SCORE);
	if (lists->of & DNSBL_OF_FROM)
		reads |= FACT_BIT(FACT_FROM);
	if (lists->of & DNSBL_OF_URL)
		reads |= FACT_BIT(FACT_URL_HOST);
	return reads;
}

const struct check dnsbl_envelope_check = {
	.name = "dnsbl_envelope",
	.section = "dnsbl",
	.settings = &dnsbl_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_MAIL,
	.provides = FACT_BIT(FACT_DNSBL_ENVELOPE) | FACT_BIT(FACT_DNSBL_ENVELOPE_SCORE),
	.inputs = FACT_BIT(FACT_HELO) | FACT_BIT(FACT_SENDER_DOMAIN) | FACT_BIT(FACT_DNSBL_SCORE),
	.prepare = envelope_prepare,
	.release = release,
	.rules = envelope_rules,
	.start = envelope_start,
	.poll = envelope_poll,
	.finish = envelope_finish,
	.drop = drop,
};

const struct check dnsbl_message_check = {
	.name = "dnsbl_message",
	.section = "dnsbl",
	.settings = &dnsbl_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_HEADERS,
	.provides = FACT_BIT(FACT_DNSBL_MESSAGE) | FACT_BIT(FACT_DNSBL_MESSAGE_SCORE),
	.inputs = FACT_BIT(FACT_HELO) | FACT_BIT(FACT_SENDER_DOMAIN) | FACT_BIT(FACT_DNSBL_SCORE) |
		  FACT_BIT(FACT_DNSBL_ENVELOPE_SCORE) | FACT_BIT(FACT_FROM) | FACT_BIT(FACT_URL_HOST),
	.reads = message_reads,
	.prepare = prepare,
	.release = release,
	.rules = message_rules,
	.start = message_start,
	.finish = message_finish,
	.drop = drop,
};
