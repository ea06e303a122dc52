#include "net/host.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct host_lookup {
	char *host;
	struct host_addresses found; /* the thread's until `ended` */
	atomic_bool ended;
	atomic_uint owners; /* the starter and the thread */
};

static void let_go(struct host_lookup *l)
{
	if (atomic_fetch_sub(&l->owners, 1) != 1)
		return;
	free(l->host);
	free(l);
}

static void add_family(struct host_addresses *found, const struct addrinfo *list, int family)
{
	for (const struct addrinfo *a = list; a != NULL && found->n < HOST_MAX_ADDRESSES; a = a->ai_next) {
		const void *p = family == AF_INET ? (const void *)&((const struct sockaddr_in *)a->ai_addr)->sin_addr
						  : &((const struct sockaddr_in6 *)a->ai_addr)->sin6_addr;

		if (a->ai_family == family && inet_ntop(family, p, found->v[found->n], IP_TEXT_SIZE) != NULL)
			found->n++;
	}
}

static void *look_up(void *arg)
{
	struct host_lookup *l = arg;
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;

	if (getaddrinfo(l->host, NULL, &hints, &list) == 0) {
		add_family(&l->found, list, AF_INET);
		add_family(&l->found, list, AF_INET6);
		freeaddrinfo(list);
	}
	atomic_store(&l->ended, true);
	let_go(l);
	return NULL;
}

struct host_lookup *host_lookup_start(const char *host)
{
	struct host_lookup *l = calloc(1, sizeof(*l));
	sigset_t all, before;
	pthread_t thread;
	int rc;

	if (l == NULL)
		return NULL;
	l->host = strdup(host);
	if (l->host == NULL) {
		free(l);
		return NULL;
	}
	atomic_init(&l->owners, 2);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, NULL, look_up, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		free(l->host);
		free(l);
		return NULL;
	}
	pthread_detach(thread);
	return l;
}

bool host_lookup_ended(struct host_lookup *l, struct host_addresses *out)
{
	if (!atomic_load(&l->ended))
		return false;
	*out = l->found;
	return true;
}

void host_lookup_free(struct host_lookup **l)
{
	if (*l != NULL)
		let_go(*l);
	*l = NULL;
}
