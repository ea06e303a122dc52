/*
 * The list of checks, in the order in which their built-in rules are evaluated.  To add a check, add a row in checks.c.
 */
#ifndef MILLGATE_ENGINE_CHECKS_H
#define MILLGATE_ENGINE_CHECKS_H

#include "mail/check.h"

/* Ends with NULL. */
extern const struct check *const engine_checks[];

#endif
