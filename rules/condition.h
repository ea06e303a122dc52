/*
 * Conditions and the operators they use.  Private to rules/.
 *
 * An operator is one `struct rule_op` in a file of its family, and one row of rules_table_ops[].
 */
#ifndef MILLGATE_RULES_CONDITION_H
#define MILLGATE_RULES_CONDITION_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "mail/fact.h"
#include "rules/rules.h"
#include "util/error.h"

enum condition_kind { CONDITION_ALL, CONDITION_ANY, CONDITION_NONE, CONDITION_TEST };

struct condition {
	struct condition *next;
	enum condition_kind kind;
	struct condition *child; /* groups: the first one, in order of cost once compiled */

	/* CONDITION_TEST */
	const struct rule_op *op;
	struct fact_ref ref;
	struct fact_ref other; /* same_as */
	const void *arg;       /* what op->parse() made of the value; of the rules' arena or owned by the rules */
	bool temperror;        /* asks for "temperror" by name: an unavailable value counts as that word */
	bool wanted;           /* exists: the answer asked for */
	const char *shown;     /* the value as it was written */
	unsigned leaf;         /* a number of its own among all tests */

	/* Compiled, of the whole subtree */
	unsigned cost;
	enum stage first; /* nothing is known before */
	fact_mask facts;
};

/* What an evaluation carries from condition to condition. */
struct rule_eval {
	const struct rules *rules;
	const struct rules_source *src;
	enum stage stage;
	void *regex;             /* scratch of op_regex.c, taken on first use */
	struct rules_memo *memo; /* of the transaction or, without one, of this evaluation */
	/* The unavailable facts of the rule at hand: the severest on_error, and its reason */
	enum on_error on_error;
	const char *why;
};

/* A value being read. */
struct rule_op_build {
	struct rules *rules;
	struct condition *cond;
	const struct rule_op *op;
	const char *fact_name; /* for messages: `subject`, or `header "List-Id"` */
	enum fact_type type;
	const struct conf_node *value;
	struct error_list *errors;
};

struct rule_op {
	const char *name;
	const char *doc;
	unsigned types; /* which facts: bits 1 << enum fact_type */
	unsigned cost;  /* of one comparison, in the steps of enum rule_cost */
	bool negative;  /* holds when its positive does not: `hold` answers for the positive */
	bool list;      /* takes a list of values */
	bool early;     /* FACT_AT_LEAST may settle it, as true only */

	/* The value to cond->arg.  0, or -1 with errors added. */
	int (*parse)(struct rule_op_build *b);
	/* The positive, on a known value (with `early` also on one that is at least known).  MATCH_UNAVAILABLE: gave up. */
	enum match (*hold)(const struct condition *c, const struct fact_value *v, struct rule_eval *e);
	/* Instead of hold: looks at the states itself. */
	enum match (*states)(const struct condition *c, const struct fact_value *v, struct rule_eval *e, bool settled);
};

extern const struct rule_op *const rules_table_ops[]; /* NULL-ended */
extern const struct rule_op rule_op_is, rule_op_is_not, rule_op_contains, rule_op_contains_not, rule_op_starts_with,
	rule_op_ends_with, rule_op_matches, rule_op_in, rule_op_over, rule_op_under, rule_op_at_least, rule_op_at_most,
	rule_op_exists, rule_op_same_as;

/* The operator of that name, or NULL. */
const struct rule_op *rule_op_by_name(const char *name);

/* "a text", "a word" ...: what a fact of the type is, for messages. */
const char *rule_type_name(enum fact_type type);
#define RULE_TYPE(t) (1U << (t))
#define RULE_TYPES_TEXT (RULE_TYPE(FACT_TEXT) | RULE_TYPE(FACT_ADDRESS) | RULE_TYPE(FACT_DOMAIN))
#define RULE_TYPES_ALL (RULE_TYPES_TEXT | RULE_TYPE(FACT_WORD) | RULE_TYPE(FACT_IP) | RULE_TYPE(FACT_NUMBER))

/* What is asked first within a rule.  A test costs its operator's step, or that of the check behind its fact. */
enum rule_cost { COST_LOOK, COST_SEARCH, COST_REGEX, COST_PURE_CHECK, COST_EFFECT_CHECK };

/*
 * The values of a list, or the one value: `for (v = rule_values(node); v; v = rule_values_next(node, v))`.
 */
const struct conf_node *rule_values(const struct conf_node *node);
const struct conf_node *rule_values_next(const struct conf_node *node, const struct conf_node *v);

/* The string of a value node; NULL with an error added when it is none, or holds a control character. */
const char *rule_value_text(const struct rule_op_build *b, const struct conf_node *v);

/* A whole number, or for `size` also "5000K".  0, or -1 with an error added. */
int rule_value_number(const struct rule_op_build *b, const struct conf_node *v, int64_t *num);

/*
 * A set of values to compare with: networks, address patterns, numbers or texts, as the fact's type asks.  Built by one
 * thread, then read by many.
 */
struct rule_set;
struct rule_set *rule_set_new(struct rules *r, enum fact_type type);
/* Adds what one value node names.  `files`: "file:/path" stands for the file's lines.  0, or -1 with errors added. */
int rule_set_add(struct rule_set *s, const struct rule_op_build *b, const struct conf_node *v, bool files);
/* All has been added. */
void rule_set_ready(struct rule_set *s);
bool rule_set_holds(const struct rule_set *s, const struct fact_value *v);

/* One test or group.  `settled`: an effect check may be asked, as far as what stands before this rule is concerned. */
enum match rule_condition_match(const struct condition *c, struct rule_eval *e, bool settled);

/* The value a test looks at; never NULL: what cannot be known at the evaluation's stage is FACT_UNKNOWN. */
const struct fact_value *rule_fact_get(struct rule_eval *e, struct fact_ref ref, bool settled);

/* Notes an unavailable value for the rule at hand; answers MATCH_UNAVAILABLE. */
enum match rule_eval_unavailable(struct rule_eval *e, enum on_error on_error, const char *why);

/*
 * What is left of a condition that is not known yet, as a digest: equal for two recipients whose own facts leave the
 * same question open.  1 is "holds", 0 "does not".
 */
uint64_t rule_condition_residue(const struct condition *c, struct rule_eval *e);

/* Mixes the bits of a number into a digest. */
uint64_t rule_mix(uint64_t x);

/* op_regex.c, around an evaluation: what it needs of the arena, 0 or -1; and gives its scratch back. */
int rule_regex_begin(struct rule_eval *e, struct arena *a);
void rule_regex_done(struct rule_eval *e);

#endif
