/*
 * The connection to Redis: one at a time, kept alive by the loop, with a circuit breaker (redis_conn.c), and the
 * commands on it (redis_command.c).  Only net/ includes this.
 */
#ifndef MILLGATE_NET_REDIS_CONN_H
#define MILLGATE_NET_REDIS_CONN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "net/host.h"
#include "net/loop.h"
#include "net/op.h"
#include "net/redis_server.h"

struct redisAsyncContext;

enum redis_state {
	STATE_PAUSING,    /* the timer ends the pause before the next attempt */
	STATE_LOOKING_UP, /* the timer looks whether the host's addresses are there */
	STATE_CONNECTING, /* up to the last answer of the handshake; the timer ends it */
	STATE_UP,
	STATE_CLOSED
};

enum { REDIS_REASON_SIZE = 160 };

/*
 * The breaker is open (`away`) from the first failed attempt, or a time-out, to the end of a handshake.  While it is
 * closed without a connection, at the start and for the moment of a first reconnection, commands are held.
 */
struct redis {
	/* immutable once the thread runs */
	struct net *net;
	struct redis_server server;
	char *username, *password; /* NULL: none */
	int database;
	int64_t timeout_ms;

	/* shared */
	atomic_bool up, away;
	atomic_bool failing; /* from the first error reply to the recovery */

	/* owned by the loop thread */
	enum redis_state state;
	struct redisAsyncContext *ac; /* NULL: none */
	struct redis_link *link;
	struct event *timer;         /* of the state */
	struct event *command_timer; /* for the oldest command: all have the same time-out */
	bool command_timer_set;
	struct op_list open; /* commands sent, or held while connecting */
	size_t open_bytes;
	struct host_lookup *lookup;
	struct host_addresses addresses; /* of server.host */
	unsigned next_address;
	unsigned handshake_left;
	int64_t connected_ms;
	int64_t lookup_ends_ms;
	int64_t pause_ms;               /* the next one */
	char reason[REDIS_REASON_SIZE]; /* why the current attempt fails */
	const char *lost_why;           /* for the commands of a connection that goes */
	uint64_t replies;               /* so far */
	uint64_t errors;                /* error replies since it is failing */
	int64_t error_ms;               /* when the last one came */
	uint32_t error_family;          /* to which commands */
};

/* ---- For all of net/ ---- */

struct redis *redis_new(struct net *n, const struct net_redis_options *o, struct error_list *errors);
/* Has it connect; r may be NULL.  Loop thread, or before that runs. */
void redis_begin(struct redis *r);

/* Any thread: connected; and known to be away, so that a command need not be queued at all. */
bool redis_is_up(const struct redis *r);
bool redis_is_away(const struct redis *r);
/* Any thread: it answers, but with errors (out of memory, read-only, no permission). */
bool redis_is_failing(const struct redis *r);

/* The task of a command. */
void redis_start_command(struct net *n, struct net_task *t);

/* Writes what this round gathered; r may be NULL.  Loop thread. */
void redis_push(struct redis *r);

/* Whether something that was told is still on its way: a stop waits for it, until redis.timeout at the longest. */
bool redis_is_telling(const struct redis *r);

/* Answers all that is open and drops the connection; r may be NULL.  Loop thread, as the last thing before it is freed. */
void redis_close(struct redis *r);
/* On the loop thread, or when that does not run.  Clears *r; tolerates NULL. */
void redis_free(struct redis **r);

/* ---- Between the two files ---- */

/* Sends what was held while there was no connection. */
void redis_send_held(struct redis *r);
/* Answers every open command as unavailable. */
void redis_answer_all(struct redis *r, const char *why);
/* The handler of command_timer. */
void redis_command_timer(evutil_socket_t fd, short what, void *arg);
/* Drops a connection on which a command was not answered in time, and opens the breaker. */
void redis_stalled(struct redis *r);

#endif
