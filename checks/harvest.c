/*
 * How a client stands is asked of Redis when it connects; each unknown recipient of a session counts one more, and the
 * count says what the session has earned by then.
 *
 * Nothing is refused for good: a mailing list with many stale addresses comes late, no more.
 */
#include "checks/harvest.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "checks/common.h"
#include "checks/harvest_count.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/units.h"

enum {
	DELAY_MAX_MS = 5000,     /* a worker of libmilter may have another session waiting behind this one */
	DEADLINE_SPARE_MS = 500, /* of a stage's time is never slept away */
	PERIOD_SIZE = 32
};

/* What a client has earned, from mild to severe. */
enum harvest_step { STEP_NO, STEP_SLOW, STEP_CLOSE, STEP_REFUSE };
static const struct name_value steps[] = {
	{ "no", STEP_NO }, { "slow", STEP_SLOW }, { "close", STEP_CLOSE }, { "refuse", STEP_REFUSE }, { NULL, 0 },
};

enum harvest_refuse_at { AT_CONNECT, AT_MAIL, AT_RCPT };
static const struct name_value harvest_refuse_at[] = {
	{ "connect", AT_CONNECT },
	{ "mail", AT_MAIL },
	{ "rcpt", AT_RCPT },
	{ NULL, 0 },
};

/* Beyond the transactions; atomic. */
struct harvest_live {
	atomic_uint sleeping;
	atomic_uint_fast64_t counted, slowed, not_slowed, uncounted;
};

struct harvest_state {
	struct harvest_settings set;
	struct harvest_counter counter;
	enum on_error on_error;
	bool shadow; /* the section's, or the whole configuration's */
	struct harvest_live *live;
};

/* ---- Settings ---- */

static int wrong(const struct conf_node *group, const char *setting, struct error_list *errors, const char *text)
{
	const struct conf_node *at = conf_child(group, setting);

	at = at != NULL ? at : group;
	error_add(errors, at->file, at->line, "harvesting: %s", text);
	return -1;
}

/* The steps come in their order, as far as they are there. */
static int harvest_verify(void *settings, const struct conf_node *group, struct error_list *errors)
{
	const struct harvest_settings *set = settings;
	int64_t close = set->close_after > 0 ? set->close_after : INT64_MAX;
	int64_t refuse = set->refuse_after > 0 ? set->refuse_after : INT64_MAX;
	int rc = 0;

	if (set->per <= 0)
		rc = wrong(group, "per", errors, "per must be more than 0");
	if (set->refuse_for <= 0)
		rc = wrong(group, "refuse_for", errors, "refuse_for must be more than 0");
	if (set->delay > DELAY_MAX_MS)
		rc = wrong(group, "delay", errors, "delay must be at most 5s");
	if (set->slow_after > close || set->slow_after > refuse)
		rc = wrong(group, "slow_after", errors, "slow_after must not be more than close_after or refuse_after");
	if (set->close_after > refuse)
		rc = wrong(group, "close_after", errors, "close_after must not be more than refuse_after");
	return rc;
}

#define CONF_SELF struct harvest_settings
CONF_TABLE(harvest_settings, HARVEST_SETTINGS, harvest_verify);
#undef CONF_SELF

/* A rate of that name would count in the same keys. */
static int check_rates(const struct conf_node *root, struct error_list *errors)
{
	const struct conf_node *limits = root != NULL ? conf_child(root, "limits") : NULL;
	const struct conf_node *rates = limits != NULL ? conf_child(limits, "rates") : NULL;
	int rc = 0;

	for (const struct conf_node *r = rates != NULL ? rates->child : NULL; r != NULL; r = r->next) {
		const struct conf_node *name = r->type == CONF_GROUP ? conf_child(r, "name") : NULL;

		if (name == NULL || name->type != CONF_STRING || strcmp(name->str, HARVEST_RATE) != 0)
			continue;
		error_add(errors, name->file, name->line,
			  "the section harvesting counts under the name \"" HARVEST_RATE "\"; give this rate another");
		rc = -1;
	}
	return rc;
}

static int harvest_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct harvest_settings *set = settings;
	const struct conf_node *shadow = env->root != NULL ? conf_child(env->root, "shadow") : NULL;
	struct harvest_state *s;

	*state = NULL;
	if (!set->where.present || !set->enabled)
		return 0;
	if (check_rates(env->root, errors) != 0)
		return -1;
	s = arena_alloc(env->arena, sizeof *s);
	if (s == NULL || (s->live = arena_alloc(env->arena, sizeof *s->live)) == NULL) {
		error_add(errors, set->where.file, set->where.line, "out of memory");
		return -1;
	}
	s->set = *set;
	s->on_error = checks_on_error_of(set->on_error, env->redis_on_error);
	s->shadow = set->shadow || (shadow != NULL && shadow->type == CONF_BOOL && shadow->flag);
	s->counter = (struct harvest_counter){ .prefix = env->redis_prefix,
					       .per_ms = set->per,
					       .refuse_after = set->refuse_after,
					       .refuse_for_ms = set->refuse_for };
	harvest_count_init(&s->counter);
	*state = s;
	return 0;
}

/* ---- Rules ---- */

/*
 * The answer to a recipient that the MTA refuses is the MTA's: a client that knows none that exist can be sent away at
 * MAIL alone.  What it earned within a transaction it is told at the next recipient of that which exists: the last rule
 * has RCPT looked at.
 */
static void harvest_rules(const void *state, struct sbuf *out)
{
	static const char text[] = "421 4.7.0 too many unknown recipients from your address, try again later";
	static const char closes[] = "when = ( { fact = \"harvest\"; is = ( \"close\", \"refuse\" ); } );\n"
				     "    then = { defer = \"%s\"; };";
	const struct harvest_state *s = state;
	struct checks_rules r;

	checks_rules_begin(&r, out);
	if (s->set.refuse_at == AT_CONNECT)
		checks_rules_add(&r, s->set.shadow, "harvest: refused client", "connect",
				 "when = ( { fact = \"harvest\"; is = \"refuse\"; } );\n"
				 "    then = { defer = \"%s\"; };",
				 text);
	if (s->set.refuse_at <= AT_MAIL)
		checks_rules_add(&r, s->set.shadow, "harvest: unknown recipients", "mail", closes, text);
	checks_rules_add(&r, s->set.shadow, "harvest: unknown recipients, at RCPT", "rcpt", closes, text);
	checks_rules_end(&r);
}

/* ---- The session ---- */

static bool reached(int64_t count, int64_t after)
{
	return after > 0 && count >= after;
}

static enum harvest_step step_now(const struct fact_value *f)
{
	int step = f->state == FACT_KNOWN ? names_value(steps, f->text->raw) : STEP_NO;

	return step >= 0 ? (enum harvest_step)step : STEP_NO;
}

static void set_step(struct check_call *c, enum harvest_step step)
{
	fact_set_word(&c->facts->v[FACT_HARVEST], names_name(steps, step));
}

static void harvest_start(struct check_call *c)
{
	const struct harvest_state *s = c->state;

	if (c->conn->ip.family != IP_NONE)
		*c->slot = harvest_count_ask(&s->counter, c->wait, &c->conn->ip);
}

static bool harvest_poll(struct check_call *c)
{
	struct net_op *op = *c->slot;

	return checks_answered(&op, 1);
}

/*
 * What a new session begins with.  Not `close`: that is for the session that brings the recipient too many, or no client
 * could come as far as being refused.
 */
static void harvest_finish(struct check_call *c)
{
	const struct harvest_state *s = c->state;
	struct net_op *op = *c->slot;
	const char *why;
	int64_t count;

	if (c->conn->ip.family == IP_NONE) {
		fact_set_absent(&c->facts->v[FACT_HARVEST]);
		return;
	}
	(void)net_await(c->wait, &op, 1, c->deadline_ms);
	count = harvest_count_result(op, &why);
	if (count < 0)
		fact_set_unavailable(&c->facts->v[FACT_HARVEST], s->on_error, arena_strdup(c->arena, why));
	else if (reached(count, s->set.refuse_after))
		set_step(c, STEP_REFUSE);
	else
		set_step(c, reached(count, s->set.slow_after) ? STEP_SLOW : STEP_NO);
}

static void harvest_drop(struct check_call *c)
{
	struct net_op *op = *c->slot;

	net_op_free(&op);
	*c->slot = NULL;
}

/* ---- Unknown recipients ---- */

/* "5.1.1 ..." or "5.1.2 ..." (RFC 3463, section 3.2), behind the reply code or not. */
static bool is_unknown(const char *reply)
{
	enum { CODE = 3 };
	static const char no_mailbox[] = "5.1.1", no_host[] = "5.1.2";
	const char *p = reply;

	if (ascii_is_digit(p[0]) && ascii_is_digit(p[1]) && ascii_is_digit(p[2]) && (p[CODE] == ' ' || p[CODE] == '-'))
		p += CODE + 1;
	if (strncmp(p, no_mailbox, sizeof no_mailbox - 1) != 0 && strncmp(p, no_host, sizeof no_host - 1) != 0)
		return false;
	return !ascii_is_digit(p[sizeof no_host - 1]);
}

/* One more.  The count; -1 when Redis does not tell: then it is not counted. */
static int64_t count_one(const struct check_call *c)
{
	const struct harvest_state *s = c->state;
	struct net_op *op = harvest_count_add(&s->counter, c->wait, &c->conn->ip);
	const char *why;
	int64_t count;

	(void)net_await(c->wait, &op, 1, c->deadline_ms);
	count = harvest_count_result(op, &why);
	net_op_free(&op);
	return count;
}

/* Of all daemons, the one that counts the recipient with which a step begins says so: once per client and period. */
static void tell(const struct harvest_state *s, const struct ip *ip, int64_t count)
{
	char client[HARVEST_CLIENT_SIZE], per[PERIOD_SIZE], refuse_for[PERIOD_SIZE];
	const char *shadow = s->shadow ? " (in shadow)" : "";

	harvest_count_client(ip, client);
	units_format_duration(s->set.per, per, sizeof per);
	units_format_duration(s->set.refuse_for, refuse_for, sizeof refuse_for);
	if (count == s->set.refuse_after)
		log_warning("harvest: %s tried %" PRId64 " unknown recipients within %s: refused for %s%s", client,
			    count, per, refuse_for, shadow);
	else if (count == s->set.close_after)
		log_warning("harvest: %s tried %" PRId64 " unknown recipients within %s: its sessions are closed%s",
			    client, count, per, shadow);
	else if (count == s->set.slow_after)
		log_warning("harvest: %s tried %" PRId64 " unknown recipients within %s: further ones are answered "
			    "late%s",
			    client, count, per, shadow);
}

/* Never longer than what is left of the stage's time. */
static void sleep_ms(int64_t ms, int64_t deadline_ms)
{
	int64_t room = deadline_ms - DEADLINE_SPARE_MS - clock_mono_ms();
	struct timespec t;

	ms = ms < room ? ms : room;
	if (ms <= 0)
		return;
	t.tv_sec = ms / 1000;
	t.tv_nsec = ms % 1000 * 1000000;
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* Holds the session up, unless so many are held up already that it would harm others. */
static void slow_down(const struct check_call *c)
{
	const struct harvest_state *s = c->state;

	if (s->set.delay <= 0)
		return;
	if (atomic_fetch_add(&s->live->sleeping, 1) < (unsigned)s->set.max_sleepers) {
		atomic_fetch_add(&s->live->slowed, 1);
		sleep_ms(s->set.delay, c->deadline_ms);
	} else {
		atomic_fetch_add(&s->live->not_slowed, 1);
	}
	atomic_fetch_sub(&s->live->sleeping, 1);
}

static void harvest_refused(struct check_call *c, const char *reply)
{
	const struct harvest_state *s = c->state;
	enum harvest_step step = STEP_NO;
	int64_t count;

	if (c->conn->ip.family == IP_NONE || !is_unknown(reply))
		return;
	count = count_one(c);
	if (count < 0) {
		atomic_fetch_add(&s->live->uncounted, 1);
		return;
	}
	atomic_fetch_add(&s->live->counted, 1);
	tell(s, &c->conn->ip, count);
	if (reached(count, s->set.refuse_after))
		step = STEP_REFUSE;
	else if (reached(count, s->set.close_after))
		step = STEP_CLOSE;
	else if (reached(count, s->set.slow_after))
		step = STEP_SLOW;
	if (step > step_now(&c->facts->v[FACT_HARVEST])) /* the period may have ended meanwhile: it stays as it is */
		set_step(c, step);
	if (s->set.slow_after > 0 && count > s->set.slow_after && !s->shadow)
		slow_down(c);
}

static void harvest_status(const void *state, struct sbuf *out)
{
	const struct harvest_live *live = ((const struct harvest_state *)state)->live;

	sbuf_addf(out,
		  "{\"unknown_recipients\":%" PRIuFAST64 ",\"not_counted\":%" PRIuFAST64 ",\"slowed\":%" PRIuFAST64
		  ",\"not_slowed\":%" PRIuFAST64 ",\"sleeping\":%u}",
		  atomic_load(&live->counted), atomic_load(&live->uncounted), atomic_load(&live->slowed),
		  atomic_load(&live->not_slowed), atomic_load(&live->sleeping));
}

const struct check harvest_check = {
	.name = "harvest",
	.section = "harvesting",
	.settings = &harvest_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_SESSION,
	.stage = STAGE_CONNECT,
	.provides = FACT_BIT(FACT_HARVEST),
	.inputs = FACT_BIT(FACT_CLIENT_IP),
	.prepare = harvest_prepare,
	.rules = harvest_rules,
	.start = harvest_start,
	.poll = harvest_poll,
	.finish = harvest_finish,
	.refused = harvest_refused,
	.status = harvest_status,
	.drop = harvest_drop,
};
