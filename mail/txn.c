/*
 * Making sessions, transactions and what they hold.
 */
#include "mail/txn.h"

#include <string.h>

#include "mail/addr.h"
#include "util/bytes.h"
#include "util/clock.h"

/*
 * Buckets of fields by name, so that counting the fields of one name stays cheap whatever a sender puts in: Postfix
 * hands over about 100 kB of headers, which is 20,000 fields of distinct names.
 */
enum { NAME_BUCKETS = 256 };

struct conn *conn_new(struct arena *a)
{
	struct conn *c = arena_alloc(a, sizeof *c);

	if (c == NULL)
		return NULL;
	c->arena = a;
	return c;
}

struct txn *txn_new(struct arena *a, struct conn *c)
{
	struct txn *t = arena_alloc(a, sizeof *t);

	if (t == NULL)
		return NULL;
	t->arena = a;
	t->conn = c;
	t->started_ms = clock_wall_ms();
	t->stage = STAGE_MAIL;
	id_make(t->id);
	return t;
}

struct rcpt *txn_add_rcpt(struct txn *t, const char *arg)
{
	struct rcpt *r = arena_alloc(t->arena, sizeof *r);

	if (r == NULL)
		return NULL;
	r->arg = arena_strdup(t->arena, arg);
	r->address = addr_from_path(t->arena, arg);
	if (r->arg == NULL || r->address == NULL)
		return NULL;
	if (t->rcpts_last != NULL)
		t->rcpts_last->next = r;
	else
		t->rcpts = r;
	t->rcpts_last = r;
	return r;
}

/* FNV-1a over the name in lower case; the transaction's id is the salt, which no sender can guess. */
static unsigned name_bucket(const struct txn *t, const char *name)
{
	const uint32_t prime = 16777619;
	uint32_t h = 2166136261U;

	for (const char *p = t->id; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * prime;
	for (const char *p = name; *p != '\0'; p++)
		h = (h ^ (unsigned char)ascii_lower(*p)) * prime;
	return (h ^ h >> 16) % NAME_BUCKETS;
}

struct txn_header *txn_add_header(struct txn *t, const char *name, const char *value, size_t n)
{
	struct txn_header *h = arena_alloc(t->arena, sizeof *h);
	struct txn_header **bucket, *same;

	if (t->header_names == NULL)
		t->header_names = arena_calloc(t->arena, NAME_BUCKETS, sizeof t->header_names[0]);
	if (h == NULL || t->header_names == NULL)
		return NULL;
	h->name = arena_strdup(t->arena, name);
	h->value = arena_strndup(t->arena, value, n);
	if (h->name == NULL || h->value == NULL)
		return NULL;
	h->value_n = n;

	bucket = &t->header_names[name_bucket(t, name)];
	for (same = *bucket; same != NULL && !ascii_equal(same->name, name); same = same->older)
		;
	h->nth = same != NULL ? same->nth + 1 : 1;
	h->older = *bucket;
	*bucket = h;

	if (t->headers_last != NULL)
		t->headers_last->next = h;
	else
		t->headers = h;
	t->headers_last = h;
	return h;
}

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

bool txn_header_begins(const char *name, const char *prefix)
{
	return ascii_equal_n(skip_blanks(name), prefix, strlen(prefix));
}

bool txn_header_is(const char *name, const char *wanted)
{
	name = skip_blanks(name);
	return ascii_equal_n(name, wanted, strlen(wanted)) && *skip_blanks(name + strlen(wanted)) == '\0';
}
