#include "engine/snapshot.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/checks.h"
#include "engine/loop.h"

enum {
	HOSTNAME_MAX = 256,
	RULES_TEXT_MAX = 4 << 20, /* of one check's built-in rules: long exempt lists included */
	NAMES_MAX = 256           /* of settings at the top level */
};

static const char *const default_charsets[] = { "KOI8-R", "windows-1251" };

/* ---- The general settings ---- */

/* Every name that may stand at the top level besides the general settings: the checks' sections. */
static void section_names(const char **names, unsigned room)
{
	unsigned n = 0;

	for (const struct check *const *c = engine_checks; *c != NULL; c++) {
		if ((*c)->section != NULL) {
			if (n + 1 < room)
				names[n++] = (*c)->section;
			continue;
		}
		for (unsigned i = 0; (*c)->settings != NULL && i < (*c)->settings->n && n + 1 < room; i++)
			names[n++] = (*c)->settings->rows[i].name;
	}
	for (const struct finisher *const *f = engine_finishers; *f != NULL && n + 1 < room; f++)
		if ((*f)->section != NULL)
			names[n++] = (*f)->section;
	names[n] = NULL;
}

/* The machine's full name, when it can be had without waiting long; else what gethostname() says. */
static const char *machine_name(struct arena *a)
{
	char name[HOSTNAME_MAX];

	if (gethostname(name, sizeof name) != 0)
		return "localhost";
	name[sizeof name - 1] = '\0';
	return arena_strdup(a, name);
}

/* A client is one of ours by its address alone: names can be had by anybody who runs a reverse zone. */
static void check_networks(const char *setting, const struct conf_strings *items, struct error_list *errors)
{
	struct ip_net net;

	for (unsigned i = 0; i < items->n; i++) {
		int rc = ip_net_parse(&net, items->v[i].s);

		if (rc == -2)
			error_add(errors, items->v[i].file, items->v[i].line,
				  "%s: \"%s\" has bits set behind its prefix; write the network's own address", setting,
				  items->v[i].s);
		else if (rc != 0)
			error_add(errors, items->v[i].file, items->v[i].line,
				  "%s: \"%s\" is neither an address nor a network (ADDRESS/BITS)", setting,
				  items->v[i].s);
	}
}

/* Plain text of a name or an address: what can stand in a string of the rule language, and match. */
static bool is_plain(const char *s)
{
	return s[0] != '\0' && strpbrk(s, " \t\r\n\"\\<>()[];,:") == NULL;
}

static void check_domains(const struct engine_settings *set, struct error_list *errors)
{
	const struct conf_strings *l = &set->local_domains;

	for (unsigned i = 0; i < l->n; i++)
		if (!is_plain(l->v[i].s) || strchr(l->v[i].s, '@') != NULL)
			error_add(
				errors, l->v[i].file, l->v[i].line,
				"local_domains: \"%s\" is no domain; write example.org, or .example.org for its subdomains",
				l->v[i].s);
	l = &set->exempt_recipients;
	for (unsigned i = 0; i < l->n; i++)
		if (!is_plain(l->v[i].s) || (l->v[i].s[0] == '.' && strchr(l->v[i].s, '@') == NULL))
			error_add(
				errors, l->v[i].file, l->v[i].line,
				"exempt_recipients: \"%s\" is neither a local part (postmaster) nor an address nor @domain",
				l->v[i].s);
}

static struct addr_list *make_list(const struct conf_strings *items, struct error_list *errors)
{
	struct addr_list *l = addr_list_new();

	for (unsigned i = 0; l != NULL && i < items->n; i++)
		(void)addr_list_add(l, items->v[i].s); /* what is wrong with it has been said */
	if (l == NULL)
		error_add(errors, NULL, 0, "out of memory");
	return l;
}

static void load_charsets(struct snapshot *s, struct error_list *errors)
{
	const char **names;

	if (s->set.charsets.n == 0) {
		s->charsets.names = default_charsets;
		s->charsets.n = sizeof default_charsets / sizeof default_charsets[0];
		return;
	}
	names = arena_calloc(s->arena, s->set.charsets.n, sizeof *names);
	for (unsigned i = 0; names != NULL && i < s->set.charsets.n; i++) {
		const struct conf_item *item = &s->set.charsets.v[i];

		names[i] = item->s;
		if (!mime_charset_known(item->s))
			error_add(errors, item->file, item->line, "there is no charset \"%s\"", item->s);
	}
	s->charsets.names = names;
	s->charsets.n = names != NULL ? s->set.charsets.n : 0;
}

static void load_settings(struct snapshot *s, struct error_list *errors)
{
	const char *others[NAMES_MAX];

	section_names(others, NAMES_MAX);
	(void)conf_bind(&engine_settings_table, s->root, &s->set, others, s->arena, errors);
	s->hostname = s->set.hostname != NULL ? s->set.hostname : machine_name(s->arena);
	s->deadline_ms = s->set.deadline;
	s->journal_key = arena_printf(s->arena, "%sjournal", s->set.redis.prefix);
	s->journal_keep = arena_printf(s->arena, "%lld", (long long)s->set.journal.entries);
	check_networks("trusted_networks", &s->set.trusted_networks, errors);
	check_networks("relays", &s->set.relays, errors);
	check_domains(&s->set, errors);
	s->trusted = make_list(&s->set.trusted_networks, errors);
	s->relays = make_list(&s->set.relays, errors);
	load_charsets(s, errors);
}

/* ---- The checks ---- */

/* Settings that are bound already. */
struct bound {
	const struct conf_table *table[TXN_MAX_CHECKS + SNAPSHOT_FINISHERS];
	void *set[TXN_MAX_CHECKS + SNAPSHOT_FINISHERS];
	void *shared[TXN_MAX_CHECKS + SNAPSHOT_FINISHERS]; /* by checks: struct check_env, shared */
	unsigned n;
};

/* What those who have these settings share. */
static void **shared_of(struct bound *bound, const struct conf_table *table)
{
	for (unsigned j = 0; j < bound->n; j++)
		if (bound->table[j] == table)
			return &bound->shared[j];
	return NULL;
}

/* The settings of a check, bound; those of a section that two checks share are bound once. */
static void *bind_settings(struct snapshot *s, const char *section, const struct conf_table *table, struct bound *bound,
			   struct error_list *errors)
{
	const struct conf_node *group;
	const char *others[NAMES_MAX];
	unsigned n = 0;
	void *set;

	for (unsigned j = 0; j < bound->n; j++)
		if (bound->table[j] == table)
			return bound->set[j];
	set = arena_alloc(s->arena, table->size);
	if (set == NULL)
		return NULL;
	bound->table[bound->n] = table;
	bound->set[bound->n++] = set;
	if (section != NULL) {
		group = s->root != NULL ? conf_child(s->root, section) : NULL;
		if (group != NULL && group->type != CONF_GROUP) {
			error_add(errors, group->file, group->line, "%s must be a group, { ... }, not %s", section,
				  conf_type_name(group->type));
			group = NULL;
		}
		(void)conf_bind(table, group, set, NULL, s->arena, errors);
		return set;
	}
	/* At the top level: what the check does not declare has been judged with the general settings. */
	for (const struct conf_node *k = s->root != NULL ? s->root->child : NULL; k != NULL && n + 1 < NAMES_MAX;
	     k = k->next)
		others[n++] = k->name;
	others[n] = NULL;
	(void)conf_bind(table, s->root, set, others, s->arena, errors);
	return set;
}

static void load_finishers(struct snapshot *s, const struct check_env *env, struct bound *bound,
			   struct error_list *errors)
{
	for (const struct finisher *const *f = engine_finishers; *f != NULL && s->n_finishers < SNAPSHOT_FINISHERS;
	     f++) {
		struct snapshot_finisher *k = &s->finishers[s->n_finishers++];
		bool has = (*f)->settings != NULL;
		void *set = has ? bind_settings(s, (*f)->section, (*f)->settings, bound, errors) : NULL;

		k->def = *f;
		if (set != NULL || !has)
			(void)(*f)->prepare(env, set, &k->state, errors);
	}
}

static void load_checks(struct snapshot *s, struct error_list *errors)
{
	struct check_env env = { .hostname = s->hostname,
				 .user = s->set.user,
				 .group = s->set.group,
				 .local_domains = &s->set.local_domains,
				 .redis_prefix = s->set.redis.prefix,
				 .dns_on_error = (enum on_error)s->set.dns.on_error,
				 .redis_on_error = (enum on_error)s->set.redis.on_error,
				 .dns_timeout_ms = s->set.dns.timeout,
				 .arena = s->arena,
				 .root = s->root };
	struct bound bound = { .n = 0 };

	for (unsigned f = 0; f < FACT_COUNT; f++)
		s->provider[f] = SNAPSHOT_NO_CHECK;
	for (const struct check *const *c = engine_checks; *c != NULL && s->n_checks < TXN_MAX_CHECKS; c++) {
		unsigned i = s->n_checks++;
		void *set = NULL;

		s->checks[i].def = *c;
		if ((*c)->settings != NULL &&
		    (set = bind_settings(s, (*c)->section, (*c)->settings, &bound, errors)) == NULL) {
			error_add(errors, NULL, 0, "out of memory");
			return;
		}
		env.shared = shared_of(&bound, (*c)->settings);
		(void)(*c)->prepare(&env, set, &s->checks[i].state, errors);
		for (unsigned f = 0; f < FACT_COUNT; f++)
			if ((*c)->provides & FACT_BIT(f))
				s->provider[f] = (int)i;
	}
	load_finishers(s, &env, &bound, errors);
}

/* ---- The rules ---- */

static fact_mask facts_of_checks(const struct snapshot *s, enum check_kind kind)
{
	fact_mask m = 0;

	for (unsigned i = 0; i < s->n_checks; i++)
		if (s->checks[i].def->kind == kind)
			m |= s->checks[i].def->provides;
	return m;
}

static void add_builtin(struct snapshot *s, const char *section, const char *text, struct error_list *errors)
{
	const struct conf_node *tree, *list;
	char label[64];
	struct sbuf b;

	sbuf_fixed(&b, label, sizeof label);
	sbuf_addf(&b, "built-in %s", section);
	tree = conf_parse(text, label, s->arena, errors);
	list = tree != NULL ? conf_child(tree, "rules") : NULL;
	if (list != NULL)
		(void)rules_add(s->rules, section, list, errors);
}

static void add_builtins(struct snapshot *s, struct error_list *errors)
{
	struct sbuf text;

	sbuf_heap(&text, RULES_TEXT_MAX);
	who_rules(s, &text);
	add_builtin(s, "who", text.p, errors);
	for (unsigned i = 0; i < s->n_checks; i++) {
		if (s->checks[i].state == NULL || s->checks[i].def->rules == NULL)
			continue;
		sbuf_reset(&text);
		s->checks[i].def->rules(s->checks[i].state, &text);
		if (text.cut)
			error_add(errors, NULL, 0, "out of memory for the rules of %s", s->checks[i].def->name);
		else if (text.len > 0)
			add_builtin(s, s->checks[i].def->name, text.p, errors);
	}
	sbuf_done(&text);
}

/* Sections carry their checks' names; a configuration section with several checks is a group of them. */
static void declare_sections(struct snapshot *s)
{
	section_mask deny = 0;

	(void)rules_section(s->rules, "who");
	(void)rules_section(s->rules, "authres");
	for (unsigned i = 0; i < s->n_checks; i++) {
		s->checks[i].section = rules_section(s->rules, s->checks[i].def->name);
		if (strncmp(s->checks[i].def->name, "deny_", 5) == 0)
			deny |= s->checks[i].section;
	}
	for (unsigned i = 0; i < s->n_checks; i++) {
		const char *section = s->checks[i].def->section;
		section_mask members = 0;

		for (unsigned j = 0; section != NULL && j < s->n_checks; j++)
			if (s->checks[j].def->section != NULL && strcmp(s->checks[j].def->section, section) == 0)
				members |= s->checks[j].section;
		if (section != NULL)
			rules_section_group(s->rules, section, members);
	}
	if (deny != 0)
		rules_section_group(s->rules, "deny", deny);
}

static void load_rules(struct snapshot *s, struct error_list *errors)
{
	s->rules = rules_new();
	if (s->rules == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return;
	}
	declare_sections(s);
	rules_set_facts(s->rules,
			facts_of_engine() | facts_of_checks(s, CHECK_PURE) | facts_of_checks(s, CHECK_EFFECT));
	rules_set_cost(s->rules, facts_of_checks(s, CHECK_PURE), facts_of_checks(s, CHECK_EFFECT));
	if (s->set.rules != NULL)
		(void)rules_add(s->rules, NULL, s->set.rules, errors);
	add_builtins(s, errors);
	if (errors->errors == 0)
		(void)rules_compile(s->rules, errors);
}

/* ---- What is read of what ---- */

/* Authentication-Results reads all that has a say in it; FCrDNS alone (iprev) is no reason to write one. */
static void read_for_authres(struct snapshot *s, struct snapshot_use *use)
{
	section_mask reader = rules_section_bit(s->rules, "authres");

	for (unsigned i = 0; i < s->n_checks; i++)
		if (snapshot_stamps(&s->checks[i]) && s->checks[i].def->scope == SCOPE_MESSAGE)
			s->authres = s->set.authentication_results;
	for (unsigned i = 0; s->authres && i < s->n_checks; i++) {
		if (!snapshot_stamps(&s->checks[i]))
			continue;
		use->facts |= s->checks[i].def->provides;
		use->checks[i].readers |= reader;
	}
}

/* What rules and finishers read at first hand. */
static void read_by_rules(struct snapshot *s, struct snapshot_use *use)
{
	bool envelope = use == &s->envelope;

	use->facts |= rules_facts(s->rules, use->never);
	for (unsigned i = 0; i < s->n_finishers; i++)
		if (s->finishers[i].state != NULL && (!envelope || s->finishers[i].def->envelope))
			use->facts |= s->finishers[i].def->inputs & ~use->never;
	for (unsigned i = 0; i < s->n_checks; i++)
		for (unsigned f = 0; f < FACT_COUNT; f++)
			if (s->checks[i].def->provides & use->facts & FACT_BIT(f))
				use->checks[i].readers |= rules_readers(s->rules, (enum fact_id)f, use->never);
}

/* Whoever reads check i reads its inputs, too.  Whether that is news. */
static bool read_by_check(struct snapshot *s, struct snapshot_use *use, unsigned i)
{
	const struct check *def = s->checks[i].def;
	fact_mask reads = def->reads != NULL ? def->reads(s->checks[i].state) : def->inputs;
	fact_mask inputs = reads & ~def->provides; /* its own it reads where the MTA told */
	bool news = (inputs & ~use->facts) != 0;

	use->facts |= inputs;
	for (unsigned j = 0; j < s->n_checks; j++) {
		if ((s->checks[j].def->provides & reads) == 0 || i == j)
			continue;
		news = news || (use->checks[i].readers & ~use->checks[j].readers) != 0;
		use->checks[j].readers |= use->checks[i].readers;
	}
	return news;
}

/* Follows the checks' inputs until nothing is added: what is wanted, and who is behind it. */
static void find_wanted(struct snapshot *s, struct snapshot_use *use)
{
	bool more = true;

	read_by_rules(s, use);
	while (more) {
		more = false;
		for (unsigned i = 0; i < s->n_checks; i++) {
			struct snapshot_reads *c = &use->checks[i];

			c->wanted = s->checks[i].state != NULL ? s->checks[i].def->provides & use->facts : 0;
			if (c->wanted != 0 && read_by_check(s, use, i))
				more = true;
		}
	}
}

static void find_uses(struct snapshot *s)
{
	s->whole.last = STAGE_END;
	s->whole.stages = rules_stages(s->rules);
	read_for_authres(s, &s->whole);
	find_wanted(s, &s->whole);
	untold_compute(s);
	find_wanted(s, &s->envelope);
}

/* A rule on facts of a check that is not configured never fires: its author should know. */
static void warn_unprovided(const struct snapshot *s, struct error_list *errors)
{
	for (size_t i = 0; i < rules_count(s->rules); i++) {
		const struct rule *r = rules_at(s->rules, i);

		for (unsigned c = 0; r->section == NULL && c < s->n_checks; c++) {
			const struct check *def = s->checks[c].def;

			if (s->checks[c].state == NULL && def->section != NULL && (def->provides & r->facts) != 0)
				error_warn(
					errors, r->file, r->line,
					"rule \"%s\" reads what %s finds out, and %s is not configured: add its section `%s`",
					r->name, def->name, def->name, def->section);
		}
	}
}

/* Whether following inputs from check i comes back to it. */
static bool is_cyclic(const struct snapshot *s, unsigned i, unsigned at, unsigned depth)
{
	for (unsigned f = 0; f < FACT_COUNT; f++) {
		int p = (s->checks[at].def->inputs & FACT_BIT(f)) ? s->provider[f] : SNAPSHOT_NO_CHECK;

		if (p == SNAPSHOT_NO_CHECK || (p == (int)at && p != (int)i))
			continue;
		if (p == (int)i || (depth < s->n_checks && is_cyclic(s, i, (unsigned)p, depth + 1)))
			return true;
	}
	return false;
}

static void refuse_cycles(const struct snapshot *s, struct error_list *errors)
{
	for (unsigned i = 0; i < s->n_checks; i++)
		if (is_cyclic(s, i, i, 0))
			error_add(errors, NULL, 0, "the check %s reads facts that depend on its own",
				  s->checks[i].def->name);
}

/* ---- Life ---- */

struct snapshot *snapshot_load(const char *path, struct error_list *errors)
{
	struct snapshot *s = calloc(1, sizeof *s);

	if (s == NULL || (s->arena = arena_new(0)) == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		free(s);
		return NULL;
	}
	atomic_init(&s->refs, 1);
	s->root = conf_load(path, s->arena, errors);
	if (s->root != NULL) {
		load_settings(s, errors);
		load_checks(s, errors);
		load_rules(s, errors);
	}
	if (errors->errors == 0) {
		refuse_cycles(s, errors);
		warn_unprovided(s, errors);
		find_uses(s);
		unsaid_warn(s, errors);
		if (needs_compute(s) != 0 || arena_failed(s->arena))
			error_add(errors, NULL, 0, "out of memory");
	}
	if (errors->errors > 0)
		snapshot_unref(&s);
	return s;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void snapshot_unref(struct snapshot **sp)
{
	struct snapshot *s = *sp;

	*sp = NULL;
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	loop_unref(&s->loop);
	for (unsigned i = 0; i < s->n_checks; i++)
		if (s->checks[i].state != NULL && s->checks[i].def->release != NULL)
			s->checks[i].def->release(s->checks[i].state);
	for (unsigned i = 0; i < s->n_finishers; i++)
		if (s->finishers[i].state != NULL && s->finishers[i].def->release != NULL)
			s->finishers[i].def->release(s->finishers[i].state);
	rules_free(&s->rules);
	addr_list_free(&s->trusted);
	addr_list_free(&s->relays);
	arena_free(&s->arena);
	free(s);
}
