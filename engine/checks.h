/*
 * The list of checks, in the order in which their built-in rules are evaluated.  To add a check, add a row in checks.c.
 */
#ifndef MILLGATE_ENGINE_CHECKS_H
#define MILLGATE_ENGINE_CHECKS_H

#include "mail/check.h"
#include "mail/finisher.h"

/* Each ends with NULL. */
extern const struct check *const engine_checks[];
extern const struct finisher *const engine_finishers[];

#endif
