#include "checks/rates_admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/harvest_count.h"
#include "checks/rates_key.h"
#include "checks/rates_script.h"
#include "net/redis_scan.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/fold.h"
#include "util/sbuf.h"

enum { GLOB_SIZE = 512, SHOW_ANSWER = 6, US_PER_MS = 1000, NO_KEY = -2, SMALL_MESSAGE = 4096 };

/* What keys of a rate that is not configured may hold. */
static const struct rate anything = { .action = LIMITS_HOLD };

struct found;
struct walk;
/* Submits a command about a key; NULL when out of memory. */
typedef struct net_op *(*ask_fn)(struct walk *w, const struct found *f);
/* Takes the answer.  False ends the walk. */
typedef bool (*take_fn)(void *ctx, const struct found *f, const struct redis_value *v);

/* One walk over the keys: each is asked about, and what is said of it taken. */
struct walk {
	const struct rates_admin *r;
	const char *pattern; /* folded; NULL: any */
	struct redis_script script;
	ask_fn ask;
	take_fn take;
	void *ctx;
	struct arena *page; /* of one page */
	struct error_list *errors;
};

/* A page's key while it is being asked about. */
struct found {
	struct rates_key_parts parts;
	struct rates_key key; /* all three */
	const struct rate *rate;
};

/* ---- The rates ---- */

int rates_admin_open(struct rates_admin *r, const struct limits_settings *set, struct arena *a,
		     struct error_list *errors)
{
	const struct rate_settings *v = set->rates.v;
	unsigned before = errors->errors;

	r->n = 0;
	r->v = arena_calloc(a, set->rates.n, sizeof *r->v);
	for (unsigned i = 0; r->v != NULL && i < set->rates.n; i++)
		(void)rates_read(&r->v[r->n++], &v[i], a, errors);
	if (r->v == NULL)
		error_add(errors, NULL, 0, "out of memory");
	return errors->errors == before ? 0 : -1;
}

void rates_admin_close(struct rates_admin *r)
{
	for (unsigned i = 0; i < r->n; i++)
		rates_done(&r->v[i]);
	r->n = 0;
}

static const struct rate *find_rate(const struct rates_admin *r, const char *name)
{
	for (unsigned i = 0; i < r->n; i++)
		if (strcmp(r->v[i].name, name) == 0)
			return &r->v[i];
	return NULL;
}

/* ---- Walking ---- */

static bool matches(struct walk *w, const struct rates_key_parts *p)
{
	size_t n;
	const char *name;

	if (w->pattern == NULL || bytes_match(w->pattern, p->text))
		return true;
	for (unsigned i = 0; i < p->n_values; i++)
		if (bytes_match(w->pattern, p->value[i]))
			return true;
	name = fold_text(w->page, p->name, strlen(p->name), &n);
	return name != NULL && bytes_match(w->pattern, name);
}

static bool read_key(struct walk *w, const struct redis_value *v, struct found *f)
{
	if (v->kind != REDIS_STRING || !rates_key_parse(w->page, w->r->prefix, v->str, v->str_n, &f->parts) ||
	    !matches(w, &f->parts))
		return false;
	f->rate = find_rate(w->r, f->parts.name);
	return rates_key_from_base(&anything, f->parts.base, w->page, &f->key);
}

/* Asks about all keys of a page at once.  As redis_page_fn answers. */
static int ask_all(struct walk *w, const struct found *v, size_t n)
{
	struct net_op **ops = arena_calloc(w->page, n, sizeof(struct net_op *));
	int result = 1;

	if (ops == NULL) {
		error_add(w->errors, NULL, 0, "out of memory");
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		ops[i] = w->ask(w, &v[i]);
	(void)net_await(w->r->wait, ops, n, clock_mono_ms() + w->r->timeout_ms);
	for (size_t i = 0; i < n; i++) {
		const struct redis_value *answer = redis_result(ops[i]);

		if (result == 1 && answer->kind == REDIS_UNAVAILABLE) {
			redis_scan_complain(answer, w->errors);
			result = -1;
		} else if (result == 1 && !w->take(w->ctx, &v[i], answer)) {
			result = 0;
		}
		net_op_free(&ops[i]);
	}
	return result;
}

/* Those of a page's keys that the pattern matches. */
static int take_page(void *ctx, struct arena *page, const struct redis_value *keys, size_t n)
{
	struct walk *w = ctx;
	struct found *v = arena_calloc(page, n, sizeof *v);
	size_t found = 0;

	w->page = page;
	for (size_t i = 0; v != NULL && i < n; i++)
		found += read_key(w, &keys[i], &v[found]);
	if (arena_failed(page)) {
		error_add(w->errors, NULL, 0, "out of memory");
		return -1;
	}
	return found > 0 ? ask_all(w, v, found) : 1;
}

static int walk_all(struct walk *w, const char *pattern)
{
	char glob[GLOB_SIZE];
	struct redis_scan s = { .glob = glob, .timeout_ms = w->r->timeout_ms, .fn = take_page, .ctx = w };
	struct arena *a = arena_new(0);
	int result = -1;
	struct sbuf b;
	size_t n;

	sbuf_fixed(&b, glob, sizeof glob);
	sbuf_add_glob(&b, w->r->prefix);
	sbuf_add(&b, "rate:{*");
	redis_script_init(&w->script, rates_script_show);
	if (a != NULL && pattern != NULL)
		w->pattern = fold_text(a, pattern, strlen(pattern), &n);
	if (a != NULL && (pattern == NULL || w->pattern != NULL))
		result = redis_scan(w->r->wait, &s, w->errors);
	else
		error_add(w->errors, NULL, 0, "out of memory");
	arena_free(&a);
	return result;
}

/* ---- show ---- */

struct listing {
	rates_entry_fn fn;
	void *ctx;
};

static struct net_op *ask_show(struct walk *w, const struct found *f)
{
	return rates_script_look(w->r->wait, &w->script, f->rate != NULL ? f->rate : &anything, &f->key);
}

/* How much of a window is taken, and how long until there is room for one more unit; of bytes, for a small message. */
static void read_window(const struct rate *r, const struct rate_window *w, int64_t ahead_us, int64_t *used,
			int64_t *free_ms)
{
	int64_t one = rates_cost_us(r, w, 1), room = rates_ahead_us(r, w), over;

	if (ahead_us < 0)
		ahead_us = 0;
	if (ahead_us > room)
		ahead_us = room;
	*used = (int64_t)((double)ahead_us / (double)w->per_ms / US_PER_MS * (double)w->number + 0.5);
	if (r->unit != RATE_BYTES)
		*used = one > 0 ? (ahead_us + one - 1) / one : 0;
	over = ahead_us + (r->unit == RATE_BYTES ? rates_cost_us(r, w, SMALL_MESSAGE) : one) - room;
	if (over > 0 && (over + US_PER_MS - 1) / US_PER_MS > *free_ms)
		*free_ms = (over + US_PER_MS - 1) / US_PER_MS;
}

/* The base key's value: a time for each window. */
static void read_windows(const char *value, int64_t now_us, struct rates_entry *e)
{
	for (unsigned i = 0; i < e->rate->n_windows; i++) {
		char *end;
		int64_t at = strtoll(value, &end, 10);

		if (end == value)
			return;
		read_window(e->rate, &e->rate->windows[i], at - now_us, &e->used[i], &e->free_ms);
		value = end;
	}
}

/* Of the up to three keys of an entry, the first one that is there stands for it. */
static bool stands_for_entry(enum rates_key_kind kind, bool base, bool held)
{
	return kind == RATES_KEY_BASE || (!base && (kind == RATES_KEY_HELD || !held));
}

static bool take_show(void *ctx, const struct found *f, const struct redis_value *v)
{
	const struct listing *l = ctx;
	struct rates_entry e = { .name = f->parts.name,
				 .key = f->parts.text,
				 .value = f->parts.value,
				 .n_values = f->parts.n_values,
				 .rate = f->rate,
				 .unknown_recipients = -1 };

	if (v->kind != REDIS_ARRAY || v->n != SHOW_ANSWER || v->v[1].kind != REDIS_STRING)
		return true; /* a key that is ours by name alone */
	e.ttl_ms = v->v[2].num;
	e.networks = v->v[3].num;
	e.held_since_ms = v->v[4].num / US_PER_MS;
	e.held_for_ms = v->v[5].num > 0 ? v->v[5].num : 0;
	if (!stands_for_entry(f->parts.kind, e.ttl_ms != NO_KEY, v->v[5].num != NO_KEY))
		return true;
	if (e.rate != NULL)
		read_windows(v->v[1].str, v->v[0].num, &e);
	else if (strcmp(e.name, HARVEST_RATE) == 0)
		e.unknown_recipients = strtoll(v->v[1].str, NULL, 10);
	if (e.ttl_ms < 0)
		e.ttl_ms = 0;
	return l->fn(l->ctx, &e);
}

int rates_admin_list(const struct rates_admin *r, const char *pattern, rates_entry_fn fn, void *ctx,
		     struct error_list *errors)
{
	struct listing l = { fn, ctx };
	struct walk w = { .r = r, .ask = ask_show, .take = take_show, .ctx = &l, .errors = errors };

	return walk_all(&w, pattern);
}

/* ---- reset ---- */

/* All keys of the entry at once: then the others that the scan finds are gone, and not counted. */
static struct net_op *ask_reset(struct walk *w, const struct found *f)
{
	struct redis_word words[] = { { "DEL", 3 },
				      { f->key.base, strlen(f->key.base) },
				      { f->key.nets, strlen(f->key.nets) },
				      { f->key.held, strlen(f->key.held) } };

	return redis_ask(w->r->wait, words, sizeof words / sizeof words[0]);
}

static bool take_reset(void *ctx, const struct found *f, const struct redis_value *v)
{
	uint64_t *n = ctx;

	(void)f;
	*n += v->kind == REDIS_INT && v->num > 0;
	return true;
}

int rates_admin_reset(const struct rates_admin *r, const char *pattern, uint64_t *n, struct error_list *errors)
{
	struct walk w = { .r = r, .ask = ask_reset, .take = take_reset, .ctx = n, .errors = errors };

	*n = 0;
	return walk_all(&w, pattern);
}
