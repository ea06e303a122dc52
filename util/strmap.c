#include "util/strmap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STRMAP_FIRST = 16 }; /* slots; always a power of two, at most three quarters of them taken */

struct slot {
	char *key; /* NULL: free */
	size_t n;
	uint64_t hash;
	void *value;
};

struct strmap {
	struct slot *slots;
	size_t size, count;
	uint64_t k0, k1;
};

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson, Bernstein): nobody without the key can make keys collide. */
static uint64_t sip_hash(const struct strmap *m, const char *p, size_t n)
{
	uint64_t v[4] = { m->k0 ^ UINT64_C(0x736f6d6570736575), m->k1 ^ UINT64_C(0x646f72616e646f6d),
			  m->k0 ^ UINT64_C(0x6c7967656e657261), m->k1 ^ UINT64_C(0x7465646279746573) };
	uint64_t last = (uint64_t)n << 56, word;

	for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
		memcpy(&word, p, sizeof word);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)(unsigned char)p[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct strmap *strmap_new(void)
{
	struct strmap *m = calloc(1, sizeof *m);
	uint64_t key[2];

	if (m == NULL)
		return NULL;
	/* Without random numbers the map still works, merely unkeyed. */
	if (getentropy(key, sizeof key) == 0) {
		m->k0 = key[0];
		m->k1 = key[1];
	}
	return m;
}

void strmap_free(struct strmap **m)
{
	if (*m == NULL)
		return;
	for (size_t i = 0; i < (*m)->size; i++)
		free((*m)->slots[i].key);
	free((*m)->slots);
	free(*m);
	*m = NULL;
}

/* The slot of key, or the free one where it belongs; the table must have slots. */
static struct slot *find(const struct strmap *m, const char *key, size_t n, uint64_t hash)
{
	size_t mask = m->size - 1, i = hash & mask;

	for (; m->slots[i].key != NULL; i = (i + 1) & mask) {
		const struct slot *s = &m->slots[i];

		if (s->hash == hash && s->n == n && memcmp(s->key, key, n) == 0)
			break;
	}
	return &m->slots[i];
}

static int resize(struct strmap *m, size_t size)
{
	struct slot *old = m->slots, *slots = calloc(size, sizeof *slots);

	if (slots == NULL)
		return -1;
	m->slots = slots;
	for (size_t i = 0; i < m->size; i++) {
		size_t at;

		if (old[i].key == NULL)
			continue;
		for (at = old[i].hash & (size - 1); slots[at].key != NULL; at = (at + 1) & (size - 1))
			;
		slots[at] = old[i];
	}
	m->size = size;
	free(old);
	return 0;
}

int strmap_set(struct strmap *m, const char *key, size_t n, void *value)
{
	uint64_t hash = sip_hash(m, key, n);
	struct slot *s = m->size > 0 ? find(m, key, n, hash) : NULL;

	if (s == NULL || s->key == NULL) {
		char *copy = malloc(n + 1);

		if (copy == NULL)
			return -1;
		if (m->count + 1 > m->size / 4 * 3) {
			if (resize(m, m->size > 0 ? 2 * m->size : STRMAP_FIRST) != 0) {
				free(copy);
				return -1;
			}
			s = find(m, key, n, hash);
		}
		memcpy(copy, key, n);
		copy[n] = '\0';
		*s = (struct slot){ .key = copy, .n = n, .hash = hash };
		m->count++;
	}
	s->value = value;
	return 0;
}

void *strmap_get(const struct strmap *m, const char *key, size_t n, bool *found)
{
	const struct slot *s = m->count > 0 ? find(m, key, n, sip_hash(m, key, n)) : NULL;
	bool there = s != NULL && s->key != NULL;

	if (found != NULL)
		*found = there;
	return there ? s->value : NULL;
}

bool strmap_remove(struct strmap *m, const char *key, size_t n)
{
	struct slot *s = m->count > 0 ? find(m, key, n, sip_hash(m, key, n)) : NULL;
	size_t mask = m->size - 1, hole, i;

	if (s == NULL || s->key == NULL)
		return false;
	free(s->key);
	s->key = NULL;
	m->count--;
	/* What was pushed past the hole by a collision moves back into it, so that no probe ends too early. */
	hole = (size_t)(s - m->slots);
	for (i = (hole + 1) & mask; m->slots[i].key != NULL; i = (i + 1) & mask) {
		size_t home = m->slots[i].hash & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->slots[hole] = m->slots[i];
		m->slots[i].key = NULL;
		hole = i;
	}
	return true;
}

size_t strmap_count(const struct strmap *m)
{
	return m->count;
}
