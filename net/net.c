/*
 * One set of clients: started with a loop thread of its own, or beside others on theirs.
 */
#include "net/net.h"

#include <assert.h>
#include <stdlib.h>

#include "net/dns_ask.h"
#include "net/loop.h"
#include "net/redis_conn.h"

/* ---- Starting ---- */

static void free_clients(struct net *n)
{
	dns_free(&n->dns);
	redis_free(&n->redis);
	free(n);
}

/* The clients, at rest; touches no event base that runs.  NULL with an error added. */
static struct net *new_net(struct net_loop *l, const struct net_redis_options *redis, const struct net_dns_options *dns,
			   struct error_list *errors)
{
	struct net *n = calloc(1, sizeof(*n));

	if (n == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return NULL;
	}
	n->loop = l;
	n->dns = dns_new(n, dns, errors);
	if (n->dns == NULL)
		goto fail;
	if (redis != NULL && redis->server != NULL) {
		n->redis = redis_new(n, redis, errors);
		if (n->redis == NULL)
			goto fail;
	}
	return n;
fail:
	free_clients(n);
	return NULL;
}

/* Puts it on its loop, and has it connect.  Loop thread, or before that runs. */
static void begin(void *arg)
{
	struct net *n = arg;

	n->next = n->loop->nets;
	n->loop->nets = n;
	redis_begin(n->redis);
}

struct net *net_start(const struct net_redis_options *redis, const struct net_dns_options *dns,
		      struct error_list *errors)
{
	struct net_loop *l = net_loop_new(errors);
	struct net *n;

	if (l == NULL)
		return NULL;
	n = new_net(l, redis, dns, errors);
	if (n == NULL)
		goto fail;
	n->host = true;
	begin(n);
	if (net_loop_start(l, errors) == 0)
		return n;
	free_clients(n);
fail:
	net_loop_free(&l);
	return NULL;
}

struct net *net_start_beside(struct net *host, const struct net_redis_options *redis, const struct net_dns_options *dns,
			     struct error_list *errors)
{
	struct net *n;

	assert(host->host && !net_loop_is_here(host->loop));
	n = new_net(host->loop, redis, dns, errors);
	if (n != NULL)
		net_call(host, begin, n);
	return n;
}

/* ---- Stopping ---- */

void net_close(struct net *n)
{
	n->closing = true;
	dns_close(n->dns);
	redis_close(n->redis);
}

void net_drop_leaving(struct net_loop *l)
{
	struct net **at = &l->nets;

	while (*at != NULL) {
		struct net *n = *at;

		if (n->leaving && !redis_is_telling(n->redis)) {
			*at = n->next;
			net_close(n);
			free_clients(n);
		} else {
			at = &n->next;
		}
	}
}

/* Comes behind all that was handed to the loop for it. */
static void leave(struct net *n, struct net_task *t)
{
	(void)t;
	n->leaving = true;
}

static void stop_beside(struct net *n)
{
	struct net_tasks one = { 0 };

	n->leave = (struct net_task){ .net = n, .run = leave };
	net_tasks_add(&one, &n->leave);
	net_post(n, &one);
}

void net_stop(struct net **np)
{
	struct net *n = *np;
	struct net_loop *l;

	*np = NULL;
	if (n == NULL)
		return;
	if (!n->host) {
		stop_beside(n);
		return;
	}
	l = n->loop;
	net_loop_stop(l, n);
	free_clients(n);
	net_loop_free(&l);
}

void net_counters(struct net *n, struct net_counters *out)
{
	*out = (struct net_counters){
		.dns_questions = atomic_load_explicit(&n->stats.dns_questions, memory_order_relaxed),
		.dns_failures = atomic_load_explicit(&n->stats.dns_failures, memory_order_relaxed),
		.dns_timeouts = atomic_load_explicit(&n->stats.dns_timeouts, memory_order_relaxed),
		.redis_commands = atomic_load_explicit(&n->stats.redis_commands, memory_order_relaxed),
		.redis_failures = atomic_load_explicit(&n->stats.redis_failures, memory_order_relaxed),
		.redis_timeouts = atomic_load_explicit(&n->stats.redis_timeouts, memory_order_relaxed),
		.redis_connects = atomic_load_explicit(&n->stats.redis_connects, memory_order_relaxed),
		.redis_errors = atomic_load_explicit(&n->stats.redis_errors, memory_order_relaxed),
		.wakeups = atomic_load_explicit(&n->stats.wakeups, memory_order_relaxed),
		.redis_up = n->redis != NULL && redis_is_up(n->redis),
		.redis_failing = n->redis != NULL && redis_is_failing(n->redis),
	};
}
