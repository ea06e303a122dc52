#include "mime/links.h"

#include <stdint.h>
#include <string.h>

#include "mime/host.h"
#include "mime/html.h"
#include "mime/limits.h"
#include "mime/texts.h"
#include "mime/urls.h"

/* One that is kept: in memory of its own, which is used again in the ring. */
struct slot {
	struct mime_link_host host;
	char name[MIME_HOST_MAX];
};

struct mime_links {
	struct arena *arena;
	struct mime_texts *texts;
	struct mime_urls urls;
	/* The first ones fill the first half; the second half is a ring.  Memory comes with the slot's first use. */
	struct slot *slots[2 * MIME_HOSTS_EACH];
	uint32_t hashes[2 * MIME_HOSTS_EACH];
	unsigned n;    /* slots in use */
	unsigned next; /* of the ring */
};

/* ---- The set of hosts ---- */

/* FNV-1a.  It spares comparisons and nothing hangs on it: hosts that collide are compared. */
static uint32_t hash_of(const char *p)
{
	uint32_t h = 2166136261u;

	for (; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	return h;
}

static bool is_known(const struct mime_links *l, const char *name, uint32_t hash)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->hashes[i] == hash && strcmp(l->slots[i]->name, name) == 0)
			return true;
	return false;
}

static void keep(struct mime_links *l, const char *name, bool ip)
{
	uint32_t hash = hash_of(name);
	unsigned at = l->n;
	struct slot *s;

	if (is_known(l, name, hash))
		return;
	if (l->n == 2 * MIME_HOSTS_EACH) {
		at = MIME_HOSTS_EACH + l->next;
		l->next = (l->next + 1) % MIME_HOSTS_EACH;
	} else {
		l->slots[at] = arena_alloc(l->arena, sizeof *s);
		if (l->slots[at] == NULL)
			return;
		l->n++;
	}
	s = l->slots[at];
	strcpy(s->name, name);
	s->host.name = s->name;
	s->host.ip = ip;
	l->hashes[at] = hash;
}

static void found(void *ctx, const char *p, size_t n)
{
	char name[MIME_HOST_MAX];
	enum mime_host_kind kind = mime_host_make(p, n, name);

	if (kind != MIME_HOST_NONE)
		keep(ctx, name, kind == MIME_HOST_IP);
}

const struct mime_link_host *mime_links_host(const struct mime_links *l, unsigned i)
{
	if (i >= l->n)
		return NULL;
	if (i >= MIME_HOSTS_EACH) /* the ring, from its oldest on */
		i = MIME_HOSTS_EACH + (i - MIME_HOSTS_EACH + l->next) % MIME_HOSTS_EACH;
	return &l->slots[i]->host;
}

/* ---- Texts ---- */

static void html_link(void *ctx, char *p, size_t n)
{
	struct mime_links *l = ctx;

	mime_urls_in_link(&l->urls, p, n);
}

static void shown(void *ctx, const char *p, size_t n)
{
	struct mime_links *l = ctx;

	mime_urls_in_text(&l->urls, p, n);
}

static const struct mime_html_reader reader = { .link = html_link, .text = shown };

static void text(void *ctx, const struct mime_part_text *t)
{
	struct mime_links *l = ctx;

	if (!t->html)
		mime_urls_in_text(&l->urls, t->p, t->n);
	else if (mime_html_read(t->p, t->n, &reader, l) != 0)
		arena_fail(l->arena);
}

struct mime_links *mime_links_new(struct arena *a)
{
	struct mime_links *l = arena_alloc(a, sizeof *l);

	if (l == NULL)
		return NULL;
	l->arena = a;
	l->urls = (struct mime_urls){ .host = found, .ctx = l };
	l->texts = mime_texts_new(a, text, l);
	return l->texts != NULL ? l : NULL;
}

void mime_links_field(struct mime_links *l, const char *name, const char *value, size_t n)
{
	mime_texts_field(l->texts, name, value, n);
}

void mime_links_body(struct mime_links *l, const char *p, size_t n)
{
	mime_texts_body(l->texts, p, n);
}

void mime_links_end(struct mime_links *l)
{
	mime_texts_end(l->texts);
}
