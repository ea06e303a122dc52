/*
 * The MTA's side of the milter protocol (see mta.h).  A packet is its length (four bytes, network order), a byte that
 * says what it is, and data.
 */
#include "t/lib/mta.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CHUNK = 65535, MAX_PACKET = 1 << 20, READ_SIZE = 16384, LENGTH_SIZE = 4 };

/* Commands to the filter. */
enum {
	CMD_ABORT = 'A',
	CMD_BODY = 'B',
	CMD_CONNECT = 'C',
	CMD_MACRO = 'D',
	CMD_END = 'E',
	CMD_HELO = 'H',
	CMD_HEADER = 'L',
	CMD_MAIL = 'M',
	CMD_EOH = 'N',
	CMD_NEGOTIATE = 'O',
	CMD_QUIT = 'Q',
	CMD_RCPT = 'R',
	CMD_DATA = 'T',
	CMD_UNKNOWN = 'U'
};

/* An event: the bit that keeps it away, the bit that promises no reply, and which list its macros are of. */
static const struct event {
	char cmd;
	uint32_t none, no_reply;
	int macros;    /* -1: none */
	bool envelope; /* the macros come even when the event does not */
} events[] = {
	{ CMD_CONNECT, 0x001, 0x01000, MTA_CONNECT, true }, { CMD_HELO, 0x002, 0x02000, MTA_HELO, true },
	{ CMD_MAIL, 0x004, 0x04000, MTA_MAIL, true },       { CMD_RCPT, 0x008, 0x08000, MTA_RCPT, true },
	{ CMD_DATA, 0x200, 0x10000, MTA_DATA, true },       { CMD_HEADER, 0x020, 0x00080, MTA_EOH, false },
	{ CMD_EOH, 0x040, 0x40000, MTA_EOH, false },        { CMD_BODY, 0x010, 0x80000, MTA_END, false },
	{ CMD_UNKNOWN, 0x100, 0x20000, -1, false },         { CMD_END, 0, 0, MTA_END, false },
};

/* Postfix's milter_*_macros. */
static const char *const default_macros[MTA_PLACES] = {
	"j {daemon_name} {daemon_addr} v _",
	"{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
	"i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
	"i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
	"i",
	"i",
	"i",
};

/* ---- Bytes ---- */

/* Tests have no use for a failed allocation. */
static void *must(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

static void make_room(struct mta_bytes *b, size_t n)
{
	if (b->done == b->n)
		b->done = b->n = 0;
	if (b->room - b->n >= n)
		return;
	b->room = 2 * (b->n + n);
	b->p = must(realloc(b->p, b->room));
}

static void put(struct mta_bytes *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	make_room(b, n);
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void put_text(struct mta_bytes *b, const char *s)
{
	put(b, s, strlen(s) + 1);
}

static void put_number(struct mta_bytes *b, uint32_t v)
{
	v = htonl(v);
	put(b, &v, sizeof v);
}

static uint32_t number_at(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return ntohl(v);
}

/* Begins a packet; finish() writes its length. */
static size_t begin(struct mta *m, char cmd)
{
	size_t at;

	put_number(&m->out, 0);
	at = m->out.n - LENGTH_SIZE;
	put(&m->out, &cmd, 1);
	return at;
}

static void finish(struct mta *m, size_t at)
{
	uint32_t length = htonl((uint32_t)(m->out.n - at - LENGTH_SIZE));

	memcpy(m->out.p + at, &length, sizeof length);
}

/* ---- Events ---- */

static const struct event *event_of(char cmd)
{
	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
		if (events[i].cmd == cmd)
			return &events[i];
	}
	abort();
}

static bool wanted(const struct mta *m, char cmd)
{
	return !(m->steps & event_of(cmd)->none);
}

static enum mta_sent sent(const struct mta *m, char cmd)
{
	return m->steps & event_of(cmd)->no_reply ? MTA_SILENT : MTA_ANSWERED;
}

/* The macros of an event that have a value. */
static void put_macros(struct mta *m, const struct event *e)
{
	char *names, *rest, *name;
	size_t at;

	if (e->macros < 0)
		return;
	rest = names = must(strdup(m->macros[e->macros]));
	at = begin(m, CMD_MACRO);
	put(&m->out, &e->cmd, 1);
	while ((name = strsep(&rest, " ,")) != NULL) {
		const char *value = *name && m->value ? m->value(m->ctx, name) : NULL;

		if (value) {
			put_text(&m->out, name);
			put_text(&m->out, value);
		}
	}
	free(names);
	finish(m, at);
}

/* Begins an event with its macros.  False when it is not wanted. */
static bool begin_event(struct mta *m, char cmd, size_t *at)
{
	const struct event *e = event_of(cmd);

	if (wanted(m, cmd) || e->envelope)
		put_macros(m, e);
	if (!wanted(m, cmd))
		return false;
	*at = begin(m, cmd);
	return true;
}

enum mta_sent mta_negotiate(struct mta *m, uint32_t actions, uint32_t steps)
{
	size_t at = begin(m, CMD_NEGOTIATE);

	put_number(&m->out, MTA_VERSION);
	put_number(&m->out, actions);
	put_number(&m->out, steps);
	finish(m, at);
	return MTA_ANSWERED;
}

int mta_negotiated(struct mta *m, const struct mta_packet *p)
{
	const char *s = p->p + 3 * LENGTH_SIZE, *end = p->p + p->n;

	if (p->kind != MTA_NEGOTIATED || p->n < 3 * LENGTH_SIZE)
		return -1;
	m->actions = number_at(p->p + LENGTH_SIZE);
	m->steps = number_at(p->p + 2 * LENGTH_SIZE);
	while (end - s > LENGTH_SIZE) {
		uint32_t place = number_at(s);

		s += LENGTH_SIZE;
		if (place >= MTA_PLACES)
			return -1;
		free(m->macros[place]);
		m->macros[place] = must(strndup(s, (size_t)(end - s)));
		s += strlen(m->macros[place]) + 1;
	}
	return 0;
}

enum mta_sent mta_connect(struct mta *m, const char *host, const char *addr, uint16_t port)
{
	uint16_t net_port = htons(port);
	size_t at;

	if (!begin_event(m, CMD_CONNECT, &at))
		return MTA_SKIPPED;
	put_text(&m->out, host);
	if (addr) {
		put(&m->out, strchr(addr, ':') ? "6" : "4", 1);
		put(&m->out, &net_port, sizeof net_port);
		put_text(&m->out, addr);
	} else {
		put(&m->out, "U", 1);
	}
	finish(m, at);
	return sent(m, CMD_CONNECT);
}

/* An event with strings, one behind the other. */
static enum mta_sent strings(struct mta *m, char cmd, const char *const *argv)
{
	size_t at;

	if (!begin_event(m, cmd, &at))
		return MTA_SKIPPED;
	for (; *argv; argv++)
		put_text(&m->out, *argv);
	finish(m, at);
	return sent(m, cmd);
}

enum mta_sent mta_helo(struct mta *m, const char *name)
{
	return strings(m, CMD_HELO, (const char *const[]){ name, NULL });
}

enum mta_sent mta_mail(struct mta *m, const char *const *argv)
{
	return strings(m, CMD_MAIL, argv);
}

enum mta_sent mta_rcpt(struct mta *m, const char *const *argv)
{
	return strings(m, CMD_RCPT, argv);
}

enum mta_sent mta_data(struct mta *m)
{
	return strings(m, CMD_DATA, (const char *const[]){ NULL });
}

enum mta_sent mta_unknown(struct mta *m, const char *command)
{
	return strings(m, CMD_UNKNOWN, (const char *const[]){ command, NULL });
}

enum mta_sent mta_header(struct mta *m, const char *name, const char *value)
{
	/* The MTA takes the space behind the colon off unless the filter wants it. */
	if (!(m->steps & MTA_STEP_HDR_LEADSPC) && *value == ' ')
		value++;
	return strings(m, CMD_HEADER, (const char *const[]){ name, value, NULL });
}

enum mta_sent mta_eoh(struct mta *m)
{
	return strings(m, CMD_EOH, (const char *const[]){ NULL });
}

enum mta_sent mta_body(struct mta *m, const char *p, size_t n)
{
	size_t at;

	if (n == 0)
		return MTA_SILENT;
	if (!begin_event(m, CMD_BODY, &at))
		return MTA_SKIPPED;
	put(&m->out, p, n < CHUNK ? n : CHUNK);
	finish(m, at);
	return sent(m, CMD_BODY);
}

enum mta_sent mta_end(struct mta *m)
{
	size_t at;

	begin_event(m, CMD_END, &at);
	finish(m, at);
	return MTA_ANSWERED;
}

enum mta_sent mta_abort(struct mta *m)
{
	finish(m, begin(m, CMD_ABORT));
	return MTA_SILENT;
}

enum mta_sent mta_quit(struct mta *m)
{
	finish(m, begin(m, CMD_QUIT));
	return MTA_SILENT;
}

/* ---- Transport ---- */

int mta_dial(const char *spec, bool nonblock)
{
	struct sockaddr_storage addr = { 0 };
	struct sockaddr_un *un = (void *)&addr;
	struct sockaddr_in *in = (void *)&addr;
	socklen_t n;
	int fd;

	if (strncmp(spec, "unix:", 5) == 0 && strlen(spec + 5) < sizeof un->sun_path) {
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, spec + 5, strlen(spec + 5) + 1);
		n = sizeof *un;
	} else if (strncmp(spec, "inet:", 5) == 0 && strchr(spec, '@')) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)strtoul(spec + 5, NULL, 10));
		n = sizeof *in;
		if (inet_pton(AF_INET, strchr(spec, '@') + 1, &in->sin_addr) != 1)
			return errno = EINVAL, -1;
	} else {
		return errno = EINVAL, -1;
	}
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0), 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, n) != 0 && errno != EINPROGRESS) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

void mta_init(struct mta *m, int fd, const char *(*value)(void *ctx, const char *name), void *ctx)
{
	*m = (struct mta){ .fd = fd, .value = value, .ctx = ctx };
	for (int i = 0; i < MTA_PLACES; i++)
		m->macros[i] = must(strdup(default_macros[i]));
}

void mta_done(struct mta *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	for (int i = 0; i < MTA_PLACES; i++)
		free(m->macros[i]);
	free(m->out.p);
	free(m->in.p);
	*m = (struct mta){ .fd = -1 };
}

int mta_flush(struct mta *m)
{
	while (m->out.done < m->out.n) {
		ssize_t n = send(m->fd, m->out.p + m->out.done, m->out.n - m->out.done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		m->out.done += (size_t)n;
	}
	m->out.done = m->out.n = 0;
	return 1;
}

int mta_fill(struct mta *m)
{
	ssize_t n;

	if (m->in.done > 0) {
		memmove(m->in.p, m->in.p + m->in.done, m->in.n - m->in.done);
		m->in.n -= m->in.done;
		m->in.done = 0;
	}
	make_room(&m->in, READ_SIZE + 1);
	do
		n = recv(m->fd, m->in.p + m->in.n, READ_SIZE, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : -1;
	m->in.n += (size_t)n;
	return 1;
}

int mta_take(struct mta *m, struct mta_packet *p)
{
	size_t left = m->in.n - m->in.done, length;
	char *at;

	if (left < LENGTH_SIZE)
		return 0;
	at = m->in.p + m->in.done;
	length = number_at(at);
	if (length < 1 || length > MAX_PACKET)
		return -1;
	if (left < LENGTH_SIZE + length)
		return 0;
	p->kind = (enum mta_kind)at[LENGTH_SIZE];
	p->n = length - 1;
	/* Moved to the front of the packet, over its length, to have room for a NUL behind. */
	memmove(at, at + LENGTH_SIZE + 1, p->n);
	at[p->n] = '\0';
	p->p = at;
	m->in.done += LENGTH_SIZE + length;
	return 1;
}

int mta_wait(struct mta *m, struct mta_packet *p)
{
	int got;

	if (mta_flush(m) != 1)
		return -1;
	while ((got = mta_take(m, p)) == 0) {
		if (mta_fill(m) != 1)
			return -1;
	}
	return got == 1 ? 0 : -1;
}

bool mta_is_final(enum mta_kind kind)
{
	return strchr("acdrsty", (int)kind) != NULL;
}
