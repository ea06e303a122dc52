/*
 * A walk over keys in Redis, page by page, for the administrator's commands.  It waits, so it is nothing for sessions.
 */
#ifndef MILLGATE_NET_REDIS_SCAN_H
#define MILLGATE_NET_REDIS_SCAN_H

#include "net/redis.h"
#include "util/arena.h"
#include "util/error.h"

/* Called for each page that is not empty: n values, keys where they are REDIS_STRING.  They and what is taken from the arena
 * live until it returns.  1: go on; 0: enough; -1: an error was added. */
typedef int (*redis_page_fn)(void *ctx, struct arena *page, const struct redis_value *keys, size_t n);

struct redis_scan {
	const char *glob;   /* Redis's pattern; sbuf_add_glob() */
	int64_t timeout_ms; /* for one page */
	redis_page_fn fn;
	void *ctx;
};

/* Walks the keys with SCAN: what comes and goes meanwhile may be missed or met twice.  0, also when fn has had enough; or -1
 * with an error added. */
int redis_scan(struct net_wait *wait, const struct redis_scan *s, struct error_list *errors);

/* Says why an answer is not the one that was wanted. */
void redis_scan_complain(const struct redis_value *v, struct error_list *errors);

#endif
