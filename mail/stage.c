/*
 * The stages' names.
 */
#include "mail/stage.h"

#include <assert.h>

const char *stage_name(enum stage s)
{
	static const char *const names[STAGE_COUNT] = {
		[STAGE_CONNECT] = "CONNECT", [STAGE_HELO] = "HELO",       [STAGE_MAIL] = "MAIL", [STAGE_RCPT] = "RCPT",
		[STAGE_DATA] = "DATA",       [STAGE_HEADERS] = "HEADERS", [STAGE_BODY] = "BODY", [STAGE_END] = "END",
	};

	assert((unsigned)s < STAGE_COUNT);
	return names[s];
}
