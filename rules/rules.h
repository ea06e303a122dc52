/*
 * The rule language: parse, compile, infer stages, match, print.  Pure: no I/O, no clock, no network.  Layer 2; the one
 * user of PCRE2.
 *
 * A `struct rules` is built by one thread, then compiled, then immutable and shared by all.
 */
#ifndef MILLGATE_RULES_RULES_H
#define MILLGATE_RULES_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "mail/fact.h"
#include "mail/stage.h"
#include "mail/verdict.h"
#include "util/arena.h"
#include "util/error.h"
#include "util/sbuf.h"

struct rules;

/* A set of sections, as bits: bit 0 is the administrator's own rules. */
typedef uint64_t section_mask;
#define SECTION_USER ((section_mask)1)

/* Actions, as rules_table_actions[] declares them. */
enum action_kind {
	ACTION_ACCEPT,
	ACTION_REJECT,
	ACTION_DEFER,
	ACTION_DELETE,
	ACTION_QUARANTINE, /* final */
	ACTION_SKIP,
	ACTION_MOVE,
	ACTION_COPY,
	ACTION_ADD_HEADER,
	ACTION_SET_HEADER,
	ACTION_REMOVE_HEADER,
	ACTION_TAG_SUBJECT,
	ACTION_MARK /* adds our mark header: for built-in rules and `mixed_recipients` */
};

struct rule_action {
	struct rule_action *next;
	enum action_kind kind;
	const char *text;  /* final: the administrator's text behind the codes, or NULL; header: "Name: value" split */
	const char *name;  /* header actions: the field's name */
	const char *value; /* header value, address, tag; may hold %{fact} */
	int code;          /* REJECT, DEFER: 0 when the text had none */
	char enhanced[12];
	section_mask skip;
};

/* What others may read of a rule. */
struct rule {
	const char *name;
	const char *section; /* NULL: the administrator's own */
	const char *file;    /* "built-in" for built-in rules: then the section's place */
	int line;
	unsigned index; /* in order of evaluation */
	bool shadow;
	enum stage stage;   /* the earliest stage at which its conditions can be known */
	enum stage decides; /* the stage at which its final action can be carried out: waits and refuse_at included */
	enum stage refuse_at;
	fact_mask facts;      /* that its conditions read */
	fact_mask text_facts; /* that its actions' texts hold as %{fact} */
	bool per_recipient;   /* its conditions read a fact of SCOPE_RECIPIENT */
	bool final;           /* has a final action */
	bool for_all;         /* what it quarantines is held for all recipients, also for those spared by others */
	const struct rule_action *actions;
};

/* ---- Building ---- */

struct rules *rules_new(void);
void rules_free(struct rules **r);

/* Declares a section that rules may belong to and `skip` may name; answers its bit.  Call before the rules are added. */
section_mask rules_section(struct rules *r, const char *name);
/* Lets `skip` name several sections at once ("limits": limits and rates); the name may be that of one of them. */
void rules_section_group(struct rules *r, const char *name, section_mask members);
/* The bit of a section, 0 when there is none. */
section_mask rules_section_bit(const struct rules *r, const char *name);

/* Names that can be used in `fact = "..."`: those in the mask. Others are errors ("known, but nothing provides it"). */
void rules_set_facts(struct rules *r, fact_mask provided);

/*
 * Which facts cost more than a look: those of pure checks (somebody may have to wait) and of effect checks (asking
 * writes).  Within a rule they are asked last, effects only when everything else in the rule holds.  Call before
 * rules_compile().
 */
void rules_set_cost(struct rules *r, fact_mask pure_check_facts, fact_mask effect_facts);

/* Adds a `rules` list (NULL: none).  The tree may be freed afterwards.  section NULL: the administrator's own.  0, or -1 with errors added. */
int rules_add(struct rules *r, const char *section, const struct conf_node *list, struct error_list *errors);

/* Infers stages, orders conditions, finds what waits for what.  0, or -1 with errors (and warnings) added. */
int rules_compile(struct rules *r, struct error_list *errors);

/* ---- What is compiled ---- */

size_t rules_count(const struct rules *r);
const struct rule *rules_at(const struct rules *r, size_t i);
/* All facts that some rule reads (in conditions and in %{fact}), where those of `never` are never told: without these,
 * and without the rules whose conditions read one. */
fact_mask rules_facts(const struct rules *r, fact_mask never);
/* The sections whose rules read the fact; `never` likewise. */
section_mask rules_readers(const struct rules *r, enum fact_id id, fact_mask never);
/* The header names asked for, by fact_ref.slot. */
unsigned rules_headers(const struct rules *r, const char *const **names);
/* The stages at which some rule may refuse, as bits 1 << stage: evaluate there (and always at END, which is not in it).
 * A refusal comes at its rule's `decides` at the latest, and at one of the earlier stages when fewer facts settle it. */
unsigned rules_stages(const struct rules *r);
/* Some rule has this action. */
bool rules_use(const struct rules *r, enum action_kind kind);
/* The listing of `millgate rules`: text for people, or JSON. */
void rules_print(const struct rules *r, bool json, struct sbuf *out);

/* ---- Evaluating ---- */

enum match { MATCH_NO, MATCH_YES, MATCH_UNKNOWN, MATCH_UNAVAILABLE };

/*
 * What the evaluations of one transaction, whose values stay as they are, know of each other: the answers of patterns,
 * and which of them took too long.  So what a sender can make them cost is bounded for the transaction.  One thread at a
 * time.  Memory is of the arena; NULL when that has failed.
 */
struct rules_memo;
struct rules_memo *rules_memo_new(const struct rules *r, struct arena *a);

/*
 * Where values come from.  `settled`: nothing before this can still decide, so an effect check may be asked; without
 * it an effect's fact that was not asked yet is FACT_UNKNOWN.  Never NULL.
 */
struct rules_source {
	const struct fact_value *(*get)(void *ctx, struct fact_ref ref, bool settled);
	void *ctx;
	struct rules_memo *memo; /* NULL: each evaluation has one of its own */
	/*
	 * Facts that will never be told here.  A rule whose conditions read one is left out: it does not fire, and keeps
	 * nothing back.  In a text such a fact is replaced by nothing.
	 */
	fact_mask never;
	/* Not NULL: there is little time.  A pattern that might take long is MATCH_UNKNOWN, and this is set. */
	bool *hurry;
	bool last;   /* nothing more will be told: what is open at this stage is a no, as it is at END */
	bool adding; /* rules that only add are asked now, checks that they read included, instead of at END */
};

struct rules_hit {
	const struct rule *rule;
	bool shadow;   /* would have fired */
	bool doubtful; /* before END: a rule that is still open may switch it off */
};

struct rules_outcome {
	/*
	 * The first final action in order.  VERDICT_NONE while a rule before it that is still open could make it milder
	 * (accept the mail, or skip its section), and, before END, while nothing refuses.  An open rule that would itself
	 * refuse, delete or hold the mail keeps no refusal back.  At END: VERDICT_ACCEPT when no rule refuses.
	 */
	enum verdict_kind kind;
	const struct rule *rule;          /* who decided; NULL for a plain VERDICT_ACCEPT */
	const struct rule_action *action; /* its final action; NULL when `unavailable` */
	bool unavailable;                 /* a check failed and its on_error says defer: 451 4.7.1 */
	const char *why;                  /* unavailable: what failed */
	/* VERDICT_NONE: this rule will refuse at a later stage, if none before it does; told from RCPT on. */
	const struct rule *provisional;
	section_mask skipped; /* sections switched off so far, beyond doubt */
	section_mask doubted; /* sections that a rule still open may switch off */
	/*
	 * From RCPT on, while nothing is decided: a digest of what is open about this recipient in particular (the
	 * refusing rules that may still fire for it, the accepts and skips that would spare it); 0: nothing.  Two
	 * recipients with the same digest share one fate at END, unless a recipient's own fact (greylist, rate) that is
	 * not known yet parts them.
	 */
	uint64_t pending;
	struct rules_hit *hits; /* those that fired (and shadow ones that would have), in order */
	unsigned n_hits;
};

/*
 * Evaluates all rules in order, at `stage`, for one recipient or (before RCPT) for none.  Facts beyond the stage are
 * unknown.  Memory is of the arena.  A pattern on which PCRE2 gives up counts as unavailable with on_error = "defer".
 * 0; -1 when out of memory (then kind is VERDICT_DEFER).  Thread-safe after rules_compile().
 */
int rules_evaluate(const struct rules *r, enum stage stage, const struct rules_source *src, struct arena *a,
		   struct rules_outcome *out);

/* Replaces %{fact}, %{header:Name}, %{hostname} and %{id} in an action's value; control characters become spaces.
 * Several values are joined by ", "; what is absent or not known yet is replaced by nothing.  `extra` looks up names that
 * are no facts (may answer NULL: replaced by nothing).  NULL when out of memory. */
const char *rules_expand(const struct rules *r, const char *value, const struct rules_source *src,
			 const char *(*extra)(void *ctx, const char *name), void *extra_ctx, struct arena *a);

#endif
