#include "net/redis_scan.h"

#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/sbuf.h"

enum { PAGE = 256, CURSOR_SIZE = 32, WHY_SIZE = 256 };

void redis_scan_complain(const struct redis_value *v, struct error_list *errors)
{
	char buf[WHY_SIZE];
	struct sbuf why;

	sbuf_fixed(&why, buf, sizeof buf);
	if (v->str != NULL && (v->kind == REDIS_UNAVAILABLE || v->kind == REDIS_ERROR))
		sbuf_add_safe(&why, v->str, strlen(v->str));
	else
		sbuf_add(&why, "an unexpected answer");
	error_add(errors, NULL, 0, "Redis: %s", buf);
}

/* ---- Walking ---- */

static struct net_op *ask(struct net_wait *wait, const struct redis_scan *s, const char *cursor)
{
	char count[CURSOR_SIZE];
	struct redis_word words[] = { { "SCAN", 4 },  { cursor, strlen(cursor) },
				      { "MATCH", 5 }, { s->glob, strlen(s->glob) },
				      { "COUNT", 5 }, { count, (size_t)snprintf(count, sizeof count, "%d", PAGE) } };

	return redis_ask(wait, words, sizeof words / sizeof words[0]);
}

static bool is_page(const struct redis_value *v)
{
	return v->kind == REDIS_ARRAY && v->n == 2 && v->v[0].kind == REDIS_STRING && v->v[0].str_n < CURSOR_SIZE &&
	       v->v[1].kind == REDIS_ARRAY;
}

/* One page; moves the cursor on.  As redis_page_fn answers. */
static int walk_page(struct net_wait *wait, const struct redis_scan *s, char cursor[CURSOR_SIZE], struct arena *page,
		     struct error_list *errors)
{
	struct net_op *op = ask(wait, s, cursor);
	const struct redis_value *v;
	int result = -1;

	(void)net_await(wait, &op, 1, clock_mono_ms() + s->timeout_ms);
	v = redis_result(op);
	if (is_page(v)) {
		memcpy(cursor, v->v[0].str, v->v[0].str_n + 1);
		result = v->v[1].n > 0 ? s->fn(s->ctx, page, v->v[1].v, v->v[1].n) : 1;
	} else {
		redis_scan_complain(v, errors);
	}
	net_op_free(&op);
	return result;
}

int redis_scan(struct net_wait *wait, const struct redis_scan *s, struct error_list *errors)
{
	struct arena *page = arena_new(0);
	char cursor[CURSOR_SIZE] = "0";
	int result;

	if (page == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	do {
		arena_reset(page);
		result = walk_page(wait, s, cursor, page, errors);
	} while (result == 1 && strcmp(cursor, "0") != 0);
	arena_free(&page);
	return result < 0 ? -1 : 0;
}
