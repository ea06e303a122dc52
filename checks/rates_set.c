#include "checks/rates_set.h"

#include "checks/common.h"
#include "checks/rates_script.h"
#include "util/bytes.h"
#include "util/clock.h"

/* Of the counting in memory: about 30,000 keys. */
enum { LOCAL_MAX_BYTES = 8 << 20, QUOTED_SIZE = 1024 };

/* All rates of the section, and who counts and tells beside Redis: of the arena, owned by both checks. */
struct rates_common {
	struct rate *v;
	unsigned n, owners;
	bool shadow, broken; /* broken: the first of the checks has complained */
	struct rates_local *local;
	struct rates_alarm *alarm;
};

/* ---- Loading ---- */

static bool name_is_taken(const struct rates_common *m, const char *name)
{
	for (unsigned i = 0; i < m->n; i++)
		if (ascii_equal(m->v[i].name, name))
			return true;
	return false;
}

static void read_all(struct rates_common *m, const struct rate_settings *v, unsigned n, struct arena *a,
		     struct error_list *errors)
{
	for (unsigned i = 0; i < n; i++) {
		struct rate *r = &m->v[m->n];

		if (rates_read(r, &v[i], a, errors) != 0) {
			rates_done(r);
		} else if (name_is_taken(m, r->name)) {
			error_add(errors, v[i].where.file, v[i].where.line,
				  "there is a rate \"%s\" already; give this one another name", r->name);
			rates_done(r);
		} else {
			if (m->shadow && r->action == LIMITS_HOLD)
				r->hold_ms = 0;
			m->n++;
		}
	}
}

static bool shadow_of_all(const struct conf_node *root)
{
	const struct conf_node *shadow = root != NULL ? conf_child(root, "shadow") : NULL;

	return shadow != NULL && shadow->type == CONF_BOOL && shadow->flag;
}

static void give_up(struct rates_common *m)
{
	rates_alarm_close(&m->alarm);
	rates_local_free(&m->local);
	for (unsigned i = 0; i < m->n; i++)
		rates_done(&m->v[i]);
	m->n = 0;
}

/* NULL when out of memory. */
static struct rates_common *load_common(const struct check_env *env, const struct limits_settings *set,
					struct error_list *errors)
{
	struct rates_common *m = arena_alloc(env->arena, sizeof *m);
	unsigned before = errors->errors;

	if (m == NULL || (m->v = arena_calloc(env->arena, set->rates.n, sizeof *m->v)) == NULL)
		return NULL;
	m->shadow = set->shadow || shadow_of_all(env->root);
	read_all(m, set->rates.v, set->rates.n, env->arena, errors);
	if (set->emergency && (m->local = rates_local_new(LOCAL_MAX_BYTES)) == NULL)
		error_add(errors, NULL, 0, "out of memory");
	m->alarm = rates_alarm_new(env, set, errors);
	m->broken = errors->errors != before;
	if (m->broken)
		give_up(m);
	return m;
}

/* The rates of one kind; NULL when out of memory. */
static struct rates_set *choose(const struct check_env *env, const struct limits_settings *set, struct rates_common *m,
				bool bytes)
{
	struct rates_set *s = arena_alloc(env->arena, sizeof *s);

	if (s == NULL || (s->v = arena_calloc(env->arena, m->n, sizeof(struct rate *))) == NULL)
		return NULL;
	redis_script_init(&s->script, rates_script);
	s->common = m;
	s->prefix = env->redis_prefix;
	s->on_error = checks_on_error_of(set->on_error, env->redis_on_error);
	s->shadow = m->shadow;
	s->local = m->local;
	s->alarm = m->shadow ? NULL : m->alarm; /* in shadow the log is enough */
	for (unsigned i = 0; i < m->n; i++)
		if ((m->v[i].unit == RATE_BYTES) == bytes)
			s->v[s->n++] = &m->v[i];
	return s;
}

int rates_set_prepare(const struct check_env *env, const struct limits_settings *set, bool bytes, void **state,
		      struct error_list *errors)
{
	struct rates_common *m = *env->shared;
	struct rates_set *s;

	*state = NULL;
	if (set->rates.n == 0)
		return 0;
	if (m == NULL)
		*env->shared = m = load_common(env, set, errors);
	if (m != NULL && m->broken)
		return -1;
	s = m != NULL ? choose(env, set, m, bytes) : NULL;
	if (s == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	if (s->n == 0)
		return 0; /* then the other check owns what is common */
	m->owners++;
	*state = s;
	return 0;
}

void rates_set_release(void *state)
{
	struct rates_set *s = state;

	if (--s->common->owners == 0)
		give_up(s->common);
}

/* ---- Rules ---- */

static const char *const actions[] = {
	[LIMITS_DEFER] = "defer = \"450 4.7.1 too much mail in a short time, try again later\"",
	[LIMITS_REJECT] = "reject = \"550 5.7.1 too much mail in a short time\"",
	[LIMITS_HOLD] = "quarantine = \"held by a limit, until millgate limits reset\"",
};

static void add_rules(const struct rates_set *s, bool holding, const char *fact, const char *refuse_at,
		      struct checks_rules *rules)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct rate *r = s->v[i];
		char quoted[QUOTED_SIZE];
		struct sbuf name;

		if ((r->action == LIMITS_HOLD) != holding)
			continue;
		sbuf_fixed(&name, quoted, sizeof quoted);
		checks_quote(&name, r->name);
		checks_rules_add(rules, s->shadow, r->name, holding ? NULL : refuse_at,
				 "%swhen = ( { fact = \"%s\"; is = %s; } );\n"
				 "    then = { %s; };",
				 holding ? "for_all = true; " : "", fact, quoted, actions[r->action]);
	}
}

void rates_set_rules(const struct rates_set *s, const char *fact, const char *refuse_at, struct sbuf *out)
{
	struct checks_rules rules;

	checks_rules_begin(&rules, out);
	add_rules(s, true, fact, refuse_at, &rules);
	add_rules(s, false, fact, refuse_at, &rules);
	checks_rules_end(&rules);
}

/* ---- Upkeep ---- */

void rates_set_tick(const void *state, struct net_wait *wait, int64_t deadline_ms)
{
	const struct rates_set *s = state;

	(void)wait;
	(void)deadline_ms;
	if (s->local != NULL)
		rates_local_sweep(s->local, clock_mono_us());
}

void rates_set_status(const void *state, struct sbuf *out)
{
	const struct rates_set *s = state;

	sbuf_addf(out, "{\"rates\":%u,\"counted_here\":%zu}", s->n,
		  s->local != NULL ? rates_local_count(s->local) : (size_t)0);
}
