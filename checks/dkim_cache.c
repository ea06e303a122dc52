#include "checks/dkim_cache.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4096 }; /* a power of two; a key is some 2 KB in libcrypto */

/* A key is found by all of its bytes, so that a crafted one can push another out, and never pass for it. */
struct entry {
	struct dk_key *key;
	enum dk_key_type type;
	size_t n;
	unsigned char bytes[];
};

struct dk_cache {
	pthread_mutex_t lock;
	struct entry *slots[SLOTS]; /* under lock */
};

struct dk_cache *dk_cache_new(void)
{
	struct dk_cache *c = calloc(1, sizeof *c);

	if (c != NULL && pthread_mutex_init(&c->lock, NULL) != 0) {
		free(c);
		return NULL;
	}
	return c;
}

static void entry_free(struct entry *e)
{
	if (e == NULL)
		return;
	dk_key_free(&e->key);
	free(e);
}

void dk_cache_free(struct dk_cache **cp)
{
	struct dk_cache *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		entry_free(c->slots[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* FNV-1a. */
static unsigned slot_of(const unsigned char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return (unsigned)(h ^ h >> 32) & (SLOTS - 1);
}

static struct entry *entry_new(struct dk_key *key, enum dk_key_type type, const unsigned char *p, size_t n)
{
	struct entry *e = malloc(sizeof *e + n);

	if (e == NULL)
		return NULL;
	e->key = dk_key_ref(key);
	e->type = type;
	e->n = n;
	memcpy(e->bytes, p, n);
	return e;
}

struct dk_key *dk_cache_public(struct dk_cache *c, enum dk_key_type type, const unsigned char *p, size_t n)
{
	unsigned slot = slot_of(p, n);
	struct dk_key *key = NULL;
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = c->slots[slot];
	if (e != NULL && e->type == type && e->n == n && memcmp(e->bytes, p, n) == 0)
		key = dk_key_ref(e->key);
	pthread_mutex_unlock(&c->lock);
	if (key != NULL || (key = dk_key_public(type, p, n)) == NULL)
		return key;
	e = entry_new(key, type, p, n);
	if (e != NULL) {
		struct entry *old;

		pthread_mutex_lock(&c->lock);
		old = c->slots[slot];
		c->slots[slot] = e;
		pthread_mutex_unlock(&c->lock);
		entry_free(old);
	}
	return key;
}
