#include "t/unit/rules_drawn.h"

#include <stdlib.h>
#include <string.h>

enum {
	MAX_DEPTH = 3,
	FIRST_OF_MESSAGE = 5, /* recipients, subject, header, size */
	OF_MESSAGE = 4,
	EFFECTS = 2 /* the last ones */
};

/* ---- Random numbers ---- */

static uint64_t state;

void drawn_seed(uint64_t seed)
{
	state = seed;
}

unsigned drawn_upto(unsigned n)
{
	uint64_t x = (state += UINT64_C(0x9e3779b97f4a7c15));

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((x ^ (x >> 31)) % n);
}

bool drawn_chance(unsigned percent)
{
	return drawn_upto(100) < percent;
}

/* ---- Facts: a small world, so that rules often hold ---- */

const struct subject drawn_subjects[SUBJECTS] = {
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

const fact_mask drawn_pure_facts = FACT_BIT(FACT_FCRDNS) | FACT_BIT(FACT_DNSBL_SCORE) | FACT_BIT(FACT_DNSBL);
const fact_mask drawn_effect_facts = FACT_BIT(FACT_GREYLIST) | FACT_BIT(FACT_RATE);

static bool is_number(const struct subject *s)
{
	return fact_table[s->id].type == FACT_NUMBER;
}

void drawn_truth(const struct subject *s, struct truth *t, struct arena *a)
{
	*t = (struct truth){ .state = FACT_KNOWN };
	if (drawn_chance(15))
		t->state = FACT_ABSENT;
	if (s->check && drawn_chance(20))
		t->state = FACT_UNAVAILABLE;
	t->on_error = drawn_chance(50) ? ON_ERROR_DEFER : ON_ERROR_IGNORE;
	t->n = fact_table[s->id].type == FACT_TEXT && drawn_chance(30) ? 2 : 1;
	for (unsigned i = 0; i < t->n; i++)
		t->values[i] = s->values[drawn_upto(3)];
	t->announced = s->id == FACT_SIZE && t->state == FACT_KNOWN && drawn_chance(50);
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

static const char *const op_names[] = { "is",       "is_not", "contains", "contains_not", "over", "under",
					"at_least", "exists", "in" };

static const char *const group_names[] = { "all", "any", "none" };

static enum op draw_op(const struct subject *s)
{
	static const enum op numbers[] = { OP_IS, OP_IS_NOT, OP_OVER, OP_UNDER, OP_AT_LEAST, OP_EXISTS, OP_OVER };
	static const enum op words[] = { OP_IS, OP_IS_NOT, OP_EXISTS, OP_IN, OP_IS };
	static const enum op texts[] = { OP_IS, OP_IS_NOT, OP_CONTAINS, OP_CONTAINS_NOT, OP_EXISTS, OP_IN };

	if (is_number(s))
		return numbers[drawn_upto(7)];
	return fact_table[s->id].type == FACT_WORD ? words[drawn_upto(5)] : texts[drawn_upto(6)];
}

static void draw_test(struct cond *c, unsigned subject)
{
	const struct subject *s = &drawn_subjects[subject];

	c->subject = subject;
	c->op = draw_op(s);
	c->wanted = drawn_chance(50);
	c->n = (c->op == OP_OVER || c->op == OP_UNDER || c->op == OP_AT_LEAST) ? 1 : 1 + drawn_upto(2);
	for (unsigned i = 0; i < c->n; i++)
		c->values[i] = s->values[drawn_upto(3)];
	c->temperror = s->id == FACT_FCRDNS && (c->op == OP_IS || c->op == OP_IS_NOT) && drawn_chance(30);
}

static struct cond *draw_cond(struct arena *a, unsigned depth, bool effects)
{
	struct cond *c = arena_alloc(a, sizeof *c);

	c->group = -1;
	if (depth > 0 && drawn_chance(depth == MAX_DEPTH ? 100 : 30)) {
		c->group = (int)drawn_upto(3);
		c->n_kids = 1 + drawn_upto(DRAWN_CONDS);
		for (unsigned i = 0; i < c->n_kids; i++)
			c->kids[i] = draw_cond(a, depth - 1, effects);
		return c;
	}
	draw_test(c, drawn_upto(effects ? SUBJECTS : SUBJECTS - EFFECTS));
	return c;
}

void drawn_rule(struct abstract *r, struct arena *a, int section, bool effects)
{
	static const int finals[] = { ACTION_ACCEPT, ACTION_ACCEPT, ACTION_REJECT, ACTION_REJECT,
				      ACTION_REJECT, ACTION_DEFER,  ACTION_DELETE, ACTION_QUARANTINE };
	static const enum stage stages[] = {
		STAGE_RCPT, STAGE_RCPT, STAGE_RCPT, STAGE_DATA, STAGE_MAIL, STAGE_CONNECT
	};

	*r = (struct abstract){ .section = section, .final = -1, .refuse_at = stages[drawn_upto(6)] };
	if (!drawn_chance(3))
		r->when = draw_cond(a, MAX_DEPTH, effects);
	if (drawn_chance(70))
		r->final = finals[drawn_upto(8)];
	if (drawn_chance(25))
		r->skips = drawn_upto(1U << SECTIONS) << 1;
	r->adds = drawn_chance(30) || (r->final < 0 && r->skips == 0);
	r->shadow = drawn_chance(8);
	/* Only limits on the message as a whole are meant to hold past an accept. */
	r->past_accept = section > 0 && (r->final == ACTION_REJECT || r->final == ACTION_DEFER) && drawn_chance(25);
	if (r->past_accept) {
		r->when = draw_cond(a, 0, effects);
		draw_test(r->when, FIRST_OF_MESSAGE + drawn_upto(OF_MESSAGE));
	}
	/* Of these, some come at their stage or not at all. */
	r->never_later = r->past_accept && r->skips == 0 && drawn_chance(50);
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
	const struct subject *s = &drawn_subjects[c->subject];

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

void drawn_put_rule(struct sbuf *b, const struct abstract *r, unsigned number)
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
