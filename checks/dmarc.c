/*
 * The author's domains are walked as soon as the header is there; SPF and DKIM are compared with them at the end.
 */
#include "checks/dmarc.h"

#include <string.h>

#include "checks/dmarc_domain.h"
#include "checks/dmarc_eval.h"
#include "checks/dmarc_rules.h"
#include "mail/addr.h"
#include "util/bytes.h"

#define CONF_SELF struct dmarc_settings
CONF_TABLE(dmarc_settings, DMARC_SETTINGS, NULL);
#undef CONF_SELF

enum {
	MAX_IDENTITIES = 32,   /* authenticated domains that are compared */
	AUTHRES_DOMAIN = 256,  /* letters of a domain in Authentication-Results */
	AUTHRES_COMMENT = 128, /* and of what goes with it */
};

struct dmarc_state {
	struct dmarc_settings set;
	enum on_error on_error;
};

/* One message. */
struct dmarc_run {
	struct dmarc_from from;
	struct dmarc_ask ask;
	struct dmarc_result result;
	bool done;
};

/* ---- Loading ---- */

static int check_exceptions(const struct conf_strings *items, struct error_list *errors)
{
	struct addr_list *l = addr_list_new();
	unsigned before = errors->errors;

	for (unsigned i = 0; l != NULL && i < items->n; i++) {
		const struct conf_item *item = &items->v[i];
		const char *wrong = addr_list_add(l, item->s);

		if (wrong == NULL && strchr(item->s, '@') != NULL)
			wrong = "this is a mail address, but exceptions are domains and clients";
		if (wrong != NULL)
			error_add(errors, item->file, item->line, "\"%s\": %s", item->s, wrong);
	}
	if (l == NULL)
		error_add(errors, NULL, 0, "out of memory");
	addr_list_free(&l);
	return errors->errors == before ? 0 : -1;
}

static int dmarc_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct dmarc_settings *set = settings;
	struct dmarc_state *s;

	*state = NULL;
	if (!set->where.present || check_exceptions(&set->exceptions, errors) != 0)
		return set->where.present ? -1 : 0;
	if (!set->enabled)
		return 0;
	s = arena_alloc(env->arena, sizeof *s);
	if (s == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	s->set = *set;
	s->on_error = checks_on_error_of(set->on_error, env->dns_on_error);
	*state = s;
	return 0;
}

static void dmarc_rules(const void *state, struct sbuf *out)
{
	const struct dmarc_state *s = state;

	dmarc_rules_write(&s->set, out);
}

/* ---- What SPF and DKIM say ---- */

struct identities {
	struct arena *arena;
	struct dmarc_identity v[MAX_IDENTITIES];
	unsigned n;
};

static void add_identity(struct identities *ids, const char *p, size_t n, bool spf, bool unsure)
{
	const char *domain;
	bool odd = false;

	if (ids->n == MAX_IDENTITIES)
		return;
	domain = dmarc_domain_make(ids->arena, p, n, &odd);
	if (domain != NULL)
		ids->v[ids->n++] = (struct dmarc_identity){ domain, spf, unsure };
}

static bool is_word(const struct fact_value *f, const char *word)
{
	return f->state == FACT_KNOWN && f->n > 0 && strcmp(f->text[0].folded, word) == 0;
}

static bool has_no_result(const struct fact_value *f)
{
	return f->state == FACT_UNAVAILABLE || is_word(f, "temperror");
}

static void add_fact(struct identities *ids, const struct fact_value *f, bool spf, bool unsure)
{
	for (unsigned i = 0; f->state == FACT_KNOWN && i < f->n; i++)
		add_identity(ids, f->text[i].raw, f->text[i].raw_n, spf, unsure);
}

static void add_spf(struct identities *ids, const struct check_call *c)
{
	const struct fact_value *spf = &c->facts->v[FACT_SPF], *domain = &c->facts->v[FACT_SPF_DOMAIN];
	bool unsure = has_no_result(spf);

	if (!unsure && !is_word(spf, "pass"))
		return;
	if (unsure && domain->state != FACT_KNOWN)
		domain = &c->facts->v[FACT_SENDER_DOMAIN];
	add_fact(ids, domain, true, unsure);
}

/* The d= of a signature's tag list (RFC 6376, section 3.2). */
static void add_signer(struct identities *ids, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		const char *stop = memchr(p, ';', (size_t)(end - p)), *from = p;

		if (stop == NULL)
			stop = end;
		p = stop < end ? stop + 1 : end;
		while (from < stop && ascii_is_space(*from))
			from++;
		if (from == stop || *from++ != 'd')
			continue;
		while (from < stop && ascii_is_space(*from))
			from++;
		if (from == stop || *from++ != '=')
			continue;
		while (from < stop && ascii_is_space(*from))
			from++;
		while (stop > from && ascii_is_space(stop[-1]))
			stop--;
		add_identity(ids, from, (size_t)(stop - from), false, true);
		return;
	}
}

/* While a key cannot be had, a signature of the author's domain may be good; those of others have no say. */
static void add_dkim(struct identities *ids, const struct check_call *c)
{
	const struct fact_value *unknown = &c->facts->v[FACT_DKIM_UNKNOWN];

	add_fact(ids, &c->facts->v[FACT_DKIM_DOMAIN], false, false);
	add_fact(ids, unknown, false, true);
	if (unknown->state == FACT_KNOWN || !has_no_result(&c->facts->v[FACT_DKIM]))
		return;
	for (const struct txn_header *h = c->txn->headers; h != NULL; h = h->next)
		if (ascii_equal(h->name, "DKIM-Signature"))
			add_signer(ids, h->value, h->value_n);
}

/* ---- Facts ---- */

static struct dmarc_run *run_of(struct check_call *c)
{
	struct dmarc_run *run = *c->slot;

	if (run == NULL) {
		run = arena_alloc(c->arena, sizeof *run);
		if (run == NULL)
			return NULL;
		run->ask.arena = c->arena;
		*c->slot = run;
	}
	run->ask.wait = c->wait;
	return run;
}

static void dmarc_start(struct check_call *c)
{
	struct dmarc_run *run = run_of(c);
	struct identities ids = { .arena = c->arena };

	if (run == NULL)
		return;
	for (const struct txn_header *h = c->txn->headers; h != NULL; h = h->next)
		if (dmarc_from_is_field(h->name))
			dmarc_from_add(&run->from, c->arena, h->value, h->value_n);
	add_spf(&ids, c);
	dmarc_eval_start(&run->ask, &run->from, ids.v, ids.n);
}

static const char *malformed_word(const struct dmarc_from *from)
{
	if (from->fields > 1)
		return "several";
	if (from->trick || from->too_much)
		return "trick";
	return from->n == 0 ? "none" : "no";
}

/* A domain for people and replies: what no domain has is masked. */
static void add_masked(struct sbuf *out, const char *domain)
{
	for (; *domain != '\0'; domain++)
		sbuf_addc(out, ascii_is_alpha(*domain) || ascii_is_digit(*domain) || strchr("-._[]:", *domain) != NULL
				       ? *domain
				       : '?');
}

static void set_domain(struct check_call *c, const char *domain)
{
	char buf[AUTHRES_DOMAIN];
	struct sbuf b;

	fact_set_absent(&c->facts->v[FACT_DMARC_DOMAIN]);
	sbuf_fixed(&b, buf, sizeof buf);
	if (domain != NULL)
		add_masked(&b, domain);
	if (b.len > 0)
		fact_set_text(&c->facts->v[FACT_DMARC_DOMAIN], c->arena, b.p, b.len);
}

static const char *outcome_word(enum dmarc_outcome o)
{
	static const char *const words[] = {
		[DMARC_IS_NONE] = "none",           [DMARC_IS_PASS] = "pass",           [DMARC_IS_FAIL] = "fail",
		[DMARC_IS_PERMERROR] = "permerror", [DMARC_IS_TEMPERROR] = "temperror",
	};

	return words[o];
}

static void set_facts(struct check_call *c, const struct dmarc_run *run)
{
	const struct dmarc_state *s = c->state;
	const struct dmarc_result *r = &run->result;

	fact_set_word(&c->facts->v[FACT_MALFORMED_FROM], malformed_word(&run->from));
	set_domain(c, r->domain);
	if (r->outcome == DMARC_IS_TEMPERROR) {
		const char *why = arena_printf(c->arena, "DMARC: %s", r->why != NULL ? r->why : "no answer");

		fact_set_unavailable(&c->facts->v[FACT_DMARC], s->on_error, why);
		fact_set_unavailable(&c->facts->v[FACT_DMARC_POLICY], s->on_error, why);
		return;
	}
	fact_set_word(&c->facts->v[FACT_DMARC], outcome_word(r->outcome));
	fact_set_absent(&c->facts->v[FACT_DMARC_POLICY]);
	if (r->has_policy)
		fact_set_word(&c->facts->v[FACT_DMARC_POLICY], dmarc_policy_name(r->policy));
}

static void dmarc_finish(struct check_call *c)
{
	const struct dmarc_state *s = c->state;
	struct dmarc_run *run = run_of(c);
	struct identities ids = { .arena = c->arena };

	if (run == NULL) {
		fact_set_unavailable(&c->facts->v[FACT_DMARC], s->on_error, "out of memory");
		fact_set_unavailable(&c->facts->v[FACT_DMARC_POLICY], s->on_error, "out of memory");
		return;
	}
	add_spf(&ids, c);
	add_dkim(&ids, c);
	dmarc_eval(&run->ask, &run->from, ids.v, ids.n, s->on_error == ON_ERROR_DEFER, c->deadline_ms, &run->result);
	run->done = true;
	set_facts(c, run);
}

/* ---- Authentication-Results ---- */

static void add_comment(const struct dmarc_run *run, struct sbuf *out)
{
	char buf[AUTHRES_COMMENT];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	if (run->result.has_policy)
		sbuf_addf(&b, "p=%s", dmarc_policy_name(run->result.policy));
	if (run->from.fields > 1)
		sbuf_addf(&b, "%s%u From fields", b.len > 0 ? ", " : "", run->from.fields);
	if (run->from.trick)
		sbuf_addf(&b, "%sa trick in From", b.len > 0 ? ", " : "");
	if (run->from.n > 1)
		sbuf_addf(&b, "%s%u domains in From", b.len > 0 ? ", " : "", run->from.n);
	if (run->from.n == 0)
		sbuf_addf(&b, "%sno domain in From", b.len > 0 ? ", " : "");
	if (b.len > 0)
		sbuf_addf(out, " (%s)", b.p);
}

static void dmarc_authres(struct check_call *c, struct sbuf *out)
{
	const struct dmarc_run *run = *c->slot;

	if (run == NULL || !run->done)
		return;
	sbuf_addf(out, ";\n\tdmarc=%s", outcome_word(run->result.outcome));
	add_comment(run, out);
	if (run->result.domain != NULL) {
		sbuf_add(out, " header.from=");
		checks_add_pvalue(out, run->result.domain);
	}
}

static void dmarc_drop(struct check_call *c)
{
	struct dmarc_run *run = *c->slot;

	if (run != NULL)
		dmarc_ask_drop(&run->ask);
	*c->slot = NULL;
}

const struct check dmarc_check = {
	.name = "dmarc",
	.section = "dmarc",
	.settings = &dmarc_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_HEADERS,
	.provides = FACT_BIT(FACT_DMARC) | FACT_BIT(FACT_DMARC_POLICY) | FACT_BIT(FACT_DMARC_DOMAIN) |
		    FACT_BIT(FACT_MALFORMED_FROM),
	.inputs = FACT_BIT(FACT_SPF) | FACT_BIT(FACT_SPF_DOMAIN) | FACT_BIT(FACT_SENDER_DOMAIN) | FACT_BIT(FACT_DKIM) |
		  FACT_BIT(FACT_DKIM_DOMAIN) | FACT_BIT(FACT_DKIM_UNKNOWN),
	.prepare = dmarc_prepare,
	.rules = dmarc_rules,
	.start = dmarc_start,
	.finish = dmarc_finish,
	.all_headers = true, /* a From field that is not quite called so must be seen too */
	.authres = dmarc_authres,
	.drop = dmarc_drop,
};
