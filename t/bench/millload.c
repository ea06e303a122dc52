/*
 * A load of messages for a milter: many connections at a time, one message on each, as Postfix does it.
 *
 *	millload -s unix:PATH [-n MESSAGES] [-c CONNECTIONS] [-b BYTES | -m FILE] [-u LOGIN] [-p PID] [-r TRIPLETS]
 *
 * -b: a body of that size; -m: this message; -u: the clients have logged in.
 * -p: the filter's process, whose CPU time is measured; -r: how many different clients, senders and recipients take
 * turns.  Prints one figure a line, `NAME VALUE`.  `errors` counts messages that the filter did not carry through,
 * `refused` those that it answered 4xx or 5xx, `headers` the fields that it added.  Exit status 1 after an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "t/lib/mta.h"

enum {
	MAX_CONNECTIONS = 4096,
	MAX_BODY = 65535, /* one chunk */
	MAX_MESSAGE = MAX_BODY / 2,
	MAX_FIELDS = 64,
	EVENTS = 256,
	PATIENCE_MS = 30000,
	VALUE_SIZE = 64
};

enum step { CONNECT, HELO, MAIL, RCPT, DATA, HEADERS, EOH, BODY, END, OVER };

struct conn {
	struct mta mta;
	const struct load *load;
	enum step step;   /* the next one to be sent */
	unsigned header;  /* HEADERS: the next one */
	unsigned triplet; /* who writes to whom */
	int64_t began_us;
	bool negotiated, ended, writing;
	char id[VALUE_SIZE]; /* {i} */
};

struct field {
	const char *name, *value;
};

struct load {
	const char *spec, *login, *file;
	unsigned messages, connections, triplets;
	const struct field *fields;
	unsigned n_fields;
	size_t body_n;
	char *body;
	pid_t pid;

	int epoll;
	struct conn *conns;
	unsigned begun, done, refused, errors, headers;
	int64_t *latency_us; /* of the `done` ones */
};

static const struct field headers[] = {
	{ "Received",
	  " from mail.example.org (mail.example.org [198.51.100.7])\n\tby mx.example.net (Postfix) with ESMTPS "
	  "id 4X1Y2Z3A4B\n\tfor <user@example.net>; Mon, 02 Nov 2026 10:11:12 +0000 (UTC)" },
	{ "Date", " Mon, 02 Nov 2026 10:11:11 +0000" },
	{ "From", " Alice Example <alice@example.org>" },
	{ "To", " Bob Example <bob@example.net>" },
	{ "Subject", " =?UTF-8?Q?Quarterly_figures_for_M=C3=BCnchen?= and what they mean" },
	{ "Message-ID", " <20261102101111.4711@mail.example.org>" },
	{ "MIME-Version", " 1.0" },
	{ "Content-Type", " text/plain; charset=utf-8" },
	{ "Content-Transfer-Encoding", " 8bit" },
	{ "User-Agent", " Mail/1.0" },
};
enum { N_HEADERS = sizeof headers / sizeof headers[0] };

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

/* User and system time of another process, in microseconds; -1 when it cannot be read. */
static int64_t cpu_us(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return -1;
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void die(const char *what)
{
	fprintf(stderr, "millload: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- One connection ---- */

static const char *value_of(void *ctx, const char *name)
{
	const struct conn *c = ctx;
	static const struct {
		const char *name, *value;
	} fixed[] = {
		{ "j", "mx.example.net" },    { "{daemon_name}", "mx.example.net" }, { "{daemon_addr}", "192.0.2.1" },
		{ "v", "Postfix 3.7.11" },    { "{client_resolve}", "OK" },          { "{mail_mailer}", "smtp" },
		{ "{rcpt_mailer}", "local" },
	};

	/* Postfix has a queue id once the first recipient is there. */
	if (strcmp(name, "i") == 0)
		return c->step > RCPT ? c->id : NULL;
	if (strcmp(name, "{auth_authen}") == 0)
		return c->load->login;
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
		if (strcmp(fixed[i].name, name) == 0)
			return fixed[i].value;
	}
	return NULL;
}

/* Queues the next event. */
static enum mta_sent send_step(const struct load *l, struct conn *c)
{
	char text[VALUE_SIZE], size[VALUE_SIZE];
	unsigned t = c->triplet;

	switch (c->step++) {
	case CONNECT:
		snprintf(text, sizeof text, "198.51.%u.%u", 100 + t / 200, 1 + t % 200);
		return mta_connect(&c->mta, "mail.example.org", text, 40000);
	case HELO:
		return mta_helo(&c->mta, "mail.example.org");
	case MAIL:
		snprintf(text, sizeof text, "<sender%c@example.org>", (int)('a' + t % 26));
		snprintf(size, sizeof size, "SIZE=%zu", l->body_n + 600);
		return mta_mail(&c->mta, (const char *const[]){ text, size, "BODY=8BITMIME", NULL });
	case RCPT:
		snprintf(text, sizeof text, "<user%c@example.net>", (int)('a' + t % 26));
		return mta_rcpt(&c->mta, (const char *const[]){ text, NULL });
	case DATA:
		return mta_data(&c->mta);
	case HEADERS:
		if (c->header + 1 < l->n_fields)
			c->step = HEADERS;
		c->header++;
		return mta_header(&c->mta, l->fields[c->header - 1].name, l->fields[c->header - 1].value);
	case EOH:
		return mta_eoh(&c->mta);
	case BODY:
		return mta_body(&c->mta, l->body, l->body_n);
	case END:
		return mta_end(&c->mta);
	case OVER:
		break;
	}
	return MTA_SKIPPED;
}

static void watch(const struct load *l, struct conn *c, int op, bool write)
{
	struct epoll_event e = { .events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = c };

	c->writing = write;
	if (epoll_ctl(l->epoll, op, c->mta.fd, &e) != 0)
		die("epoll_ctl");
}

static int flush(const struct load *l, struct conn *c)
{
	int sent = mta_flush(&c->mta);

	if (sent >= 0 && c->writing != (sent == 0))
		watch(l, c, EPOLL_CTL_MOD, sent == 0);
	return sent < 0 ? -1 : 0;
}

static int send_until_reply(const struct load *l, struct conn *c)
{
	while (c->step < OVER && send_step(l, c) != MTA_ANSWERED)
		;
	return flush(l, c);
}

static int begin_conn(struct load *l, struct conn *c)
{
	int fd;

	c->load = l;
	c->began_us = now_us();
	c->triplet = l->begun % l->triplets;
	snprintf(c->id, sizeof c->id, "4LOAD%08X", l->begun);
	l->begun++;
	c->step = CONNECT;
	c->header = 0;
	c->negotiated = c->ended = false;
	fd = mta_dial(l->spec, false);
	if (fd < 0)
		die(l->spec);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	mta_init(&c->mta, fd, value_of, c);
	watch(l, c, EPOLL_CTL_ADD, false);
	mta_negotiate(&c->mta, MTA_ALL_ACTIONS, MTA_ALL_STEPS);
	return flush(l, c);
}

static void end_conn(struct load *l, struct conn *c, bool error)
{
	l->errors += error;
	if (!error)
		l->latency_us[l->done++] = now_us() - c->began_us;
	/* Postfix aborts after the end of the message, and at the end of the session, before it leaves. */
	mta_abort(&c->mta);
	mta_abort(&c->mta);
	mta_quit(&c->mta);
	mta_flush(&c->mta);
	mta_done(&c->mta);
	c->ended = true;
	while (c->ended && l->begun < l->messages && begin_conn(l, c) != 0)
		end_conn(l, c, true);
}

static bool is_refusal(enum mta_kind kind)
{
	return kind == MTA_REJECT || kind == MTA_TEMPFAIL || kind == MTA_REPLY || kind == MTA_DISCARD;
}

/* One packet from the filter.  0, or -1 when the message is over. */
static int take_packet(struct load *l, struct conn *c, const struct mta_packet *p)
{
	if (!c->negotiated) {
		c->negotiated = true;
		if (mta_negotiated(&c->mta, p) == 0 && send_until_reply(l, c) == 0)
			return 0;
		end_conn(l, c, true);
		return -1;
	}
	l->headers += p->kind == MTA_ADD_HEADER || p->kind == MTA_INSERT_HEADER;
	if (!mta_is_final(p->kind))
		return 0;
	l->refused += is_refusal(p->kind);
	if (c->step == OVER || is_refusal(p->kind)) {
		end_conn(l, c, false);
		return -1;
	}
	if (send_until_reply(l, c) == 0)
		return 0;
	end_conn(l, c, true);
	return -1;
}

static void on_ready(struct load *l, struct conn *c, uint32_t what)
{
	struct mta_packet p;
	int got;

	if ((what & EPOLLOUT) && flush(l, c) != 0) {
		end_conn(l, c, true);
		return;
	}
	if (!(what & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	got = mta_fill(&c->mta);
	while (got == 1 && (got = mta_take(&c->mta, &p)) == 1) {
		if (take_packet(l, c, &p) != 0)
			return;
	}
	if (got < 0)
		end_conn(l, c, true);
}

/* ---- The load ---- */

static void fill_body(struct load *l)
{
	static const char text[] =
		"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor.\r\n";

	l->body = malloc(l->body_n + 1);
	if (!l->body)
		die("memory");
	for (size_t i = 0; i < l->body_n; i++)
		l->body[i] = text[i % (sizeof text - 1)];
}

/* One field of a message's header at *p, which is parted in place; leaves *p behind it. */
static struct field take_field(char **p)
{
	struct field f = { .name = *p };
	char *colon = strchr(*p, ':'), *end = *p;

	/* A line that begins with white space goes on with the field. */
	do
		end = strchr(end + 1, '\n');
	while (end && (end[1] == ' ' || end[1] == '\t'));
	if (!colon || !end || colon > end) {
		fputs("millload: the message has no header\n", stderr);
		exit(2);
	}
	*colon = *end = '\0';
	f.value = colon + 1;
	*p = end + 1;
	return f;
}

/* The message of -m; lines end in LF. */
static void read_message(struct load *l)
{
	FILE *f = fopen(l->file, "r");
	char *text = calloc(1, MAX_MESSAGE + 1), *p = text;
	struct field *fields = calloc(MAX_FIELDS, sizeof *fields);

	if (!f || !text || !fields || fread(text, 1, MAX_MESSAGE, f) == 0)
		die(l->file);
	fclose(f);
	l->n_fields = 0;
	while (*p != '\n' && l->n_fields < MAX_FIELDS)
		fields[l->n_fields++] = take_field(&p);
	l->fields = fields;
	l->body = malloc(2 * strlen(p) + 1);
	if (!l->body)
		die("memory");
	l->body_n = 0;
	for (p++; *p; p++) {
		if (*p == '\n')
			l->body[l->body_n++] = '\r';
		l->body[l->body_n++] = *p;
	}
}

static void run(struct load *l)
{
	struct epoll_event events[EVENTS];

	for (unsigned i = 0; i < l->connections && l->begun < l->messages; i++) {
		if (begin_conn(l, &l->conns[i]) != 0)
			end_conn(l, &l->conns[i], true);
	}
	while (l->done + l->errors < l->messages) {
		int n = epoll_wait(l->epoll, events, EVENTS, PATIENCE_MS);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fprintf(stderr, "millload: nothing came for %d ms\n", PATIENCE_MS);
			l->errors += l->messages - l->done - l->errors;
			return;
		}
		for (int i = 0; i < n; i++)
			on_ready(l, events[i].data.ptr, events[i].events);
	}
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void report(struct load *l, int64_t took_us, int64_t cpu)
{
	static const unsigned percentiles[] = { 50, 90, 99 };

	printf("messages %u\nerrors %u\nrefused %u\nheaders %u\n", l->done, l->errors, l->refused, l->headers);
	printf("seconds %.3f\nrate %.1f\n", (double)took_us / 1e6, (double)l->done * 1e6 / (double)took_us);
	if (cpu >= 0)
		printf("cpu_us %.1f\n", (double)cpu / (l->done ? l->done : 1));
	qsort(l->latency_us, l->done, sizeof l->latency_us[0], by_number);
	for (size_t i = 0; i < sizeof percentiles / sizeof percentiles[0] && l->done > 0; i++)
		printf("p%u_us %lld\n", percentiles[i],
		       (long long)l->latency_us[(size_t)(l->done - 1) * percentiles[i] / 100]);
}

static int options(struct load *l, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "s:n:c:b:m:u:p:r:")) != -1) {
		unsigned long n = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 's':
			l->spec = optarg;
			break;
		case 'n':
			l->messages = (unsigned)n;
			break;
		case 'c':
			l->connections = (unsigned)n;
			break;
		case 'b':
			l->body_n = n;
			break;
		case 'm':
			l->file = optarg;
			break;
		case 'u':
			l->login = optarg;
			break;
		case 'p':
			l->pid = (pid_t)n;
			break;
		case 'r':
			l->triplets = (unsigned)n;
			break;
		default:
			return -1;
		}
	}
	return l->spec && l->messages > 0 && l->body_n <= MAX_BODY && l->triplets > 0 && l->connections > 0 &&
			       l->connections <= MAX_CONNECTIONS && optind == argc
		       ? 0
		       : -1;
}

int main(int argc, char **argv)
{
	struct load l = { .messages = 1000,
			  .connections = 16,
			  .body_n = 10240,
			  .triplets = 50,
			  .fields = headers,
			  .n_fields = N_HEADERS };
	int64_t began, cpu;

	if (options(&l, argc, argv) != 0) {
		fputs("usage: millload -s unix:PATH [-n MESSAGES] [-c CONNECTIONS] [-b BYTES | -m FILE] [-u LOGIN] "
		      "[-p PID] [-r TRIPLETS]\n",
		      stderr);
		return 2;
	}
	l.conns = calloc(l.connections, sizeof *l.conns);
	l.latency_us = calloc(l.messages, sizeof *l.latency_us);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!l.conns || !l.latency_us || l.epoll < 0)
		die("start");
	for (unsigned i = 0; i < l.connections; i++)
		l.conns[i].mta.fd = -1;
	if (l.file)
		read_message(&l);
	else
		fill_body(&l);
	cpu = cpu_us(l.pid);
	began = now_us();
	run(&l);
	report(&l, now_us() - began, cpu < 0 ? -1 : cpu_us(l.pid) - cpu);
	for (unsigned i = 0; i < l.connections; i++)
		mta_done(&l.conns[i].mta);
	free(l.conns);
	free(l.latency_us);
	free(l.body);
	close(l.epoll);
	return l.errors ? 1 : 0;
}
