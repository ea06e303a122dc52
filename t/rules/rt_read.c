/*
 * Reads files of rule tests; rt.h describes them.
 */
#include "t/rules/rt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/tap.h"
#include "util/names.h"
#include "util/sbuf.h"

enum { TEXT_LIMIT = 1 << 22 };

static const struct name_value verdicts[] = { { "accept", VERDICT_ACCEPT },         { "reject", VERDICT_REJECT },
					      { "defer", VERDICT_DEFER },           { "delete", VERDICT_DISCARD },
					      { "quarantine", VERDICT_QUARANTINE }, { NULL, 0 } };

struct reader {
	const char *path;
	int line;
	struct arena *a;
	struct rt_block *first, *block, **block_tail;
	struct rt_case *c, **case_tail;
	struct rt_rcpt *rcpt;
	struct rt_complaint **complaint_tail;
	struct sbuf book; /* the configuration that is being collected */
	bool in_book;
};

static _Noreturn void bad(const struct reader *r, const char *what)
{
	bail_out("%s:%d: %s", r->path, r->line, what);
}

/* The word at *p, copied; *p is moved behind it and the spaces. */
static char *word(const struct reader *r, char **p)
{
	size_t n = strcspn(*p, " ");
	char *w = arena_strndup(r->a, *p, n);

	*p += n;
	*p += strspn(*p, " ");
	return w;
}

static fact_mask fact_list(const struct reader *r, char *p)
{
	fact_mask facts = 0;

	while (*p != '\0') {
		enum fact_id id = fact_by_name(word(r, &p));

		if (id == FACT_COUNT)
			bad(r, "no such fact");
		facts |= FACT_BIT(id);
	}
	return facts;
}

static enum stage stage(const struct reader *r, const char *name)
{
	for (int s = 0; s < STAGE_COUNT; s++) {
		if (strcmp(stage_name((enum stage)s), name) == 0)
			return (enum stage)s;
	}
	bad(r, "no such stage");
}

/* ---- Blocks and configurations ---- */

static void begin_block(struct reader *r, const char *title)
{
	struct rt_block *b = arena_alloc(r->a, sizeof *b);

	b->title = arena_strdup(r->a, title);
	b->sections = "";
	b->effects = FACT_BIT(FACT_GREYLIST) | FACT_BIT(FACT_RATE);
	b->pure = FACT_BIT(FACT_DNSBL) | FACT_BIT(FACT_DNSBL_SCORE) | FACT_BIT(FACT_FCRDNS);
	b->provided = ~(fact_mask)0;
	b->last = STAGE_END;
	*r->block_tail = b;
	r->block_tail = &b->next;
	r->case_tail = &b->cases;
	r->complaint_tail = &b->complaints;
	r->block = b;
	r->c = NULL;
}

static void end_book(struct reader *r)
{
	if (!r->in_book)
		return;
	r->block->books[r->block->n_books++].text = arena_strdup(r->a, r->book.p);
	sbuf_done(&r->book);
	r->in_book = false;
}

static void begin_book(struct reader *r, char *section)
{
	struct rt_book *b = &r->block->books[r->block->n_books];

	if (r->block->n_books == RT_MAX_BOOKS)
		bad(r, "too many configurations");
	b->section = *section != '\0' ? arena_strdup(r->a, section) : NULL;
	sbuf_heap(&r->book, TEXT_LIMIT);
	for (int i = 0; i < r->line; i++)
		sbuf_addc(&r->book, '\n');
	r->in_book = true;
}

/* `#! text` and `#? text` behind a line of configuration, several possible. */
static void add_complaints(struct reader *r, char *line)
{
	char *p = line;

	while ((p = strchr(p, '#')) != NULL) {
		struct rt_complaint *c;
		char *next;

		if ((p[1] != '!' && p[1] != '?') || p[2] != ' ') {
			p++;
			continue;
		}
		c = arena_alloc(r->a, sizeof *c);
		c->line = r->line;
		c->warning = p[1] == '?';
		next = strstr(p + 3, " #!");
		if (next == NULL)
			next = strstr(p + 3, " #?");
		c->text = next != NULL ? arena_strndup(r->a, p + 3, (size_t)(next - p - 3)) : arena_strdup(r->a, p + 3);
		*p = '\0'; /* it is no part of the configuration */
		*r->complaint_tail = c;
		r->complaint_tail = &c->next;
		if (next == NULL)
			return;
		p = next + 1;
	}
}

/* ---- Cases ---- */

static void begin_case(struct reader *r, const char *title)
{
	struct rt_case *c = arena_alloc(r->a, sizeof *c);

	c->title = arena_strdup(r->a, title);
	c->line = r->line;
	*r->case_tail = c;
	r->case_tail = &c->next;
	r->c = c;
	r->rcpt = NULL;
}

static int hex(const struct reader *r, const char *p)
{
	char digits[3] = { p[0], p[0] != '\0' ? p[1] : '\0', '\0' };
	char *end;
	long v = strtol(digits, &end, 16);

	if (end != digits + 2)
		bad(r, "\\x takes two digits");
	return (int)v;
}

static char *unescape(const struct reader *r, const char *p, size_t *n)
{
	char *out = arena_alloc(r->a, strlen(p) + 1), *q = out;

	for (; *p != '\0'; p++) {
		if (*p != '\\') {
			*q++ = *p;
			continue;
		}
		p++;
		if (*p == 'x') {
			*q++ = (char)hex(r, p + 1);
			p += 2;
		} else {
			*q++ = *p == 'n' ? '\n' : *p;
		}
	}
	*n = (size_t)(q - out);
	return out;
}

static void add_fact(struct reader *r, enum fact_id id, const char *header, char *p)
{
	struct rt_fact *f = arena_alloc(r->a, sizeof *f), **at = r->rcpt != NULL ? &r->rcpt->facts : &r->c->facts;

	f->id = id;
	f->header = header;
	if (strncmp(p, "= ", 2) == 0 || strcmp(p, "=") == 0) {
		f->kind = RT_VALUE;
		f->text = unescape(r, p + (p[1] == ' ' ? 2 : 1), &f->text_n);
	} else if (strncmp(p, ">= ", 3) == 0) {
		f->kind = RT_AT_LEAST;
		f->text = unescape(r, p + 3, &f->text_n);
	} else if (strcmp(p, "(absent)") == 0) {
		f->kind = RT_ABSENT;
	} else if (strcmp(p, "(unavailable)") == 0) {
		f->kind = RT_IGNORE;
	} else if (strcmp(p, "(unavailable, defer)") == 0) {
		f->kind = RT_DEFER;
	} else if (strcmp(p, "(never)") == 0) {
		f->kind = RT_NEVER;
	} else {
		bad(r, "no value");
	}
	while (*at != NULL)
		at = &(*at)->next;
	*at = f;
}

/* The text between the first and the last quote, or NULL. */
static char *quoted(const struct reader *r, char *p)
{
	char *first = strchr(p, '"'), *last = strrchr(p, '"');

	return first != NULL && last > first ? arena_strndup(r->a, first + 1, (size_t)(last - first - 1)) : NULL;
}

static struct rt_expect *expectation(struct reader *r)
{
	return r->rcpt != NULL ? &r->rcpt->expect : &r->c->expect;
}

static void add_expect(struct reader *r, char *p)
{
	struct rt_expect *e = expectation(r);
	char *w = word(r, &p);
	int v = names_value(verdicts, w);

	if (v < 0)
		bad(r, "no such verdict");
	e->given = true;
	e->verdict = (enum verdict_kind)v;
	e->stage = STAGE_END;
	while (*p != '\0') {
		w = word(r, &p);
		if (strcmp(w, "unavailable") == 0) {
			e->unavailable = true;
		} else if (strcmp(w, "once") == 0) {
			e->once = true;
		} else if (strcmp(w, "at") == 0) {
			e->stage = stage(r, word(r, &p));
		} else if (strcmp(w, "by") == 0) {
			e->rule = quoted(r, p);
			return;
		} else {
			bad(r, "expect VERDICT [unavailable] [once] [at STAGE] [by \"rule\"]");
		}
	}
}

static void add_provisional(struct reader *r, char *p)
{
	struct rt_expect *e = expectation(r);
	char *at = strrchr(p, ' ');

	e->provisional = quoted(r, p);
	if (e->provisional != NULL && at != NULL)
		e->provisional_stage = stage(r, at + 1);
	else
		bad(r, "provisional \"rule\" at STAGE");
}

static void begin_rcpt(struct reader *r, const char *address)
{
	if (r->c->n_rcpts == RT_MAX_RECIPIENTS)
		bad(r, "too many recipients");
	r->rcpt = &r->c->rcpts[r->c->n_rcpts++];
	r->rcpt->address = arena_strdup(r->a, address);
}

static void case_line(struct reader *r, char *p)
{
	char *w = word(r, &p);
	enum fact_id id = fact_by_name(w);
	char *header = id == FACT_HEADER ? word(r, &p) : NULL;

	if (strcmp(w, "expect") == 0)
		add_expect(r, p);
	else if (strcmp(w, "hits") == 0)
		expectation(r)->hits = arena_strdup(r->a, p);
	else if (strcmp(w, "asked") == 0)
		expectation(r)->asked = arena_strdup(r->a, p);
	else if (strcmp(w, "skipped") == 0)
		expectation(r)->skipped = arena_strdup(r->a, p);
	else if (strcmp(w, "provisional") == 0)
		add_provisional(r, p);
	else if (strcmp(w, "same") == 0)
		r->c->fates = 1;
	else if (strcmp(w, "different") == 0)
		r->c->fates = 2;
	else if (id == FACT_RECIPIENT)
		begin_rcpt(r, p);
	else if (id != FACT_COUNT)
		add_fact(r, id, header, p);
	else
		bad(r, "neither a fact nor an expectation");
}

/* ---- Lines ---- */

static void setting_line(struct reader *r, char *p)
{
	struct rt_block *b = r->block;
	char *w = word(r, &p);

	if (strcmp(w, "sections") == 0) {
		b->sections = arena_strdup(r->a, p);
	} else if (strcmp(w, "group") == 0) {
		if (b->n_groups == RT_MAX_GROUPS)
			bad(r, "too many groups");
		b->groups[b->n_groups++] = arena_strdup(r->a, p);
	} else if (strcmp(w, "effects") == 0) {
		b->effects = fact_list(r, p);
	} else if (strcmp(w, "pure") == 0) {
		b->pure = fact_list(r, p);
	} else if (strcmp(w, "provided") == 0) {
		b->provided = fact_list(r, p);
	} else if (strcmp(w, "never") == 0) {
		b->never = fact_list(r, p);
	} else if (strcmp(w, "last") == 0) {
		b->last = stage(r, p);
	} else {
		bad(r, "no such setting");
	}
}

static void read_line(struct reader *r, char *p)
{
	if (strncmp(p, "=== ", 4) == 0) {
		end_book(r);
		begin_block(r, p + 4);
	} else if (strncmp(p, "--- case ", 9) == 0) {
		end_book(r);
		begin_case(r, p + 9);
	} else if (strncmp(p, "--- rules", 9) == 0) {
		end_book(r);
		begin_book(r, p + 9 + (p[9] == ' '));
	} else if (r->in_book) {
		add_complaints(r, p);
		sbuf_add(&r->book, p);
		sbuf_addc(&r->book, '\n');
	} else if (*p == '\0' || *p == '#') {
		return;
	} else if (r->block == NULL) {
		bad(r, "a file begins with === title");
	} else if (r->c != NULL) {
		case_line(r, p);
	} else {
		setting_line(r, p);
	}
}

struct rt_block *rt_read(const char *path, struct arena *a)
{
	struct reader r = { .path = path, .a = a };
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (f == NULL)
		bail_out("%s cannot be read", path);
	r.block_tail = &r.first;
	while ((n = getline(&line, &room, f)) >= 0) {
		char *p = line;

		if (n > 0 && line[n - 1] == '\n')
			line[--n] = '\0';
		if (!r.in_book)
			p += strspn(p, " \t");
		r.line++;
		read_line(&r, p);
	}
	end_book(&r);
	free(line);
	fclose(f);
	return r.first;
}
