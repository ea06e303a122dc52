#include "checks/dnsbl_guard.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/sbuf.h"

enum {
	MS_PER_S = 1000,

	/* Examinations of a list in force: hourly (a tenth more or less, so that a thousand sites do not ask at once). */
	EXAM_PERIOD_MS = 3600 * MS_PER_S,
	EXAM_JITTER_MS = EXAM_PERIOD_MS / 10,
	/* Of a suspended one: soon, since most outages are short; then less and less often. */
	RETRY_MIN_MS = 5 * MS_PER_S,
	RETRY_MAX_MS = 600 * MS_PER_S,
	/* Of one that does not answer, for an hour: mostly it is our own DNS that is away, and then all lists are. */
	RETRY_SILENT_MAX_MS = 60 * MS_PER_S,
	SHORT_SILENCE_MS = 3600 * MS_PER_S,
	/* In force for so long, the next suspension begins with short pauses again: a list that comes and goes must not
	 * fill the log. */
	CALM_MS = 600 * MS_PER_S,
	/* A list that does not answer from the start is suspended after so many examinations. */
	SILENT_TRIES = 2,

	/* Failures (time-outs, SERVFAIL) that make a list doubted: so many in a row, or among the last FAILED_WINDOW.  Few,
	 * since each is a session that waits; what is doubted is examined before it is suspended. */
	FAILED_IN_ROW = 5,
	FAILED_WINDOW = 32,
	FAILED_MOST = 16,

	/* Neighbours that were found in order stand for the next listings for so long. */
	NEIGHBOURS_CALM_MS = 300 * MS_PER_S,
	/* A suspended list still lists what was remembered: after so long the memory is what is wrong. */
	MEMORY_MS = 3600 * MS_PER_S,
	/* Clients that an allow list saved lately. */
	SAVED = 256,
	WHY_SIZE = 160
};

struct dnsbl_guard {
	/* counters and flags, read and written by all threads */
	atomic_int standing; /* written under lock */
	atomic_int ipv6;
	atomic_int_fast64_t trusted_ms[DNSBL_SIDES]; /* controls asked then were clean; 0: never */
	atomic_uint_fast64_t questions, hits, failures, errors, suspensions;

	pthread_mutex_t lock;
	/* under lock */
	int64_t next_exam_ms, retry_ms;
	int64_t suspended_ms, resumed_ms; /* clock_mono_ms(); 0: never */
	int64_t suspended_wall_ms, exam_wall_ms;
	char why[WHY_SIZE]; /* doubted or suspended */
	unsigned silent;    /* examinations without an answer */
	/* failures */
	uint32_t failed; /* the last FAILED_WINDOW, newest in bit 0 */
	/* listings */
	struct dnsbl_rate rate;
	int64_t calm_until_ms;
	uint64_t saved[SAVED];
	unsigned next_saved;
};

static const char *const standing_names[] = { [DNSBL_UNPROVED] = "unproved",
					      [DNSBL_IN_FORCE] = "ok",
					      [DNSBL_DOUBTED] = "doubted",
					      [DNSBL_SUSPENDED] = "suspended" };

static void count(atomic_uint_fast64_t *n)
{
	atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

struct dnsbl_guard *dnsbl_guard_new(struct arena *a)
{
	struct dnsbl_guard *g = arena_alloc(a, sizeof *g);

	if (g != NULL)
		pthread_mutex_init(&g->lock, NULL);
	return g;
}

void dnsbl_guard_release(struct dnsbl_guard *g)
{
	pthread_mutex_destroy(&g->lock);
}

enum dnsbl_standing dnsbl_guard_standing(const struct dnsbl_guard *g)
{
	return (enum dnsbl_standing)atomic_load_explicit(&g->standing, memory_order_acquire);
}

enum dnsbl_ipv6 dnsbl_guard_ipv6(const struct dnsbl_guard *g)
{
	return (enum dnsbl_ipv6)atomic_load_explicit(&g->ipv6, memory_order_relaxed);
}

/* ---- Standing ---- */

static void set_standing(struct dnsbl_guard *g, enum dnsbl_standing s)
{
	atomic_store_explicit(&g->standing, s, memory_order_release);
}

/* It starts afresh: what it did before counts no more.  What it listed in the long run does. */
static void forget_lately(struct dnsbl_guard *g)
{
	g->failed = 0;
	dnsbl_rate_restart(&g->rate);
	g->silent = 0;
}

static void suspend(const struct dnsbl_zone *z, const char *why, bool silent, int64_t now_ms)
{
	struct dnsbl_guard *g = z->guard;
	bool already = dnsbl_guard_standing(g) == DNSBL_SUSPENDED;
	int64_t pause;

	if (already && now_ms < g->next_exam_ms)
		return; /* sessions find out at the same time: only an examination makes the pause longer */
	if (!already) {
		bool calm = g->resumed_ms == 0 || now_ms - g->resumed_ms >= CALM_MS;

		if (calm || g->retry_ms == 0)
			g->retry_ms = RETRY_MIN_MS;
		g->suspended_ms = now_ms;
		g->suspended_wall_ms = clock_wall_ms();
		count(&g->suspensions);
		log_warning("dnsbl: list %s is suspended: %s; it is left out until it works again", z->name, why);
	}
	snprintf(g->why, sizeof g->why, "%s", why);
	pause = g->retry_ms;
	if (silent && pause > RETRY_SILENT_MAX_MS && now_ms - g->suspended_ms < SHORT_SILENCE_MS)
		pause = RETRY_SILENT_MAX_MS;
	g->next_exam_ms = now_ms + pause;
	g->retry_ms = g->retry_ms * 2 < RETRY_MAX_MS ? g->retry_ms * 2 : RETRY_MAX_MS;
	for (unsigned i = 0; i < DNSBL_SIDES; i++)
		atomic_store_explicit(&g->trusted_ms[i], 0, memory_order_relaxed);
	if (already && now_ms - g->suspended_ms >= MEMORY_MS)
		g->rate.memory.n = g->rate.next_memory = 0;
	set_standing(g, DNSBL_SUSPENDED);
}

void dnsbl_guard_suspend(const struct dnsbl_zone *z, const char *why, int64_t now_ms)
{
	pthread_mutex_lock(&z->guard->lock);
	suspend(z, why, false, now_ms);
	pthread_mutex_unlock(&z->guard->lock);
}

/* To be examined at once. */
static void doubt(struct dnsbl_guard *g, int64_t now_ms, const char *why)
{
	if (dnsbl_guard_standing(g) != DNSBL_IN_FORCE && dnsbl_guard_standing(g) != DNSBL_UNPROVED)
		return;
	snprintf(g->why, sizeof g->why, "%s", why);
	g->next_exam_ms = now_ms;
	set_standing(g, DNSBL_DOUBTED);
}

static int64_t next_regular_exam(int64_t now_ms)
{
	uint32_t r = 0;

	if (getrandom(&r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
		r = EXAM_JITTER_MS; /* no jitter */
	return now_ms + EXAM_PERIOD_MS - EXAM_JITTER_MS + (int64_t)(r % (2 * EXAM_JITTER_MS));
}

static void pass(const struct dnsbl_zone *z, enum dnsbl_standing was, enum dnsbl_ipv6 ipv6, int64_t now_ms)
{
	struct dnsbl_guard *g = z->guard;

	if (ipv6 != DNSBL_IPV6_UNKNOWN)
		atomic_store_explicit(&g->ipv6, ipv6, memory_order_relaxed);
	g->exam_wall_ms = clock_wall_ms();
	g->next_exam_ms = next_regular_exam(now_ms);
	if (was == DNSBL_SUSPENDED) {
		g->resumed_ms = now_ms;
		log_info("dnsbl: list %s works again, after %" PRId64 " seconds", z->name,
			 (now_ms - g->suspended_ms) / MS_PER_S);
	} else if (was == DNSBL_DOUBTED) {
		log_debug("dnsbl: list %s was doubted (%s) and is in order", z->name, g->why);
	}
	if (was != DNSBL_IN_FORCE)
		forget_lately(g);
	g->why[0] = '\0';
	set_standing(g, DNSBL_IN_FORCE);
}

void dnsbl_guard_passed(const struct dnsbl_zone *z, enum dnsbl_ipv6 ipv6, int64_t asked_ms, int64_t now_ms)
{
	struct dnsbl_guard *g = z->guard;
	enum dnsbl_standing was;

	pthread_mutex_lock(&g->lock);
	was = dnsbl_guard_standing(g);
	if (was != DNSBL_SUSPENDED || g->suspended_ms <= asked_ms)
		pass(z, was, ipv6, now_ms);
	pthread_mutex_unlock(&g->lock);
}

void dnsbl_guard_silent(const struct dnsbl_zone *z, const char *why, int64_t now_ms)
{
	struct dnsbl_guard *g = z->guard;
	enum dnsbl_standing was;

	pthread_mutex_lock(&g->lock);
	was = dnsbl_guard_standing(g);
	g->exam_wall_ms = clock_wall_ms();
	g->silent++;
	if (was == DNSBL_SUSPENDED || was == DNSBL_DOUBTED || g->silent >= SILENT_TRIES)
		suspend(z, why, true, now_ms);
	else if (was == DNSBL_UNPROVED)
		g->next_exam_ms = now_ms + RETRY_MIN_MS;
	else
		doubt(g, now_ms, why);
	pthread_mutex_unlock(&g->lock);
}

/* ---- What sessions see: failures and errors ---- */

void dnsbl_guard_asked(struct dnsbl_guard *g)
{
	count(&g->questions);
}

static void note_outcome(struct dnsbl_guard *g, bool failed)
{
	g->failed = g->failed << 1 | failed;
}

static bool fails_too_often(const struct dnsbl_guard *g)
{
	const uint32_t row = (1u << FAILED_IN_ROW) - 1;

	_Static_assert(FAILED_WINDOW == 32, "the window is a uint32_t");
	return (g->failed & row) == row || __builtin_popcount(g->failed) >= FAILED_MOST;
}

void dnsbl_guard_failed(const struct dnsbl_zone *z, const char *why, int64_t now_ms)
{
	struct dnsbl_guard *g = z->guard;

	count(&g->failures);
	pthread_mutex_lock(&g->lock);
	note_outcome(g, true);
	if (fails_too_often(g)) {
		char text[WHY_SIZE];

		snprintf(text, sizeof text, "it does not answer (%s)", why);
		doubt(g, now_ms, text);
	}
	pthread_mutex_unlock(&g->lock);
}

void dnsbl_guard_error(const struct dnsbl_zone *z, const struct ip *answer, int64_t now_ms)
{
	char text[WHY_SIZE], ip[IP_TEXT_SIZE];

	count(&z->guard->errors);
	snprintf(text, sizeof text, "it answers %s, which is an error of the list and no listing",
		 ip_format(answer, ip));
	dnsbl_guard_suspend(z, text, now_ms);
}

/* ---- What sessions see: listings ---- */

void dnsbl_guard_answered(const struct dnsbl_zone *z, const struct dnsbl_subject *about, bool listed, int64_t now_ms)
{
	struct dnsbl_guard *g = z->guard;

	pthread_mutex_lock(&g->lock);
	note_outcome(g, false);
	dnsbl_rate_note(&g->rate, about, listed, now_ms);
	pthread_mutex_unlock(&g->lock);
}

bool dnsbl_guard_suspects(struct dnsbl_guard *g, bool trusted, int64_t now_ms, struct dnsbl_memory *memory)
{
	bool suspects;

	pthread_mutex_lock(&g->lock);
	suspects = now_ms >= g->calm_until_ms && (!trusted || dnsbl_rate_jumps(&g->rate));
	*memory = g->rate.memory;
	pthread_mutex_unlock(&g->lock);
	return suspects;
}

void dnsbl_guard_cleared(struct dnsbl_guard *g, int64_t now_ms)
{
	pthread_mutex_lock(&g->lock);
	g->calm_until_ms = now_ms + NEIGHBOURS_CALM_MS;
	pthread_mutex_unlock(&g->lock);
}

/* ---- Allow lists ---- */

/* An entry of the list and what it was asked about, the client itself and not its network. */
static uint64_t saved_key(const struct dnsbl_subject *about, unsigned entry)
{
	struct dnsbl_subject self = *about;

	if (self.ip.family != IP_NONE) { /* the address as a name, so that the network is all of it */
		self.ip.family = IP_NONE;
		ip_format(&about->ip, self.domain);
	}
	return dnsbl_rate_key(&self) + entry + 1;
}

static bool is_saved(const struct dnsbl_guard *g, uint64_t key)
{
	for (unsigned i = 0; i < SAVED; i++)
		if (g->saved[i] == key)
			return true;
	return false;
}

void dnsbl_guard_save(struct dnsbl_guard *g, const struct dnsbl_subject *about, unsigned entry)
{
	uint64_t key = saved_key(about, entry);

	pthread_mutex_lock(&g->lock);
	if (!is_saved(g, key)) {
		g->saved[g->next_saved] = key;
		g->next_saved = (g->next_saved + 1) % SAVED;
	}
	pthread_mutex_unlock(&g->lock);
}

bool dnsbl_guard_saved(struct dnsbl_guard *g, const struct dnsbl_subject *about, unsigned entry)
{
	uint64_t key = saved_key(about, entry);
	bool found;

	pthread_mutex_lock(&g->lock);
	found = is_saved(g, key);
	pthread_mutex_unlock(&g->lock);
	return found;
}

/* ---- Controls ---- */

bool dnsbl_guard_trusts(const struct dnsbl_guard *g, enum dnsbl_side side, int64_t since_ms)
{
	int64_t asked = atomic_load_explicit(&g->trusted_ms[side], memory_order_relaxed);

	return asked != 0 && asked >= since_ms;
}

void dnsbl_guard_believed(struct dnsbl_guard *g)
{
	count(&g->hits);
}

void dnsbl_guard_controlled(struct dnsbl_guard *g, enum dnsbl_side side, int64_t asked_ms)
{
	atomic_store_explicit(&g->trusted_ms[side], asked_ms, memory_order_relaxed);
}

bool dnsbl_guard_due(struct dnsbl_guard *g, int64_t now_ms, struct dnsbl_memory *memory)
{
	bool due;

	pthread_mutex_lock(&g->lock);
	due = now_ms >= g->next_exam_ms;
	if (due && memory != NULL)
		*memory = g->rate.memory;
	pthread_mutex_unlock(&g->lock);
	return due;
}

/* ---- For people ---- */

static void add_seconds(struct sbuf *out, const char *name, int64_t ms)
{
	if (ms > 0)
		sbuf_addf(out, ",\"%s\":%" PRId64, name, ms / MS_PER_S);
	else
		sbuf_addf(out, ",\"%s\":null", name);
}

void dnsbl_guard_print(const struct dnsbl_zone *z, int64_t now_ms, struct sbuf *out)
{
	static const char *const ipv6_names[] = { "null", "false", "true" };
	struct dnsbl_guard *g = z->guard;
	enum dnsbl_standing standing;
	unsigned long long questions = atomic_load_explicit(&g->questions, memory_order_relaxed);
	unsigned long long hits = atomic_load_explicit(&g->hits, memory_order_relaxed);

	sbuf_add(out, "{\"name\":");
	sbuf_add_json(out, z->name, strlen(z->name));
	sbuf_addf(out, ",\"kind\":\"%s\"", z->domains ? "domains" : "addresses");
	pthread_mutex_lock(&g->lock);
	standing = dnsbl_guard_standing(g);
	sbuf_addf(out, ",\"state\":\"%s\",\"why\":", standing_names[standing]);
	if (standing == DNSBL_DOUBTED || standing == DNSBL_SUSPENDED)
		sbuf_add_json(out, g->why, strlen(g->why));
	else
		sbuf_add(out, "null");
	add_seconds(out, "since", standing == DNSBL_SUSPENDED ? g->suspended_wall_ms : 0);
	add_seconds(out, "last_probe", g->exam_wall_ms);
	sbuf_addf(out, ",\"next_probe\":%" PRId64,
		  (clock_wall_ms() + (g->next_exam_ms > now_ms ? g->next_exam_ms - now_ms : 0)) / MS_PER_S);
	pthread_mutex_unlock(&g->lock);
	if (!z->domains)
		sbuf_addf(out, ",\"ipv6\":%s", ipv6_names[dnsbl_guard_ipv6(g)]);
	sbuf_addf(out, ",\"questions\":%llu,\"hits\":%llu,\"hit_rate\":%.3f", questions, hits,
		  questions > 0 ? (double)hits / (double)questions : 0.0);
	sbuf_addf(out, ",\"failures\":%llu,\"errors\":%llu,\"suspensions\":%llu}",
		  (unsigned long long)atomic_load_explicit(&g->failures, memory_order_relaxed),
		  (unsigned long long)atomic_load_explicit(&g->errors, memory_order_relaxed),
		  (unsigned long long)atomic_load_explicit(&g->suspensions, memory_order_relaxed));
}
