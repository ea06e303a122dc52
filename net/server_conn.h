/*
 * One connection of a stream server, and the worker pool that runs its requests.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_SERVER_CONN_H
#define MILLGATE_NET_SERVER_CONN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "net/limits.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/op.h"
#include "net/server.h"

/* Who may touch a connection's buffers and its descriptor's data. */
enum conn_owner {
	CONN_LOOP,
	CONN_LATER,        /* the loop, which comes back to it: nobody else may close it, and it does not read on */
	CONN_WORKER,       /* a worker, which may give it back by setting CONN_LOOP */
	CONN_WORKER_PAUSED /* a worker, which must hand it back: the loop has stopped reading */
};

/* Thousands of these lie idle: keep it small, and its buffers empty. */
struct conn {
	struct net_task task; /* first; hands it back from a worker to the loop */
	struct net_server *server;
	_Atomic(enum conn_owner) owner;
	int fd;

	/* owned by the loop thread */
	struct conn *prev, *next;
	struct event event; /* readable; or writable while an answer is left */
	bool reading, writing;

	/* of the owner */
	bool finish; /* close once the answer is written */
	char *in;    /* NULL while in_n is 0 */
	size_t in_n, in_room, request_n;
	struct sbuf out; /* the answer, while some of it is left */
	size_t out_at;
	struct conn *job_next; /* in the pool's queue */
	void *own;             /* the server's user's */
	struct wait_then then; /* while it is CONN_LATER */
};

/* The workers: each takes one request at a time. */
struct pool {
	/* immutable */
	pthread_t *threads;
	unsigned n;

	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct conn *first, *last;
	bool stopping;
};

struct net_server {
	/* immutable once it serves */
	struct net *net;
	struct net_server_options o; /* without its strings */
	struct listener listener;

	struct pool pool;

	/* owned by the loop thread */
	struct event *acceptable, *accept_pause;
	struct conn *conns;
	struct sbuf out;  /* an answer by attempt() */
	unsigned n_later; /* connections that are CONN_LATER */
	bool stopping;
	struct net_latch *quiet; /* opened when none is left; NULL: nobody waits */
	char scratch[SERVER_READ_SIZE];
};

/* Takes over fd.  Loop thread. */
void conn_open(struct net_server *s, int fd);
/* Closes those that no worker has; the rest follow when they come back.  Loop thread. */
void conn_close_idle(struct net_server *s);
/* Closes all; no worker is left.  Loop thread. */
void conn_close_all(struct net_server *s);
/* Runs the request and sends the answer.  Worker thread. */
void conn_serve(struct conn *c);

/* 0, or an errno. */
int pool_start(struct pool *p, unsigned n);
void pool_add(struct pool *p, struct conn *c);
/* Runs what is queued, then ends the threads. */
void pool_stop(struct pool *p);

#endif
