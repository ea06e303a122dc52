/*
 * The verdicts' names, as rules, logs and the journal spell them.
 */
#include "mail/verdict.h"

#include <assert.h>

const char *verdict_name(enum verdict_kind k)
{
	static const char *const names[] = {
		[VERDICT_NONE] = "none",   [VERDICT_ACCEPT] = "accept",  [VERDICT_REJECT] = "reject",
		[VERDICT_DEFER] = "defer", [VERDICT_DISCARD] = "delete", [VERDICT_QUARANTINE] = "quarantine",
	};

	assert((unsigned)k < sizeof names / sizeof names[0]);
	return names[k];
}
