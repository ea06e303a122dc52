/* millgate dnsbl status: what the running daemon knows of its DNS lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/command.h"

enum { TIME_SIZE = 24, CELL_SIZE = 256 };

/* ---- The daemon's answer: a list of flat objects, made by checks/dnsbl_guard.c ---- */

/* Behind the end of a JSON string that begins at p. */
static const char *skip_string(const char *p)
{
	for (p++; *p != '\0' && *p != '"'; p++)
		if (*p == '\\' && p[1] != '\0')
			p++;
	return *p == '"' ? p + 1 : p;
}

/* The end of a flat object that begins at p: its brace, or the text's end. */
static const char *object_end(const char *p)
{
	while (*p != '\0' && *p != '}')
		p = *p == '"' ? skip_string(p) : p + 1;
	return p;
}

/* Where the member's value begins, or NULL. */
static const char *member(const char *object, const char *name)
{
	const char *end = object_end(object);
	size_t n = strlen(name);

	for (const char *p = object; p < end;) {
		const char *key = p;

		if (*p != '"') {
			p++;
			continue;
		}
		p = skip_string(p);
		if ((size_t)(p - key) == n + 2 && memcmp(key + 1, name, n) == 0 && *p == ':')
			return p + 1;
	}
	return NULL;
}

static long long number(const char *object, const char *name)
{
	const char *v = member(object, name);

	return v != NULL ? strtoll(v, NULL, 10) : 0;
}

/* A string's letters; they are fit for a terminal, since JSON has no control characters.  "" for null. */
static const char *text(const char *object, const char *name, char buf[CELL_SIZE])
{
	const char *v = member(object, name);
	size_t n = 0;

	if (v != NULL && *v == '"')
		for (const char *end = skip_string(v) - 1, *p = v + 1; p < end && n + 1 < CELL_SIZE; p++) {
			if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
				p++;
			buf[n++] = *p;
		}
	buf[n] = '\0';
	return buf;
}

/* ---- For people ---- */

static const char *moment(long long seconds, char buf[TIME_SIZE])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds == 0 || localtime_r(&t, &tm) == NULL || strftime(buf, TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buf, TIME_SIZE, "never");
	return buf;
}

static void print_list(const char *o, int width, struct sbuf *out)
{
	char name[CELL_SIZE], kind[CELL_SIZE], state[CELL_SIZE], why[CELL_SIZE], when[TIME_SIZE];
	const char *rate = member(o, "hit_rate");
	long long next = number(o, "next_probe") - (long long)time(NULL);

	sbuf_addf(out, "%-*s  %-9s  %-9s  %9lld  %9lld  %5.1f%%  %8lld  %8lld  %11lld  %s\n", width,
		  text(o, "name", name), text(o, "kind", kind), text(o, "state", state), number(o, "questions"),
		  number(o, "hits"), rate != NULL ? strtod(rate, NULL) * 100 : 0.0, number(o, "failures"),
		  number(o, "errors"), number(o, "suspensions"), moment(number(o, "last_probe"), when));
	if (text(o, "why", why)[0] == '\0')
		return;
	sbuf_addf(out, "%-*s  ", width, "");
	if (number(o, "since") != 0)
		sbuf_addf(out, "since %s: ", moment(number(o, "since"), when));
	sbuf_addf(out, "%s; next probe in %lld s\n", why, next > 0 ? next : 0);
}

static void print_table(const char *answer, struct sbuf *out)
{
	const char *lists = strchr(answer, '[');
	char name[CELL_SIZE];
	int width = 4;

	if (lists == NULL)
		return;
	for (const char *o = strchr(lists, '{'); o != NULL; o = strchr(object_end(o + 1), '{')) {
		int n = (int)strlen(text(o + 1, "name", name));

		if (n > width)
			width = n;
	}
	sbuf_addf(out, "%-*s  %-9s  %-9s  %9s  %9s  %6s  %8s  %8s  %11s  %s\n", width, "LIST", "KIND", "STATE",
		  "QUESTIONS", "HITS", "RATE", "FAILURES", "ERRORS", "SUSPENSIONS", "LAST PROBE");
	for (const char *o = strchr(lists, '{'); o != NULL; o = strchr(object_end(o + 1), '{'))
		print_list(o + 1, width, out);
}

int command_dnsbl(const struct command_call *call)
{
	struct sbuf answer, out;
	int result;

	if (call->argc != 1 || strcmp(call->argv[0], "status") != 0)
		return COMMAND_USAGE;
	sbuf_heap(&answer, COMMAND_OUTPUT_MAX);
	sbuf_heap(&out, COMMAND_OUTPUT_MAX);
	result = command_ask(call, "dnsbl", &answer);
	if (result > 0)
		fputs(answer.p, stderr);
	else if (result == 0 && call->json)
		sbuf_add(&out, answer.p);
	else if (result == 0)
		print_table(answer.p, &out);
	sbuf_done(&answer);
	if (result == 0)
		return command_print(&out);
	sbuf_done(&out);
	return COMMAND_FAILED;
}
