#include "checks/dnsbl_rate.h"

#include <string.h>

enum {
	RATE_ONE = 1 << 16,  /* a rate of 1 */
	RATE_SHARE = 1 << 8, /* the long-term rate moves by 1/256 with each network */
	V4_NETWORK = 24,
	V6_NETWORK = 64
};

/* FNV-1a: for telling networks apart, not against enemies. */
static uint64_t hash(const void *p, size_t n)
{
	const unsigned char *b = p;
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3u;
	return h;
}

uint64_t dnsbl_rate_key(const struct dnsbl_subject *about)
{
	struct ip net;

	if (about->ip.family == IP_NONE)
		return hash(about->domain, strlen(about->domain));
	net = ip_mask(&about->ip, about->ip.family == IP_V4 ? V4_NETWORK : V6_NETWORK);
	return hash(net.b, sizeof net.b);
}

static bool in_window(const struct dnsbl_rate *r, uint64_t key)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->last[i].key == key)
			return true;
	return false;
}

/* The oldest of the window goes into the long-term rate. */
static void retire(struct dnsbl_rate *r, bool listed)
{
	r->listed -= listed;
	r->rate += ((listed ? RATE_ONE : 0) - r->rate) / RATE_SHARE;
	if (r->history == DNSBL_JUMP_HISTORY)
		return;
	r->history++;
	if (r->history == DNSBL_JUMP_HISTORY) /* it began at 0, and has not come far */
		r->rate = r->rate * RATE_SHARE / DNSBL_JUMP_HISTORY;
}

static bool remembers(const struct dnsbl_rate *r, uint64_t key)
{
	for (unsigned i = 0; i < r->memory.n; i++)
		if (dnsbl_rate_key(&r->memory.v[i]) == key)
			return true;
	return false;
}

static void remember(struct dnsbl_rate *r, const struct dnsbl_subject *about, uint64_t key, int64_t now_ms)
{
	struct dnsbl_subject *slot = &r->memory.v[r->next_memory];

	if (r->memory.n == DNSBL_REMEMBERED && now_ms - r->remembered_ms < DNSBL_MEMORY_STEP_MS)
		return;
	if (remembers(r, key))
		return;
	r->remembered_ms = now_ms;
	slot->ip = about->ip;
	memcpy(slot->domain, about->domain, strlen(about->domain) + 1);
	r->next_memory = (r->next_memory + 1) % DNSBL_REMEMBERED;
	if (r->memory.n < DNSBL_REMEMBERED)
		r->memory.n++;
}

void dnsbl_rate_note(struct dnsbl_rate *r, const struct dnsbl_subject *about, bool listed, int64_t now_ms)
{
	uint64_t key = dnsbl_rate_key(about);

	if (in_window(r, key))
		return;
	if (r->n == DNSBL_JUMP_WINDOW)
		retire(r, r->last[r->next].listed);
	else
		r->n++;
	r->last[r->next] = (struct dnsbl_asker){ key, listed };
	r->listed += listed;
	r->next = (r->next + 1) % DNSBL_JUMP_WINDOW;
	if (!listed)
		remember(r, about, key, now_ms);
}

bool dnsbl_rate_jumps(const struct dnsbl_rate *r)
{
	return r->listed == DNSBL_JUMP_WINDOW && r->history == DNSBL_JUMP_HISTORY && r->rate <= RATE_ONE / 2;
}

void dnsbl_rate_restart(struct dnsbl_rate *r)
{
	r->n = r->next = r->listed = 0;
}
