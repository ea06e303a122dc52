#include "net/server_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/log.h"

/* ---- Any owner ---- */

/* Sends what is left of the answer, as far as the socket takes it.  0, or -1 when the peer is gone. */
static int send_answer(struct conn *c)
{
	while (c->out_at < c->out.len) {
		ssize_t n = send(c->fd, c->out.p + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			c->out_at += (size_t)n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		else if (errno != EINTR)
			return -1;
	}
	sbuf_done(&c->out);
	c->out = (struct sbuf){ 0 };
	c->out_at = 0;
	return 0;
}

static bool has_output(const struct conn *c)
{
	return c->out.len > 0;
}

/* Forgets the request at the head of the input. */
static void consume(struct conn *c)
{
	c->in_n -= c->request_n;
	memmove(c->in, c->in + c->request_n, c->in_n);
	c->request_n = 0;
	if (c->in_n > 0)
		return;
	free(c->in);
	c->in = NULL;
	c->in_room = 0;
}

/* ---- A worker ---- */

/* Nothing is left to do but to wait for input: give it back without troubling the loop.  False: the loop paused it. */
static bool give_back(struct conn *c)
{
	enum conn_owner expected = CONN_WORKER;

	return atomic_compare_exchange_strong_explicit(&c->owner, &expected, CONN_LOOP, memory_order_release,
						       memory_order_relaxed);
}

static void hand_back(struct conn *c)
{
	struct net_tasks one = { 0 };

	net_tasks_add(&one, &c->task);
	net_post(c->server->net, &one);
}

/* An answer that is too long would be half of one. */
static bool answer_is_cut(struct sbuf *out)
{
	if (!out->cut)
		return false;
	log_error("an answer of more than %d bytes, or out of memory: connection closed", SERVER_MAX_ANSWER);
	sbuf_reset(out);
	return true;
}

void conn_serve(struct conn *c)
{
	const struct net_server_options *o = &c->server->o;

	sbuf_heap(&c->out, SERVER_MAX_ANSWER);
	c->finish = !o->serve(o->ctx, &c->own, c->in, c->request_n, &c->out);
	if (answer_is_cut(&c->out))
		c->finish = true;
	consume(c);
	if (send_answer(c) != 0) {
		sbuf_reset(&c->out); /* nobody reads it */
		c->finish = true;
	}
	if (c->finish || has_output(c) || c->in_n > 0 || !give_back(c))
		hand_back(c);
}

/* ---- The loop thread ---- */

static void watch(struct conn *c, short what);

static void conn_close(struct conn *c)
{
	struct net_server *s = c->server;

	event_del(&c->event);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	close(c->fd);
	if (c->own != NULL && s->o.closed != NULL)
		s->o.closed(s->o.ctx, c->own);
	free(c->in);
	sbuf_done(&c->out);
	free(c);
}

/* ---- Answering on the loop thread itself ---- */

/* Each is followed by come_to_an_end(), when what came of it is done. */
static void be_later(struct conn *c)
{
	atomic_store_explicit(&c->owner, CONN_LATER, memory_order_relaxed);
	c->server->n_later++;
}

static void come_to_an_end(struct net_server *s)
{
	if (--s->n_later > 0 || s->quiet == NULL)
		return;
	net_latch_open(s->quiet);
	s->quiet = NULL;
}

/* Sends the answer in s->out; what the socket does not take at once becomes the connection's. */
static void send_now(struct conn *c)
{
	struct net_server *s = c->server;
	size_t at = 0;
	ssize_t n;

	while (at < s->out.len) {
		n = send(c->fd, s->out.p + at, s->out.len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			at += (size_t)n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			break;
		else if (errno != EINTR)
			goto lost;
	}
	if (at < s->out.len) {
		sbuf_heap(&c->out, SERVER_MAX_ANSWER);
		sbuf_addn(&c->out, s->out.p + at, s->out.len - at);
		if (c->out.cut)
			goto lost;
	}
	if (s->out.room > SERVER_KEPT_ANSWER) {
		sbuf_done(&s->out);
		sbuf_heap(&s->out, SERVER_MAX_ANSWER);
	}
	return;
lost:
	sbuf_reset(&c->out);
	c->finish = true; /* nobody reads it */
}

static void go_on(void *arg);

/* Tries the request at the head of the input.  False: it is a worker's. */
static bool attempt(struct conn *c)
{
	struct net_server *s = c->server;
	struct net_wait *w = NULL;
	enum served served;

	if (s->o.attempt == NULL)
		return false;
	sbuf_reset(&s->out);
	served = s->o.attempt(s->o.ctx, &c->own, c->in, c->request_n, &s->out, &w);
	switch (served) {
	case SERVED_NOT:
		return false;
	case SERVED_LATER:
		if (!net_is_open(w)) /* who may wait finds out what for */
			return false;
		be_later(c);
		c->then = (struct wait_then){ .run = go_on, .arg = c };
		wait_then(w, &c->then);
		return true;
	case SERVED:
	case SERVED_LAST:
		break;
	}
	c->finish = served == SERVED_LAST || answer_is_cut(&s->out);
	consume(c);
	send_now(c);
	return true;
}

static void give_to_pool(struct conn *c)
{
	atomic_store_explicit(&c->owner, c->reading ? CONN_WORKER : CONN_WORKER_PAUSED, memory_order_relaxed);
	pool_add(&c->server->pool, c); /* its lock publishes what the loop wrote */
}

static bool is_impossible(const struct conn *c, ptrdiff_t n)
{
	return n < 0 || (size_t)n > c->in_n || (n == 0 ? c->in_n : (size_t)n) > c->server->o.max_request;
}

/* What is to be done before the next request can be looked at.  False: nothing.  May close. */
static bool has_to_wait(struct conn *c)
{
	if (atomic_load_explicit(&c->owner, memory_order_relaxed) == CONN_LATER)
		return true;
	if (has_output(c)) {
		watch(c, EV_WRITE);
		return true;
	}
	if (c->finish || c->server->stopping) {
		conn_close(c);
		return true;
	}
	return false;
}

/* Goes on with what is in the input: answers, gives a request to the pool, or waits for more.  May close. */
static void next_request(struct conn *c)
{
	struct net_server *s = c->server;

	for (unsigned i = 0; !has_to_wait(c); i++) {
		ptrdiff_t n = c->in_n > 0 ? s->o.split(c->in, c->in_n) : 0;

		if (is_impossible(c, n)) {
			conn_close(c);
			return;
		}
		if (n == 0) {
			watch(c, EV_READ);
			return;
		}
		if (i == SERVER_IN_A_ROW) {
			be_later(c);
			hand_back(c);
			return;
		}
		c->request_n = (size_t)n;
		if (!attempt(c)) {
			give_to_pool(c);
			return;
		}
	}
}

/* What the request at the head of the input waited for is there. */
static void go_on(void *arg)
{
	struct conn *c = arg;
	struct net_server *s = c->server;

	atomic_store_explicit(&c->owner, CONN_LOOP, memory_order_relaxed);
	if (attempt(c))
		next_request(c);
	else
		give_to_pool(c);
	come_to_an_end(s);
}

/* ---- Its events ---- */

static int append_input(struct conn *c, const char *p, size_t n)
{
	size_t room = c->in_room;
	char *in;

	if (n > room - c->in_n) {
		room = room * 2 > c->in_n + n ? room * 2 : c->in_n + n;
		in = realloc(c->in, room);
		if (in == NULL)
			return -1;
		c->in = in;
		c->in_room = room;
	}
	memcpy(c->in + c->in_n, p, n);
	c->in_n += n;
	return 0;
}

static void read_input(struct conn *c)
{
	char *scratch = c->server->scratch;
	ssize_t n = recv(c->fd, scratch, SERVER_READ_SIZE, 0);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0 || append_input(c, scratch, (size_t)n) != 0) {
		conn_close(c);
		return;
	}
	next_request(c);
}

static void write_output(struct conn *c)
{
	if (send_answer(c) != 0) {
		conn_close(c);
		return;
	}
	if (!has_output(c) && c->writing) {
		event_del(&c->event);
		c->writing = false;
	}
	next_request(c);
}

/* While a request is being served further input waits in the socket: stop watching it, which a worker gets to know. */
static bool pause_if_served(struct conn *c)
{
	enum conn_owner owner = CONN_WORKER;

	if (!atomic_compare_exchange_strong_explicit(&c->owner, &owner, CONN_WORKER_PAUSED, memory_order_acquire,
						     memory_order_acquire) &&
	    owner != CONN_LATER)
		return owner == CONN_WORKER_PAUSED;
	if (c->reading)
		event_del(&c->event);
	c->reading = false;
	return true;
}

static void ready(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (c->writing)
		write_output(c);
	else if (!pause_if_served(c))
		read_input(c);
}

static void watch(struct conn *c, short what)
{
	bool reading = what == EV_READ;

	if (reading ? c->reading : c->writing)
		return;
	if (c->reading || c->writing)
		event_del(&c->event);
	c->reading = reading;
	c->writing = !reading;
	event_assign(&c->event, c->server->net->loop->base, c->fd, what | EV_PERSIST, ready, c);
	if (event_add(&c->event, NULL) != 0)
		conn_close(c);
}

/* A worker has handed it back, or its turn has come again. */
static void came_back(struct net *n, struct net_task *t)
{
	struct conn *c = (struct conn *)t;
	struct net_server *s = c->server;
	bool later = atomic_load_explicit(&c->owner, memory_order_relaxed) == CONN_LATER;

	(void)n;
	atomic_store_explicit(&c->owner, CONN_LOOP, memory_order_relaxed);
	write_output(c);
	if (later)
		come_to_an_end(s);
}

void conn_open(struct net_server *s, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return;
	}
	c->task.run = came_back;
	c->task.net = s->net;
	c->server = s;
	c->fd = fd;
	c->next = s->conns;
	if (c->next != NULL)
		c->next->prev = c;
	s->conns = c;
	event_assign(&c->event, s->net->loop->base, fd, EV_READ | EV_PERSIST, ready, c);
	watch(c, EV_READ);
}

void conn_close_idle(struct net_server *s)
{
	struct conn *c = s->conns;

	while (c != NULL) {
		struct conn *next = c->next;

		/* One that a worker has is paused, so that it must be handed back even if nothing is left to do; one that the
		 * loop comes back to is closed then. */
		if (!pause_if_served(c) && !c->writing)
			conn_close(c);
		c = next;
	}
}

void conn_close_all(struct net_server *s)
{
	while (s->conns != NULL)
		conn_close(s->conns);
}
