#include "greylist/report.h"

#include <stdlib.h>
#include <string.h>

#include "util/arena.h"
#include "util/strmap.h"

enum {
	CONTACTS_FIRST = 256,
	PERCENT = 100,
	MEDIAN = 50,
	MOST = 90,
	LATE_MS = 2000 /* waiting times are told in seconds, rounded up */
};

struct grey_gather {
	struct arena *arena;
	struct strmap *latest; /* triplet to the number of its newest contact, plus one */
	struct strmap *waiters;
	struct grey_contact *v;
	size_t n, room;
	int64_t window_ms;
	uint64_t words[GREY_WORDS], missed;
	bool failed; /* out of memory */
};

/* ---- Contacts ---- */

static const char *contact_key(const struct grey_attempt *a, struct sbuf *b)
{
	sbuf_reset(b);
	sbuf_add(b, a->identity);
	sbuf_addc(b, '\0');
	sbuf_add(b, a->sender);
	sbuf_addc(b, '\0');
	sbuf_add(b, a->recipient);
	return b->p;
}

static struct grey_contact *new_place(struct grey_gather *g)
{
	if (g->n == g->room) {
		size_t room = g->room > 0 ? g->room * 2 : CONTACTS_FIRST;
		struct grey_contact *v = realloc(g->v, room * sizeof *v);

		if (v == NULL)
			return NULL;
		g->v = v;
		g->room = room;
	}
	return &g->v[g->n];
}

static void begin_contact(struct grey_gather *g, const struct sbuf *key, const struct grey_attempt *a,
			  enum grey_fate fate)
{
	struct grey_contact *c;

	if (g->n >= GREY_CONTACTS_MAX) {
		g->missed++;
		return;
	}
	c = new_place(g);
	if (c == NULL || strmap_set(g->latest, key->p, key->len, (void *)(uintptr_t)(g->n + 1)) != 0) {
		g->failed = true;
		return;
	}
	g->n++;
	*c = (struct grey_contact){ .identity = arena_strdup(g->arena, a->identity),
				    .sender = arena_strdup(g->arena, a->sender),
				    .recipient = arena_strdup(g->arena, a->recipient),
				    .why = arena_strdup(g->arena, a->why),
				    .first_ms = a->ms,
				    .last_ms = a->ms,
				    .attempts = 1,
				    .fate = fate };
	/* It was deferred before the period, or before what the journal has kept. */
	if (fate == GREY_FATE_BACK) {
		c->older = true;
		c->delay_ms = a->waited_ms;
		c->first_ms = a->ms - a->waited_ms;
	}
}

/* A deferral that was written down after the attempt that was let through. */
static void note_late(struct grey_contact *c, const struct grey_attempt *a)
{
	c->attempts++;
	if (a->ms <= c->first_ms + LATE_MS) {
		c->older = false;
		c->first_ms = a->ms;
		c->delay_ms = c->last_ms - a->ms;
	}
}

static void note_defer(struct grey_gather *g, struct grey_contact *c, const struct sbuf *key,
		       const struct grey_attempt *a)
{
	if (!a->deferred && c == NULL)
		begin_contact(g, key, a, GREY_FATE_SHADOW);
	if (!a->deferred)
		return;
	if (c != NULL && c->fate == GREY_FATE_BACK && a->ms <= c->last_ms) {
		note_late(c, a);
		return;
	}
	if (c == NULL || c->fate != GREY_FATE_WAITING) {
		begin_contact(g, key, a, GREY_FATE_WAITING);
		return;
	}
	c->attempts++;
	c->last_ms = a->ms;
}

static void note_passage(struct grey_gather *g, struct grey_contact *c, const struct sbuf *key,
			 const struct grey_attempt *a)
{
	if (c != NULL && c->fate == GREY_FATE_WAITING) {
		c->fate = GREY_FATE_BACK;
		c->attempts++;
		c->last_ms = a->ms;
		c->delay_ms = a->ms - c->first_ms;
	} else if (c != NULL && c->fate != GREY_FATE_GONE) {
		return; /* it has been let through before */
	} else if (a->word == GREY_WORD_MET) {
		begin_contact(g, key, a, GREY_FATE_MET);
	} else if (a->word == GREY_WORD_CLIENT) {
		begin_contact(g, key, a, GREY_FATE_CLIENT);
	} else if (a->word == GREY_WORD_PASS && a->waited_ms >= 0) {
		begin_contact(g, key, a, GREY_FATE_BACK);
	}
}

void grey_gather_add(void *gather, const struct grey_attempt *a)
{
	char buf[4096];
	struct grey_gather *g = gather;
	struct grey_contact *c = NULL;
	struct sbuf key;
	size_t number;

	g->words[a->word]++;
	sbuf_fixed(&key, buf, sizeof buf);
	(void)contact_key(a, &key);
	number = (size_t)(uintptr_t)strmap_get(g->latest, key.p, key.len, NULL);
	if (number > 0)
		c = &g->v[number - 1];
	/* By the script's own decision it is the same contact still, however the clocks of the two compare. */
	if (c != NULL && c->fate == GREY_FATE_WAITING && a->ms - c->first_ms > g->window_ms &&
	    a->word != GREY_WORD_PASS && a->word != GREY_WORD_KNOWN)
		c->fate = GREY_FATE_GONE;
	if (a->word == GREY_WORD_DEFER)
		note_defer(g, c, &key, a);
	else
		note_passage(g, c, &key, a);
}

/* ---- Sums ---- */

static int by_delay(const void *a, const void *b)
{
	const struct grey_contact *x = *(const struct grey_contact *const *)a,
				  *y = *(const struct grey_contact *const *)b;

	if (x->delay_ms != y->delay_ms)
		return x->delay_ms > y->delay_ms ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int by_number(const void *a, const void *b)
{
	const struct grey_waiter *x = *(const struct grey_waiter *const *)a, *y = *(const struct grey_waiter *const *)b;

	if (x->delayed != y->delayed)
		return x->delayed > y->delayed ? -1 : 1;
	return strcmp(x->identity, y->identity);
}

/* The delay that so many percent did not exceed; of those sorted with the longest first. */
static int64_t percentile(const struct grey_report *r, unsigned percent)
{
	size_t below = (r->n_back * percent + PERCENT - 1) / PERCENT;

	return r->n_back > 0 ? r->back[r->n_back - (below > 0 ? below : 1)]->delay_ms : -1;
}

static struct grey_waiter *find_waiter(struct grey_gather *g, const char *identity)
{
	size_t n = strlen(identity);
	struct grey_waiter *w = strmap_get(g->waiters, identity, n, NULL);

	if (w != NULL)
		return w;
	w = arena_alloc(g->arena, sizeof *w);
	if (w == NULL || strmap_set(g->waiters, identity, n, w) != 0)
		return NULL;
	w->identity = identity;
	return w;
}

static bool sum_contact(struct grey_gather *g, const struct grey_contact *c, struct grey_report *out)
{
	struct grey_waiter *w;

	out->fates[c->fate]++;
	if (c->fate == GREY_FATE_BACK)
		out->back[out->n_back++] = c;
	if (c->fate != GREY_FATE_BACK && c->fate != GREY_FATE_WAITING && c->fate != GREY_FATE_GONE)
		return true;
	w = find_waiter(g, c->identity);
	if (w == NULL)
		return false;
	if (w->delayed++ == 0)
		out->waiters[out->n_waiters++] = w;
	w->fates[c->fate]++;
	if (c->fate == GREY_FATE_BACK && c->delay_ms > w->delay_ms)
		w->delay_ms = c->delay_ms;
	return true;
}

bool grey_gather_finish(struct grey_gather *g, int64_t now_ms, struct grey_report *out)
{
	memcpy(out->words, g->words, sizeof out->words);
	out->missed = g->missed;
	out->contacts = g->v;
	out->n_contacts = g->n;
	out->back = arena_calloc(g->arena, g->n + 1, sizeof(struct grey_contact *));
	out->waiters = arena_calloc(g->arena, g->n + 1, sizeof(struct grey_waiter *));
	for (size_t i = 0; i < g->n && !arena_failed(g->arena) && !g->failed; i++) {
		if (g->v[i].fate == GREY_FATE_WAITING && now_ms - g->v[i].first_ms > g->window_ms)
			g->v[i].fate = GREY_FATE_GONE;
		if (!sum_contact(g, &g->v[i], out))
			return false;
	}
	if (arena_failed(g->arena) || g->failed)
		return false;
	qsort(out->back, out->n_back, sizeof(struct grey_contact *), by_delay);
	qsort(out->waiters, out->n_waiters, sizeof(struct grey_waiter *), by_number);
	out->median_ms = percentile(out, MEDIAN);
	out->p90_ms = percentile(out, MOST);
	out->max_ms = percentile(out, PERCENT);
	return true;
}

/* ---- The whole ---- */

struct grey_gather *grey_gather_new(int64_t window_ms)
{
	struct grey_gather *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->window_ms = window_ms;
	g->arena = arena_new(0);
	g->latest = strmap_new();
	g->waiters = strmap_new();
	if (g->arena == NULL || g->latest == NULL || g->waiters == NULL)
		grey_report_free(&g);
	return g;
}

void grey_report_free(struct grey_gather **gather)
{
	struct grey_gather *g = *gather;

	*gather = NULL;
	if (g == NULL)
		return;
	free(g->v);
	strmap_free(&g->latest);
	strmap_free(&g->waiters);
	arena_free(&g->arena);
	free(g);
}

struct grey_gather *grey_report(const struct grey_admin *admin, int64_t since_ms, struct grey_report *out,
				struct error_list *errors)
{
	struct grey_gather *g = grey_gather_new(admin->settings->retry_window);
	int64_t now_ms;

	memset(out, 0, sizeof *out);
	if (g == NULL)
		goto no_memory;
	if (grey_journal_now(admin, &now_ms, errors) != 0)
		goto fail;
	out->since_ms = now_ms > since_ms ? now_ms - since_ms : 0;
	if (grey_journal_walk(admin, out->since_ms, grey_gather_add, g, &out->journal, errors) != 0)
		goto fail;
	if (grey_gather_finish(g, out->journal.now_ms, out))
		return g;
no_memory:
	error_add(errors, NULL, 0, "out of memory");
fail:
	grey_report_free(&g);
	return NULL;
}
