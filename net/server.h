/*
 * Stream servers (Unix or TCP sockets) on the loop thread: the policy listener and the control socket.
 *
 * The loop splits the input into requests with the server's own `split`.  Each is tried on the loop, where that is wanted
 * (`attempt`), or runs on a small pool of worker threads; requests of one connection run one after the other, in order.
 */
#ifndef MILLGATE_NET_SERVER_H
#define MILLGATE_NET_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/net.h"
#include "util/sbuf.h"

struct net_server;
struct net_wait;
struct listener;

enum served {
	SERVED,       /* the answer is complete */
	SERVED_LAST,  /* it is, and the connection is to be closed */
	SERVED_LATER, /* it needs the answers to questions that are under way */
	SERVED_NOT    /* it needs a thread that may wait */
};

/*
 * Listens where a server will be started later: for sockets that only root may make, before privileges are dropped.
 * where, mode, group: as in struct net_server_options.  owner: whose the file of a Unix socket becomes; (uid_t)-1: as it
 * comes.  NULL with an error added.
 */
struct listener *net_listen(const char *where, mode_t mode, uid_t owner, const char *group, struct error_list *errors);
/* For one that no server has taken over.  Clears *l; tolerates NULL. */
void net_unlisten(struct listener **l);

struct net_server_options {
	struct listener
		*listener;  /* of net_listen(): the server takes it over, also when it cannot be started; or NULL */
	const char *listen; /* else: "unix:/path", "inet:PORT@ADDRESS", "inet6:PORT@ADDRESS"; port 0: any free one */
	mode_t mode;        /* Unix: permissions of the socket */
	const char *group;  /* Unix: its group; NULL: as it comes */
	unsigned workers;   /* threads; at least 1 */
	size_t max_request; /* bytes; a longer one closes the connection */
	/* Length of the first complete request in p[n], 0 when it is not complete yet, -1 when it can never be. */
	ptrdiff_t (*split)(const char *p, size_t n);
	/* Answers one request into out (heap, bounded).  *conn is the connection's own, NULL at first; requests of one
	 * connection come one at a time.  True: keep the connection. */
	bool (*serve)(void *ctx, void **conn, const char *request, size_t n, struct sbuf *out);
	/*
	 * On the loop thread, before any worker; may be NULL.  Answers what can be answered without waiting for anybody.
	 * SERVED_LATER: *wait, of a net on the same thread, has open questions (net_is_open()), all of them sent
	 * (net_flush()); attempt() is called again with the same request once all have their answers.  SERVED_NOT: a worker
	 * calls serve().
	 */
	enum served (*attempt)(void *ctx, void **conn, const char *request, size_t n, struct sbuf *out,
			       struct net_wait **wait);
	/* The connection is gone, nothing is being served on it; on the loop thread: must not block.  Only when *conn was
	 * set; may be NULL. */
	void (*closed)(void *ctx, void *conn);
	void *ctx;
};

/* Binds at once (so before privileges are dropped); serves until net_server_stop().  NULL with an error added. */
struct net_server *net_server_start(struct net *n, const struct net_server_options *o, struct error_list *errors);
/* The TCP port it listens on; -1 for a Unix socket. */
int net_server_port(const struct net_server *s);

/* Stops listening, lets running requests end, those that wait for questions among them, closes, removes a Unix socket.
 * Not on the loop thread.  Clears *s; tolerates NULL. */
void net_server_stop(struct net_server **s);

#endif
