/*
 * Private servers for the tests of net/ and of what stands on it: a real Redis, the DNS server t/lib/dnsd.py, and a
 * Redis that misbehaves.  All live in a temporary directory and end with the test.
 */
#ifndef MILLGATE_T_UNIT_NET_FIXTURE_H
#define MILLGATE_T_UNIT_NET_FIXTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "net/net.h"

enum { FIXTURE_PATH_SIZE = 100, FIXTURE_TIMEOUT_MS = 2000, FIXTURE_PATIENCE_MS = 20000 };

/* The test's own directory, removed at exit with all that is in it. */
const char *fixture_dir(void);

/* Whether this machine has ::1. */
bool fixture_has_ipv6(void);

/* ---- Redis ---- */

struct fixture_redis {
	pid_t pid; /* 0: not running */
	char path[FIXTURE_PATH_SIZE];
	char server[FIXTURE_PATH_SIZE]; /* "unix:..." */
};

/* Starts a redis-server and waits until it listens; option and value (both or neither NULL) go to its command line. */
void fixture_redis_start(struct fixture_redis *r, const char *option, const char *value);
void fixture_redis_stop(struct fixture_redis *r);
/* Stops and continues the process (SIGSTOP, SIGCONT). */
void fixture_redis_freeze(struct fixture_redis *r, bool frozen);

/* ---- A Redis that misbehaves ---- */

enum fake_mode {
	FAKE_ANSWER,  /* PING: PONG; everything else: OK */
	FAKE_STALL,   /* reads, never answers */
	FAKE_CLOSE,   /* closes at the first command that is no PING */
	FAKE_GREET,   /* answers PING alone */
	FAKE_LOADING, /* an error, to everything */
	FAKE_GARBAGE, /* what is no protocol, to all but PING */
	FAKE_NEST,    /* arrays in arrays, deeper than anybody needs, to all but PING */
	FAKE_HANG_UP  /* closes as soon as a connection is accepted */
};

struct fixture_fake {
	char server[FIXTURE_PATH_SIZE];
	_Atomic(enum fake_mode) mode;
	atomic_uint commands; /* seen, PING included */
	atomic_uint connections;
};

/* Runs to the end of the program. */
struct fixture_fake *fixture_fake_start(enum fake_mode mode);

/* ---- DNS ---- */

struct fixture_dns {
	pid_t pid;
	char server[FIXTURE_PATH_SIZE]; /* "127.0.0.1@PORT" */
	char zone[FIXTURE_PATH_SIZE], port_file[FIXTURE_PATH_SIZE], log[FIXTURE_PATH_SIZE];
	char address[FIXTURE_PATH_SIZE];
	int port;
};

/* Serves the zone text (see dnsd.py) on 127.0.0.1 or ::1; port 0: any. */
void fixture_dns_start(struct fixture_dns *d, const char *address, int port, const char *zone);
void fixture_dns_stop(struct fixture_dns *d);
/* How often a line "name TYPE" is in its log of queries. */
unsigned fixture_dns_count(const struct fixture_dns *d, const char *name_and_type);

/* ---- net ---- */

/*
 * net_start() or the end of the test; either server may be NULL (DNS: then a port where nobody listens).  The log goes
 * nowhere from then on.
 */
struct net *fixture_net(const char *redis_server, const char *dns_server);
struct net *fixture_net_with(const struct net_redis_options *redis, const struct net_dns_options *dns);

/* Awaits one question, for as long as it may take. */
void fixture_await(struct net_wait *w, struct net_op *op);
/* Waits until Redis is up, or down, as net sees it. */
bool fixture_await_redis(struct net *n, bool up);

#endif
