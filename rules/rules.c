/*
 * The set of rules as an object: sections, what it owns, and what others may ask of it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"
#include "rules/limits.h"
#include "util/bytes.h"

struct rules_owned {
	struct rules_owned *next;
	void *p;
	void (*release)(void *p);
};

struct rules *rules_new(void)
{
	struct rules *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->arena = arena_new(0);
	if (r->arena == NULL) {
		free(r);
		return NULL;
	}
	r->provided = ~(fact_mask)0;
	return r;
}

void rules_free(struct rules **r)
{
	if (*r == NULL)
		return;
	for (struct rules_owned *o = (*r)->owned; o != NULL; o = o->next)
		o->release(o->p);
	free((*r)->v);
	free((*r)->sections);
	free((*r)->headers);
	arena_free(&(*r)->arena);
	free(*r);
	*r = NULL;
}

int rules_own(struct rules *r, void *p, void (*release)(void *p))
{
	struct rules_owned *o = arena_alloc(r->arena, sizeof *o);

	if (o == NULL) {
		release(p);
		return -1;
	}
	*o = (struct rules_owned){ .next = r->owned, .p = p, .release = release };
	r->owned = o;
	return 0;
}

int rules_grow(void **v, size_t n, size_t *room, size_t size)
{
	enum { FIRST_ROOM = 16 };
	size_t more = *room > 0 ? *room * 2 : FIRST_ROOM;
	void *p;

	if (n < *room)
		return 0;
	p = reallocarray(*v, more, size);
	if (p == NULL)
		return -1;
	*v = p;
	*room = more;
	return 0;
}

/* ---- Sections ---- */

static const struct rules_section_def *find_section(const struct rules *r, const char *name)
{
	for (size_t i = 0; i < r->n_sections; i++) {
		if (strcmp(r->sections[i].name, name) == 0)
			return &r->sections[i];
	}
	return NULL;
}

static section_mask add_section(struct rules *r, const char *name, section_mask bits, bool group)
{
	const char *copy = arena_strdup(r->arena, name);
	void *v = r->sections;

	if (copy == NULL || rules_grow(&v, r->n_sections, &r->room_sections, sizeof *r->sections) != 0)
		return 0;
	r->sections = v;
	r->sections[r->n_sections++] = (struct rules_section_def){ .name = copy, .bits = bits, .group = group };
	return bits;
}

section_mask rules_section(struct rules *r, const char *name)
{
	const struct rules_section_def *s = find_section(r, name);

	if (s != NULL)
		return s->bits;
	assert(r->n_bits < RULES_MAX_SECTIONS);
	return add_section(r, name, SECTION_USER << ++r->n_bits, false);
}

void rules_section_group(struct rules *r, const char *name, section_mask members)
{
	add_section(r, name, members & ~SECTION_USER, true);
}

section_mask rules_section_bit(const struct rules *r, const char *name)
{
	const struct rules_section_def *s = find_section(r, name);

	return s != NULL && !s->group ? s->bits : 0;
}

/* ---- Header names ---- */

int rules_header_slot(struct rules *r, const char *name)
{
	const char *copy;
	void *v = r->headers;

	for (size_t i = 0; i < r->n_headers; i++) {
		if (ascii_equal(r->headers[i], name))
			return (int)i;
	}
	copy = arena_strdup(r->arena, name);
	if (copy == NULL || rules_grow(&v, r->n_headers, &r->room_headers, sizeof *r->headers) != 0)
		return -1;
	r->headers = v;
	r->headers[r->n_headers] = copy;
	return (int)r->n_headers++;
}

/* ---- Settings before the rules are added ---- */

void rules_set_facts(struct rules *r, fact_mask provided)
{
	r->provided = provided;
}

void rules_set_cost(struct rules *r, fact_mask pure_check_facts, fact_mask effect_facts)
{
	r->pure = pure_check_facts & ~effect_facts;
	r->effects = effect_facts;
}

/* ---- What is compiled ---- */

size_t rules_count(const struct rules *r)
{
	return r->n;
}

const struct rule *rules_at(const struct rules *r, size_t i)
{
	return &r->v[i]->pub;
}

/* What a rule reads where the facts of `never` are never told. */
static fact_mask reads(const struct compiled_rule *c, fact_mask never)
{
	return (c->pub.facts & never) != 0 ? 0 : c->pub.facts | (c->pub.text_facts & ~never);
}

fact_mask rules_facts(const struct rules *r, fact_mask never)
{
	fact_mask facts = 0;

	for (size_t i = 0; i < r->n; i++)
		facts |= reads(r->v[i], never);
	return facts;
}

section_mask rules_readers(const struct rules *r, enum fact_id id, fact_mask never)
{
	section_mask readers = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (reads(r->v[i], never) & FACT_BIT(id))
			readers |= r->v[i]->section;
	}
	return readers;
}

unsigned rules_headers(const struct rules *r, const char *const **names)
{
	*names = (const char *const *)r->headers;
	return (unsigned)r->n_headers;
}

unsigned rules_stages(const struct rules *r)
{
	return r->stages;
}

bool rules_use(const struct rules *r, enum action_kind kind)
{
	for (size_t i = 0; i < r->n; i++) {
		for (const struct rule_action *a = r->v[i]->pub.actions; a != NULL; a = a->next) {
			if (a->kind == kind)
				return true;
		}
	}
	return false;
}
