/*
 * The central theorem, on random rules and random facts: whatever a stage answers before END agrees with what
 * evaluating everything, in order, at END gives; where some facts are never told, everything but the rules that read
 * one.
 *
 * The reference below knows nothing of rules/: it evaluates the abstract rules that the text was printed from, without
 * stages, costs or short cuts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"
#include "t/lib/tap.h"

enum {
	SETS = 6000, /* sets of rules */
	DRAWS = 4,   /* transactions for each, of two recipients */
	MAX_RULES = 9,
	MAX_CONDS = 4,
	MAX_VALUES = 2,
	SECTIONS = 3,
	MAX_DEPTH = 3,
	TEXT_SIZE = 65536,
	MAX_COMPLAINTS = 3
};

static const uint64_t default_seed = 20261121;

/* ---- Random numbers ---- */

static uint64_t state;

static unsigned upto(unsigned n)
{
	uint64_t x = (state += UINT64_C(0x9e3779b97f4a7c15));

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((x ^ (x >> 31)) % n);
}

static bool chance(unsigned percent)
{
	return upto(100) < percent;
}

/* ---- Facts: a small world, so that rules often hold ---- */

struct subject {
	enum fact_id id;
	bool check, effect;
	const char *values[3];
};
static const struct subject subjects[] = {
	{ FACT_HELO, false, false, { "a", "b", "c" } },
	{ FACT_HOUR, false, false, { "0", "1", "2" } },
	{ FACT_SENDER, false, false, { "a@x.example", "b@x.example", "c@y.example" } },
	{ FACT_RECIPIENT, false, false, { "a@example.net", "b@example.net", "c@example.org" } },
	{ FACT_RECIPIENT_DOMAIN, false, false, { "example.net", "example.org", "example.com" } },
	{ FACT_RECIPIENTS, false, false, { "1", "2", "3" } },
	{ FACT_SUBJECT, false, false, { "aa", "ab", "bb" } },
	{ FACT_HEADER, false, false, { "a", "b", "c" } },
	{ FACT_SIZE, false, false, { "10", "20", "30" } },
	{ FACT_FCRDNS, true, false, { "pass", "fail", "none" } },
	{ FACT_DNSBL_SCORE, true, false, { "1", "2", "3" } },
	{ FACT_DNSBL, true, false, { "zen", "swl", "cbl" } },
	{ FACT_GREYLIST, true, true, { "defer", "pass", "known" } },
	{ FACT_RATE, true, true, { "hour", "day", "week" } },
};
enum {
	SUBJECTS = sizeof subjects / sizeof subjects[0],
	FIRST_OF_MESSAGE = 5, /* recipients, subject, header, size */
	OF_MESSAGE = 4,
	EFFECTS = 2 /* the last ones */
};

static const fact_mask pure_facts = FACT_BIT(FACT_FCRDNS) | FACT_BIT(FACT_DNSBL_SCORE) | FACT_BIT(FACT_DNSBL);
static const fact_mask effect_facts = FACT_BIT(FACT_GREYLIST) | FACT_BIT(FACT_RATE);

/* What is true of one subject in one transaction. */
struct truth {
	enum fact_state state; /* ABSENT, KNOWN, UNAVAILABLE */
	enum on_error on_error;
	const char *values[MAX_VALUES];
	unsigned n;
	bool announced; /* size */
	struct fact_value value;
};

static bool is_number(const struct subject *s)
{
	return fact_table[s->id].type == FACT_NUMBER;
}

static void draw_truth(const struct subject *s, struct truth *t, struct arena *a)
{
	*t = (struct truth){ .state = FACT_KNOWN };
	if (chance(15))
		t->state = FACT_ABSENT;
	if (s->check && chance(20))
		t->state = FACT_UNAVAILABLE;
	t->on_error = chance(50) ? ON_ERROR_DEFER : ON_ERROR_IGNORE;
	t->n = fact_table[s->id].type == FACT_TEXT && chance(30) ? 2 : 1;
	for (unsigned i = 0; i < t->n; i++)
		t->values[i] = s->values[upto(3)];
	t->announced = s->id == FACT_SIZE && t->state == FACT_KNOWN && chance(50);
	switch (t->state) {
	case FACT_ABSENT:
		fact_set_absent(&t->value);
		break;
	case FACT_UNAVAILABLE:
		fact_set_unavailable(&t->value, t->on_error, "drawn");
		break;
	default:
		for (unsigned i = 0; i < t->n && !is_number(s); i++)
			fact_add_text(&t->value, a, t->values[i], strlen(t->values[i]));
		if (is_number(s))
			fact_set_num(&t->value, atoll(t->values[0]));
	}
}

/* ---- Rules, in the abstract ---- */

enum op { OP_IS, OP_IS_NOT, OP_CONTAINS, OP_CONTAINS_NOT, OP_OVER, OP_UNDER, OP_AT_LEAST, OP_EXISTS, OP_IN };
static const char *const op_names[] = { "is",       "is_not", "contains", "contains_not", "over", "under",
					"at_least", "exists", "in" };

struct cond {
	int group; /* -1: a test; else 0 all, 1 any, 2 none */
	unsigned subject;
	enum op op;
	bool wanted, temperror;
	const char *values[2];
	unsigned n;
	struct cond *kids[MAX_CONDS];
	unsigned n_kids;
};

struct abstract {
	struct cond *when; /* NULL: always */
	int section;       /* 0: the administrator's */
	int final;         /* -1, or enum action_kind */
	unsigned skips;    /* bits of sections 1..SECTIONS */
	bool adds, shadow, past_accept, never_later;
	enum stage refuse_at;
};

static const char *const group_names[] = { "all", "any", "none" };

static enum op draw_op(const struct subject *s)
{
	static const enum op numbers[] = { OP_IS, OP_IS_NOT, OP_OVER, OP_UNDER, OP_AT_LEAST, OP_EXISTS, OP_OVER };
	static const enum op words[] = { OP_IS, OP_IS_NOT, OP_EXISTS, OP_IN, OP_IS };
	static const enum op texts[] = { OP_IS, OP_IS_NOT, OP_CONTAINS, OP_CONTAINS_NOT, OP_EXISTS, OP_IN };

	if (is_number(s))
		return numbers[upto(7)];
	return fact_table[s->id].type == FACT_WORD ? words[upto(5)] : texts[upto(6)];
}

static void draw_test(struct cond *c, unsigned subject)
{
	const struct subject *s = &subjects[subject];

	c->subject = subject;
	c->op = draw_op(s);
	c->wanted = chance(50);
	c->n = (c->op == OP_OVER || c->op == OP_UNDER || c->op == OP_AT_LEAST) ? 1 : 1 + upto(2);
	for (unsigned i = 0; i < c->n; i++)
		c->values[i] = s->values[upto(3)];
	c->temperror = s->id == FACT_FCRDNS && (c->op == OP_IS || c->op == OP_IS_NOT) && chance(30);
}

static struct cond *draw_cond(struct arena *a, unsigned depth, bool effects)
{
	struct cond *c = arena_alloc(a, sizeof *c);

	c->group = -1;
	if (depth > 0 && chance(depth == MAX_DEPTH ? 100 : 30)) {
		c->group = (int)upto(3);
		c->n_kids = 1 + upto(MAX_CONDS);
		for (unsigned i = 0; i < c->n_kids; i++)
			c->kids[i] = draw_cond(a, depth - 1, effects);
		return c;
	}
	draw_test(c, upto(effects ? SUBJECTS : SUBJECTS - EFFECTS));
	return c;
}

static void draw_rule(struct abstract *r, struct arena *a, int section, bool effects)
{
	static const int finals[] = { ACTION_ACCEPT, ACTION_ACCEPT, ACTION_REJECT, ACTION_REJECT,
				      ACTION_REJECT, ACTION_DEFER,  ACTION_DELETE, ACTION_QUARANTINE };
	static const enum stage stages[] = {
		STAGE_RCPT, STAGE_RCPT, STAGE_RCPT, STAGE_DATA, STAGE_MAIL, STAGE_CONNECT
	};

	*r = (struct abstract){ .section = section, .final = -1, .refuse_at = stages[upto(6)] };
	if (!chance(3))
		r->when = draw_cond(a, MAX_DEPTH, effects);
	if (chance(70))
		r->final = finals[upto(8)];
	if (chance(25))
		r->skips = upto(1U << SECTIONS) << 1;
	r->adds = chance(30) || (r->final < 0 && r->skips == 0);
	r->shadow = chance(8);
	/* Only limits on the message as a whole are meant to hold past an accept. */
	r->past_accept = section > 0 && (r->final == ACTION_REJECT || r->final == ACTION_DEFER) && chance(25);
	if (r->past_accept) {
		r->when = draw_cond(a, 0, effects);
		draw_test(r->when, FIRST_OF_MESSAGE + upto(OF_MESSAGE));
	}
	/* Of these, some come at their stage or not at all. */
	r->never_later = r->past_accept && r->skips == 0 && chance(50);
	/* A built-in exemption does not keep an early refusal back: that is an exception from the theorem. */
	if (section > 0 && r->refuse_at < STAGE_RCPT)
		r->refuse_at = STAGE_RCPT;
}

/* ---- As text ---- */

static void put_value(struct sbuf *b, const struct subject *s, const char *v)
{
	sbuf_addf(b, is_number(s) ? "%s" : "\"%s\"", v);
}

static void put_cond(struct sbuf *b, const struct cond *c)
{
	const struct subject *s = &subjects[c->subject];

	if (c->group >= 0) {
		sbuf_addf(b, "{ %s = ( ", group_names[c->group]);
		for (unsigned i = 0; i < c->n_kids; i++) {
			sbuf_add(b, i > 0 ? ", " : "");
			put_cond(b, c->kids[i]);
		}
		sbuf_add(b, " ); }");
		return;
	}
	if (s->id == FACT_HEADER)
		sbuf_addf(b, "{ header = \"X-A\"; %s = ", op_names[c->op]);
	else
		sbuf_addf(b, "{ fact = \"%s\"; %s = ", fact_table[s->id].name, op_names[c->op]);
	if (c->op == OP_EXISTS) {
		sbuf_addf(b, "%s; }", c->wanted ? "true" : "false");
		return;
	}
	sbuf_add(b, c->n > 1 || c->temperror ? "( " : "");
	for (unsigned i = 0; i < c->n; i++) {
		sbuf_add(b, i > 0 ? ", " : "");
		put_value(b, s, c->values[i]);
	}
	sbuf_add(b, c->temperror ? ", \"temperror\"" : "");
	sbuf_add(b, c->n > 1 || c->temperror ? " )" : "");
	sbuf_add(b, "; }");
}

static void put_rule(struct sbuf *b, const struct abstract *r, unsigned number)
{
	static const char *const finals[] = { "accept", "reject", "defer", "delete", "quarantine" };
	static const char *const stages[] = {
		[STAGE_CONNECT] = "connect", [STAGE_MAIL] = "mail", [STAGE_RCPT] = "rcpt", [STAGE_DATA] = "data"
	};
	const char *gap = "";

	sbuf_addf(b, "  { name = \"%u\"; ", number);
	if (r->when == NULL) {
		sbuf_add(b, "match = \"always\"; ");
	} else {
		sbuf_add(b, "when = ( ");
		put_cond(b, r->when);
		sbuf_add(b, " ); ");
	}
	if (r->past_accept)
		sbuf_add(b, "past_accept = true; ");
	if (r->never_later)
		sbuf_add(b, "never_later = true; ");
	sbuf_addf(b, "refuse_at = \"%s\"; shadow = %s; then = { ", stages[r->refuse_at], r->shadow ? "true" : "false");
	if (r->final >= 0)
		sbuf_addf(b, "%s = true; ", finals[r->final]);
	if (r->adds)
		sbuf_add(b, "add_header = \"X-N: 1\"; ");
	if (r->skips != 0)
		sbuf_add(b, "skip = ( ");
	for (int i = 1; i <= SECTIONS; i++) {
		if ((r->skips & 1U << i) == 0)
			continue;
		sbuf_addf(b, "%s\"s%d\"", gap, i);
		gap = ", ";
	}
	sbuf_addf(b, "%s}; }", r->skips != 0 ? " ); " : "");
}

/* ---- The reference ---- */

struct answer {
	enum match m;
	bool defer; /* UNAVAILABLE: some on_error that matters says defer */
};

static bool text_holds(enum op op, const char *value, const char *want)
{
	if (op == OP_CONTAINS || op == OP_CONTAINS_NOT)
		return strstr(value, want) != NULL;
	return strcmp(value, want) == 0;
}

static bool positive(const struct cond *c, const struct truth *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		for (unsigned k = 0; k < c->n; k++) {
			long long v = atoll(t->values[i]), w = atoll(c->values[k]);

			if (c->op == OP_OVER       ? v > w
			    : c->op == OP_UNDER    ? v < w
			    : c->op == OP_AT_LEAST ? v >= w
						   : text_holds(c->op, t->values[i], c->values[k]))
				return true;
		}
	}
	return false;
}

static struct answer test_truth(const struct cond *c, const struct truth *t)
{
	bool negative = c->op == OP_IS_NOT || c->op == OP_CONTAINS_NOT;
	bool holds;

	if (t->state == FACT_UNAVAILABLE && !c->temperror)
		return (struct answer){ MATCH_UNAVAILABLE, t->on_error == ON_ERROR_DEFER };
	if (c->op == OP_EXISTS)
		holds = (t->state == FACT_KNOWN) == c->wanted;
	else if (t->state == FACT_UNAVAILABLE)
		holds = !negative;
	else
		holds = (t->state == FACT_KNOWN && positive(c, t)) != negative;
	return (struct answer){ holds ? MATCH_YES : MATCH_NO, false };
}

static struct answer evaluate_truth(const struct cond *c, const struct truth *facts)
{
	struct answer sum = { MATCH_NO, false };
	enum match decider = c->group == 0 ? MATCH_NO : MATCH_YES;

	if (c->group < 0)
		return test_truth(c, &facts[c->subject]);
	sum.m = decider == MATCH_NO ? MATCH_YES : MATCH_NO;
	for (unsigned i = 0; i < c->n_kids; i++) {
		struct answer k = evaluate_truth(c->kids[i], facts);

		if (sum.m == decider)
			continue;
		if (k.m == decider)
			sum = (struct answer){ decider, false };
		else if (k.m == MATCH_UNAVAILABLE)
			sum = (struct answer){ MATCH_UNAVAILABLE, sum.defer || k.defer };
	}
	if (c->group == 2 && sum.m != MATCH_UNAVAILABLE)
		sum.m = sum.m == MATCH_YES ? MATCH_NO : MATCH_YES;
	return sum;
}

struct reference {
	enum verdict_kind kind;
	int rule; /* -1: nobody */
	bool unavailable;
	unsigned skipped;
	bool vague;        /* a skip depends on an effect that nobody may ask */
	fact_mask may_ask; /* effects read by rules that neither an accept nor a skip has put out of reach */
};

static fact_mask facts_of(const struct cond *c)
{
	fact_mask facts = 0;

	if (c == NULL)
		return 0;
	if (c->group < 0)
		return FACT_BIT(subjects[c->subject].id);
	for (unsigned i = 0; i < c->n_kids; i++)
		facts |= facts_of(c->kids[i]);
	return facts;
}

/* What is never told, and the stage behind which nothing is. */
struct silence {
	fact_mask never;
	enum stage last;
};

static void refer(const struct abstract *rules, unsigned n, const struct truth *facts, fact_mask never,
		  struct reference *ref)
{
	static const enum verdict_kind kinds[] = { VERDICT_ACCEPT, VERDICT_REJECT, VERDICT_DEFER, VERDICT_DISCARD,
						   VERDICT_QUARANTINE };
	bool accepted = false, refused = false;
	unsigned skipped = 0;

	*ref = (struct reference){ .kind = VERDICT_ACCEPT, .rule = -1 };
	for (unsigned i = 0; i < n; i++) {
		const struct abstract *r = &rules[i];
		struct answer a = { MATCH_YES, false };

		if (r->never_later || (facts_of(r->when) & never) != 0 ||
		    (r->section > 0 && (skipped & 1U << r->section) != 0))
			continue;
		if (r->when != NULL)
			a = evaluate_truth(r->when, facts);
		if (!accepted)
			ref->may_ask |= facts_of(r->when) & effect_facts;
		if (r->shadow)
			continue;
		if (a.m == MATCH_UNAVAILABLE && a.defer && (!accepted || r->past_accept) &&
		    (r->final >= 0 || r->skips != 0)) {
			if (!refused) {
				ref->kind = VERDICT_DEFER;
				ref->rule = (int)i;
				ref->unavailable = true;
			}
			refused = true;
		}
		if (a.m != MATCH_YES)
			continue;
		skipped |= r->skips;
		if (!refused)
			ref->skipped = skipped;
		ref->vague |= accepted && r->skips != 0 && (facts_of(r->when) & effect_facts) != 0;
		if (r->final < 0 || (accepted && !r->past_accept))
			continue;
		if (!refused) {
			ref->kind = kinds[r->final];
			ref->rule = (int)i;
		}
		accepted |= r->final == ACTION_ACCEPT;
		refused |= r->final != ACTION_ACCEPT;
	}
}

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

	while (i < SUBJECTS && subjects[i].id != ref.id)
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
	if (subjects[i].effect && settled)
		p->asked |= FACT_BIT(ref.id);
	if (subjects[i].effect && !(p->asked & FACT_BIT(ref.id)))
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
		sbuf_addf(&b, "  %s ", fact_table[subjects[i].id].name);
		fact_format(&s->facts[i].value, subjects[i].id, &b);
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
	struct answer a = evaluate_truth(r->when, s->facts);

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
			may_read |= facts_of(s->rules[i].when);
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
	bool every = s->silence.never != 0 || chance(50);

	s->facts = facts;
	refer(s->rules, s->n, facts, s->silence.never, &ref);
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
	if (chance(60))
		return;
	silence->last = last[upto(3)];
	for (unsigned i = 0; i < SUBJECTS; i++)
		if (chance(10) || fact_table[subjects[i].id].stage > silence->last)
			silence->never |= FACT_BIT(subjects[i].id);
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
		draw_truth(&subjects[i], &facts[0][i], a);
		facts[1][i] = facts[0][i];
		if (fact_table[subjects[i].id].scope == SCOPE_RECIPIENT)
			draw_truth(&subjects[i], &facts[1][i], a);
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
		put_rule(&b, &s->rules[i], i);
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

	s->effects = chance(60);
	s->past_accept = false;
	s->n = 1 + upto(MAX_RULES);
	sbuf_fixed(&s->shown, s->text, sizeof s->text);
	for (unsigned i = 0; i < s->n; i++) {
		while (section < SECTIONS && chance(20))
			section++;
		draw_rule(&s->rules[i], a, section, s->effects);
		s->past_accept |= s->rules[i].past_accept;
	}
	s->compiled = rules_new();
	for (int i = 1; i <= SECTIONS; i++) {
		char name[16];

		snprintf(name, sizeof name, "s%d", i);
		rules_section(s->compiled, name);
	}
	rules_set_cost(s->compiled, pure_facts, effect_facts);
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

	state = seed;
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
