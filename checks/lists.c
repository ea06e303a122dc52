/*
 * Two checks over one pair of lists, since what is known of a client holds for a session and what is known of a sender
 * for a message.  And one that has the rules of `allow` and no facts: whoever is spared denial (exempt recipients,
 * relays) must not lose with it what `allow` spares him.
 */
#include "checks/lists.h"

#include <string.h>

#include "checks/common.h"
#include "mail/addr.h"

#define CONF_SELF struct allow_settings
CONF_TABLE(allow_settings, ALLOW_SETTINGS, NULL);
#undef CONF_SELF

#define CONF_SELF struct deny_settings
CONF_TABLE(deny_settings, DENY_SETTINGS, NULL);
#undef CONF_SELF

#define CONF_SELF struct lists_settings
CONF_TABLE(lists_settings, LISTS_SETTINGS, NULL);
#undef CONF_SELF

struct lists_state {
	struct addr_list *allow, *deny;
	bool allow_names, deny_names; /* the list has names, so that its answer may hang on DNS */
	bool shadow;                  /* of deny */
	bool doubtful; /* what `allow` matches may be forged: deny goes first, whatever is more specific */
	const char *refuse_at;
	enum on_error on_error;
};

/* ---- Loading ---- */

/* What of a list is being read: a pattern of the other sort would never match. */
enum lists_sort { LISTS_CLIENTS, LISTS_SENDERS };

static const char *misplaced(enum lists_sort sort, const char *pattern)
{
	struct ip_net net;
	bool is_net = ip_net_parse(&net, pattern) != -1;

	if (strncmp(pattern, "redis:", 6) == 0)
		return "sets in Redis are for rules: { fact = ...; in = \"redis:...\"; }";
	if (sort == LISTS_CLIENTS && strchr(pattern, '@') != NULL)
		return "this is a mail address, but clients are addresses, networks and host names";
	if (sort == LISTS_SENDERS && is_net)
		return "this is an address of a client, but senders are mail addresses and domains";
	return NULL;
}

static struct addr_list *read_list(const struct conf_strings *items, enum lists_sort sort, bool *names,
				   struct error_list *errors)
{
	struct addr_list *l = addr_list_new();

	if (l == NULL)
		error_add(errors, NULL, 0, "out of memory");
	for (unsigned i = 0; l != NULL && i < items->n; i++) {
		const struct conf_item *item = &items->v[i];
		const char *wrong = misplaced(sort, item->s);
		struct ip_net net;

		if (wrong == NULL)
			wrong = addr_list_add(l, item->s);
		if (wrong != NULL)
			error_add(errors, item->file, item->line, "\"%s\": %s", item->s, wrong);
		else if (ip_net_parse(&net, item->s) != 0)
			*names = true;
	}
	return l;
}

static int read_lists(const struct check_env *env, const struct lists_settings *set, enum lists_sort sort,
		      const struct conf_strings *allow, const struct conf_strings *deny, void **state,
		      struct error_list *errors)
{
	unsigned before = errors->errors;
	struct lists_state *s;

	*state = NULL;
	if (allow->n + deny->n == 0)
		return 0;
	s = arena_alloc(env->arena, sizeof *s);
	if (s == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	s->allow = read_list(allow, sort, &s->allow_names, errors);
	s->deny = read_list(deny, sort, &s->deny_names, errors);
	s->shadow = set->deny.shadow;
	s->refuse_at = names_name(checks_refuse_at, set->deny.refuse_at);
	s->on_error = env->dns_on_error;
	if (errors->errors != before) {
		addr_list_free(&s->allow);
		addr_list_free(&s->deny);
		return -1;
	}
	*state = s;
	return 0;
}

static int allow_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct lists_settings *set = settings;
	struct allow_settings *mine;

	*state = NULL;
	if (set->allow.clients.n + set->allow.senders.n == 0)
		return 0;
	mine = arena_alloc(env->arena, sizeof *mine);
	if (mine == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	*mine = set->allow;
	*state = mine;
	return 0;
}

static int clients_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct lists_settings *set = settings;

	return read_lists(env, set, LISTS_CLIENTS, &set->allow.clients, &set->deny.clients, state, errors);
}

/* Whether the group stands in the file and does not switch itself off. */
static bool is_on(const struct conf_node *root, const char *section, const char *setting)
{
	const struct conf_node *group = root != NULL ? conf_child(root, section) : NULL;
	const struct conf_node *on = group != NULL ? conf_child(group, setting) : NULL;

	return group != NULL && (on == NULL || on->type != CONF_BOOL || on->flag);
}

static int senders_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct lists_settings *set = settings;
	struct lists_state *s;

	if (set->allow.senders.n > 0 && !set->allow.unverified && !is_on(env->root, "spf", "enabled") &&
	    !is_on(env->root, "dkim", "verify"))
		error_warn(errors, set->allow.senders.v[0].file, set->allow.senders.v[0].line,
			   "allow.senders has no effect: senders count when SPF or DKIM verifies them, and neither is "
			   "enabled; enable one, or set allow.unverified = true");
	if (read_lists(env, set, LISTS_SENDERS, &set->allow.senders, &set->deny.senders, state, errors) != 0)
		return -1;
	s = *state;
	if (s != NULL)
		s->doubtful = !set->allow.unverified;
	return 0;
}

static void lists_release(void *state)
{
	struct lists_state *s = state;

	addr_list_free(&s->allow);
	addr_list_free(&s->deny);
}

/* ---- Rules ---- */

static void allow_rules(const void *state, struct sbuf *out)
{
	const struct allow_settings *set = state;
	struct checks_rules r;

	checks_rules_begin(&r, out);
	if (set->clients.n > 0)
		checks_rules_add(
			&r, set->shadow, "allow: clients", NULL,
			"when = ( { fact = \"client_list\"; is = \"allow\"; } );\n"
			"    then = { skip = ( \"deny_senders\", \"harvest\", \"fcrdns\", \"dnsbl\", \"greylist\" ); };");
	/* Anybody can write a sender's name: by default it counts when SPF or a signature of its domain vouches for it. */
	if (set->senders.n > 0)
		checks_rules_add(&r, set->shadow, "allow: senders", NULL,
				 "when = ( { fact = \"sender_list\"; is = \"allow\"; }%s );\n"
				 "    then = { skip = ( \"fcrdns\", \"dnsbl\", \"greylist\" ); };",
				 set->unverified ? ""
						 : ", { any = ( { fact = \"spf\"; is = \"pass\"; }, "
						   "{ fact = \"dkim_domain\"; same_as = \"sender_domain\"; } ); }");
	checks_rules_end(&r);
}

static void clients_rules(const void *state, struct sbuf *out)
{
	const struct lists_state *s = state;
	struct checks_rules r;

	checks_rules_begin(&r, out);
	if (addr_list_count(s->deny) > 0)
		checks_rules_add(&r, s->shadow, "deny: clients", s->refuse_at,
				 "when = ( { fact = \"client_list\"; is = \"deny\"; } );\n"
				 "    then = { reject = \"554 5.7.1 mail from your host is not accepted here\"; };");
	checks_rules_end(&r);
}

static void senders_rules(const void *state, struct sbuf *out)
{
	const struct lists_state *s = state;
	struct checks_rules r;

	checks_rules_begin(&r, out);
	if (addr_list_count(s->deny) > 0)
		checks_rules_add(&r, s->shadow, "deny: senders", NULL,
				 "when = ( { fact = \"sender_list\"; is = \"deny\"; } );\n"
				 "    then = { reject = \"554 5.7.1 mail from this sender is not accepted here\"; };");
	checks_rules_end(&r);
}

/* ---- Facts ---- */

static int greater(int a, int b)
{
	return a > b ? a : b;
}

static void set_result(struct fact_value *f, int allow, int deny)
{
	if (allow > 0 && allow >= deny)
		fact_set_word(f, "allow");
	else
		fact_set_word(f, deny > 0 ? "deny" : "none");
}

/*
 * Whether the client's missing name could turn the answer that its address gave against it: then the answer is not to
 * be relied on.  An allowed client stays allowed.
 */
static bool name_matters(const struct lists_state *s, int allow, int deny)
{
	if (allow > 0 && allow >= deny)
		return false;
	return s->allow_names || (s->deny_names && deny == 0);
}

static void clients_finish(struct check_call *c)
{
	const struct lists_state *s = c->state;
	const struct fact_value *name = &c->conn->facts.v[FACT_CLIENT_NAME];
	struct fact_value *out = &c->facts->v[FACT_CLIENT_LIST];
	int allow = addr_list_match_ip(s->allow, &c->conn->ip);
	int deny = addr_list_match_ip(s->deny, &c->conn->ip);

	if (name->state == FACT_UNAVAILABLE && name_matters(s, allow, deny)) {
		fact_set_unavailable(out, s->on_error, name->why);
		return;
	}
	for (unsigned i = 0; name->state == FACT_KNOWN && i < name->n; i++) {
		const struct fact_text *t = &name->text[i];

		allow = greater(allow, addr_list_match_domain(s->allow, t->folded, t->folded_n));
		deny = greater(deny, addr_list_match_domain(s->deny, t->folded, t->folded_n));
	}
	set_result(out, allow, deny);
}

static void senders_finish(struct check_call *c)
{
	const struct lists_state *s = c->state;
	const struct fact_value *sender = &c->txn->facts.v[FACT_SENDER];
	int allow = 0, deny = 0;

	for (unsigned i = 0; sender->state == FACT_KNOWN && i < sender->n; i++) {
		const struct fact_text *t = &sender->text[i];

		if (t->folded_n == 0)
			continue; /* the null sender is in no list */
		allow = greater(allow, addr_list_match_address(s->allow, t->folded, t->folded_n));
		deny = greater(deny, addr_list_match_address(s->deny, t->folded, t->folded_n));
	}
	set_result(&c->facts->v[FACT_SENDER_LIST], s->doubtful && deny > 0 ? 0 : allow, deny);
}

const struct check allow_check = {
	.name = "allow",
	.settings = &lists_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_SESSION,
	.stage = STAGE_CONNECT,
	.prepare = allow_prepare,
	.rules = allow_rules,
};

const struct check deny_clients_check = {
	.name = "deny_clients",
	.settings = &lists_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_SESSION,
	.stage = STAGE_CONNECT,
	.provides = FACT_BIT(FACT_CLIENT_LIST),
	.inputs = FACT_BIT(FACT_CLIENT_IP) | FACT_BIT(FACT_CLIENT_NAME),
	.prepare = clients_prepare,
	.release = lists_release,
	.rules = clients_rules,
	.finish = clients_finish,
};

const struct check deny_senders_check = {
	.name = "deny_senders",
	.settings = &lists_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_MAIL,
	.provides = FACT_BIT(FACT_SENDER_LIST),
	.inputs = FACT_BIT(FACT_SENDER),
	.prepare = senders_prepare,
	.release = lists_release,
	.rules = senders_rules,
	.finish = senders_finish,
};
