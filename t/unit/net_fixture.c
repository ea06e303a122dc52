#include "t/unit/net_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t/lib/tap.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"

enum { POLL_US = 2000, MAX_CHILDREN = 64 };

static char directory[] = "/tmp/millgate-net-XXXXXX";
static bool have_directory;
static pid_t children[MAX_CHILDREN];
static pid_t owner;

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void clean_up(void)
{
	if (getpid() != owner)
		return;
	for (int i = 0; i < MAX_CHILDREN; i++) {
		if (children[i] == 0)
			continue;
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	(void)nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fixture_dir(void)
{
	if (!have_directory) {
		if (mkdtemp(directory) == NULL)
			bail_out("mkdtemp: %s", strerror(errno));
		have_directory = true;
		owner = getpid();
		atexit(clean_up);
	}
	return directory;
}

static void in_dir(char out[FIXTURE_PATH_SIZE], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void in_dir(char out[FIXTURE_PATH_SIZE], const char *fmt, ...)
{
	int n = snprintf(out, FIXTURE_PATH_SIZE, "%s/", fixture_dir());
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + n, FIXTURE_PATH_SIZE - (size_t)n, fmt, ap);
	va_end(ap);
}

bool fixture_has_ipv6(void)
{
	const struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

/* ---- Processes ---- */

static pid_t spawn(const char *const *argv)
{
	pid_t pid = fork();
	int null;

	if (pid < 0)
		bail_out("fork: %s", strerror(errno));
	if (pid > 0) {
		for (int i = 0; i < MAX_CHILDREN; i++) {
			if (children[i] == 0) {
				children[i] = pid;
				return pid;
			}
		}
		bail_out("too many children");
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO); /* stdout is for TAP */
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static void reap(pid_t *pid, int signal_number)
{
	if (*pid == 0)
		return;
	kill(*pid, signal_number);
	waitpid(*pid, NULL, 0);
	for (int i = 0; i < MAX_CHILDREN; i++) {
		if (children[i] == *pid)
			children[i] = 0;
	}
	*pid = 0;
}

static void must_live(pid_t pid, const char *what, int64_t since_ms)
{
	if (waitpid(pid, NULL, WNOHANG) != 0 || clock_mono_ms() - since_ms > FIXTURE_PATIENCE_MS)
		bail_out("%s does not start", what);
	usleep(POLL_US);
}

/* ---- Redis ---- */

static int connect_unix(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* It listens, and has loaded what it has. */
static bool redis_answers(const char *path)
{
	static const char ping[] = "PING\r\n";
	char answer[1] = { 0 };
	int fd = connect_unix(path);

	if (fd < 0)
		return false;
	if (write(fd, ping, sizeof(ping) - 1) > 0 && read(fd, answer, sizeof(answer)) < 0)
		answer[0] = '\0';
	close(fd);
	return answer[0] == '+' || answer[0] == '-';
}

void fixture_redis_start(struct fixture_redis *r, const char *option, const char *value)
{
	const char *argv[] = { "redis-server", "--port",      "0",    "--unixsocket", r->path, "--save", "",
			       "--dir",        fixture_dir(), option, value,          NULL };
	int64_t since_ms = clock_mono_ms();

	if (r->path[0] == '\0') {
		static unsigned number;

		in_dir(r->path, "redis%u.sock", number++);
		snprintf(r->server, sizeof(r->server), "unix:%.*s", FIXTURE_PATH_SIZE - 6, r->path);
	}
	r->pid = spawn(argv);
	while (!redis_answers(r->path))
		must_live(r->pid, "redis-server", since_ms);
}

void fixture_redis_stop(struct fixture_redis *r)
{
	reap(&r->pid, SIGKILL);
	(void)unlink(r->path);
}

void fixture_redis_freeze(struct fixture_redis *r, bool frozen)
{
	int status;

	kill(r->pid, frozen ? SIGSTOP : SIGCONT);
	waitpid(r->pid, &status, frozen ? WUNTRACED : WCONTINUED);
}

/* ---- The fake ---- */

struct fake {
	struct fixture_fake shared; /* first */
	int fd;
	pthread_t thread;
};

static void put(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* The end of the first command in p[n], or NULL while it is not complete. */
static const char *command_end(const char *p, const char *end)
{
	long words = 0;

	if (p == end || memchr(p, '\n', (size_t)(end - p)) == NULL)
		return NULL;
	words = strtol(p + 1, NULL, 10);
	p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
	for (; words > 0; words--) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		long n;

		if (nl == NULL)
			return NULL;
		n = strtol(p + 1, NULL, 10);
		if (end - (nl + 1) < n + 2)
			return NULL;
		p = nl + 1 + n + 2;
	}
	return p;
}

/* Answers one command; false: hang up. */
static bool fake_answer(struct fake *f, int fd, bool ping)
{
	switch (atomic_load(&f->shared.mode)) {
	case FAKE_ANSWER:
		put(fd, ping ? "+PONG\r\n" : "+OK\r\n");
		return true;
	case FAKE_STALL:
		return true;
	case FAKE_GREET:
		if (ping)
			put(fd, "+PONG\r\n");
		return true;
	case FAKE_LOADING:
		put(fd, "-LOADING Redis is loading the dataset in memory\r\n");
		return true;
	case FAKE_CLOSE:
		if (ping)
			put(fd, "+PONG\r\n");
		return ping;
	case FAKE_GARBAGE:
		put(fd, ping ? "+PONG\r\n" : "HTTP/1.1 400 Bad Request\r\n\r\n");
		return true;
	case FAKE_NEST:
		if (ping)
			put(fd, "+PONG\r\n");
		for (int i = 0; !ping && i < 100; i++)
			put(fd, "*1\r\n");
		return true;
	case FAKE_HANG_UP:
		return false;
	}
	return false;
}

static void fake_serve(struct fake *f, int fd)
{
	static char buf[1 << 16];
	size_t n = 0;
	ssize_t got = 0;

	if (atomic_load(&f->shared.mode) == FAKE_HANG_UP)
		return;
	while ((got = read(fd, buf + n, sizeof(buf) - n)) > 0) {
		const char *p = buf, *end;

		n += (size_t)got;
		while ((end = command_end(p, buf + n)) != NULL) {
			bool ping = memmem(p, (size_t)(end - p), "PING", 4) != NULL;

			atomic_fetch_add(&f->shared.commands, 1);
			if (!fake_answer(f, fd, ping))
				return;
			p = end;
		}
		n = (size_t)(buf + n - p);
		memmove(buf, p, n);
	}
}

static void *fake_main(void *arg)
{
	struct fake *f = arg;
	int fd;

	while ((fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		atomic_fetch_add(&f->shared.connections, 1);
		fake_serve(f, fd);
		close(fd);
	}
	return NULL;
}

struct fixture_fake *fixture_fake_start(enum fake_mode mode)
{
	static struct fake fakes[16];
	static unsigned number;
	struct fake *f = &fakes[number];
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char path[FIXTURE_PATH_SIZE];

	in_dir(path, "fake%u.sock", number++);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	snprintf(f->shared.server, sizeof(f->shared.server), "unix:%.*s", FIXTURE_PATH_SIZE - 6, path);
	atomic_init(&f->shared.mode, mode);
	f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(f->fd, 64) != 0)
		bail_out("the fake Redis cannot listen: %s", strerror(errno));
	if (pthread_create(&f->thread, NULL, fake_main, f) != 0)
		bail_out("no thread");
	pthread_detach(f->thread);
	return &f->shared;
}

/* ---- DNS ---- */

static int read_port(const char *path)
{
	FILE *f = fopen(path, "r");
	int port = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%d", &port) != 1)
		port = 0;
	fclose(f);
	return port;
}

void fixture_dns_start(struct fixture_dns *d, const char *address, int port, const char *zone)
{
	static unsigned number;
	const char *top = getenv("top_srcdir");
	char program[FIXTURE_PATH_SIZE * 4], port_text[16];
	const char *argv[] = { "/usr/bin/python3", program,   "--zone", d->zone,     "--port-file",
			       d->port_file,       "--log",   d->log,   "--address", d->address,
			       "--port",           port_text, NULL };
	int64_t since_ms = clock_mono_ms();
	FILE *f;

	snprintf(program, sizeof(program), "%s/t/lib/dnsd.py", top != NULL ? top : ".");
	snprintf(port_text, sizeof(port_text), "%d", port);
	snprintf(d->address, sizeof(d->address), "%s", address);
	in_dir(d->zone, "dns%u.zone", number);
	in_dir(d->port_file, "dns%u.port", number);
	in_dir(d->log, "dns%u.log", number++);
	f = fopen(d->zone, "w");
	if (f == NULL || fputs(zone, f) < 0 || fclose(f) != 0)
		bail_out("%s: %s", d->zone, strerror(errno));
	d->pid = spawn(argv);
	while ((d->port = read_port(d->port_file)) == 0)
		must_live(d->pid, "dnsd.py", since_ms);
	snprintf(d->server, sizeof(d->server), "%.64s@%d", address, d->port);
}

void fixture_dns_stop(struct fixture_dns *d)
{
	reap(&d->pid, SIGKILL);
}

unsigned fixture_dns_count(const struct fixture_dns *d, const char *name_and_type)
{
	FILE *f = fopen(d->log, "r");
	size_t n = strlen(name_and_type);
	char line[1100];
	unsigned count = 0;

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		count += strncmp(line, name_and_type, n) == 0 && line[n] == ' ';
	fclose(f);
	return count;
}

/* ---- net ---- */

struct net *fixture_net_with(const struct net_redis_options *redis, const struct net_dns_options *dns)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct net *n;

	log_open("test", LOG_SINK_NONE, LOG_LVL_ERROR);
	n = net_start(redis, dns, &errors);
	if (n == NULL)
		bail_out("net_start: %s", errors.first != NULL ? errors.first->text : "no reason");
	return n;
}

struct net *fixture_net(const char *redis_server, const char *dns_server)
{
	const char *server = dns_server != NULL ? dns_server : "127.0.0.1@9";
	const struct net_redis_options redis = { .server = redis_server, .timeout_ms = FIXTURE_TIMEOUT_MS };
	const struct net_dns_options dns = { .servers = &server, .n_servers = 1, .timeout_ms = FIXTURE_TIMEOUT_MS };

	return fixture_net_with(&redis, &dns);
}

void fixture_await(struct net_wait *w, struct net_op *op)
{
	if (!net_await(w, &op, 1, clock_mono_ms() + FIXTURE_PATIENCE_MS))
		bail_out("no answer within %d ms", FIXTURE_PATIENCE_MS);
}

bool fixture_await_redis(struct net *n, bool up)
{
	int64_t since_ms = clock_mono_ms();
	struct net_counters c;

	do {
		net_counters(n, &c);
		if (c.redis_up == up)
			return true;
		usleep(POLL_US);
	} while (clock_mono_ms() - since_ms < FIXTURE_PATIENCE_MS);
	return false;
}
