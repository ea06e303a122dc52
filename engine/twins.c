/*
 * The open transactions of milter sessions, by client: whether the transaction that Postfix asks about through the
 * policy protocol is one of them.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/session.h"

enum { TWIN_BUCKETS = 1024 }; /* a power of two; thousands of transactions open make a handful in each */

struct twins {
	struct engine_session *v[TWIN_BUCKETS];
};

struct twins *twins_new(void)
{
	return calloc(1, sizeof(struct twins));
}

void twins_free(struct twins **t)
{
	free(*t);
	*t = NULL;
}

/* The client's port tells the sessions of one address apart, but not every front end knows it: addresses alone. */
static unsigned bucket_of(const struct ip *ip)
{
	const uint32_t prime = 16777619;
	size_t n = ip->family == IP_V4 ? 4 : ip->family == IP_V6 ? 16 : 0;
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < n; i++)
		h = (h ^ ip->b[i]) * prime;
	return (h ^ h >> 16) % TWIN_BUCKETS;
}

void twins_add(struct twins *t, struct engine_session *s)
{
	struct engine_session **head = &t->v[bucket_of(&s->conn->ip)];

	s->twin_prev = NULL;
	s->twin_next = *head;
	if (*head != NULL)
		(*head)->twin_prev = s;
	*head = s;
}

void twins_remove(struct twins *t, struct engine_session *s)
{
	if (s->twin_prev != NULL)
		s->twin_prev->twin_next = s->twin_next;
	else
		t->v[bucket_of(&s->conn->ip)] = s->twin_next;
	if (s->twin_next != NULL)
		s->twin_next->twin_prev = s->twin_prev;
	s->twin_prev = s->twin_next = NULL;
}

/* Ports that one side does not know are no difference. */
static bool ports_agree(unsigned a, unsigned b)
{
	return a == 0 || b == 0 || a == b;
}

/* Mail without SMTP is nobody's twin: no policy request is made for it. */
static bool same_session(const struct engine_session *s, const struct engine_connect *c, const struct ip *server)
{
	if (!s->smtp || !ip_equal(&s->conn->ip, &c->ip) || !ports_agree(s->port, c->port) ||
	    !ports_agree(s->server_port, c->server_port))
		return false;
	return s->server.family == IP_NONE || server->family == IP_NONE || ip_equal(&s->server, server);
}

/* All four ends known: it is the one TCP connection, in which one transaction is open at a time.  How either side writes
 * the sender says nothing more, and they differ over needless quotes and comments. */
static bool ends_known(const struct engine_session *s, const struct engine_connect *c, const struct ip *server)
{
	return s->port != 0 && c->port != 0 && s->server_port != 0 && c->server_port != 0 &&
	       s->conn->ip.family != IP_NONE && s->server.family != IP_NONE && server->family != IP_NONE;
}

static bool same_sender(const struct engine_session *s, const char *sender)
{
	return sender != NULL && s->txn->sender != NULL && strcmp(s->txn->sender, sender) == 0;
}

bool twins_find(const struct twins *t, const struct engine_connect *c, const char *sender_arg)
{
	struct ip server = { .family = IP_NONE };
	struct arena *a = NULL; /* made for the first session that fits: most requests have none */
	const char *sender = NULL;
	bool found = false;

	if (c->server != NULL && ip_parse(&server, c->server) != 0)
		server.family = IP_NONE;
	for (const struct engine_session *s = t->v[bucket_of(&c->ip)]; s != NULL && !found; s = s->twin_next) {
		if (!same_session(s, c, &server))
			continue;
		if (ends_known(s, c, &server)) {
			found = true;
			break;
		}
		if (a == NULL && (a = arena_new(0)) != NULL)
			sender = addr_from_path(a, sender_arg);
		found = same_sender(s, sender);
	}
	arena_free(&a);
	return found;
}
