/*
 * The central theorem, on random rules and random facts: whatever a stage answers before END agrees with what
 * evaluating everything, in order, at END gives; where some facts are never told, everything but the rules that read
 * one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rules/rules.h"
#include "t/lib/tap.h"
#include "t/unit/rules_reference.h"

enum {
	SETS = 6000, /* sets of rules */
	DRAWS = 4,   /* transactions for each, of two recipients */
	MAX_RULES = 9,
	TEXT_SIZE = 65536,
	MAX_COMPLAINTS = 3
};

static const uint64_t default_seed = 20261121;

/* What is never told, and the stage behind which nothing is. */
struct silence {
	fact_mask never;
	enum stage last;
};

/* ---- A transaction ---- */

struct play {
	const struct truth *facts;
	enum stage stage;
	fact_mask asked, read;
	struct fact_value at_least;
};

static const struct fact_value *get(void *ctx, struct fact_ref ref, bool settled)
{
	static const struct fact_value unknown = { .state = FACT_UNKNOWN };
	struct play *p = ctx;
	unsigned i = 0;

	while (i < SUBJECTS && drawn_subjects[i].id != ref.id)
		i++;
	if (i == SUBJECTS)
		return &unknown;
	p->read |= FACT_BIT(ref.id);
	if (p->stage < fact_table[ref.id].stage) {
		if (!p->facts[i].announced || p->stage < STAGE_MAIL)
			return &unknown;
		fact_set_at_least(&p->at_least, p->facts[i].value.num - (p->facts[i].value.num == 30 ? 9 : 0));
		return &p->at_least;
	}
	if (drawn_subjects[i].effect && settled)
		p->asked |= FACT_BIT(ref.id);
	if (drawn_subjects[i].effect && !(p->asked & FACT_BIT(ref.id)))
		return &unknown;
	return &p->facts[i].value;
}

struct set {
	struct abstract rules[MAX_RULES];
	unsigned n;
	bool effects; /* some rules may read effects */
	bool past_accept;
	struct rules *compiled;
	const struct truth *facts; /* of the transaction being played */
	struct silence silence;    /* likewise */
	struct sbuf shown;         /* the text of all rules, over text */
	char text[TEXT_SIZE];
};

/* What went wrong, for the seed's sake; counts instead of printing a line for each of many thousands. */
static struct {
	unsigned long cases, early, disagree, end_wrong, asked_wrong, stage_wrong, late, fates, fate_wrong, once;
	unsigned long read_wrong;
	unsigned long silent, silent_early;
} count;

static void complain(const struct set *s, const char *what, enum stage stage, const struct rules_outcome *o,
		     const struct reference *ref)
{
	static unsigned shown;
	char buf[TEXT_SIZE];
	struct sbuf b;

	if (shown++ >= MAX_COMPLAINTS)
		return;
	sbuf_fixed(&b, buf, sizeof buf);
	for (unsigned i = 0; i < SUBJECTS; i++) {
		sbuf_addf(&b, "  %s ", fact_table[drawn_subjects[i].id].name);
		fact_format(&s->facts[i].value, drawn_subjects[i].id, &b);
		sbuf_add(&b, s->facts[i].on_error == ON_ERROR_DEFER ? ";" : " (ignore);");
	}
	diag("%s at %s: %s by %s%s, reference %s by %d%s\n%s\n%s", what, stage_name(stage), verdict_name(o->kind),
	     o->rule != NULL ? o->rule->name : "nobody", o->unavailable ? " (unavailable)" : "",
	     verdict_name(ref->kind), ref->rule, ref->unavailable ? " (unavailable)" : "", buf, s->text);
}

static void check_end(const struct set *s, const struct rules_outcome *o, const struct reference *ref)
{
	int rule = o->rule != NULL ? (int)o->rule->index : -1;
	unsigned skipped = (unsigned)o->skipped;

	if (ref->vague || (o->kind == ref->kind && rule == ref->rule && o->unavailable == ref->unavailable &&
			   skipped == ref->skipped))
		return;
	count.end_wrong++;
	complain(s, "END differs", STAGE_END, o, ref);
}

/* A refusal at one stage alone: there, and because its rule holds, whatever END would say. */
static void check_once(const struct set *s, enum stage stage, const struct rules_outcome *o,
		       const struct reference *ref)
{
	const struct abstract *r = &s->rules[o->rule->index];
	struct answer a = reference_holds(r->when, s->facts);

	count.once++;
	if (stage == r->refuse_at && a.m == (o->unavailable ? MATCH_UNAVAILABLE : MATCH_YES))
		return;
	count.disagree++;
	complain(s, "an answer at one stage alone is wrong", stage, o, ref);
}

/* An early refusal is END's, or END refuses by a rule before it. */
static void check_early(const struct set *s, enum stage stage, const struct rules_outcome *o,
			const struct reference *ref, bool first)
{
	bool same = (int)o->rule->index == ref->rule && o->kind == ref->kind && o->unavailable == ref->unavailable;
	bool sooner = ref->kind != VERDICT_ACCEPT && ref->rule < (int)o->rule->index;

	if (!same && !sooner) {
		count.disagree++;
		complain(s, "an early answer is wrong", stage, o, ref);
	}
	if (!first)
		return;
	count.early++;
	count.silent_early += s->silence.never != 0;
	if (o->unavailable)
		return;
	/* What one rule asked may settle a rule before it at the next stage. */
	if (!s->effects && s->silence.never == 0 && (rules_stages(s->compiled) & 1U << stage) == 0) {
		count.stage_wrong++;
		complain(s, "not a stage of rules_stages()", stage, o, ref);
	}
	if (stage > o->rule->decides) {
		count.late++;
		complain(s, "later than `decides`", stage, o, ref);
	}
}

/* Before RCPT: no rule behind the last one that may answer was looked at, but for those that skip. */
static void check_read(const struct set *s, enum stage stage, fact_mask read, const struct rules_outcome *o,
		       const struct reference *ref)
{
	fact_mask may_read = 0;
	bool answers = false;

	for (unsigned i = s->n; i-- > 0;) {
		answers |= s->rules[i].refuse_at <= stage && !s->rules[i].shadow;
		if (answers || s->rules[i].skips != 0)
			may_read |= reference_reads(s->rules[i].when);
	}
	if (stage >= STAGE_RCPT || (read & ~may_read) == 0)
		return;
	count.read_wrong++;
	complain(s, "a fact was waited for in vain", stage, o, ref);
}

/* Plays all stages; answers END's outcome, and the digest at RCPT (*open: nothing was decided there). */
static struct rules_outcome play(struct set *s, const struct truth *facts, struct arena *a, uint64_t *pending,
				 bool *open)
{
	struct play p = { .facts = facts };
	struct rules_source src = { .get = get, .ctx = &p, .never = s->silence.never };
	struct rules_outcome o, first = { .kind = VERDICT_NONE };
	struct reference ref;
	bool every = s->silence.never != 0 || drawn_chance(50);

	s->facts = facts;
	reference_make(s->rules, s->n, facts, s->silence.never, &ref);
	count.cases++;
	count.silent += s->silence.never != 0;
	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		/* Half of the time as the engine does it: RCPT, the stages that the rules name, END. */
		if (!every && stage != STAGE_RCPT && stage != STAGE_END &&
		    (rules_stages(s->compiled) & 1U << stage) == 0)
			continue;
		if (stage > (int)s->silence.last && stage != STAGE_END)
			continue;
		p.stage = (enum stage)stage;
		p.read = 0;
		src.last = p.stage >= s->silence.last;
		rules_evaluate(s->compiled, p.stage, &src, a, &o);
		check_read(s, p.stage, p.read, &o, &ref);
		if (stage == STAGE_RCPT) {
			*pending = o.pending;
			*open = o.kind == VERDICT_NONE;
		}
		if (stage == STAGE_END)
			check_end(s, &o, &ref);
		else if (o.kind != VERDICT_NONE && s->rules[o.rule->index].never_later)
			check_once(s, p.stage, &o, &ref);
		else if (o.kind != VERDICT_NONE)
			check_early(s, p.stage, &o, &ref, first.kind == VERDICT_NONE);
		if (first.kind == VERDICT_NONE)
			first = o;
	}
	if (p.asked & ~ref.may_ask) {
		count.asked_wrong++;
		complain(s, "an effect was asked in vain", STAGE_END, &first, &ref);
	}
	return o;
}

/* Mostly all is told; else a stage ends it, and some more is left out at random. */
static void draw_silence(struct silence *silence)
{
	static const enum stage last[] = { STAGE_RCPT, STAGE_DATA, STAGE_END };

	*silence = (struct silence){ .last = STAGE_END };
	if (drawn_chance(60))
		return;
	silence->last = last[drawn_upto(3)];
	for (unsigned i = 0; i < SUBJECTS; i++)
		if (drawn_chance(10) || fact_table[drawn_subjects[i].id].stage > silence->last)
			silence->never |= FACT_BIT(drawn_subjects[i].id);
	if (silence->never == 0)
		silence->last = STAGE_END;
}

/* Two recipients of one message; the same digest must mean the same fate. */
static void draw(struct set *s, struct arena *a)
{
	struct truth facts[2][SUBJECTS];
	struct rules_outcome o[2];
	uint64_t pending[2];
	bool open[2];

	draw_silence(&s->silence);
	for (unsigned i = 0; i < SUBJECTS; i++) {
		drawn_truth(&drawn_subjects[i], &facts[0][i], a);
		facts[1][i] = facts[0][i];
		if (fact_table[drawn_subjects[i].id].scope == SCOPE_RECIPIENT)
			drawn_truth(&drawn_subjects[i], &facts[1][i], a);
	}
	for (unsigned k = 0; k < 2; k++)
		o[k] = play(s, facts[k], a, &pending[k], &open[k]);
	if (!open[0] || !open[1] || pending[0] != pending[1] || s->effects || s->past_accept ||
	    o[0].kind == VERDICT_DISCARD || o[1].kind == VERDICT_DISCARD)
		return;
	count.fates++;
	if (o[0].kind != o[1].kind || (o[0].kind != VERDICT_ACCEPT && o[0].rule != o[1].rule)) {
		count.fate_wrong++;
		complain(s, "one digest, two fates", STAGE_END, &o[0],
			 &(struct reference){ .kind = o[1].kind, .rule = o[1].rule ? (int)o[1].rule->index : -1 });
	}
}

/* ---- A set of rules ---- */

static void load_section(struct set *s, int section, struct error_list *errors)
{
	static char text[TEXT_SIZE];
	struct arena *a = arena_new(0);
	char name[16];
	struct sbuf b;
	bool first = true;

	sbuf_fixed(&b, text, sizeof text);
	sbuf_add(&b, "rules = (\n");
	for (unsigned i = 0; i < s->n; i++) {
		if (s->rules[i].section != section)
			continue;
		sbuf_add(&b, first ? "" : ",\n");
		drawn_put_rule(&b, &s->rules[i], i);
		first = false;
	}
	sbuf_add(&b, "\n);\n");
	snprintf(name, sizeof name, "s%d", section);
	sbuf_addf(&s->shown, "# %s\n%s", section > 0 ? name : "the administrator's", text);
	rules_add(s->compiled, section > 0 ? name : NULL, conf_child(conf_parse(text, "drawn", a, errors), "rules"),
		  errors);
	arena_free(&a);
}

static void draw_set(struct set *s, struct arena *a)
{
	struct error_list errors = ERROR_LIST_INIT;
	int section = 0;

	s->effects = drawn_chance(60);
	s->past_accept = false;
	s->n = 1 + drawn_upto(MAX_RULES);
	sbuf_fixed(&s->shown, s->text, sizeof s->text);
	for (unsigned i = 0; i < s->n; i++) {
		while (section < SECTIONS && drawn_chance(20))
			section++;
		drawn_rule(&s->rules[i], a, section, s->effects);
		s->past_accept |= s->rules[i].past_accept;
	}
	s->compiled = rules_new();
	for (int i = 1; i <= SECTIONS; i++) {
		char name[16];

		snprintf(name, sizeof name, "s%d", i);
		rules_section(s->compiled, name);
	}
	rules_set_cost(s->compiled, drawn_pure_facts, drawn_effect_facts);
	for (int i = 0; i <= SECTIONS; i++)
		load_section(s, i, &errors);
	rules_compile(s->compiled, &errors);
	if (errors.errors > 0)
		bail_out("drawn rules do not load: line %d: %s\n%s", errors.first->line, errors.first->text, s->text);
	error_clear(&errors);
}

int main(int argc, char **argv)
{
	static struct set s;
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : default_seed;
	unsigned long sets = argc > 2 ? strtoul(argv[2], NULL, 10) : SETS;

	drawn_seed(seed);
	for (unsigned long i = 0; i < sets; i++) {
		struct arena *a = arena_new(0);

		draw_set(&s, a);
		for (unsigned k = 0; k < DRAWS; k++)
			draw(&s, a);
		rules_free(&s.compiled);
		arena_free(&a);
	}
	diag("seed %" PRIu64
	     ": %lu transactions (%lu not told everything), %lu early answers, %lu pairs with one digest",
	     seed, count.cases, count.silent, count.early, count.fates);
	ok(count.early > count.cases / 100, "many were answered before END");
	ok(count.silent_early > count.silent / 20, "so were many where some facts are never told");
	ok(count.once > 0, "some at one stage or not at all");
	ok(count.fates > count.cases / 100, "many pairs of recipients had one digest");
	is_int(count.end_wrong, 0, "END is what evaluating everything in order gives");
	is_int(count.disagree, 0, "an early answer is END's, or END refuses by an earlier rule");
	is_int(count.asked_wrong, 0, "no effect was asked behind an accept or a skip");
	is_int(count.read_wrong, 0, "before RCPT no fact was waited for behind the last rule that answers");
	is_int(count.stage_wrong, 0, "early answers come at stages that rules_stages() names");
	is_int(count.late, 0, "early answers come no later than `decides`");
	is_int(count.fate_wrong, 0, "recipients with one digest share one fate");
	return done_testing();
}
