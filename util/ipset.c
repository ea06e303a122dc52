#include <stdlib.h>

#include "util/ip.h"

enum { IPSET_FIRST = 8 }; /* slots; always a power of two, at most half of them taken */

/* An address as two words of host order; IPv4 in the high half of `hi`. */
struct key {
	uint64_t hi, lo;
};

/* The networks of one prefix length, hashed by their masked address.  The key 0 marks a free slot and is kept apart. */
struct table {
	struct key *slots;
	size_t size, count;
	unsigned bits;
	bool zero;
};

/* The tables of one family, longest prefix first. */
struct family {
	struct table *tables;
	unsigned n;
};

struct ip_set {
	struct family v4, v6;
	size_t count;
};

static struct key key_of(const struct ip *ip)
{
	struct key k = { 0, 0 };

	for (unsigned i = 0; i < 8; i++) {
		k.hi = k.hi << 8 | ip->b[i];
		k.lo = k.lo << 8 | ip->b[i + 8];
	}
	if (ip->family == IP_V4) {
		k.hi &= UINT64_C(0xffffffff00000000);
		k.lo = 0;
	}
	return k;
}

static struct key key_mask(struct key k, unsigned bits)
{
	if (bits < 64)
		k.hi &= bits > 0 ? ~UINT64_C(0) << (64 - bits) : 0;
	if (bits < 128)
		k.lo &= bits > 64 ? ~UINT64_C(0) << (128 - bits) : 0;
	return k;
}

static bool key_is_zero(struct key k)
{
	return (k.hi | k.lo) == 0;
}

/* The networks are the administrator's, so a fixed hash will do. */
static size_t key_hash(struct key k)
{
	uint64_t x = (k.hi ^ k.lo * UINT64_C(0xff51afd7ed558ccd)) * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(x ^ x >> 32);
}

/* The slot of k, or the free one where it belongs. */
static struct key *table_find(const struct table *t, struct key k)
{
	size_t i = key_hash(k) & (t->size - 1);

	while (!key_is_zero(t->slots[i]) && (t->slots[i].hi != k.hi || t->slots[i].lo != k.lo))
		i = (i + 1) & (t->size - 1);
	return &t->slots[i];
}

static bool table_has(const struct table *t, struct key k)
{
	if (key_is_zero(k))
		return t->zero;
	return t->count > 0 && !key_is_zero(*table_find(t, k));
}

static int table_grow(struct table *t)
{
	struct table bigger = *t;

	bigger.size = t->size > 0 ? 2 * t->size : IPSET_FIRST;
	bigger.slots = calloc(bigger.size, sizeof *bigger.slots);
	if (bigger.slots == NULL)
		return -1;
	for (size_t i = 0; i < t->size; i++)
		if (!key_is_zero(t->slots[i]))
			*table_find(&bigger, t->slots[i]) = t->slots[i];
	free(t->slots);
	*t = bigger;
	return 0;
}

static int table_add(struct table *t, struct key k)
{
	if (key_is_zero(k)) {
		t->zero = true;
		return 0;
	}
	if (2 * (t->count + 1) > t->size && table_grow(t) != 0)
		return -1;
	*table_find(t, k) = k;
	t->count++;
	return 0;
}

/* The family's table of a prefix length, made when missing.  NULL when out of memory. */
static struct table *family_table(struct family *f, unsigned bits)
{
	struct table *tables;
	unsigned at = 0;

	while (at < f->n && f->tables[at].bits > bits)
		at++;
	if (at < f->n && f->tables[at].bits == bits)
		return &f->tables[at];
	tables = realloc(f->tables, (f->n + 1) * sizeof *tables);
	if (tables == NULL)
		return NULL;
	f->tables = tables;
	for (unsigned i = f->n++; i > at; i--)
		tables[i] = tables[i - 1];
	tables[at] = (struct table){ .bits = bits };
	return &tables[at];
}

static void family_free(struct family *f)
{
	for (unsigned i = 0; i < f->n; i++)
		free(f->tables[i].slots);
	free(f->tables);
}

struct ip_set *ip_set_new(void)
{
	return calloc(1, sizeof(struct ip_set));
}

void ip_set_free(struct ip_set **s)
{
	if (*s == NULL)
		return;
	family_free(&(*s)->v4);
	family_free(&(*s)->v6);
	free(*s);
	*s = NULL;
}

int ip_set_add(struct ip_set *s, const struct ip_net *net)
{
	struct table *t = family_table(net->ip.family == IP_V4 ? &s->v4 : &s->v6, net->bits);
	struct key k = key_mask(key_of(&net->ip), net->bits);

	if (t == NULL)
		return -1;
	if (table_has(t, k))
		return 0;
	if (table_add(t, k) != 0)
		return -1;
	s->count++;
	return 0;
}

int ip_set_match(const struct ip_set *s, const struct ip *ip)
{
	const struct family *f = ip->family == IP_V4 ? &s->v4 : &s->v6;
	struct key k = key_of(ip);

	if (ip->family == IP_NONE)
		return -1;
	for (unsigned i = 0; i < f->n; i++)
		if (table_has(&f->tables[i], key_mask(k, f->tables[i].bits)))
			return (int)f->tables[i].bits;
	return -1;
}

size_t ip_set_count(const struct ip_set *s)
{
	return s->count;
}
