/*
 * MX, A and AAAA are asked together when the sender is known: one round trip, and the addresses are waited for only when
 * there is no MX.
 */
#include "checks/sender_domain.h"

#include <string.h>

#include "checks/common.h"
#include "checks/dmarc_domain.h"
#include "mail/addr.h"
#include "net/dns.h"
#include "util/ip.h"

enum { FIRST_NON_ASCII = 0x80 };

#define CONF_SELF struct sender_domain_settings
CONF_TABLE(sender_domain_settings, SENDER_DOMAIN_SETTINGS, NULL);
#undef CONF_SELF

struct sender_domain_state {
	struct sender_domain_settings set;
	struct addr_list *own; /* answers to these domains reach us, whatever DNS says */
	enum on_error on_error;
};

/* One transaction. */
enum { ASK_MX, ASK_A, ASK_AAAA, ASK_COUNT };
struct sender_domain_run {
	const char *known; /* the result, when nothing has to be asked; else NULL */
	bool unasked;      /* there is none */
	struct net_op *ops[ASK_COUNT];
};

/*
 * Always there, also without a section: rules may read the fact.
 */
static int sender_domain_prepare(const struct check_env *env, const void *settings, void **state,
				 struct error_list *errors)
{
	struct sender_domain_state *s = arena_alloc(env->arena, sizeof *s);

	*state = NULL;
	if (s == NULL || (s->own = addr_list_new()) == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	for (unsigned i = 0; env->local_domains != NULL && i < env->local_domains->n; i++)
		(void)addr_list_add(s->own, env->local_domains->v[i].s);
	*state = s;
	s->set = *(const struct sender_domain_settings *)settings;
	s->on_error = checks_on_error_of(s->set.on_error, env->dns_on_error);
	return 0;
}

static void sender_domain_release(void *state)
{
	struct sender_domain_state *s = state;

	addr_list_free(&s->own);
}

/* ---- Rules ---- */

/* RFC 7505, section 4.2; RFC 3463, section 3.2. */
static const struct outcome_text {
	const char *result, *codes, *text;
} null_mx_text = { "null_mx", "7.27", "the domain of the sender takes no mail, so no answer can reach it" },
  none_text = { "none", "1.8", "the domain of the sender does not exist, or has no mail server" };

static void outcome_rule(const struct sender_domain_settings *set, const struct outcome_text *t, int outcome,
			 struct checks_rules *r)
{
	const char *refuse_at = names_name(checks_refuse_at, set->refuse_at);
	char name[32];
	struct sbuf b;

	sbuf_fixed(&b, name, sizeof name);
	sbuf_addf(&b, "sender_domain: %s", t->result);
	switch ((enum checks_outcome)outcome) {
	case CHECKS_REJECT:
		checks_rules_add(r, set->shadow, name, refuse_at,
				 "when = ( { fact = \"sender_domain_dns\"; is = \"%s\"; } );\n"
				 "    then = { reject = \"550 5.%s %s\"; };",
				 t->result, t->codes, t->text);
		break;
	case CHECKS_DEFER:
		checks_rules_add(r, set->shadow, name, refuse_at,
				 "when = ( { fact = \"sender_domain_dns\"; is = \"%s\"; } );\n"
				 "    then = { defer = \"450 4.%s %s\"; };",
				 t->result, t->codes, t->text);
		break;
	case CHECKS_MARK:
		checks_rules_add(r, set->shadow, name, NULL,
				 "when = ( { fact = \"sender_domain_dns\"; is = \"%s\"; } );\n"
				 "    then = { mark = \"sender_domain=%s\"; };",
				 t->result, t->result);
		break;
	case CHECKS_IGNORE:
		break;
	}
}

static void sender_domain_rules(const void *state, struct sbuf *out)
{
	const struct sender_domain_state *s = state;
	struct checks_rules r;

	checks_rules_begin(&r, out);
	if (s->set.where.present && s->set.enabled) {
		outcome_rule(&s->set, &null_mx_text, s->set.on_null_mx, &r);
		outcome_rule(&s->set, &none_text, s->set.on_none, &r);
	}
	checks_rules_end(&r);
}

/* ---- Facts ---- */

/* NULL: the null sender, or one without a domain. */
static const char *domain_of(const struct check_call *c)
{
	const struct fact_value *f = &c->txn->facts.v[FACT_SENDER_DOMAIN];

	return f->state == FACT_KNOWN && f->text->raw_n > 0 ? f->text->raw : NULL;
}

static bool is_ascii(const char *p)
{
	while (*p != '\0' && (unsigned char)*p < FIRST_NON_ASCII)
		p++;
	return *p == '\0';
}

/* The name to ask for (RFC 6531).  NULL: it has letters of which nobody can tell what DNS calls them. */
static const char *name_to_ask(struct arena *a, const char *domain)
{
	bool odd = false;
	const char *name = is_ascii(domain) ? domain : dmarc_domain_make(a, domain, strlen(domain), &odd);

	return odd ? NULL : name;
}

static bool is_own(const struct check_call *c, const char *domain)
{
	const struct sender_domain_state *s = c->state;

	return addr_list_match_domain(s->own, domain, strlen(domain)) > 0;
}

static void sender_domain_start(struct check_call *c)
{
	static const enum dns_type types[ASK_COUNT] = { [ASK_MX] = DNS_MX, [ASK_A] = DNS_A, [ASK_AAAA] = DNS_AAAA };
	const char *domain = domain_of(c), *name;
	struct sender_domain_run *run;
	struct ip literal;

	if (domain == NULL)
		return;
	run = arena_alloc(c->arena, sizeof *run);
	if (run == NULL)
		return;
	if (domain[0] == '[') { /* RFC 5321, section 4.1.3 */
		run->known = ip_parse(&literal, domain) == 0 ? "address" : "none";
	} else if (is_own(c, domain) || (name = name_to_ask(c->arena, domain)) == NULL) {
		if (arena_failed(c->arena))
			return;
		run->unasked = true;
	} else if (strchr(name, '.') == NULL) {
		/* RFC 5321, section 2.3.5, wants names fully qualified; what a resolver says of "localhost" is true here
		 * alone. */
		run->known = "none";
	} else {
		for (unsigned i = 0; i < ASK_COUNT; i++)
			run->ops[i] = dns_ask(c->wait, name, types[i]);
	}
	*c->slot = run;
}

/* An MX of "." alone says that the domain takes no mail; beside others it is a mistake (RFC 7505, section 3). */
static const char *judge_mx(const struct dns_answer *mx)
{
	for (unsigned i = 0; i < mx->n; i++)
		if (mx->v[i].name[0] != '\0')
			return "mx";
	return "null_mx";
}

/* The result; NULL when DNS does not answer: *why. */
static const char *judge(struct check_call *c, struct sender_domain_run *run, const char **why)
{
	const struct dns_answer *answer;
	const char *result = "none";

	(void)net_await(c->wait, &run->ops[ASK_MX], 1, c->deadline_ms);
	answer = dns_result(run->ops[ASK_MX]);
	*why = answer->why;
	if (answer->status == DNS_FAILED)
		return NULL;
	if (answer->status == DNS_OK)
		return judge_mx(answer);
	/* Also after NXDOMAIN: servers that know of addresses alone answer so to anything else. */
	(void)net_await(c->wait, &run->ops[ASK_A], ASK_COUNT - ASK_A, c->deadline_ms);
	for (unsigned i = ASK_A; i < ASK_COUNT; i++) {
		answer = dns_result(run->ops[i]);
		if (answer->status == DNS_OK)
			return "address";
		if (answer->status == DNS_FAILED) {
			*why = answer->why;
			result = NULL;
		}
	}
	return result;
}

static bool sender_domain_poll(struct check_call *c)
{
	const struct sender_domain_run *run = *c->slot;
	enum dns_status mx;

	if (run == NULL)
		return true;
	if (!checks_answered(&run->ops[ASK_MX], 1))
		return false;
	mx = dns_result(run->ops[ASK_MX])->status;
	return mx == DNS_OK || mx == DNS_FAILED || checks_answered(&run->ops[ASK_A], ASK_COUNT - ASK_A);
}

static void sender_domain_finish(struct check_call *c)
{
	const struct sender_domain_state *s = c->state;
	struct fact_value *out = &c->facts->v[FACT_SENDER_DOMAIN_DNS];
	struct sender_domain_run *run = *c->slot;
	const char *result, *why = NULL;

	if (run == NULL) {
		if (domain_of(c) != NULL)
			fact_set_unavailable(out, s->on_error, "out of memory");
		else
			fact_set_absent(out);
		return;
	}
	if (run->unasked) {
		fact_set_absent(out);
		return;
	}
	result = run->known != NULL ? run->known : judge(c, run, &why);
	if (result != NULL)
		fact_set_word(out, result);
	else
		fact_set_unavailable(
			out, s->on_error,
			arena_printf(c->arena, "the sender's domain in DNS: %s", why != NULL ? why : "no answer"));
}

static void sender_domain_drop(struct check_call *c)
{
	struct sender_domain_run *run = *c->slot;

	for (unsigned i = 0; run != NULL && i < ASK_COUNT; i++)
		net_op_free(&run->ops[i]);
	*c->slot = NULL;
}

const struct check sender_domain_check = {
	.name = "sender_domain",
	.section = "sender_domain",
	.settings = &sender_domain_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_MAIL,
	.provides = FACT_BIT(FACT_SENDER_DOMAIN_DNS),
	.inputs = FACT_BIT(FACT_SENDER_DOMAIN),
	.prepare = sender_domain_prepare,
	.release = sender_domain_release,
	.rules = sender_domain_rules,
	.start = sender_domain_start,
	.poll = sender_domain_poll,
	.finish = sender_domain_finish,
	.drop = sender_domain_drop,
};
