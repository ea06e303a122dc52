/*
 * A load of messages for a milter: many connections at a time, one message on each, as Postfix does it.
 *
 *	millload -s unix:PATH [-n MESSAGES] [-c CONNECTIONS] [-b BYTES | -m FILE | -l LIST] [-o FILE] [-u LOGIN]
 *		[-p PID] [-r TRIPLETS]
 *
 * -b: a body of that size; -m: this message; -l: messages that take turns, each with an envelope (letter.h): the file
 * names one on each line.  -o: what came for each: its number, the letter's number, and a verdict ("accept",
 * "reply 550 ...", "lost") or an edit of the header ("field NAME: VALUE": added; "change NAME: VALUE").  -u: the
 * clients have logged in.
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
#include <unistd.h>

#include "t/bench/figures.h"
#include "t/bench/letter.h"
#include "t/lib/mta.h"

enum {
	MAX_CONNECTIONS = 4096,
	BODY_CHUNK = 65535, /* as much as MTAs send at once */
	EVENTS = 256,
	CLIENT_PORT = 40000,
	HEADER_GUESS = 600, /* what SIZE= says of it */
	PATIENCE_MS = 30000,
	VALUE_SIZE = 64
};

enum step { CONNECT, HELO, MAIL, RCPT, DATA, HEADERS, EOH, BODY, END, OVER };

struct conn {
	struct mta mta;
	const struct load *load;
	const struct letter *letter;
	enum step step;   /* the next one to be sent */
	size_t at;        /* HEADERS: the next field; BODY: the next byte */
	unsigned number;  /* of the message */
	unsigned triplet; /* who writes to whom */
	int64_t began_us;
	bool negotiated, ended, writing;
	char id[VALUE_SIZE]; /* {i} */
};

struct load {
	const char *spec, *login, *file, *list, *output;
	unsigned messages, connections, triplets;
	size_t body_n;
	struct letter *letters; /* they take turns */
	unsigned n_letters;
	FILE *out; /* NULL: nobody wants to know */
	pid_t pid;

	int epoll;
	struct conn *conns;
	unsigned begun, done, refused, errors, headers;
	int64_t *latency_us; /* of the `done` ones */
};

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
		return c->letter->login ? c->letter->login : c->load->login;
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
		if (strcmp(fixed[i].name, name) == 0)
			return fixed[i].value;
	}
	return NULL;
}

static enum mta_sent send_connect(struct conn *c)
{
	const char *host = c->letter->host ? c->letter->host : "mail.example.org";
	char text[VALUE_SIZE];

	if (c->letter->client)
		return mta_connect(&c->mta, host, c->letter->client, CLIENT_PORT);
	snprintf(text, sizeof text, "198.51.%u.%u", 100 + c->triplet / 200, 1 + c->triplet % 200);
	return mta_connect(&c->mta, host, text, CLIENT_PORT);
}

static enum mta_sent send_mail(struct conn *c)
{
	char text[VALUE_SIZE], size[VALUE_SIZE];

	snprintf(text, sizeof text, "<sender%c@example.org>", (int)('a' + c->triplet % 26));
	snprintf(size, sizeof size, "SIZE=%zu", c->letter->body_n + HEADER_GUESS);
	return mta_mail(&c->mta,
			(const char *const[]){ c->letter->mail ? c->letter->mail : text, size, "BODY=8BITMIME", NULL });
}

static enum mta_sent send_rcpt(struct conn *c)
{
	char text[VALUE_SIZE];

	snprintf(text, sizeof text, "<user%c@example.net>", (int)('a' + c->triplet % 26));
	return mta_rcpt(&c->mta, (const char *const[]){ c->letter->rcpt ? c->letter->rcpt : text, NULL });
}

static enum mta_sent send_header(struct conn *c)
{
	const struct letter_field *f = &c->letter->fields[c->at];

	if (c->at >= c->letter->n_fields)
		return MTA_SKIPPED;
	if (++c->at < c->letter->n_fields)
		c->step = HEADERS;
	return mta_header(&c->mta, f->name, f->value);
}

static enum mta_sent send_body(struct conn *c)
{
	const char *p = c->letter->body + c->at;
	size_t n = c->letter->body_n - c->at;

	c->at += n < BODY_CHUNK ? n : BODY_CHUNK;
	if (c->at < c->letter->body_n)
		c->step = BODY;
	return mta_body(&c->mta, p, n);
}

/* Queues the next event. */
static enum mta_sent send_step(struct conn *c)
{
	switch (c->step++) {
	case CONNECT:
		return send_connect(c);
	case HELO:
		return mta_helo(&c->mta, c->letter->helo ? c->letter->helo : "mail.example.org");
	case MAIL:
		return send_mail(c);
	case RCPT:
		return send_rcpt(c);
	case DATA:
		c->at = 0;
		return mta_data(&c->mta);
	case HEADERS:
		return send_header(c);
	case EOH:
		c->at = 0;
		return mta_eoh(&c->mta);
	case BODY:
		return send_body(c);
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
	while (c->step < OVER && send_step(c) != MTA_ANSWERED)
		;
	return flush(l, c);
}

static int begin_conn(struct load *l, struct conn *c)
{
	int fd;

	c->load = l;
	c->began_us = figures_now_us();
	c->number = l->begun;
	c->letter = &l->letters[l->begun % l->n_letters];
	c->triplet = l->begun % l->triplets;
	snprintf(c->id, sizeof c->id, "4LOAD%08X", l->begun);
	l->begun++;
	c->step = CONNECT;
	c->at = 0;
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

/* A line about a message. */
static void tell(const struct load *l, const struct conn *c, const char *what, const char *text, const char *more)
{
	if (!l->out)
		return;
	fprintf(l->out, "%u %u %s %s%s", c->number, c->number % l->n_letters, what, text, *more ? ":" : "");
	for (; *more; more++)
		putc(*more == '\n' ? ' ' : *more, l->out);
	putc('\n', l->out);
}

/* An edit of the header. */
static void tell_edit(const struct load *l, const struct conn *c, const struct mta_packet *p)
{
	const char *end = p->p + p->n, *name = p->p + (p->kind == MTA_ADD_HEADER ? 0 : sizeof(uint32_t));
	const char *value = name < end ? name + strlen(name) + 1 : end;

	tell(l, c, p->kind == MTA_CHANGE_HEADER ? "change" : "field", name < end ? name : "", value < end ? value : "");
}

static void tell_verdict(const struct load *l, const struct conn *c, const struct mta_packet *p)
{
	static const struct {
		enum mta_kind kind;
		const char *word;
	} words[] = {
		{ MTA_ACCEPT, "accept" }, { MTA_CONTINUE, "continue" }, { MTA_DISCARD, "discard" },
		{ MTA_REJECT, "reject" }, { MTA_SKIP, "skip" },         { MTA_TEMPFAIL, "tempfail" },
		{ MTA_REPLY, "reply" },
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (words[i].kind == p->kind)
			tell(l, c, words[i].word, p->kind == MTA_REPLY ? p->p : "", "");
	}
}

static void end_conn(struct load *l, struct conn *c, bool error)
{
	if (error)
		tell(l, c, "lost", "", "");
	l->errors += error;
	if (!error)
		l->latency_us[l->done++] = figures_now_us() - c->began_us;
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
	if (p->kind == MTA_ADD_HEADER || p->kind == MTA_INSERT_HEADER || p->kind == MTA_CHANGE_HEADER)
		tell_edit(l, c, p);
	if (!mta_is_final(p->kind))
		return 0;
	l->refused += is_refusal(p->kind);
	if (c->step == OVER || is_refusal(p->kind)) {
		tell_verdict(l, c, p);
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

/* The letters of -l, and how many there are. */
static void read_list(struct load *l)
{
	FILE *f = fopen(l->list, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (!f)
		die(l->list);
	while ((n = getline(&line, &room, f)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		l->letters = realloc(l->letters, (l->n_letters + 1) * sizeof *l->letters);
		if (!l->letters || letter_read(&l->letters[l->n_letters++], line, true) != 0)
			die(line);
	}
	free(line);
	fclose(f);
	if (l->n_letters == 0)
		die(l->list);
}

static void prepare(struct load *l)
{
	if (l->list) {
		read_list(l);
	} else {
		l->n_letters = 1;
		l->letters = calloc(1, sizeof *l->letters);
		if (!l->letters)
			die("memory");
		if (!l->file)
			letter_default(l->letters, l->body_n);
		else if (letter_read(l->letters, l->file, false) != 0)
			die(l->file);
	}
	l->out = l->output ? fopen(l->output, "w") : NULL;
	if (l->output && !l->out)
		die(l->output);
}

/* 0, or -1: not all of the output could be written. */
static int tidy_up(struct load *l)
{
	int rc = l->out && fclose(l->out) != 0 ? -1 : 0;

	for (unsigned i = 0; i < l->connections; i++)
		mta_done(&l->conns[i].mta);
	for (unsigned i = 0; i < l->n_letters; i++)
		letter_free(&l->letters[i]);
	free(l->letters);
	free(l->conns);
	free(l->latency_us);
	close(l->epoll);
	return rc;
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

static void report(struct load *l, int64_t took_us, int64_t cpu)
{
	printf("messages %u\nerrors %u\nrefused %u\nheaders %u\n", l->done, l->errors, l->refused, l->headers);
	printf("seconds %.3f\nrate %.1f\n", (double)took_us / 1e6, (double)l->done * 1e6 / (double)took_us);
	if (cpu >= 0)
		printf("cpu_us %.1f\n", (double)cpu / (l->done ? l->done : 1));
	figures_print_latency(l->latency_us, l->done);
}

static int options(struct load *l, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "s:n:c:b:m:l:o:u:p:r:")) != -1) {
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
		case 'l':
			l->list = optarg;
			break;
		case 'o':
			l->output = optarg;
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
	return l->spec && l->messages > 0 && l->triplets > 0 && l->connections > 0 &&
			       l->connections <= MAX_CONNECTIONS && optind == argc
		       ? 0
		       : -1;
}

int main(int argc, char **argv)
{
	struct load l = { .messages = 1000, .connections = 16, .body_n = 10240, .triplets = 50 };
	int64_t began, cpu;

	if (options(&l, argc, argv) != 0) {
		fputs("usage: millload -s unix:PATH [-n MESSAGES] [-c CONNECTIONS] [-b BYTES | -m FILE | -l LIST] "
		      "[-o FILE] [-u LOGIN] [-p PID] [-r TRIPLETS]\n",
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
	prepare(&l);
	cpu = figures_cpu_us(l.pid);
	began = figures_now_us();
	run(&l);
	report(&l, figures_now_us() - began, cpu < 0 ? -1 : figures_cpu_us(l.pid) - cpu);
	if (tidy_up(&l) != 0)
		die(l.output);
	return l.errors ? 1 : 0;
}
