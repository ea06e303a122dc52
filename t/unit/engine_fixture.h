/*
 * Drives a transaction through the engine without a milter, Redis or DNS, and writes down what it answers.
 */
#ifndef MILLGATE_T_UNIT_ENGINE_FIXTURE_H
#define MILLGATE_T_UNIT_ENGINE_FIXTURE_H

#include "engine/engine.h"

struct mail {
	const char *client;         /* "198.51.100.9" when NULL */
	const char *name;           /* verified name */
	const char *resolve;        /* "OK" when NULL */
	const char *user;           /* authenticated */
	bool local;                 /* not by SMTP */
	const char *from;           /* "<alice@example.org>" when NULL */
	const char *const *rcpts;   /* with brackets, NULL-terminated; "<bob@example.net>" when NULL */
	const char *const *headers; /* "Name: value", NULL-terminated */
	const char *body;           /* "text\r\n" when NULL */
	long long size;             /* announced */
};

/* Loads a configuration from text.  NULL with the errors in the test's log. */
struct engine *fixture_load(const char *conf);

/* What loading it complains of: "LINE: text" each, of warnings only those that begin with the prefix, without it.  The
 * configuration's own lines begin with 4.  Answers a static buffer. */
const char *fixture_warnings(const char *conf, const char *prefix);

/*
 * The whole dialogue, as one text: a line for each answer that is no plain "go on", and the verdict with its edits, e.g.
 *   RCPT <bob@example.net> 550 5.7.1
 *   END accept
 *   del <bob@example.net>
 *   add carol@example.net quiet
 * Reply texts are left out, but for their codes.  Answers a static buffer.
 */
const char *fixture_run(struct engine *e, const struct mail *m);

#endif
