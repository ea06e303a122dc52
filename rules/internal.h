/*
 * What the files of rules/ share: the compiled rules from inside.  Nobody else includes this.
 */
#ifndef MILLGATE_RULES_INTERNAL_H
#define MILLGATE_RULES_INTERNAL_H

#include "rules/condition.h"
#include "rules/rules.h"

struct compiled_rule {
	struct rule pub; /* what others may read */
	section_mask section;
	struct condition *when; /* NULL: always */
	const struct rule_action *final;
	section_mask skips;
	bool accumulates; /* has an action besides its final one and skip */
	bool past_accept; /* refuses although a rule before it accepts: built-in ones may */
	bool never_later; /* is asked at refuse_at alone, and waits for nothing: built-in refusals may */
	unsigned n_tests;

	/* Compiled */
	enum stage known; /* pub.stage, or that of an earlier skip that may switch it off */
	/* If all facts fall well: where it may hold, be out of the way of later rules, and be carried out. */
	enum stage holds, cleared, soonest;
	const struct compiled_rule *waits; /* the earlier rule that keeps it from deciding when it is known; or NULL */
	bool checks;                       /* reads facts of checks */
	/* Counts for `pending` when it holds: it refuses, or may spare recipients from a later refusal, after RCPT.  And
	 * while it is open: then also because a check may fail and defer. */
	bool fate, open_fate;
};

struct rules_section_def {
	const char *name;
	section_mask bits; /* one, or those of a group */
	bool group;
};

struct rules {
	struct arena *arena;
	struct rules_owned *owned; /* what the arena cannot free */
	struct compiled_rule **v;
	size_t n, room;
	struct rules_section_def *sections;
	size_t n_sections, room_sections;
	unsigned n_bits; /* sections that are no groups */
	const char **headers;
	size_t n_headers, room_headers;
	unsigned n_leaves;
	fact_mask provided, pure, effects;
	unsigned stages;
	size_t early[STAGE_RCPT];  /* behind so many rules none answers at this stage */
	struct rules_regex *regex; /* limits and a pool of scratch; NULL without patterns */
};

/* rules/compile.c: whether `before`, while it is open, keeps `c` from deciding: it may accept, or switch c's section
 * off. */
bool rule_holds_back(const struct compiled_rule *before, const struct compiled_rule *c);

/* Has the rules call release(p) when they are freed.  0; -1 when out of memory (p is released at once). */
int rules_own(struct rules *r, void *p, void (*release)(void *p));

/* Grows an array that rules_free() frees: room for one more behind n.  0, or -1 when out of memory. */
int rules_grow(void **v, size_t n, size_t *room, size_t size);

/* The slot of a header name, made when it is new; -1 when out of memory. */
int rules_header_slot(struct rules *r, const char *name);

/* ---- Parsing ---- */

/* `node` is one value of `when`: a test or a group.  NULL with errors added. */
struct condition *rule_parse_condition(struct rules *r, struct compiled_rule *c, const struct conf_node *node,
				       struct error_list *errors, unsigned depth);
/* The `then` of a rule.  0, or -1 with errors added. */
int rule_parse_actions(struct rules *r, struct compiled_rule *c, const struct conf_node *node,
		       struct error_list *errors);
/* A reply's text behind reject or defer: codes and text to *a.  0, or -1 with errors added. */
int rule_parse_reply(struct rules *r, const struct conf_node *node, struct rule_action *a, struct error_list *errors);
/* Checks the %{names} of a text and notes the facts it reads.  0, or -1 with errors added. */
int rule_parse_template(struct rules *r, struct compiled_rule *c, const struct conf_node *node, const char *text,
			struct error_list *errors);
/* A field name by RFC 5322, 3.6.8. */
bool rule_header_name_valid(const char *name, size_t n);
/* Where the first control character stands, or NULL. */
const char *rule_find_control(const char *p, size_t n);
/* ", did you mean X?" or "". */
const char *rule_hint(struct rules *r, const char *best);

/* Why a rule's fact cannot be used: "unknown fact ..." to errors.  FACT_COUNT then. */
enum fact_id rule_parse_fact(struct rules *r, const struct conf_node *at, const char *name, struct error_list *errors);

/* ---- Compiling ---- */

/* The warnings about what the rules, taken together, will do. */
void rules_warn(const struct rules *r, struct error_list *errors);

/* The fact of the rule's conditions that is known last. */
enum fact_id rule_last_fact(const struct rule *r);

/* ---- Actions ---- */

struct rule_action_def {
	const char *name;
	enum action_kind kind;
	bool final;
	bool many; /* takes a list */
	const char *doc;
	/* One value to *a (kind is set).  0, or -1 with errors added. */
	int (*parse)(struct rules *r, struct compiled_rule *c, const struct conf_node *value, struct rule_action *a,
		     struct error_list *errors);
};
extern const struct rule_action_def rules_table_actions[]; /* in the order of enum action_kind; ended by a NULL name */

#endif
