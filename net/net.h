/*
 * The event-loop thread and what it serves: DNS questions, Redis commands, stream servers.  Layer 1; the one user of
 * libevent, libunbound and hiredis.
 *
 * A caller on any thread submits questions against a `struct net_wait` and awaits them later, with a deadline.
 * Submissions queue up in the net_wait and leave together (net_flush, or the first await): one wake-up for the batch.
 */
#ifndef MILLGATE_NET_NET_H
#define MILLGATE_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct net;

struct net_redis_options {
	const char *server;   /* "unix:/path" or "host:port" / "[v6]:port"; NULL: no Redis */
	const char *username; /* NULL or "": none */
	const char *password; /* NULL or "": none */
	int database;
	int64_t timeout_ms; /* for connecting, and for each command */
};

/*
 * The form of a setting, looked at without asking anybody: NULL when it can be used, else what is expected (static).
 * Thread-safe.
 */
const char *net_redis_expected(const char *server);
const char *net_dns_expected(const char *server);

struct net_dns_options {
	const char *const *servers; /* "127.0.0.1@53"; n_servers 0: resolv.conf */
	unsigned n_servers;
	int64_t timeout_ms; /* for each question */
};

/*
 * Starts the loop thread (all signals blocked in it).  Does not fail because Redis or a DNS server is away.  NULL with
 * an error added when a setting is unusable or the machine refuses (memory, threads).
 */
struct net *net_start(const struct net_redis_options *redis, const struct net_dns_options *dns,
		      struct error_list *errors);

/*
 * The same on the thread of `host`, which outlives it, with clients of its own: for a configuration that may give way to
 * another while the thread goes on.  Not on a loop thread.
 */
struct net *net_start_beside(struct net *host, const struct net_redis_options *redis, const struct net_dns_options *dns,
			     struct error_list *errors);

/*
 * Lets leave what was told, answers everything still open as unavailable, stops the thread when it is its own, frees.
 * Nobody may be awaiting.  Clears *n.  One beside a host is left to its thread: this returns at once, and the host's
 * net_stop() waits for all of them together.
 */
void net_stop(struct net **n);

/* ---- Waiting ---- */

struct net_wait; /* what one session (or one command) waits on; used by one thread at a time */

struct net_wait *net_wait_new(struct net *n);
/* Drops it: questions still open go on in the loop and their answers are thrown away.  Clears *w; tolerates NULL. */
void net_wait_free(struct net_wait **w);
/* Sends what was submitted since the last flush. */
void net_flush(struct net_wait *w);
/* The same for what was told and has time, some milliseconds: when the loop is busy, it need not be woken for it. */
void net_flush_later(struct net_wait *w);

/* A question in flight.  Belongs to the submitter until net_op_free(); freeing an open one abandons it. */
struct net_op;
void net_op_free(struct net_op **op);
bool net_op_done(const struct net_op *op);

/*
 * Flushes, then waits until all n questions (NULL ones are passed over) have an answer or clock_mono_ms() reaches the
 * deadline.  True when all have.  A question's own time-out counts as an answer (unavailable).  On the loop thread, which
 * it would keep from answering, only what is answered can be awaited.
 */
bool net_await(struct net_wait *w, struct net_op *const *ops, size_t n, int64_t deadline_ms);

/* For who works on the loop thread itself, and must not wait there: whether questions submitted with w are without an
 * answer. */
bool net_is_open(struct net_wait *w);

/* ---- Counters, for the log, `doctor` and metrics ---- */

struct net_counters {
	uint64_t dns_questions, dns_failures, dns_timeouts;
	uint64_t redis_commands, redis_failures, redis_timeouts, redis_connects;
	uint64_t redis_errors; /* error replies; among the failures */
	uint64_t wakeups;      /* eventfd writes */
	bool redis_up;
	bool redis_failing; /* it answers with errors */
};
void net_counters(struct net *n, struct net_counters *out);

#endif
