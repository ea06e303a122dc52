/* The walk over keys, on a real server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/redis_scan.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"
#include "util/sbuf.h"

enum { KEYS = 1000, NAME_SIZE = 32, PATIENCE_MS = FIXTURE_PATIENCE_MS };

/* What a walk has met. */
struct met {
	unsigned pages, keys, enough; /* enough: after so many pages; 0: never */
	bool seen[KEYS], wrong;
	int result;
};

static int meet(void *ctx, struct arena *page, const struct redis_value *keys, size_t n)
{
	struct met *m = ctx;

	m->pages++;
	if (arena_used(page) != 0 || arena_alloc(page, n) == NULL)
		m->wrong = true;
	for (size_t i = 0; i < n; i++) {
		int number = keys[i].kind == REDIS_STRING && strncmp(keys[i].str, "a*:", 3) == 0 ? atoi(keys[i].str + 3)
												 : -1;

		if (number < 0 || number >= KEYS) {
			m->wrong = true;
			continue;
		}
		m->keys += !m->seen[number];
		m->seen[number] = true;
	}
	return m->pages == m->enough ? m->result : 1;
}

static void tell(struct net_wait *w, const char *verb, const char *key)
{
	const struct redis_word words[] = { { verb, strlen(verb) }, { key, strlen(key) }, { "x", 1 } };
	struct net_op *op = redis_ask(w, words, 3);

	fixture_await(w, op);
	net_op_free(&op);
}

static int walk(struct net_wait *w, const char *glob, struct met *m, struct error_list *errors)
{
	const struct redis_scan s = { .glob = glob, .timeout_ms = PATIENCE_MS, .fn = meet, .ctx = m };

	return redis_scan(w, &s, errors);
}

static void test_walk(struct net_wait *w)
{
	struct error_list errors = ERROR_LIST_INIT;
	char name[NAME_SIZE], glob[NAME_SIZE];
	struct met all = { 0 }, some = { .enough = 1, .result = 0 }, bad = { .enough = 2, .result = -1 }, none = { 0 };
	struct sbuf b;

	for (int i = 0; i < KEYS; i++) {
		snprintf(name, sizeof name, "a*:%d", i);
		tell(w, "SET", name);
		snprintf(name, sizeof name, "ab:%d", i);
		tell(w, "SET", name);
	}
	sbuf_fixed(&b, glob, sizeof glob);
	sbuf_add_glob(&b, "a*:");
	sbuf_add(&b, "*");
	is_int(walk(w, glob, &all, &errors), 0, "a walk to the end");
	is_int(all.keys, KEYS, "meets every key");
	ok(!all.wrong, "and no other, each page with an empty arena");
	ok(all.pages > 1, "in several pages");
	is_int(walk(w, glob, &some, &errors), 0, "a walk may have enough");
	is_int(some.pages, 1, "then it ends");
	is_int(walk(w, glob, &bad, &errors), -1, "or fail");
	is_int(bad.pages, 2, "and end");
	is_int(walk(w, "nothing*", &none, &errors), 0, "where nothing fits");
	is_int(none.pages, 0, "nothing is handed out");
	is_int(errors.errors, 0, "none of which is an error of Redis");
	error_clear(&errors);
}

static void test_complaints(struct fixture_redis *r, struct net *n, struct net_wait *w)
{
	static const struct redis_value error = { .kind = REDIS_ERROR, .str = "ERR \x1b[2J", .str_n = 8 };
	struct error_list errors = ERROR_LIST_INIT;
	struct met m = { 0 };

	redis_scan_complain(&error, &errors);
	redis_scan_complain(&(const struct redis_value){ .kind = REDIS_NIL }, &errors);
	is_int(errors.errors, 2, "two errors");
	ok(errors.first != NULL && strstr(errors.first->text, "\x1b") == NULL, "what a server says is escaped");
	error_clear(&errors);
	fixture_redis_stop(r);
	ok(fixture_await_redis(n, false), "Redis is away");
	is_int(walk(w, "*", &m, &errors), -1, "no walk");
	is_int(errors.errors, 1, "and it is said why");
	error_clear(&errors);
}

int main(void)
{
	struct fixture_redis r = { 0 };
	struct net_wait *w;
	struct net *n;

	fixture_redis_start(&r, NULL, NULL);
	n = fixture_net(r.server, NULL);
	w = net_wait_new(n);
	ok(fixture_await_redis(n, true), "Redis is there");
	test_walk(w);
	test_complaints(&r, n, w);
	net_wait_free(&w);
	net_stop(&n);
	return done_testing();
}
