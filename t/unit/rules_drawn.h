/*
 * Random rules over a small world of facts, in the abstract and as text; and what is true of that world.
 */
#ifndef MILLGATE_T_UNIT_RULES_DRAWN_H
#define MILLGATE_T_UNIT_RULES_DRAWN_H

#include <stdbool.h>
#include <stdint.h>

#include "rules/rules.h"
#include "util/sbuf.h"

enum {
	DRAWN_CONDS = 4, /* of a group */
	DRAWN_VALUES = 2,
	SECTIONS = 3, /* beside the administrator's rules */
	SUBJECTS = 14
};

/* ---- Random numbers: the same for the same seed ---- */

void drawn_seed(uint64_t seed);
unsigned drawn_upto(unsigned n);
bool drawn_chance(unsigned percent);

/* ---- Facts ---- */

/* A fact that rules may read, and the values it may have. */
struct subject {
	enum fact_id id;
	bool check, effect;
	const char *values[3];
};
extern const struct subject drawn_subjects[SUBJECTS];

/* Those of checks, without and with an effect. */
extern const fact_mask drawn_pure_facts, drawn_effect_facts;

/* What is true of one subject in one transaction. */
struct truth {
	enum fact_state state; /* ABSENT, KNOWN, UNAVAILABLE */
	enum on_error on_error;
	const char *values[DRAWN_VALUES];
	unsigned n;
	bool announced; /* size */
	struct fact_value value;
};
void drawn_truth(const struct subject *s, struct truth *t, struct arena *a);

/* ---- Rules ---- */

enum op { OP_IS, OP_IS_NOT, OP_CONTAINS, OP_CONTAINS_NOT, OP_OVER, OP_UNDER, OP_AT_LEAST, OP_EXISTS, OP_IN };

struct cond {
	int group; /* -1: a test; else 0 all, 1 any, 2 none */
	unsigned subject;
	enum op op;
	bool wanted, temperror;
	const char *values[2];
	unsigned n;
	struct cond *kids[DRAWN_CONDS];
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
void drawn_rule(struct abstract *r, struct arena *a, int section, bool effects);

/* As the administrator would write it. */
void drawn_put_rule(struct sbuf *b, const struct abstract *r, unsigned number);

#endif
