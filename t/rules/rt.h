/*
 * Rule tests, written in the rule language.  One file per topic:
 *
 *	=== title                       a block: rules, and cases for them
 *	sections dnsbl greylist         built-in sections that exist
 *	group limits = rates size       names for several sections
 *	effects greylist rate           facts of effect checks (these are the default)
 *	pure dnsbl dnsbl_score fcrdns   facts of pure checks (these are the default)
 *	provided subject sender         the facts that there are (default: all)
 *	never subject header            facts that are never told: rules that read one are left out (default: none)
 *	last RCPT                       the stage behind which nothing is told any more (default: END)
 *	--- rules                       a configuration; `#! text` behind a line: the error, `#? text` the warning there
 *	rules = ( ... );
 *	--- rules dnsbl                 the built-in rules of a section
 *	rules = ( ... );
 *	--- case title                  facts, then what is expected
 *	subject = a value               known at the fact's stage; again: one more value; \n \\ \xNN
 *	subject (absent)                the default for what is not named
 *	spf (unavailable)               its check failed, on_error = "ignore"; (unavailable, defer)
 *	subject (never)                 not known, not even at END
 *	size >= 5000000                 announced at MAIL
 *	header List-Id = value
 *	recipient a@example.net         the lines from here on are this recipient's
 *	greylist = defer
 *	expect reject at RCPT by "rule" verdict, the stage at which it is decided (END), who decides (nobody)
 *	expect defer unavailable ...    because a check failed
 *	expect defer once at RCPT ...   this recipient alone: no later stage refuses, were it to go on
 *	hits "a", shadow "b"            what has fired when it is decided
 *	asked greylist                  effects that were asked by then; `asked nothing`
 *	skipped dnsbl                   sections switched off by then
 *	provisional "rule" at CONNECT   who will decide for certain, and from which stage on this is known
 *	same fate / different fates     for the whole case: the recipients' digests at RCPT
 *
 * A line of facts before the first `recipient` is for all; without `recipient` there is one, bob@example.net.
 */
#ifndef MILLGATE_T_RULES_RT_H
#define MILLGATE_T_RULES_RT_H

#include <stdbool.h>

#include "mail/fact.h"
#include "mail/stage.h"
#include "mail/verdict.h"
#include "util/arena.h"

enum { RT_MAX_RECIPIENTS = 8, RT_MAX_BOOKS = 16, RT_MAX_GROUPS = 4 };

enum rt_kind { RT_VALUE, RT_ABSENT, RT_IGNORE, RT_DEFER, RT_NEVER, RT_AT_LEAST };

struct rt_fact {
	struct rt_fact *next;
	enum fact_id id;
	const char *header;
	enum rt_kind kind;
	const char *text;
	size_t text_n;
};

struct rt_expect {
	bool given;
	enum verdict_kind verdict;
	bool unavailable;
	bool once; /* later stages do not refuse any more */
	enum stage stage;
	const char *rule, *hits, *asked, *skipped, *provisional;
	enum stage provisional_stage;
};

struct rt_rcpt {
	const char *address;
	struct rt_fact *facts;
	struct rt_expect expect;
};

struct rt_case {
	struct rt_case *next;
	const char *title;
	int line;
	struct rt_fact *facts;
	struct rt_expect expect; /* for every recipient that says nothing else */
	struct rt_rcpt rcpts[RT_MAX_RECIPIENTS];
	unsigned n_rcpts;
	int fates; /* 0: not asked; 1: same; 2: different */
};

/* One configuration text, padded with line ends so that its lines are the file's. */
struct rt_book {
	const char *section;
	const char *text;
};

/* What the rules should complain about. */
struct rt_complaint {
	struct rt_complaint *next;
	int line;
	bool warning;
	const char *text;
	bool met;
};

struct rt_block {
	struct rt_block *next;
	const char *title;
	const char *sections; /* names parted by spaces */
	const char *groups[RT_MAX_GROUPS];
	unsigned n_groups;
	fact_mask effects, pure, provided, never;
	enum stage last;
	struct rt_book books[RT_MAX_BOOKS];
	unsigned n_books;
	struct rt_complaint *complaints;
	struct rt_case *cases;
};

/* Reads a file.  Ends the test program when the file itself is wrong. */
struct rt_block *rt_read(const char *path, struct arena *a);

/* Runs one block: loads its rules, compares complaints, runs its cases. */
void rt_run(const char *file, struct rt_block *block);

#endif
