/*
 * Runs rule tests: a transaction is played stage by stage, as the engine plays it.
 *
 * Beyond what a case expects, every case must obey the theorem of the design: what a stage refused is not accepted by
 * any later stage, nor by END.  (`once` is the exception: what holds at one stage alone.)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"
#include "t/lib/tap.h"
#include "t/rules/rt.h"

enum { LINE_SIZE = 2048, NAME_SIZE = 512 };

struct world {
	const char *name; /* of the case, for messages */
	const struct rt_block *block;
	const struct rt_case *c;
	const struct rt_rcpt *rcpt; /* NULL before RCPT */
	const struct rules *rules;
	struct arena *a;
	enum stage stage;
	fact_mask asked;
};

/* ---- The facts of a case ---- */

static void fill(struct world *w, struct fact_value *v, const struct rt_fact *f)
{
	struct ip ip;

	switch (f->kind) {
	case RT_ABSENT:
		fact_set_absent(v);
		return;
	case RT_IGNORE:
		fact_set_unavailable(v, ON_ERROR_IGNORE, "no answer");
		return;
	case RT_DEFER:
		fact_set_unavailable(v, ON_ERROR_DEFER, "no answer");
		return;
	case RT_NEVER:
		v->state = FACT_UNKNOWN;
		return;
	case RT_AT_LEAST:
	case RT_VALUE:
		break;
	}
	switch (fact_table[f->id].type) {
	case FACT_NUMBER:
		fact_set_num(v, atoll(f->text));
		return;
	case FACT_IP:
		if (ip_parse(&ip, f->text) != 0)
			bail_out("%s: \"%s\" is no address", w->name, f->text);
		fact_set_ip(v, &ip);
		return;
	default:
		fact_add_text(v, w->a, f->text, f->text_n);
	}
}

static bool names(const struct world *w, const struct rt_fact *f, struct fact_ref ref)
{
	const char *const *headers;

	if (f->id != ref.id)
		return false;
	return f->id != FACT_HEADER ||
	       (ref.slot < rules_headers(w->rules, &headers) && strcasecmp(headers[ref.slot], f->header) == 0);
}

/* The stage of what has been told. */
static enum stage told(const struct world *w)
{
	return w->stage < w->block->last ? w->stage : w->block->last;
}

/* Before its stage a number may be known in part. */
static bool too_early(const struct world *w, struct fact_ref ref, const struct rt_fact *lists[2])
{
	if (told(w) >= fact_table[ref.id].stage)
		return false;
	for (int i = 0; i < 2; i++) {
		for (const struct rt_fact *f = lists[i]; f != NULL; f = f->next) {
			if (names(w, f, ref) && f->kind == RT_AT_LEAST && w->stage >= STAGE_MAIL)
				return false;
		}
	}
	return true;
}

static void look_up(struct world *w, struct fact_ref ref, struct fact_value *v)
{
	const struct rt_fact *lists[2] = { w->c->facts, w->rcpt != NULL ? w->rcpt->facts : NULL };
	bool early = told(w) < fact_table[ref.id].stage;

	if (too_early(w, ref, lists))
		return;
	if (!early)
		fact_set_absent(v);
	if (ref.id == FACT_RECIPIENT && w->rcpt != NULL)
		fact_set_text(v, w->a, w->rcpt->address, strlen(w->rcpt->address));
	for (int i = 0; i < 2; i++) {
		for (const struct rt_fact *f = lists[i]; f != NULL; f = f->next) {
			if (!names(w, f, ref) || (f->kind == RT_AT_LEAST) != early)
				continue;
			fill(w, v, f);
			if (early)
				fact_set_at_least(v, v->num);
		}
	}
}

static const struct fact_value *get(void *ctx, struct fact_ref ref, bool settled)
{
	struct world *w = ctx;
	struct fact_value *v = arena_alloc(w->a, sizeof *v); /* FACT_UNKNOWN; same_as looks at two values at once */
	fact_mask bit = FACT_BIT(ref.id);

	if (settled && (w->block->effects & bit) && w->stage >= fact_table[ref.id].stage)
		w->asked |= bit;
	if (!(w->block->effects & bit) || (w->asked & bit))
		look_up(w, ref, v);
	return v;
}

/* ---- What came out ---- */

struct played {
	struct rules_outcome first; /* the first that decided */
	enum stage stage;
	fact_mask asked;
	struct rules_outcome end;
	const char *provisional; /* the last one */
	enum stage provisional_stage;
	uint64_t pending;
	bool stable;
};

static const char *rule_name(const struct rules_outcome *o)
{
	return o->rule != NULL ? o->rule->name : NULL;
}

static void play(struct world *w, const struct rt_rcpt *rcpt, struct played *p)
{
	struct rules_source src = { .get = get, .ctx = w, .never = w->block->never };

	*p = (struct played){ .stable = true };
	w->asked = 0;
	for (int s = 0; s < STAGE_COUNT; s++) {
		struct rules_outcome o;

		if (s > (int)w->block->last && s != STAGE_END)
			continue;
		w->stage = (enum stage)s;
		src.last = w->stage >= w->block->last;
		w->rcpt = s >= STAGE_RCPT ? rcpt : NULL;
		if (rules_evaluate(w->rules, w->stage, &src, w->a, &o) != 0)
			bail_out("%s: rules_evaluate failed", w->name);
		if (s == STAGE_RCPT)
			p->pending = o.pending;
		if (o.provisional != NULL &&
		    (p->provisional == NULL || strcmp(p->provisional, o.provisional->name) != 0)) {
			p->provisional = o.provisional->name;
			p->provisional_stage = w->stage;
		}
		if (p->first.kind != VERDICT_NONE && (o.kind == VERDICT_NONE || o.kind == VERDICT_ACCEPT))
			p->stable = false;
		if (p->first.kind == VERDICT_NONE && o.kind != VERDICT_NONE) {
			p->first = o;
			p->stage = w->stage;
			p->asked = w->asked;
		}
		p->end = o;
	}
}

static const char *show_hits(const struct rules_outcome *o, char *buf, size_t size)
{
	struct sbuf b;

	sbuf_fixed(&b, buf, size);
	for (unsigned i = 0; i < o->n_hits; i++)
		sbuf_addf(&b, "%s%s\"%s\"", i > 0 ? ", " : "", o->hits[i].shadow ? "shadow " : "",
			  o->hits[i].rule->name);
	return b.len > 0 ? buf : "nothing";
}

static const char *show_asked(fact_mask asked, char *buf, size_t size)
{
	struct sbuf b;

	sbuf_fixed(&b, buf, size);
	for (unsigned id = 0; id < FACT_COUNT; id++) {
		if (asked & FACT_BIT(id))
			sbuf_addf(&b, "%s%s", b.len > 0 ? " " : "", fact_table[id].name);
	}
	return b.len > 0 ? buf : "nothing";
}

static const char *show_skipped(const struct world *w, section_mask skipped, char *buf, size_t size)
{
	char names_buf[NAME_SIZE], *rest = names_buf, *name;
	struct sbuf b;

	snprintf(names_buf, sizeof names_buf, "%s", w->block->sections);
	sbuf_fixed(&b, buf, size);
	while ((name = strsep(&rest, " ")) != NULL) {
		if (*name != '\0' && (rules_section_bit(w->rules, name) & skipped) != 0)
			sbuf_addf(&b, "%s%s", b.len > 0 ? " " : "", name);
	}
	return b.len > 0 ? buf : "nothing";
}

static const char *show_verdict(enum verdict_kind kind, bool unavailable, enum stage s, const char *rule, char *buf,
				size_t size)
{
	snprintf(buf, size, "%s%s at %s%s%s%s", verdict_name(kind), unavailable ? " unavailable" : "", stage_name(s),
		 rule != NULL ? " by \"" : "", rule != NULL ? rule : "", rule != NULL ? "\"" : "");
	return buf;
}

static void compare(struct world *w, const struct rt_expect *e, const struct played *p)
{
	char got[LINE_SIZE], want[LINE_SIZE];
	const struct rules_outcome *o = &p->first;

	show_verdict(o->kind, o->unavailable, p->stage, rule_name(o), got, sizeof got);
	show_verdict(e->verdict, e->unavailable, e->stage, e->rule, want, sizeof want);
	is_str(got, want, "%s", w->name);
	ok(p->stable == !e->once, "%s: later stages %s", w->name, e->once ? "refuse no more" : "refuse as well");
	/* The engine evaluates at these stages only; where not all is told, at RCPT and at the last one always. */
	ok(p->stage == STAGE_END || o->unavailable || (rules_stages(w->rules) & 1U << p->stage) != 0 ||
		   p->stage == w->block->last || (w->block->never != 0 && p->stage == STAGE_RCPT),
	   "%s: decided at a stage that rules_stages() names", w->name);
	ok(o->rule == NULL || o->unavailable || o->kind == VERDICT_ACCEPT || p->stage <= o->rule->decides,
	   "%s: decided no later than the listing says", w->name);
	if (e->hits != NULL)
		is_str(show_hits(o, got, sizeof got), e->hits, "%s: hits", w->name);
	if (e->asked != NULL)
		is_str(show_asked(p->asked, got, sizeof got), e->asked, "%s: effects asked", w->name);
	if (e->skipped != NULL)
		is_str(show_skipped(w, o->skipped, got, sizeof got), e->skipped, "%s: skipped", w->name);
	if (e->provisional != NULL) {
		is_str(p->provisional, e->provisional, "%s: provisional", w->name);
		is_int(p->provisional_stage, e->provisional_stage, "%s: provisional from its stage on", w->name);
	}
}

static void run_case(const char *file, const struct rt_block *b, const struct rules *rules, const struct rt_case *c)
{
	static const struct rt_rcpt nobody_named = { .address = "bob@example.net" };
	struct world w = { .block = b, .c = c, .rules = rules, .a = arena_new(0) };
	uint64_t pending = 0;
	bool same = true;

	for (unsigned i = 0; i < (c->n_rcpts > 0 ? c->n_rcpts : 1); i++) {
		const struct rt_rcpt *rcpt = c->n_rcpts > 0 ? &c->rcpts[i] : &nobody_named;
		const struct rt_expect *e = rcpt->expect.given ? &rcpt->expect : &c->expect;
		char name[NAME_SIZE];
		struct played p;

		snprintf(name, sizeof name, "%s:%d: %s: %s%s%s", file, c->line, b->title, c->title,
			 c->n_rcpts > 0 ? ", " : "", c->n_rcpts > 0 ? rcpt->address : "");
		w.name = name;
		if (!e->given)
			bail_out("%s expects nothing", name);
		play(&w, rcpt, &p);
		compare(&w, e, &p);
		same = same && (i == 0 || p.pending == pending);
		pending = p.pending;
	}
	if (c->fates != 0)
		ok(same == (c->fates == 1), "%s:%d: %s: %s: %s", file, c->line, b->title, c->title,
		   c->fates == 1 ? "same fate" : "different fates");
	arena_free(&w.a);
}

/* ---- Loading ---- */

static void declare(struct rules *r, const struct rt_block *b)
{
	char buf[NAME_SIZE], *rest = buf, *name;

	snprintf(buf, sizeof buf, "%s", b->sections);
	while ((name = strsep(&rest, " ")) != NULL) {
		if (*name != '\0')
			rules_section(r, name);
	}
	for (unsigned i = 0; i < b->n_groups; i++) {
		section_mask members = 0;
		char group[NAME_SIZE];

		snprintf(buf, sizeof buf, "%s", b->groups[i]);
		rest = buf;
		snprintf(group, sizeof group, "%s", strsep(&rest, " "));
		while ((name = strsep(&rest, " =")) != NULL)
			members |= *name != '\0' ? rules_section_bit(r, name) : 0;
		rules_section_group(r, group, members);
	}
}

/* Each complaint was expected, and each expected one came. */
static void compare_complaints(const char *file, struct rt_block *b, const struct error_list *errors)
{
	for (const struct error_item *e = errors->first; e != NULL; e = e->next) {
		struct rt_complaint *c = b->complaints;

		while (c != NULL && (c->met || c->line != e->line || c->warning != (e->level == ERROR_WARNING) ||
				     strcmp(c->text, e->text) != 0))
			c = c->next;
		if (c != NULL)
			c->met = true;
		ok(c != NULL, "%s:%d: %s: %s: %s", file, e->line, b->title,
		   e->level == ERROR_WARNING ? "warning" : "error", e->text);
	}
	for (const struct rt_complaint *c = b->complaints; c != NULL; c = c->next) {
		if (!c->met)
			fail("%s:%d: %s: expected: %s", file, c->line, b->title, c->text);
	}
}

static void load(struct rules *r, const char *file, const struct rt_block *b, struct error_list *errors)
{
	declare(r, b);
	rules_set_facts(r, b->provided);
	rules_set_cost(r, b->pure, b->effects);
	for (unsigned i = 0; i < b->n_books; i++) {
		struct arena *a = arena_new(0);
		struct conf_node *root = conf_parse(b->books[i].text, file, a, errors);

		if (root != NULL)
			rules_add(r, b->books[i].section, conf_child(root, "rules"), errors);
		arena_free(&a); /* the rules must keep nothing of the tree */
	}
	rules_compile(r, errors);
}

void rt_run(const char *file, struct rt_block *block)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct rules *r = rules_new();

	load(r, file, block, &errors);
	compare_complaints(file, block, &errors);
	for (const struct rt_case *c = block->cases; c != NULL; c = c->next)
		run_case(file, block, r, c);
	error_clear(&errors);
	rules_free(&r);
}
