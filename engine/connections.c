/*
 * How many sessions each client has open now.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/session.h"
#include "util/strmap.h"

struct connections {
	pthread_mutex_t lock;
	struct strmap *by_ip; /* under lock: the count, as a pointer's value */
};

struct connections *connections_new(void)
{
	struct connections *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->by_ip = strmap_new();
	if (c->by_ip == NULL || pthread_mutex_init(&c->lock, NULL) != 0) {
		strmap_free(&c->by_ip);
		free(c);
		return NULL;
	}
	return c;
}

void connections_free(struct connections **cp)
{
	struct connections *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	strmap_free(&c->by_ip);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static size_t ip_bytes(const struct ip *ip)
{
	return ip->family == IP_V4 ? 4 : 16;
}

unsigned connections_enter(struct connections *c, const struct ip *ip)
{
	uintptr_t n;

	pthread_mutex_lock(&c->lock);
	n = (uintptr_t)strmap_get(c->by_ip, (const char *)ip->b, ip_bytes(ip), NULL) + 1;
	(void)strmap_set(c->by_ip, (const char *)ip->b, ip_bytes(ip), (void *)n);
	pthread_mutex_unlock(&c->lock);
	return (unsigned)n;
}

void connections_leave(struct connections *c, const struct ip *ip)
{
	uintptr_t n;

	pthread_mutex_lock(&c->lock);
	n = (uintptr_t)strmap_get(c->by_ip, (const char *)ip->b, ip_bytes(ip), NULL);
	if (n > 1)
		(void)strmap_set(c->by_ip, (const char *)ip->b, ip_bytes(ip), (void *)(n - 1));
	else
		(void)strmap_remove(c->by_ip, (const char *)ip->b, ip_bytes(ip));
	pthread_mutex_unlock(&c->lock);
}
