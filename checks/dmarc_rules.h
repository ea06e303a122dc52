/*
 * DMARC's built-in rules.
 */
#ifndef MILLGATE_CHECKS_DMARC_RULES_H
#define MILLGATE_CHECKS_DMARC_RULES_H

#include "checks/dmarc.h"

/* As text of the rule language. */
void dmarc_rules_write(const struct dmarc_settings *set, struct sbuf *out);

#endif
