#include "checks/rates_admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/harvest_count.h"
#include "checks/rates_key.h"
#include "checks/rates_script.h"
#include "net/redis.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/fold.h"

enum {
	PAGE = 256,
	CURSOR_SIZE = 32,
	GLOB_SIZE = 512,
	SHOW_ANSWER = 6,
	US_PER_MS = 1000,
	NO_KEY = -2,
	SMALL_MESSAGE = 4096
};

/* What keys of a rate that is not configured may hold. */
static const struct rate anything = { .action = LIMITS_HOLD };

/* One walk over the keys. */
struct walk {
	const struct rates_admin *r;
	const char *pattern; /* folded; NULL: any */
	char glob[GLOB_SIZE];
	struct redis_script script;
	struct arena *arena; /* of the walk */
	struct arena *page;  /* of one page of it */
	struct error_list *errors;
	char cursor[CURSOR_SIZE];
};

/* A page's key while it is being asked about. */
struct found {
	struct rates_key_parts parts;
	struct rates_key key; /* all three */
	const struct rate *rate;
};

/* Submits a command about a key; NULL when out of memory. */
typedef struct net_op *(*ask_fn)(struct walk *w, const struct found *f);
/* Takes the answer.  False ends the walk. */
typedef bool (*take_fn)(void *ctx, const struct found *f, const struct redis_value *v);

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

static int complain(struct walk *w, const struct redis_value *v)
{
	char buf[256];
	struct sbuf why;

	sbuf_fixed(&why, buf, sizeof buf);
	if (v->str != NULL && (v->kind == REDIS_UNAVAILABLE || v->kind == REDIS_ERROR))
		sbuf_add_safe(&why, v->str, strlen(v->str));
	else
		sbuf_add(&why, "an unexpected answer");
	error_add(w->errors, NULL, 0, "Redis: %s", buf);
	return -1;
}

/* Nothing of a prefix means anything to Redis's patterns. */
static void make_glob(struct walk *w)
{
	struct sbuf b;

	sbuf_fixed(&b, w->glob, sizeof w->glob);
	for (const char *p = w->r->prefix; *p != '\0'; p++) {
		if (strchr("*?[]\\", *p) != NULL)
			sbuf_addc(&b, '\\');
		sbuf_addc(&b, *p);
	}
	sbuf_add(&b, "rate:{*");
}

static int walk_begin(struct walk *w, const struct rates_admin *r, const char *pattern, struct error_list *errors)
{
	size_t n;

	memset(w, 0, sizeof *w);
	w->r = r;
	w->errors = errors;
	strcpy(w->cursor, "0");
	make_glob(w);
	redis_script_init(&w->script, rates_script_show);
	w->arena = arena_new(0);
	w->page = arena_new(0);
	if (w->arena != NULL && pattern != NULL)
		w->pattern = fold_text(w->arena, pattern, strlen(pattern), &n);
	if (w->arena != NULL && w->page != NULL && (pattern == NULL || w->pattern != NULL))
		return 0;
	error_add(errors, NULL, 0, "out of memory");
	return -1;
}

static void walk_end(struct walk *w)
{
	arena_free(&w->arena);
	arena_free(&w->page);
}

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

/* The next page's keys, those that the pattern matches.  0, or -1 with an error added. */
static int scan(struct walk *w, struct found **out, size_t *n)
{
	char count[CURSOR_SIZE];
	struct redis_word words[] = { { "SCAN", 4 },  { w->cursor, strlen(w->cursor) },
				      { "MATCH", 5 }, { w->glob, strlen(w->glob) },
				      { "COUNT", 5 }, { count, (size_t)snprintf(count, sizeof count, "%d", PAGE) } };
	struct net_op *op = redis_ask(w->r->wait, words, sizeof words / sizeof words[0]);
	const struct redis_value *v;
	int result = 0;

	*n = 0;
	(void)net_await(w->r->wait, &op, 1, clock_mono_ms() + w->r->timeout_ms);
	v = redis_result(op);
	if (v->kind != REDIS_ARRAY || v->n != 2 || v->v[0].kind != REDIS_STRING || v->v[1].kind != REDIS_ARRAY ||
	    v->v[0].str_n >= sizeof w->cursor) {
		result = complain(w, v);
		goto done;
	}
	memcpy(w->cursor, v->v[0].str, v->v[0].str_n + 1);
	*out = arena_calloc(w->page, v->v[1].n, sizeof **out);
	for (size_t i = 0; *out != NULL && i < v->v[1].n; i++)
		*n += read_key(w, &v->v[1].v[i], &(*out)[*n]);
	if (arena_failed(w->page)) {
		error_add(w->errors, NULL, 0, "out of memory");
		result = -1;
	}
done:
	net_op_free(&op);
	return result;
}

/* Asks about all keys of a page at once.  1: go on; 0: the caller has had enough; -1 with an error added. */
static int ask_all(struct walk *w, const struct found *v, size_t n, ask_fn ask, take_fn take, void *ctx)
{
	struct net_op **ops = arena_calloc(w->page, n, sizeof(struct net_op *));
	int result = 1;

	if (ops == NULL) {
		error_add(w->errors, NULL, 0, "out of memory");
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		ops[i] = ask(w, &v[i]);
	(void)net_await(w->r->wait, ops, n, clock_mono_ms() + w->r->timeout_ms);
	for (size_t i = 0; i < n; i++) {
		const struct redis_value *answer = redis_result(ops[i]);

		if (result == 1 && answer->kind == REDIS_UNAVAILABLE)
			result = complain(w, answer);
		else if (result == 1 && !take(ctx, &v[i], answer))
			result = 0;
		net_op_free(&ops[i]);
	}
	return result;
}

static int walk_all(struct walk *w, ask_fn ask, take_fn take, void *ctx)
{
	struct found *v;
	int result;
	size_t n;

	do {
		arena_reset(w->page);
		if (scan(w, &v, &n) != 0)
			return -1;
		result = n > 0 ? ask_all(w, v, n, ask, take, ctx) : 1;
	} while (result == 1 && strcmp(w->cursor, "0") != 0);
	return result < 0 ? -1 : 0;
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
	struct walk w;
	int result = walk_begin(&w, r, pattern, errors);

	if (result == 0)
		result = walk_all(&w, ask_show, take_show, &l);
	walk_end(&w);
	return result;
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
	struct walk w;
	int result = walk_begin(&w, r, pattern, errors);

	*n = 0;
	if (result == 0)
		result = walk_all(&w, ask_reset, take_reset, n);
	walk_end(&w);
	return result;
}
