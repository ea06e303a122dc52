/* The control socket and its client, over an engine that is a fake. */
#include "control/control.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/net.h"
#include "t/lib/tap.h"
#include "util/log.h"

enum { PATIENCE_MS = 20000 };

struct engine {
	struct net *net;
	/* What the next reload finds. */
	unsigned errors, warnings;
	atomic_uint calls;
};

int engine_reload(struct engine *e, struct error_list *errors)
{
	atomic_fetch_add(&e->calls, 1);
	for (unsigned i = 0; i < e->warnings; i++)
		error_warn(errors, "/etc/x.conf", 9, "warning %u", i);
	for (unsigned i = e->errors; i > 0; i--)
		error_add(errors, "/etc/x.conf", (int)i, "error\n%u \\b", i);
	usleep(1000);
	return e->errors > 0 ? -1 : 0;
}

struct net *engine_net(struct engine *e)
{
	return e->net;
}

void engine_print_status(struct engine *e, struct sbuf *out)
{
	sbuf_addf(out, "{\"calls\":%u}", atomic_load(&e->calls));
}

bool engine_print_check(struct engine *e, const char *name, struct sbuf *out)
{
	sbuf_addf(out, "{\"check\":\"%s\"}", name);
	return e->errors == 0;
}

static char directory[] = "/tmp/millgate-control-XXXXXX";
static char path[sizeof directory + 16], listen_at[sizeof path + 8];

/* The answer of a command, as "RESULT TEXT". */
static const char *answer(const char *command, char *buf, size_t size)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct sbuf text;
	int result;

	sbuf_heap(&text, size);
	result = control_ask(listen_at, command, PATIENCE_MS, &text, &errors);
	snprintf(buf, size, "%d %s", result, result < 0 && errors.first != NULL ? errors.first->text : text.p);
	sbuf_done(&text);
	error_clear(&errors);
	return buf;
}

static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof addr) != 0)
		bail_out("cannot connect: %s", strerror(errno));
	return fd;
}

/* Sends bytes as they are and reads until the daemon closes: how many came. */
static ssize_t raw(const char *p, size_t n, char *buf, size_t size)
{
	int fd = dial();
	size_t got = 0;
	ssize_t r = 0;

	if (send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n)
		while (got < size - 1 && (r = read(fd, buf + got, size - 1 - got)) > 0)
			got += (size_t)r;
	buf[got] = '\0';
	close(fd);
	return (ssize_t)got;
}

static void test_commands(struct engine *e)
{
	char buf[4096];

	is_str(answer("ping", buf, sizeof buf), "0 ", "ping");
	is_str(answer("reload", buf, sizeof buf), "0 ", "reload");
	e->warnings = 1;
	is_str(answer("reload", buf, sizeof buf), "0 /etc/x.conf:9: warning: warning 0\n",
	       "a reload's warnings are told");
	e->errors = 2;
	is_str(answer("reload", buf, sizeof buf),
	       "1 /etc/x.conf:1: error?1 \\b\n/etc/x.conf:2: error?2 \\b\n/etc/x.conf:9: warning: warning 0\n",
	       "a failed reload tells every error, in the order of the lines");
	e->errors = e->warnings = 0;
	is_str(answer("status", buf, sizeof buf), "0 {\"calls\":3}\n", "status is what the engine says");
	is_str(answer("dnsbl", buf, sizeof buf), "0 {\"check\":\"dnsbl\"}\n", "dnsbl is what the check says");
	e->errors = 1;
	is_str(answer("dnsbl", buf, sizeof buf), "1 no DNS lists are configured\n", "or that there is none");
	e->errors = 0;
	is_str(answer("stop", buf, sizeof buf), "1 unknown command \"stop\"\n", "an unknown command");
	is_str(answer("", buf, sizeof buf), "1 unknown command \"\"\n", "an empty command");
	raw("ping\r\n", 6, buf, sizeof buf);
	is_str(buf, "ok\n", "CRLF is a line end as well");
	raw("pi\0ng\n", 6, buf, sizeof buf);
	is_str(buf, "error\nunknown command \"pi\\x00ng\"\n", "bytes of all kinds are shown safely");
}

static void test_hostile(void)
{
	char buf[4096], junk[1000];

	memset(junk, 'x', sizeof junk);
	is_int(raw(junk, sizeof junk, buf, sizeof buf), 0, "a line without end is cut off without an answer");
	close(dial());
	is_str(answer("ping", buf, sizeof buf), "0 ", "a client that says nothing and goes does no harm");
}

static void *reload_often(void *p)
{
	for (int i = 0; i < 5; i++) {
		struct error_list errors = ERROR_LIST_INIT;

		control_reload(p, &errors);
		error_clear(&errors);
	}
	return NULL;
}

static void test_parallel(struct control *c, struct engine *e)
{
	unsigned before = atomic_load(&e->calls);
	pthread_t threads[4];
	char buf[256];
	int fine = 0;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, reload_often, c);
	for (int i = 0; i < 5; i++)
		fine += strcmp(answer("reload", buf, sizeof buf), "0 ") == 0;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	is_int(fine, 5, "reloads by the socket while others reload");
	is_int(atomic_load(&e->calls) - before, 25, "every one was carried out");
}

static void test_no_daemon(void)
{
	struct error_list errors = ERROR_LIST_INIT;
	char buf[256];
	struct sbuf text;

	ok(strstr(answer("ping", buf, sizeof buf), "is millgated running?") != NULL, "nobody there: %s", buf);
	sbuf_heap(&text, 100);
	is_int(control_ask("inet:1@127.0.0.1", "ping", PATIENCE_MS, &text, &errors), -1, "TCP is no control socket");
	is_int(control_ask("", "ping", PATIENCE_MS, &text, &errors), -1, "no control socket at all");
	sbuf_done(&text);
	error_clear(&errors);
}

/* A socket that takes the connection and never answers. */
static void test_silent_daemon(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct error_list errors = ERROR_LIST_INIT;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sbuf text;

	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (bind(fd, (const struct sockaddr *)&addr, sizeof addr) != 0 || listen(fd, 1) != 0)
		bail_out("cannot listen: %s", strerror(errno));
	sbuf_heap(&text, 100);
	is_int(control_ask(listen_at, "ping", 50, &text, &errors), -1, "a silent daemon is given up");
	sbuf_done(&text);
	error_clear(&errors);
	close(fd);
	unlink(path);
}

int main(void)
{
	struct net_redis_options redis = { .timeout_ms = 1000 };
	struct net_dns_options dns = { .timeout_ms = 1000 };
	struct error_list errors = ERROR_LIST_INIT;
	struct engine e = { 0 };
	struct control *c;
	struct stat st;

	log_open("test", LOG_SINK_NONE, LOG_LVL_ERROR);
	if (mkdtemp(directory) == NULL)
		bail_out("no temporary directory");
	snprintf(path, sizeof path, "%s/control.sock", directory);
	snprintf(listen_at, sizeof listen_at, "unix:%s", path);
	e.net = net_start(&redis, &dns, &errors);
	c = control_start(&e, listen_at, 0600, NULL, &errors);
	if (!ok(e.net != NULL && c != NULL, "starts"))
		bail_out("%s", errors.first != NULL ? errors.first->text : "no reason given");
	is_int(stat(path, &st) == 0 ? st.st_mode & 0777 : 0, 0600, "the socket's mode");
	test_commands(&e);
	test_hostile();
	test_parallel(c, &e);
	control_stop(&c);
	ok(c == NULL && access(path, F_OK) != 0, "stops, and takes its socket away");
	test_no_daemon();
	test_silent_daemon();
	c = control_start(&e, "", 0600, NULL, &errors);
	ok(c != NULL && control_reload(c, &errors) == 0, "without a socket it still reloads");
	control_stop(&c);
	net_stop(&e.net);
	error_clear(&errors);
	rmdir(directory);
	return done_testing();
}
