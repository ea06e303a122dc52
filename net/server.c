#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/server_conn.h"
#include "util/log.h"

/* ---- The loop thread ---- */

static void accept_some(evutil_socket_t fd, short what, void *arg)
{
	struct net_server *s = arg;

	(void)what;
	for (int i = 0; i < SERVER_ACCEPT_BATCH; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (peer >= 0) {
			conn_open(s, peer);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* The listener stays readable: without a pause the loop would spin. */
			log_error("cannot accept a connection: %s", strerror(errno));
			event_del(s->acceptable);
			(void)net_timer_add(s->accept_pause, SERVER_ACCEPT_PAUSE_MS);
			return;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		/* Any other error belongs to the one connection (accept(2)). */
	}
}

static void accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct net_server *s = arg;

	(void)fd;
	(void)what;
	(void)event_add(s->acceptable, NULL);
}

static void begin(void *arg)
{
	struct net_server *s = arg;

	(void)event_add(s->acceptable, NULL);
}

struct stop {
	struct net_server *server;
	struct net_latch quiet; /* no connection is CONN_LATER any more */
};

static void stop_listening(void *arg)
{
	struct stop *stop = arg;
	struct net_server *s = stop->server;

	s->stopping = true;
	event_del(s->acceptable);
	event_del(s->accept_pause);
	listener_close(&s->listener);
	conn_close_idle(s);
	if (s->n_later > 0)
		s->quiet = &stop->quiet;
	else
		net_latch_open(&stop->quiet);
}

static void end(void *arg)
{
	struct net_server *s = arg;

	conn_close_all(s);
	event_free(s->acceptable);
	event_free(s->accept_pause);
	sbuf_done(&s->out);
}

/* ---- The caller's thread ---- */

struct listener *net_listen(const char *where, mode_t mode, uid_t owner, const char *group, struct error_list *errors)
{
	struct listener *l = malloc(sizeof(*l));

	if (l == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return NULL;
	}
	if (listener_open(l, where, mode, group, errors) != 0) {
		free(l);
		return NULL;
	}
	if (owner != (uid_t)-1 && listener_give(l, owner, errors) != 0)
		net_unlisten(&l);
	return l;
}

void net_unlisten(struct listener **l)
{
	if (*l == NULL)
		return;
	listener_close(*l);
	free(*l);
	*l = NULL;
}

/* The socket: one that listens already, or a new one.  0, or -1 with an error added. */
static int take_listener(struct net_server *s, const struct net_server_options *o, struct error_list *errors)
{
	if (o->listener == NULL)
		return listener_open(&s->listener, o->listen, o->mode, o->group, errors);
	s->listener = *o->listener;
	free(o->listener);
	return 0;
}

struct net_server *net_server_start(struct net *n, const struct net_server_options *o, struct error_list *errors)
{
	struct listener *given = o->listener;
	struct net_server *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL) {
		net_unlisten(&given);
		error_add(errors, NULL, 0, "out of memory");
		return NULL;
	}
	s->net = n;
	s->o = *o;
	s->o.listen = s->o.group = NULL; /* the caller's, and used now only */
	s->o.listener = NULL;
	sbuf_heap(&s->out, SERVER_MAX_ANSWER);
	if (take_listener(s, o, errors) != 0)
		goto fail_server;
	s->acceptable = event_new(n->loop->base, s->listener.fd, EV_READ | EV_PERSIST, accept_some, s);
	s->accept_pause = evtimer_new(n->loop->base, accept_again, s);
	rc = s->acceptable == NULL || s->accept_pause == NULL ? ENOMEM : pool_start(&s->pool, o->workers);
	if (rc != 0) {
		error_add(errors, NULL, 0, "cannot start the workers of a server: %s", strerror(rc));
		goto fail_events;
	}
	net_call(n, begin, s);
	return s;
fail_events:
	if (s->acceptable != NULL)
		event_free(s->acceptable);
	if (s->accept_pause != NULL)
		event_free(s->accept_pause);
	listener_close(&s->listener);
fail_server:
	free(s);
	return NULL;
}

int net_server_port(const struct net_server *s)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} sa;
	socklen_t n = sizeof(sa);

	if (getsockname(s->listener.fd, &sa.any, &n) != 0)
		return -1;
	if (sa.any.sa_family == AF_INET)
		return ntohs(sa.in.sin_port);
	return sa.any.sa_family == AF_INET6 ? ntohs(sa.in6.sin6_port) : -1;
}

void net_server_stop(struct net_server **s)
{
	struct stop stop = { .server = *s };

	if (*s == NULL)
		return;
	net_latch_init(&stop.quiet);
	net_call((*s)->net, stop_listening, &stop);
	net_latch_wait(&stop.quiet);
	pool_stop(&(*s)->pool);
	/* What the workers handed back comes before this in the loop's queue. */
	net_call((*s)->net, end, *s);
	free(*s);
	*s = NULL;
}
