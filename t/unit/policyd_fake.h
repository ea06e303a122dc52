/*
 * For the tests of policyd/: an engine that writes down what it is asked, one call a line, and answers as it is told.
 */
#ifndef MILLGATE_T_UNIT_POLICYD_FAKE_H
#define MILLGATE_T_UNIT_POLICYD_FAKE_H

#include <stdbool.h>

#include "engine/engine.h"
#include "engine/settings.h"

/* What was called since the last time, lines ended by \n. */
const char *fake_log_take(void);

struct fake_engine {
	struct answer answers[STAGE_COUNT]; /* one-time: given, then reset */
	const struct verdict *verdict;      /* NULL: accept */
	const struct edit *early;
	bool no_memory, twin, quiet; /* quiet: nothing is written down (many threads, or very many calls) */
	struct engine_settings settings;
	int tries_in_vain; /* of engine_rcpt_try(), before one succeeds */
	int open;          /* sessions */
};
extern struct fake_engine fake_engine;
void fake_engine_reset(void);
struct engine *fake_engine_handle(void);

/* The next answer at that stage. */
void fake_refuse(enum stage at, int code, const char *enhanced, const char *text);

#endif
