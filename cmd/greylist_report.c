/* millgate greylist report: who was delayed; the work is done in greylist/report.c. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/command.h"
#include "greylist/report.h"
#include "util/units.h"

enum { LINES = 10, LINES_MAX = 1000000 };

/* 0, or -1 when one of them makes no sense. */
static int read_options(const struct command_call *call, int64_t *since_ms, unsigned *limit)
{
	const char *since = call->option[COMMAND_GREYLIST_SINCE], *lines = call->option[COMMAND_GREYLIST_LIMIT];
	char *end;
	long n;

	if (units_duration(since != NULL ? since : "7d", since_ms) != 0 || *since_ms <= 0) {
		fprintf(stderr, "millgate greylist report: --since wants a duration, such as 12h or 7d\n");
		return -1;
	}
	*limit = LINES;
	if (lines == NULL)
		return 0;
	n = strtol(lines, &end, 10);
	if (end == lines || *end != '\0' || n < 0 || n > LINES_MAX) {
		fprintf(stderr, "millgate greylist report: --limit wants a number of lines\n");
		return -1;
	}
	*limit = (unsigned)n;
	return 0;
}

int command_greylist_report(const struct command_call *call, const struct grey_admin *g, struct error_list *errors)
{
	struct grey_gather *gather;
	struct grey_report report;
	struct sbuf out;
	int64_t since_ms;
	unsigned limit;

	if (read_options(call, &since_ms, &limit) != 0)
		return COMMAND_USAGE;
	gather = grey_report(g, since_ms, &report, errors);
	if (gather == NULL)
		return COMMAND_FAILED;
	sbuf_heap(&out, COMMAND_OUTPUT_MAX);
	if (call->json)
		grey_report_json(&report, &out);
	else
		grey_report_text(&report, limit, &out);
	grey_report_free(&gather);
	return command_print(&out);
}
