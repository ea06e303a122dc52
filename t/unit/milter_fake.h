/*
 * For the tests of milter/: an engine and a libmilter that write down what they are asked, one call a line.
 */
#ifndef MILLGATE_T_UNIT_MILTER_FAKE_H
#define MILLGATE_T_UNIT_MILTER_FAKE_H

#include <stdbool.h>

#include <libmilter/mfapi.h>

#include "engine/engine.h"
#include "engine/settings.h"

/* What was called since the last fake_log_take(), lines ended by \n. */
const char *fake_log_take(void);
void fake_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- The engine (milter_fake_engine.c) ---- */

struct fake_engine {
	struct engine_needs needs;
	struct answer answers[STAGE_COUNT]; /* one-time: given, then reset; that of HEADERS at the end of the headers */
	struct answer header_answer;        /* the same, for one field */
	const struct verdict *verdict;
	bool no_memory;
	unsigned left; /* what engine_drain_wait() answers */
	struct engine_settings settings;
	int open; /* sessions */
};
extern struct fake_engine fake_engine;
void fake_engine_reset(void);
struct engine *fake_engine_handle(void);

/* ---- libmilter (milter_fake_libmilter.c) ---- */

struct smfi_str {
	void *priv;
	struct {
		const char *name, *value;
	} macros[16];
	const char *failing; /* a function that answers MI_FAILURE: "smfi_addheader" */
};
struct milter_front;
struct milter_front *fake_front(void); /* opened; once per program */
void fake_macro(SMFICTX *ctx, const char *name, const char *value);

#endif
