/*
 * One entry of the journal, a Redis stream, while it is made.  Inside engine/ only.
 *
 * What goes in is pointed to, not copied: it must stay until the entry is sent.
 */
#ifndef MILLGATE_ENGINE_JOURNAL_H
#define MILLGATE_ENGINE_JOURNAL_H

#include <stddef.h>

#include "engine/session.h"
#include "net/redis.h"

enum {
	JOURNAL_WORDS = 64,   /* of one XADD */
	JOURNAL_MAX = 16384,  /* of the recipients, or the facts */
	JOURNAL_NUMBERS = 128 /* of all numbers together */
};

struct journal_entry {
	size_t n;
	struct redis_word words[JOURNAL_WORDS];
	size_t numbers_n;
	char numbers[JOURNAL_NUMBERS];
	char recipients[JOURNAL_MAX], facts[JOURNAL_MAX];
};

void journal_begin(struct journal_entry *e, const struct snapshot *snap);
void journal_text(struct journal_entry *e, const char *name, size_t name_n, const char *value, size_t n);
void journal_num(struct journal_entry *e, const char *name, size_t name_n, long long value);
/* What each recipient got, and what rules read that came to be known. */
void journal_recipients(struct journal_entry *e, const struct engine_session *s);
void journal_facts(struct journal_entry *e, const struct engine_session *s);
void journal_send(const struct journal_entry *e, struct engine_session *s);

#endif
