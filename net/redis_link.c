#include "net/redis_link.h"

#include <stdlib.h>

#include <event2/event.h>
#include <hiredis/async.h>

struct redis_link {
	redisAsyncContext *ac;
	struct event *readable, *writable;
	bool connected;
	bool output;  /* hiredis has something to write */
	bool pushing; /* it is being written; cleared by what hiredis asks for then, since l may be gone afterwards */
};

static void handle_read(evutil_socket_t fd, short what, void *arg)
{
	struct redis_link *l = arg;

	(void)fd;
	(void)what;
	redisAsyncHandleRead(l->ac);
}

static void handle_write(evutil_socket_t fd, short what, void *arg)
{
	struct redis_link *l = arg;

	(void)fd;
	(void)what;
	redisAsyncHandleWrite(l->ac);
}

/* ---- What hiredis asks for; it repeats itself, so each is idempotent ---- */

static void add_read(void *arg)
{
	struct redis_link *l = arg;

	if (!event_pending(l->readable, EV_READ, NULL))
		event_add(l->readable, NULL);
}

static void del_read(void *arg)
{
	struct redis_link *l = arg;

	event_del(l->readable);
}

static void add_write(void *arg)
{
	struct redis_link *l = arg;

	l->output = true;
	if (!l->connected || l->pushing)
		event_add(l->writable, NULL);
	l->pushing = false;
}

static void del_write(void *arg)
{
	struct redis_link *l = arg;

	l->output = l->pushing = false;
	if (event_pending(l->writable, EV_WRITE, NULL))
		event_del(l->writable);
}

static void clean_up(void *arg)
{
	struct redis_link *l = arg;

	event_free(l->readable);
	event_free(l->writable);
	free(l);
}

struct redis_link *redis_link_attach(redisAsyncContext *ac, struct event_base *base)
{
	struct redis_link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->ac = ac;
	l->readable = event_new(base, ac->c.fd, EV_READ | EV_PERSIST, handle_read, l);
	l->writable = event_new(base, ac->c.fd, EV_WRITE | EV_PERSIST, handle_write, l);
	if (l->readable == NULL || l->writable == NULL)
		goto fail;
	/* Writable means connected, or not. */
	if (event_add(l->readable, NULL) != 0 || event_add(l->writable, NULL) != 0)
		goto fail;
	ac->ev.data = l;
	ac->ev.addRead = add_read;
	ac->ev.delRead = del_read;
	ac->ev.addWrite = add_write;
	ac->ev.delWrite = del_write;
	ac->ev.cleanup = clean_up;
	return l;
fail:
	if (l->readable != NULL)
		event_free(l->readable);
	if (l->writable != NULL)
		event_free(l->writable);
	free(l);
	return NULL;
}

void redis_link_connected(struct redis_link *l)
{
	l->connected = true;
}

void redis_link_push(struct redis_link *l)
{
	redisAsyncContext *ac = l->ac;

	if (!l->connected || !l->output || event_pending(l->writable, EV_WRITE, NULL))
		return;
	/* The descriptor is writable nearly always; only what does not fit waits for the event. */
	l->pushing = true;
	redisAsyncHandleWrite(ac);
}
