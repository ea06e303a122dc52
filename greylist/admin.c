#include "greylist/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "greylist/pattern.h"
#include "greylist/script.h"
#include "net/redis.h"
#include "util/clock.h"

enum { PAGE = 256, CURSOR_SIZE = 32, SHOW_ANSWER = 6 };

/* One walk over the entries. */
struct walk {
	const struct grey_admin *g;
	struct grey_triplet pattern;
	const char *glob;
	struct redis_script script; /* for each entry */
	struct grey_times times;
	struct arena *arena; /* of the walk */
	struct arena *page;  /* of one page of it */
	struct error_list *errors;
	char cursor[CURSOR_SIZE];
};

/* A page's entry while it is being asked about. */
struct found {
	struct grey_triplet triplet;
	struct redis_word key;
};

/* Submits a command about an entry; NULL when out of memory. */
typedef struct net_op *(*ask_fn)(struct walk *w, const struct found *f);
/* Takes the answer.  False ends the walk. */
typedef bool (*take_fn)(struct walk *w, void *ctx, const struct found *f, const struct redis_value *v);

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

static int walk_begin(struct walk *w, const struct grey_admin *g, const struct grey_pattern *p, const char *script,
		      struct error_list *errors)
{
	memset(w, 0, sizeof *w);
	w->g = g;
	w->errors = errors;
	w->times = (struct grey_times){ g->settings->delay, g->settings->retry_window, g->settings->pass_for };
	strcpy(w->cursor, "0");
	redis_script_init(&w->script, script);
	w->arena = arena_new(0);
	w->page = arena_new(0);
	if (w->arena == NULL || w->page == NULL || grey_pattern_prepare(g, p, w->arena, &w->pattern) != 0 ||
	    (w->glob = grey_pattern_glob(g->prefix, &w->pattern, w->arena)) == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	return 0;
}

static void walk_end(struct walk *w)
{
	arena_free(&w->arena);
	arena_free(&w->page);
}

/* ---- One page ---- */

/* The next page's keys, those that the pattern matches.  0, or -1 with an error added. */
static int scan(struct walk *w, struct found **out, size_t *n)
{
	char count[CURSOR_SIZE];
	struct redis_word words[] = { { "SCAN", 4 },  { w->cursor, strlen(w->cursor) },
				      { "MATCH", 5 }, { w->glob, strlen(w->glob) },
				      { "COUNT", 5 }, { count, (size_t)snprintf(count, sizeof count, "%d", PAGE) } };
	struct net_op *op = redis_ask(w->g->wait, words, sizeof words / sizeof words[0]);
	const struct redis_value *v, *keys;
	int result = 0;

	*n = 0;
	(void)net_await(w->g->wait, &op, 1, clock_mono_ms() + w->g->timeout_ms);
	v = redis_result(op);
	if (v->kind != REDIS_ARRAY || v->n != 2 || v->v[0].kind != REDIS_STRING || v->v[1].kind != REDIS_ARRAY ||
	    v->v[0].str_n >= sizeof w->cursor) {
		result = complain(w, v);
		goto done;
	}
	memcpy(w->cursor, v->v[0].str, v->v[0].str_n + 1);
	keys = &v->v[1];
	*out = arena_calloc(w->page, keys->n, sizeof **out);
	for (size_t i = 0; *out != NULL && i < keys->n; i++) {
		struct found *f = &(*out)[*n];

		if (keys->v[i].kind != REDIS_STRING ||
		    !grey_key_parse(w->page, w->g->prefix, keys->v[i].str, keys->v[i].str_n, &f->triplet) ||
		    !grey_pattern_match(&w->pattern, &f->triplet))
			continue;
		f->key.p = arena_strndup(w->page, keys->v[i].str, keys->v[i].str_n);
		f->key.n = keys->v[i].str_n;
		(*n)++;
	}
	if (arena_failed(w->page)) {
		error_add(w->errors, NULL, 0, "out of memory");
		result = -1;
	}
done:
	net_op_free(&op);
	return result;
}

/* Asks about all entries of a page at once.  1: go on; 0: the caller has had enough; -1 with an error added. */
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
	(void)net_await(w->g->wait, ops, n, clock_mono_ms() + w->g->timeout_ms);
	for (size_t i = 0; i < n; i++) {
		const struct redis_value *answer = redis_result(ops[i]);

		if (result == 1 && answer->kind == REDIS_UNAVAILABLE)
			result = complain(w, answer);
		else if (result == 1 && !take(w, ctx, &v[i], answer))
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

/* ---- list, show ---- */

struct listing {
	grey_entry_fn fn;
	void *ctx;
};

static struct net_op *ask_show(struct walk *w, const struct found *f)
{
	return redis_eval(w->g->wait, &w->script, 1, &f->key, 1);
}

static bool take_show(struct walk *w, void *ctx, const struct found *f, const struct redis_value *v)
{
	const struct listing *l = ctx;
	struct grey_entry e = { .triplet = f->triplet };
	int64_t age;

	if (v->kind != REDIS_ARRAY || v->n != SHOW_ANSWER)
		return true; /* a key that is ours by name alone */
	e.now_ms = v->v[0].num;
	e.ttl_ms = v->v[1].num;
	e.first_ms = v->v[2].num;
	e.last_ms = v->v[3].num;
	e.attempts = v->v[4].num;
	e.passes = v->v[5].num;
	if (e.ttl_ms == -2)
		return true; /* gone since the scan */
	age = e.now_ms - e.first_ms;
	if (e.passes > 0)
		e.state = GREY_PASSED;
	else if (age < w->times.delay_ms)
		e.wait_ms = w->times.delay_ms - age;
	else
		e.state = GREY_READY;
	return l->fn(l->ctx, &e);
}

int grey_admin_list(const struct grey_admin *g, const struct grey_pattern *p, grey_entry_fn fn, void *ctx,
		    struct error_list *errors)
{
	struct listing l = { fn, ctx };
	struct walk w;
	int result = walk_begin(&w, g, p, grey_script_show, errors);

	if (result == 0)
		result = walk_all(&w, ask_show, take_show, &l);
	walk_end(&w);
	return result;
}

/* ---- allow, forget ---- */

static struct net_op *ask_allow(struct walk *w, const struct found *f)
{
	return grey_script_ask(w->g->wait, &w->script, f->key.p, "allow", &w->times);
}

static bool take_allow(struct walk *w, void *ctx, const struct found *f, const struct redis_value *v)
{
	uint64_t *n = ctx;

	(void)w;
	(void)f;
	*n += v->kind == REDIS_ARRAY;
	return true;
}

/* The entry that an exact pattern names, whether it is there or not. */
static int exact_entry(struct walk *w, struct found *f)
{
	f->triplet = w->pattern;
	f->key.p = grey_key(w->page, w->g->prefix, &w->pattern);
	if (f->key.p == NULL) {
		error_add(w->errors, NULL, 0, "out of memory");
		return -1;
	}
	f->key.n = strlen(f->key.p);
	return 0;
}

int grey_admin_allow(const struct grey_admin *g, const struct grey_pattern *p, uint64_t *n, struct error_list *errors)
{
	struct walk w;
	struct found f;
	int result = walk_begin(&w, g, p, grey_script, errors);

	*n = 0;
	if (result == 0 && !grey_pattern_is_exact(&w.pattern))
		result = walk_all(&w, ask_allow, take_allow, n);
	else if (result == 0 && (result = exact_entry(&w, &f)) == 0)
		result = ask_all(&w, &f, 1, ask_allow, take_allow, n) < 0 ? -1 : 0;
	walk_end(&w);
	return result;
}

static struct net_op *ask_forget(struct walk *w, const struct found *f)
{
	struct redis_word words[] = { { "DEL", 3 }, f->key };

	return redis_ask(w->g->wait, words, 2);
}

static bool take_forget(struct walk *w, void *ctx, const struct found *f, const struct redis_value *v)
{
	uint64_t *n = ctx;

	(void)w;
	(void)f;
	*n += v->kind == REDIS_INT && v->num > 0 ? (uint64_t)v->num : 0;
	return true;
}

int grey_admin_forget(const struct grey_admin *g, const struct grey_pattern *p, uint64_t *n, struct error_list *errors)
{
	struct walk w;
	int result = walk_begin(&w, g, p, grey_script, errors);

	*n = 0;
	if (result == 0)
		result = walk_all(&w, ask_forget, take_forget, n);
	walk_end(&w);
	return result;
}
