#include "greylist/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "greylist/pattern.h"
#include "mail/addr.h"
#include "net/redis_scan.h"
#include "util/clock.h"

enum { NUMBER_SIZE = 24, SHOW_ANSWER = 3, OPS_MAX = 3 + GREY_MET_KEYS };

/* A page's key while it is being asked about. */
struct found {
	const char *part[GREY_PARTS];
	struct redis_word key;
	const char *remote[GREY_MET_KEYS];
	struct net_op *op[OPS_MAX];
};

/* What show asks about a triplet, besides itself. */
enum { OP_SELF, OP_CLIENT, OP_CLIENT_TTL, OP_MET };

struct walk;
/* Submits what there is to ask about a key. */
typedef void (*ask_fn)(struct walk *w, struct found *f);
/* Takes the answers.  False ends the walk. */
typedef bool (*take_fn)(struct walk *w, void *ctx, const struct found *f);

/* One walk over the keys of a kind: each is asked about, and what is said of it taken. */
struct walk {
	const struct grey_admin *g;
	enum grey_kind kind;
	struct grey_pattern pattern;
	const char *glob;
	struct redis_script script; /* for each key */
	bool in_full;
	ask_fn ask;
	take_fn take;
	void *ctx;
	struct arena *arena; /* of the walk */
	struct arena *page;  /* of one page of it */
	struct error_list *errors;
};

static int walk_begin(struct walk *w, const struct grey_admin *g, enum grey_kind kind, const struct grey_pattern *p,
		      const char *script, struct error_list *errors)
{
	memset(w, 0, sizeof *w);
	w->g = g;
	w->kind = kind;
	w->errors = errors;
	redis_script_init(&w->script, script);
	w->arena = arena_new(0);
	if (w->arena == NULL || grey_pattern_prepare(g, kind, p, w->arena, &w->pattern) != 0 ||
	    (w->glob = grey_pattern_glob(g->prefix, kind, &w->pattern, w->arena)) == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	return 0;
}

static void walk_end(struct walk *w)
{
	arena_free(&w->arena);
}

/* ---- One page ---- */

/* Asks about all keys of a page at once.  As redis_page_fn answers. */
static int ask_all(struct walk *w, struct found *v, size_t n)
{
	int64_t deadline_ms;
	int result = 1;

	for (size_t i = 0; i < n; i++)
		w->ask(w, &v[i]);
	deadline_ms = clock_mono_ms() + w->g->timeout_ms;
	for (size_t i = 0; i < n; i++)
		(void)net_await(w->g->wait, v[i].op, OPS_MAX, deadline_ms);
	for (size_t i = 0; i < n; i++) {
		const struct redis_value *self = redis_result(v[i].op[OP_SELF]);

		if (result == 1 && self->kind == REDIS_UNAVAILABLE) {
			redis_scan_complain(self, w->errors);
			result = -1;
		} else if (result == 1 && !w->take(w, w->ctx, &v[i])) {
			result = 0;
		}
		for (unsigned k = 0; k < OPS_MAX; k++)
			net_op_free(&v[i].op[k]);
	}
	return result;
}

static bool read_key(struct walk *w, const struct redis_value *v, struct found *f)
{
	if (v->kind != REDIS_STRING || !grey_key_parse(w->page, w->g->prefix, w->kind, v->str, v->str_n, f->part) ||
	    !grey_pattern_match(w->kind, &w->pattern, f->part))
		return false;
	f->key = (struct redis_word){ arena_strndup(w->page, v->str, v->str_n), v->str_n };
	return true;
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

static int walk_all(struct walk *w, ask_fn ask, take_fn take, void *ctx)
{
	const struct redis_scan s = { .glob = w->glob, .timeout_ms = w->g->timeout_ms, .fn = take_page, .ctx = w };

	w->ask = ask;
	w->take = take;
	w->ctx = ctx;
	return redis_scan(w->g->wait, &s, w->errors);
}

/* The key that an exact pattern names, whether it is there or not. */
static int ask_exact(struct walk *w, ask_fn ask, take_fn take, void *ctx)
{
	struct found f = { .op = { NULL } };
	int result = -1;

	w->ask = ask;
	w->take = take;
	w->ctx = ctx;
	w->page = w->arena;
	memcpy(f.part, w->pattern.part, sizeof f.part);
	f.key.p = grey_key(w->page, w->g->prefix, w->kind, f.part);
	if (f.key.p != NULL) {
		f.key.n = strlen(f.key.p);
		result = ask_all(w, &f, 1);
	} else {
		error_add(w->errors, NULL, 0, "out of memory");
	}
	return result < 0 ? -1 : 0;
}

static struct net_op *command(struct walk *w, const char *name, const char *key)
{
	struct redis_word words[] = { { name, strlen(name) }, { key, strlen(key) } };

	return redis_ask(w->g->wait, words, 2);
}

/* ---- list, show ---- */

struct listing {
	grey_entry_fn fn;
	void *ctx;
};

/* The client of a triplet, and what its recipient wrote. */
static void ask_bearing(struct walk *w, struct found *f)
{
	const struct fact_text sender = { .folded = f->part[1], .folded_n = strlen(f->part[1]) };
	const struct fact_text recipient = { .folded = f->part[2], .folded_n = strlen(f->part[2]) };
	const char *domain = addr_domain(w->page, f->part[1]), *key;
	struct grey_met met;

	if (domain == NULL || !grey_met_name(w->page, w->g->prefix, &sender, &recipient, &met))
		return;
	key = grey_key(w->page, w->g->prefix, GREY_CLIENTS, (const char *const[GREY_PARTS]){ f->part[0], domain });
	if (key != NULL) {
		f->op[OP_CLIENT] = command(w, "GET", key);
		f->op[OP_CLIENT_TTL] = command(w, "PTTL", key);
	}
	for (unsigned i = 0; i < GREY_MET_KEYS; i++) {
		f->remote[i] = met.remote[i];
		if (met.key[i] != NULL)
			f->op[OP_MET + i] = command(w, "PTTL", met.key[i]);
	}
}

static void ask_show(struct walk *w, struct found *f)
{
	f->op[OP_SELF] = redis_eval(w->g->wait, &w->script, 1, &f->key, 1);
	if (w->in_full && w->kind == GREY_TRIPLETS)
		ask_bearing(w, f);
}

/* "DAY COUNT ..."; 0 when it is nothing of the kind. */
static int64_t client_count(const struct redis_value *v)
{
	int64_t day, count;

	if (v->kind != REDIS_STRING || sscanf(v->str, "%12" SCNd64 " %12" SCNd64, &day, &count) != 2)
		return 0;
	return count;
}

static bool fill_triplet(const struct redis_value *value, struct grey_entry *e)
{
	int64_t age;

	if (value->kind != REDIS_STRING || !grey_record_parse(value->str, value->str_n, &e->record))
		return false;
	age = e->now_ms - e->record.first_ms;
	if (e->record.passes > 0)
		e->state = GREY_PASSED;
	else if (age < e->record.delay_ms)
		e->wait_ms = e->record.delay_ms - age;
	else
		e->state = GREY_READY;
	return true;
}

static void fill_bearing(const struct found *f, struct grey_entry *e)
{
	const struct redis_value *ttl = redis_result(f->op[OP_CLIENT_TTL]);

	e->count = client_count(redis_result(f->op[OP_CLIENT]));
	e->client_ttl_ms = ttl->kind == REDIS_INT ? ttl->num : 0;
	for (unsigned i = 0; i < GREY_MET_KEYS; i++) {
		ttl = redis_result(f->op[OP_MET + i]);
		if (ttl->kind != REDIS_INT || ttl->num == -2)
			continue;
		e->remote[i] = f->remote[i];
		e->met_ttl_ms[i] = ttl->num;
	}
}

static bool take_show(struct walk *w, void *ctx, const struct found *f)
{
	const struct redis_value *v = redis_result(f->op[OP_SELF]);
	const struct listing *l = ctx;
	struct grey_entry e = { .kind = w->kind, .needed = w->g->settings->known_after };

	if (v->kind != REDIS_ARRAY || v->n != SHOW_ANSWER)
		return true; /* a key that is ours by name alone */
	memcpy(e.part, f->part, sizeof e.part);
	e.now_ms = v->v[0].num;
	e.ttl_ms = v->v[1].num;
	if (e.ttl_ms == -2)
		return true; /* gone since the scan */
	if (w->kind == GREY_TRIPLETS && !fill_triplet(&v->v[2], &e))
		return true;
	if (w->kind == GREY_CLIENTS && (e.count = client_count(&v->v[2])) == 0)
		return true;
	if (w->kind == GREY_TRIPLETS && w->in_full)
		fill_bearing(f, &e);
	return l->fn(l->ctx, &e);
}

int grey_admin_list(const struct grey_admin *g, enum grey_kind kind, const struct grey_pattern *p, bool in_full,
		    grey_entry_fn fn, void *ctx, struct error_list *errors)
{
	struct listing l = { fn, ctx };
	struct walk w;
	int result = walk_begin(&w, g, kind, p, grey_script_show, errors);

	w.in_full = in_full;
	if (result == 0)
		result = walk_all(&w, ask_show, take_show, &l);
	walk_end(&w);
	return result;
}

/* ---- allow, forget ---- */

static void ask_allow(struct walk *w, struct found *f)
{
	const struct grey_settings *set = w->g->settings;
	const struct grey_times times = { .window_ms = set->retry_window, .pass_ms = set->pass_for };
	struct grey_terms terms;
	struct grey_question q = { .key = f->key.p, .sender = "", .terms = &terms };
	char ttl[NUMBER_SIZE], count[NUMBER_SIZE];
	struct redis_word words[] = { f->key, { count, 0 }, { ttl, 0 } };

	switch (w->kind) {
	case GREY_TRIPLETS:
		grey_terms_make(&terms, &times);
		f->op[OP_SELF] = grey_script_ask(w->g->wait, &w->script, "allow", &q);
		break;
	case GREY_CLIENTS:
	case GREY_CORRESPONDENTS:
	case GREY_KINDS:
		words[1].n = (size_t)snprintf(count, sizeof count, "%d", w->kind == GREY_CLIENTS ? GREY_TRUSTED : 1);
		words[2].n = (size_t)snprintf(ttl, sizeof ttl, "%" PRId64,
					      w->kind == GREY_CLIENTS ? set->known_for : set->met_for);
		f->op[OP_SELF] = redis_eval(w->g->wait, &w->script, 1, words, sizeof words / sizeof words[0]);
		break;
	}
}

static bool take_allow(struct walk *w, void *ctx, const struct found *f)
{
	const struct redis_value *v = redis_result(f->op[OP_SELF]);
	uint64_t *n = ctx;

	(void)w;
	*n += v->kind == REDIS_ARRAY || v->kind == REDIS_INT;
	return true;
}

/* A key that is made by hand must be one that is ever asked about. */
static int verify_key(const struct walk *w, struct error_list *errors)
{
	const char *const *part = w->pattern.part;

	if (w->kind == GREY_TRIPLETS && strchr(part[0], '/') != NULL && !grey_pattern_is_network(w->g, part[0]))
		error_add(errors, NULL, 0, "%s: clients go by networks of /%d, or of /%d for IPv6", part[0],
			  (int)w->g->settings->ipv4_mask, (int)w->g->settings->ipv6_mask);
	else if (w->kind == GREY_CORRESPONDENTS && addr_at(part[1], strlen(part[1])) == NULL)
		error_add(errors, NULL, 0, "%s is no address of a user", part[1]);
	else if (w->kind == GREY_CORRESPONDENTS && strchr(part[0], '.') == NULL)
		error_add(errors, NULL, 0, "%s is neither an address nor a domain", part[0]);
	else
		return 0;
	return -1;
}

/* What is switched off, or never asked about, cannot be allowed. */
static int verify_allow(const struct walk *w, struct error_list *errors)
{
	const struct grey_settings *set = w->g->settings;

	if (w->kind == GREY_CLIENTS && set->known_after == 0)
		error_add(errors, NULL, 0, "greylist.known_after is 0: no client is known");
	else if (w->kind == GREY_CLIENTS && strchr(w->pattern.part[0], '/') != NULL)
		error_add(errors, NULL, 0, "%s is a network: only a client that SPF or its name tells apart is known",
			  w->pattern.part[0]);
	else if (w->kind == GREY_CORRESPONDENTS && set->met_for == 0)
		error_add(errors, NULL, 0, "greylist.met_for is 0: nobody is a correspondent");
	else
		return grey_pattern_is_exact(w->kind, &w->pattern) ? verify_key(w, errors) : 0;
	return -1;
}

int grey_admin_allow(const struct grey_admin *g, enum grey_kind kind, const struct grey_pattern *p, uint64_t *n,
		     struct error_list *errors)
{
	static const char *const scripts[GREY_KINDS] = { [GREY_TRIPLETS] = grey_script,
							 [GREY_CLIENTS] = grey_script_trust,
							 [GREY_CORRESPONDENTS] = grey_script_meet };
	struct walk w;
	int result = walk_begin(&w, g, kind, p, scripts[kind], errors);

	*n = 0;
	if (result == 0)
		result = verify_allow(&w, errors);
	if (result == 0 && !grey_pattern_is_exact(kind, &w.pattern))
		result = walk_all(&w, ask_allow, take_allow, n);
	else if (result == 0)
		result = ask_exact(&w, ask_allow, take_allow, n);
	walk_end(&w);
	return result;
}

static void ask_forget(struct walk *w, struct found *f)
{
	f->op[OP_SELF] = command(w, "DEL", f->key.p);
}

static bool take_forget(struct walk *w, void *ctx, const struct found *f)
{
	const struct redis_value *v = redis_result(f->op[OP_SELF]);
	uint64_t *n = ctx;

	(void)w;
	*n += v->kind == REDIS_INT && v->num > 0 ? (uint64_t)v->num : 0;
	return true;
}

int grey_admin_forget(const struct grey_admin *g, enum grey_kind kind, const struct grey_pattern *p, uint64_t *n,
		      struct error_list *errors)
{
	struct walk w;
	int result = walk_begin(&w, g, kind, p, grey_script, errors);

	*n = 0;
	if (result == 0)
		result = walk_all(&w, ask_forget, take_forget, n);
	walk_end(&w);
	return result;
}
