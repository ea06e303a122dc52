#include "checks/rates_local.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/strmap.h"

enum { US_PER_MS = 1000, MAP_SLOT_BYTES = 64 /* what a key costs in the map, besides its bytes */ };

struct seen_network {
	struct ip ip;
	int64_t at_us;
};

/* One rate and key. */
struct entry {
	struct entry *newer, *older; /* by use */
	int64_t at_us[RATES_MAX_WINDOWS];
	int64_t told_until_us, held_until_us;
	int64_t networks_us; /* for how long one counts */
	struct seen_network *networks;
	unsigned n_networks, room;
	size_t key_n;
	char key[];
};

struct rates_local {
	size_t max_bytes; /* immutable */
	pthread_mutex_t lock;
	/* under lock */
	struct strmap *map;
	struct entry *newest, *oldest;
	size_t bytes;
};

struct rates_local *rates_local_new(size_t max_bytes)
{
	struct rates_local *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->max_bytes = max_bytes;
	l->map = strmap_new();
	if (l->map == NULL || pthread_mutex_init(&l->lock, NULL) != 0) {
		strmap_free(&l->map);
		free(l);
		return NULL;
	}
	return l;
}

/* ---- The table ---- */

static size_t weight(const struct entry *e)
{
	return sizeof *e + 2 * e->key_n + MAP_SLOT_BYTES + e->room * sizeof *e->networks;
}

static void unlink_entry(struct rates_local *l, struct entry *e)
{
	*(e->newer != NULL ? &e->newer->older : &l->newest) = e->older;
	*(e->older != NULL ? &e->older->newer : &l->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void push_entry(struct rates_local *l, struct entry *e)
{
	e->older = l->newest;
	*(l->newest != NULL ? &l->newest->newer : &l->oldest) = e;
	l->newest = e;
}

static void drop_entry(struct rates_local *l, struct entry *e)
{
	unlink_entry(l, e);
	l->bytes -= weight(e);
	(void)strmap_remove(l->map, e->key, e->key_n);
	free(e->networks);
	free(e);
}

void rates_local_free(struct rates_local **lp)
{
	struct rates_local *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	while (l->newest != NULL)
		drop_entry(l, l->newest);
	strmap_free(&l->map);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void drop_old_networks(struct entry *e, int64_t now_us)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < e->n_networks; i++)
		if (e->networks[i].at_us > now_us - e->networks_us)
			e->networks[kept++] = e->networks[i];
	e->n_networks = kept;
}

/* Nothing of it would change an answer. */
static bool is_stale(struct entry *e, int64_t now_us)
{
	drop_old_networks(e, now_us);
	if (e->told_until_us > now_us || e->held_until_us > now_us || e->n_networks > 0)
		return false;
	for (unsigned i = 0; i < RATES_MAX_WINDOWS; i++)
		if (e->at_us[i] > now_us)
			return false;
	return true;
}

static void sweep(struct rates_local *l, int64_t now_us)
{
	struct entry *e = l->oldest;

	while (e != NULL) {
		struct entry *next = e->newer;

		if (is_stale(e, now_us))
			drop_entry(l, e);
		e = next;
	}
}

/* Back below the bound, but for the newest one. */
static void make_room(struct rates_local *l)
{
	while (l->bytes > l->max_bytes && l->oldest != l->newest)
		drop_entry(l, l->oldest);
}

static struct entry *find(const struct rates_local *l, const char *key)
{
	return strmap_get(l->map, key, strlen(key), NULL);
}

static struct entry *obtain(struct rates_local *l, const char *key)
{
	size_t n = strlen(key);
	struct entry *e = find(l, key);

	if (e != NULL) {
		unlink_entry(l, e);
		push_entry(l, e);
		return e;
	}
	e = calloc(1, sizeof *e + n + 1);
	if (e == NULL || strmap_set(l->map, key, n, e) != 0) {
		free(e);
		return NULL;
	}
	memcpy(e->key, key, n + 1);
	e->key_n = n;
	push_entry(l, e);
	l->bytes += weight(e);
	make_room(l);
	return e;
}

/* ---- Networks ---- */

static struct seen_network *find_network(const struct entry *e, const struct ip *ip)
{
	for (unsigned i = 0; i < e->n_networks; i++)
		if (ip_equal(&e->networks[i].ip, ip))
			return &e->networks[i];
	return NULL;
}

/* Never more than the rate's number: beyond that nothing is granted. */
static int add_network(struct rates_local *l, struct entry *e, const struct ip *ip, int64_t now_us)
{
	struct seen_network *v = find_network(e, ip);

	if (v != NULL) {
		v->at_us = now_us;
		return 0;
	}
	if (e->n_networks == e->room) {
		unsigned room = e->room > 0 ? 2 * e->room : 4;

		v = realloc(e->networks, room * sizeof *v);
		if (v == NULL)
			return -1;
		l->bytes += (room - e->room) * sizeof *v;
		e->networks = v;
		e->room = room;
	}
	e->networks[e->n_networks++] = (struct seen_network){ *ip, now_us };
	return 0;
}

static void remove_network(struct entry *e, const struct ip *ip, int64_t stamp)
{
	struct seen_network *v = find_network(e, ip);

	if (v != NULL && stamp > 0 && v->at_us == stamp)
		*v = e->networks[--e->n_networks];
}

/* ---- The verbs ---- */

static int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t in_ms(int64_t us)
{
	return us > 0 ? (us + US_PER_MS - 1) / US_PER_MS : 0;
}

static int64_t wait_for_windows(const struct entry *e, const struct rates_question *q, int64_t now_us)
{
	int64_t wait = 0;

	for (unsigned i = 0; i < q->rate->n_windows; i++) {
		const struct rate_window *w = &q->rate->windows[i];
		int64_t at = max(e->at_us[i], now_us) + rates_cost_us(q->rate, w, q->units);

		wait = max(wait, at - now_us - rates_ahead_us(q->rate, w));
	}
	return wait;
}

static int64_t wait_for_networks(struct entry *e, const struct rates_question *q, int64_t now_us)
{
	int64_t oldest = now_us;

	if (q->rate->networks == 0 || q->network.family == IP_NONE)
		return 0;
	e->networks_us = q->rate->networks_ms * US_PER_MS;
	drop_old_networks(e, now_us);
	if (e->n_networks < q->rate->networks || find_network(e, &q->network) != NULL)
		return 0;
	for (unsigned i = 0; i < e->n_networks; i++)
		if (e->networks[i].at_us < oldest)
			oldest = e->networks[i].at_us;
	return max(oldest + e->networks_us - now_us, 1);
}

/* Once in a period. */
static bool is_to_be_told(struct entry *e, const struct rate *r, int64_t now_us)
{
	if (e->told_until_us > now_us)
		return false;
	e->told_until_us = now_us + r->period_ms * US_PER_MS;
	return true;
}

static struct rates_result used_up(struct entry *e, const struct rates_question *q, enum rates_verb verb, int64_t wait,
				   int64_t now_us)
{
	const struct rate *r = q->rate;
	struct rates_result result = { .answer = RATES_USED_UP, .wait_ms = in_ms(wait) };

	if (verb == RATES_PEEK)
		return result;
	if (r->action == LIMITS_HOLD && r->hold_ms > 0) {
		e->held_until_us = now_us + r->hold_ms * US_PER_MS;
		e->told_until_us = 0;
		result = (struct rates_result){ .answer = RATES_HELD, .wait_ms = r->hold_ms };
	}
	result.first = is_to_be_told(e, r, now_us);
	return result;
}

static struct rates_result take(struct rates_local *l, struct entry *e, const struct rates_question *q,
				enum rates_verb verb, int64_t now_us)
{
	struct rates_result result = { .answer = RATES_GRANTED };
	const struct rate *r = q->rate;
	int64_t wait;

	if (r->action == LIMITS_HOLD && e->held_until_us > now_us)
		return (struct rates_result){ .answer = RATES_HELD,
					      .wait_ms = in_ms(e->held_until_us - now_us),
					      .first = verb == RATES_TAKE && is_to_be_told(e, r, now_us) };
	wait = max(wait_for_windows(e, q, now_us), wait_for_networks(e, q, now_us));
	if (wait > 0)
		return used_up(e, q, verb, wait, now_us);
	if (verb == RATES_PEEK)
		return result;
	if (r->networks > 0 && q->network.family != IP_NONE) {
		result.stamp = find_network(e, &q->network) == NULL ? now_us : 0;
		if (add_network(l, e, &q->network, now_us) != 0)
			return (struct rates_result){ .answer = RATES_FAILED, .why = "out of memory" };
	}
	for (unsigned i = 0; i < r->n_windows; i++)
		e->at_us[i] = max(e->at_us[i], now_us) + rates_cost_us(r, &r->windows[i], q->units);
	return result;
}

static void give(struct entry *e, const struct rates_question *q)
{
	for (unsigned i = 0; i < q->rate->n_windows; i++)
		e->at_us[i] -= rates_cost_us(q->rate, &q->rate->windows[i], q->units);
	if (q->rate->networks > 0)
		remove_network(e, &q->network, q->stamp);
}

struct rates_result rates_local_call(struct rates_local *l, const struct rates_question *q, enum rates_verb verb,
				     int64_t now_us)
{
	struct rates_result result = { .answer = RATES_GRANTED };
	struct entry *e;

	pthread_mutex_lock(&l->lock);
	e = verb == RATES_TAKE ? obtain(l, q->key->base) : find(l, q->key->base);
	if (e != NULL && verb == RATES_GIVE)
		give(e, q);
	else if (e != NULL)
		result = take(l, e, q, verb, now_us);
	else if (verb == RATES_TAKE)
		result = (struct rates_result){ .answer = RATES_FAILED, .why = "out of memory" };
	make_room(l);
	pthread_mutex_unlock(&l->lock);
	return result;
}

void rates_local_note_hold(struct rates_local *l, const struct rates_question *q, int64_t for_ms, int64_t now_us)
{
	struct entry *e;

	pthread_mutex_lock(&l->lock);
	e = for_ms > 0 ? obtain(l, q->key->base) : find(l, q->key->base);
	if (e != NULL && for_ms > 0 && e->held_until_us <= now_us)
		(void)is_to_be_told(e, q->rate, now_us); /* by the one who had that answer */
	if (e != NULL)
		e->held_until_us = for_ms > 0 ? now_us + for_ms * US_PER_MS : 0;
	pthread_mutex_unlock(&l->lock);
}

void rates_local_sweep(struct rates_local *l, int64_t now_us)
{
	pthread_mutex_lock(&l->lock);
	sweep(l, now_us);
	pthread_mutex_unlock(&l->lock);
}

size_t rates_local_count(struct rates_local *l)
{
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = strmap_count(l->map);
	pthread_mutex_unlock(&l->lock);
	return n;
}
