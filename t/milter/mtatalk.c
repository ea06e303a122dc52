/*
 * Plays the MTA to a filter, for tests: reads a script from stdin, prints each reply and edit on a line.
 *
 *	mtatalk unix:PATH < script
 *
 *	offer ACTIONS STEPS          what is offered at the next connection (numbers; default: everything)
 *	macro NAME [VALUE]           the value of a macro from now on; none: it has no value
 *	connect HOST ADDRESS PORT    a new connection; the address may be "unknown"
 *	helo NAME
 *	mail PATH [PARAMETER...]     also: rcpt
 *	data, eoh, end, abort, quit
 *	unknown COMMAND
 *	header NAME: VALUE           \n, \t and \\ are understood in values and bodies
 *	body TEXT                    bodysize N: N bytes of it
 *	drop                         closes the socket without a word
 *	sleep MILLISECONDS
 *
 * A line of output is the event and what came: "RCPT continue", "MAIL reply 451 4.7.1 text", "DATA none" (no reply was
 * promised), "DATA skipped" (negotiated away), "DATA over" (not sent: the filter has decided the message), "END addheader
 * X-A: b".  Exit status: 0; 1 when the filter does not keep
 * to the protocol or goes away; 2 for mistakes in the script.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "t/lib/mta.h"

enum { MAX_WORDS = 16, MAX_MACROS = 32, MAX_LINE = 1 << 17, PATIENCE = 60 };

struct talk {
	const char *spec;
	struct mta mta;
	bool connected;
	bool in_mail, over;      /* a message has begun; it was decided before its end */
	uint32_t actions, steps; /* offered */
	struct macro {
		char *name, *value;
	} macros[MAX_MACROS];
	unsigned line;
};

static void fail(const struct talk *t, int status, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "mtatalk: line %u: %s\n", t->line, what);
	exit(status);
}

static const char *value_of(void *ctx, const char *name)
{
	const struct talk *t = ctx;

	for (int i = 0; i < MAX_MACROS && t->macros[i].name; i++) {
		if (strcmp(t->macros[i].name, name) == 0)
			return t->macros[i].value;
	}
	return NULL;
}

static void set_macro(struct talk *t, const char *name, const char *value)
{
	int i = 0;

	while (i < MAX_MACROS && t->macros[i].name && strcmp(t->macros[i].name, name) != 0)
		i++;
	if (i == MAX_MACROS)
		fail(t, 2, "too many macros");
	if (!t->macros[i].name)
		t->macros[i].name = strdup(name);
	free(t->macros[i].value);
	t->macros[i].value = *value ? strdup(value) : NULL;
}

/* ---- Printing ---- */

/* Text from the filter on one line. */
static void print_text(const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			fputs("\\n", stdout);
		else if (*s == '\r')
			fputs("\\r", stdout);
		else if (*s == '\t')
			fputs("\\t", stdout);
		else
			putchar(*s);
	}
}

/* A reply's text, with %% read as % as MTAs do. */
static void print_reply(const char *s)
{
	char *copy = strdup(s), *to = copy;

	for (const char *from = s; *from; from++) {
		*to++ = *from;
		if (from[0] == '%' && from[1] == '%')
			from++;
	}
	*to = '\0';
	print_text(copy);
	free(copy);
}

/* "Name: value".  Where the filter gives the space behind the colon, a missing one shows. */
static void print_field(const struct talk *t, const char *name, const char *value)
{
	printf("%s:%s", name, t->mta.steps & MTA_STEP_HDR_LEADSPC ? "" : " ");
	print_text(value);
}

static void print_edit(const struct talk *t, const struct mta_packet *p)
{
	const char *first = p->p, *second = first + strlen(first) + 1;
	uint32_t index = 0;

	if (second > p->p + p->n)
		second = p->p + p->n;
	if ((p->kind == MTA_INSERT_HEADER || p->kind == MTA_CHANGE_HEADER) && p->n > sizeof index) {
		memcpy(&index, p->p, sizeof index);
		index = ntohl(index);
		first = p->p + sizeof index;
		second = first + strlen(first) + 1;
	}
	switch (p->kind) {
	case MTA_ADD_HEADER:
		fputs("addheader ", stdout);
		print_field(t, first, second);
		break;
	case MTA_INSERT_HEADER:
		printf("insheader %u ", index);
		print_field(t, first, second);
		break;
	case MTA_CHANGE_HEADER:
		printf(*second ? "chgheader %u " : "delheader %u ", index);
		if (*second)
			print_field(t, first, second);
		else
			fputs(first, stdout);
		break;
	case MTA_ADD_RCPT:
		printf("addrcpt %s", first);
		break;
	case MTA_ADD_RCPT_PAR:
		printf("addrcpt %s %s", first, second);
		break;
	case MTA_DEL_RCPT:
		printf("delrcpt %s", first);
		break;
	case MTA_CHANGE_FROM:
		printf("chgfrom %s", first);
		break;
	case MTA_QUARANTINE:
		printf("quarantine %s", first);
		break;
	case MTA_REPLACE_BODY:
		printf("replacebody %zu", p->n);
		break;
	case MTA_PROGRESS:
		fputs("progress", stdout);
		break;
	default:
		fail(t, 1, "a reply that is none");
	}
}

static void print_final(const struct mta_packet *p)
{
	switch (p->kind) {
	case MTA_ACCEPT:
		fputs("accept", stdout);
		break;
	case MTA_CONTINUE:
		fputs("continue", stdout);
		break;
	case MTA_DISCARD:
		fputs("discard", stdout);
		break;
	case MTA_REJECT:
		fputs("reject", stdout);
		break;
	case MTA_SKIP:
		fputs("skip", stdout);
		break;
	case MTA_TEMPFAIL:
		fputs("tempfail", stdout);
		break;
	default:
		fputs("reply ", stdout);
		print_reply(p->p);
	}
}

static bool is(const char *event, const char *name)
{
	return strcmp(event, name) == 0;
}

/* After its decision an MTA says no more of a message: libmilter would not answer. */
static void follow(struct talk *t, const char *event, enum mta_kind kind)
{
	if (is(event, "END"))
		t->in_mail = false;
	else if (t->in_mail && kind != MTA_CONTINUE && kind != MTA_SKIP && !is(event, "RCPT"))
		t->over = true;
}

/* Whether this event is left out: the message it belongs to has been decided. */
static bool passed_over(struct talk *t, const char *event)
{
	if (is(event, "MAIL") || is(event, "ABORT") || is(event, "QUIT") || is(event, "CONNECT")) {
		t->in_mail = is(event, "MAIL");
		t->over = false;
	}
	return t->over;
}

/* Sends what an event queued, and prints what comes. */
static void answer(struct talk *t, const char *event, enum mta_sent sent)
{
	struct mta_packet p;

	if (passed_over(t, event)) {
		t->mta.out.n = 0;
		printf("%s over\n", event);
		return;
	}
	if (sent != MTA_ANSWERED) {
		if (mta_flush(&t->mta) != 1)
			fail(t, 1, "the filter is gone");
		printf("%s %s\n", event, sent == MTA_SILENT ? "none" : "skipped");
		return;
	}
	do {
		if (mta_wait(&t->mta, &p) != 0)
			fail(t, 1, "the filter is gone");
		printf("%s ", event);
		if (mta_is_final(p.kind)) {
			print_final(&p);
			follow(t, event, p.kind);
		} else {
			print_edit(t, &p);
		}
		putchar('\n');
	} while (!mta_is_final(p.kind));
}

/* ---- The script ---- */

static void hang_up(struct talk *t)
{
	if (t->connected)
		mta_done(&t->mta);
	t->connected = false;
}

static void say_connect(struct talk *t, char **argv, int argc)
{
	static const char *const names[MTA_PLACES] = { "CONNECT", "HELO", "MAIL", "RCPT", "DATA", "END", "EOH" };
	struct mta_packet p;
	int fd;

	if (argc != 4)
		fail(t, 2, "connect HOST ADDRESS PORT");
	hang_up(t);
	fd = mta_dial(t->spec, false);
	if (fd < 0)
		fail(t, 1, strerror(errno));
	mta_init(&t->mta, fd, value_of, t);
	t->connected = true;
	mta_negotiate(&t->mta, t->actions, t->steps);
	if (mta_wait(&t->mta, &p) != 0 || mta_negotiated(&t->mta, &p) != 0)
		fail(t, 1, "negotiation failed");
	printf("NEGOTIATED actions=0x%x steps=0x%x\n", t->mta.actions, t->mta.steps);
	for (int i = 0; i < MTA_PLACES; i++)
		printf("MACROS %s %s\n", names[i], t->mta.macros[i]);
	answer(t, "CONNECT",
	       mta_connect(&t->mta, argv[1], strcasecmp(argv[2], "unknown") == 0 ? NULL : argv[2],
			   (uint16_t)atoi(argv[3])));
}

static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1]) {
			s++;
			*to++ = *s == 'n' ? '\n' : *s == 't' ? '\t' : *s == 'r' ? '\r' : *s;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static void say_header(struct talk *t, char *rest)
{
	char *colon = strchr(rest, ':');

	if (!colon)
		fail(t, 2, "header NAME: VALUE");
	*colon = '\0';
	unescape(colon + 1);
	answer(t, "HEADER", mta_header(&t->mta, rest, colon + 1));
}

static void say_bodysize(struct talk *t, size_t n)
{
	static const char text[] = "The quick brown fox jumps over the lazy dog, again.\r\n";
	char *p = malloc(n + 1);

	if (!p)
		fail(t, 2, "out of memory");
	for (size_t i = 0; i < n; i++)
		p[i] = text[i % (sizeof text - 1)];
	for (size_t at = 0; at < n; at += 65535)
		answer(t, "BODY", mta_body(&t->mta, p + at, n - at));
	free(p);
}

/* Commands that need no connection.  Answers whether it was one. */
static bool say_apart(struct talk *t, char **argv, int argc)
{
	if (strcmp(argv[0], "offer") == 0 && argc == 3) {
		t->actions = (uint32_t)strtoul(argv[1], NULL, 0);
		t->steps = (uint32_t)strtoul(argv[2], NULL, 0);
	} else if (strcmp(argv[0], "connect") == 0) {
		say_connect(t, argv, argc);
	} else if (strcmp(argv[0], "sleep") == 0 && argc == 2) {
		long ms = atol(argv[1]);

		nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
	} else if (strcmp(argv[0], "drop") == 0) {
		hang_up(t);
	} else {
		return false;
	}
	return true;
}

/* Commands of one word, or with words behind. */
static bool say_words(struct talk *t, char **argv, int argc)
{
	const char *const *words = (const char *const *)argv + 1;

	if (strcmp(argv[0], "helo") == 0 && argc == 2)
		answer(t, "HELO", mta_helo(&t->mta, argv[1]));
	else if (strcmp(argv[0], "mail") == 0 && argc >= 2)
		answer(t, "MAIL", mta_mail(&t->mta, words));
	else if (strcmp(argv[0], "rcpt") == 0 && argc >= 2)
		answer(t, "RCPT", mta_rcpt(&t->mta, words));
	else if (strcmp(argv[0], "data") == 0)
		answer(t, "DATA", mta_data(&t->mta));
	else if (strcmp(argv[0], "eoh") == 0)
		answer(t, "EOH", mta_eoh(&t->mta));
	else if (strcmp(argv[0], "end") == 0)
		answer(t, "END", mta_end(&t->mta));
	else if (strcmp(argv[0], "abort") == 0)
		answer(t, "ABORT", mta_abort(&t->mta));
	else if (strcmp(argv[0], "quit") == 0)
		answer(t, "QUIT", mta_quit(&t->mta));
	else if (strcmp(argv[0], "bodysize") == 0 && argc == 2)
		say_bodysize(t, strtoul(argv[1], NULL, 10));
	else
		return false;
	return true;
}

/* Commands whose rest is text. */
static bool say_text(struct talk *t, char *s)
{
	char *rest = strchr(s, ' ');

	if (!rest)
		return false;
	if (strncmp(s, "macro ", 6) == 0) {
		char *name = rest + 1, *value = strchr(name, ' ');

		if (value)
			*value++ = '\0';
		set_macro(t, name, value ? value : "");
		return true;
	}
	if (!t->connected)
		return false;
	if (strncmp(s, "header ", 7) == 0) {
		say_header(t, rest + 1);
	} else if (strncmp(s, "body ", 5) == 0) {
		unescape(rest + 1);
		answer(t, "BODY", mta_body(&t->mta, rest + 1, strlen(rest + 1)));
	} else if (strncmp(s, "unknown ", 8) == 0) {
		answer(t, "UNKNOWN", mta_unknown(&t->mta, rest + 1));
	} else {
		return false;
	}
	return true;
}

static void say(struct talk *t, char *s)
{
	char *argv[MAX_WORDS + 1], *rest = s, *word;
	int argc = 0;

	if (*s == '\0' || *s == '#' || say_text(t, s))
		return;
	while (argc < MAX_WORDS && (word = strsep(&rest, " ")) != NULL) {
		if (*word)
			argv[argc++] = word;
	}
	argv[argc] = NULL;
	if (argc == 0 || say_apart(t, argv, argc) || (t->connected && say_words(t, argv, argc)))
		return;
	fail(t, 2, "no such command here");
}

int main(int argc, char **argv)
{
	static char line[MAX_LINE];
	struct talk t = { .actions = MTA_ALL_ACTIONS, .steps = MTA_ALL_STEPS };

	if (argc != 2) {
		fputs("usage: mtatalk unix:PATH|inet:PORT@ADDRESS < script\n", stderr);
		return 2;
	}
	t.spec = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* A filter that hangs fails the test instead of hanging it. */
	alarm(PATIENCE);
	while (fgets(line, sizeof line, stdin)) {
		t.line++;
		line[strcspn(line, "\n")] = '\0';
		say(&t, line);
	}
	hang_up(&t);
	for (int i = 0; i < MAX_MACROS; i++) {
		free(t.macros[i].name);
		free(t.macros[i].value);
	}
	return 0;
}
