/*
 * A load of requests for a policy server, as Postfix's smtpd processes ask: on each connection one request at a time, each
 * about a transaction of its own.
 *
 *	policyload -s unix:PATH|inet:PORT@ADDRESS [-n REQUESTS] [-c CONNECTIONS] [-p PID] [-x PID] [-r TRIPLETS]
 *	policyload -s ... -c CONNECTIONS -i
 *
 * -p: the server's process, whose CPU time is measured; -x: that of another one; -r: how many different clients, senders
 * and recipients take turns.  -i: the connections ask once each, then lie idle until standard input ends.
 * Prints one figure a line, `NAME VALUE`.  `passed` counts answers that let the mail pass (DUNNO, PREPEND), `deferred` and
 * `refused` the others; `errors` requests without an answer that makes sense.  Exit status 1 after an error.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "t/bench/figures.h"

enum { MAX_CONNECTIONS = 20000, EVENTS = 256, PATIENCE_MS = 30000, REQUEST_SIZE = 2048, ANSWER_SIZE = 2048 };

struct conn {
	int fd;
	unsigned number; /* of the request */
	int64_t began_us;
	char in[ANSWER_SIZE];
	size_t in_n;
};

struct load {
	const char *spec;
	unsigned requests, connections, triplets;
	pid_t server, other;
	bool idle;

	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
	} address;
	socklen_t address_n;
	int epoll;
	struct conn *conns;
	unsigned begun, done, passed, deferred, refused, errors;
	int64_t *latency_us; /* of the `done` ones */
};

static void die(const char *what)
{
	fprintf(stderr, "policyload: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- One connection ---- */

/* Postfix 3.7's attributes at RCPT.  Names of letters, since greylists take numbers for what changes from mail to mail. */
static int write_request(const struct load *l, const struct conn *c, char *to)
{
	enum { LETTERS = 26 };
	unsigned t = c->number % l->triplets;
	const char name[] = { (char)('a' + t % LETTERS), (char)('a' + t / LETTERS % LETTERS),
			      (char)('a' + t / LETTERS / LETTERS % LETTERS), '\0' };

	return snprintf(to, REQUEST_SIZE,
			"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
			"client_address=198.%u.%u.7\nclient_name=mail.%s.example\nclient_port=%u\n"
			"reverse_client_name=mail.%s.example\nserver_address=192.0.2.1\nserver_port=25\n"
			"helo_name=mail.%s.example\nsender=user@%s.example\nrecipient=user@example.net\n"
			"recipient_count=0\nqueue_id=\ninstance=%x.%llx.%x.0\nsize=10840\netrn_domain=\nstress=\n"
			"sasl_method=\nsasl_username=\nsasl_sender=\nccert_subject=\nccert_issuer=\n"
			"ccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=TLSv1.3\n"
			"encryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\npolicy_context=\n\n",
			18 + t / 256 % 2, t % 256, name, 20000 + c->number % 40000, name, name, name,
			(unsigned)getpid(), (long long)time(NULL), c->number);
}

static int ask(struct load *l, struct conn *c)
{
	char request[REQUEST_SIZE];
	int n;

	c->number = l->begun++;
	c->in_n = 0;
	n = write_request(l, c, request);
	c->began_us = figures_now_us();
	return send(c->fd, request, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -1;
}

static int open_conn(struct load *l, struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	const int on = 1;

	c->fd = socket(l->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, &l->address.any, l->address_n) != 0)
		return -1;
	if (l->address.any.sa_family == AF_INET)
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev);
}

static bool begins(const struct conn *c, const char *what)
{
	return c->in_n >= strlen(what) && memcmp(c->in, what, strlen(what)) == 0;
}

static void count(struct load *l, const struct conn *c)
{
	l->latency_us[l->done++] = figures_now_us() - c->began_us;
	if (begins(c, "action=DUNNO") || begins(c, "action=PREPEND"))
		l->passed++;
	else if (begins(c, "action=DEFER") || begins(c, "action=4"))
		l->deferred++;
	else if (begins(c, "action=5"))
		l->refused++;
	else
		l->errors++;
}

static void lose(struct load *l, struct conn *c)
{
	l->errors++;
	close(c->fd);
	c->fd = -1;
}

static void on_ready(struct load *l, struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_n, sizeof c->in - c->in_n, 0);

	if (n <= 0) {
		lose(l, c);
		return;
	}
	c->in_n += (size_t)n;
	if (c->in_n < 2 || memcmp(c->in + c->in_n - 2, "\n\n", 2) != 0)
		return;
	count(l, c);
	if (l->begun < l->requests && ask(l, c) != 0)
		lose(l, c);
}

/* ---- The load ---- */

static int parse_address(struct load *l)
{
	const char *at;

	if (strncmp(l->spec, "unix:", 5) == 0) {
		l->address.un.sun_family = AF_UNIX;
		l->address_n = sizeof l->address.un;
		return snprintf(l->address.un.sun_path, sizeof l->address.un.sun_path, "%s", l->spec + 5) <
				       (int)sizeof l->address.un.sun_path
			       ? 0
			       : -1;
	}
	at = strchr(l->spec, '@');
	if (strncmp(l->spec, "inet:", 5) != 0 || !at)
		return -1;
	l->address.in.sin_family = AF_INET;
	l->address.in.sin_port = htons((uint16_t)strtoul(l->spec + 5, NULL, 10));
	l->address_n = sizeof l->address.in;
	return inet_pton(AF_INET, at + 1, &l->address.in.sin_addr) == 1 ? 0 : -1;
}

static void run(struct load *l)
{
	struct epoll_event events[EVENTS];

	for (unsigned i = 0; i < l->connections && l->begun < l->requests; i++)
		if (ask(l, &l->conns[i]) != 0)
			lose(l, &l->conns[i]);
	while (l->done + l->errors < l->begun) {
		int n = epoll_wait(l->epoll, events, EVENTS, PATIENCE_MS);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fprintf(stderr, "policyload: nothing came for %d ms\n", PATIENCE_MS);
			l->errors += l->begun - l->done - l->errors;
			return;
		}
		for (int i = 0; i < n; i++)
			on_ready(l, events[i].data.ptr);
	}
}

static void report(struct load *l, int64_t took_us, int64_t server, int64_t other)
{
	unsigned n = l->done ? l->done : 1;

	printf("requests %u\nerrors %u\npassed %u\ndeferred %u\nrefused %u\n", l->done, l->errors, l->passed,
	       l->deferred, l->refused);
	printf("rate %.1f\n", (double)l->done * 1e6 / (double)took_us);
	if (server >= 0)
		printf("cpu_us %.2f\n", (double)server / n);
	if (other >= 0)
		printf("other_us %.2f\n", (double)other / n);
	figures_print_latency(l->latency_us, l->done);
	fflush(stdout);
}

/* As many descriptors as there may be. */
static void raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void wait_for_end_of_input(void)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

static int options(struct load *l, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "s:n:c:p:x:r:i")) != -1) {
		unsigned long n = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 's':
			l->spec = optarg;
			break;
		case 'n':
			l->requests = (unsigned)n;
			break;
		case 'c':
			l->connections = (unsigned)n;
			break;
		case 'p':
			l->server = (pid_t)n;
			break;
		case 'x':
			l->other = (pid_t)n;
			break;
		case 'r':
			l->triplets = (unsigned)n;
			break;
		case 'i':
			l->idle = true;
			break;
		default:
			return -1;
		}
	}
	if (l->idle)
		l->requests = l->connections;
	return l->spec && l->requests > 0 && l->triplets > 0 && l->connections > 0 &&
			       l->connections <= MAX_CONNECTIONS && optind == argc && parse_address(l) == 0
		       ? 0
		       : -1;
}

int main(int argc, char **argv)
{
	struct load l = { .requests = 10000, .connections = 8, .triplets = 5000 };
	int64_t began, server, other;

	if (options(&l, argc, argv) != 0) {
		fputs("usage: policyload -s unix:PATH|inet:PORT@ADDRESS [-n REQUESTS] [-c CONNECTIONS] [-p PID] "
		      "[-x PID] [-r TRIPLETS] [-i]\n",
		      stderr);
		return 2;
	}
	raise_limit();
	l.conns = calloc(l.connections, sizeof *l.conns);
	l.latency_us = calloc(l.requests, sizeof *l.latency_us);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!l.conns || !l.latency_us || l.epoll < 0)
		die("memory");
	for (unsigned i = 0; i < l.connections; i++)
		if (open_conn(&l, &l.conns[i]) != 0)
			die(l.spec);
	server = figures_cpu_us(l.server);
	other = figures_cpu_us(l.other);
	began = figures_now_us();
	run(&l);
	report(&l, figures_now_us() - began, server < 0 ? -1 : figures_cpu_us(l.server) - server,
	       other < 0 ? -1 : figures_cpu_us(l.other) - other);
	if (l.idle)
		wait_for_end_of_input();
	for (unsigned i = 0; i < l.connections; i++)
		if (l.conns[i].fd >= 0)
			close(l.conns[i].fd);
	close(l.epoll);
	free(l.latency_us);
	free(l.conns);
	return l.errors ? 1 : 0;
}
