/* The stream server: lines in, answers out; with clients that are slow, greedy, rude or very many. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/server.h"
#include "net/server_conn.h"
#include "t/lib/tap.h"
#include "t/unit/net_client.h"
#include "t/unit/net_fixture.h"

enum { MAX_REQUEST = 1024, WORKERS = 4, ANSWER_SIZE = 8 << 20 };

static char path[FIXTURE_PATH_SIZE], where[FIXTURE_PATH_SIZE + 8];

/* A protocol of lines: "echo TEXT", "big", "close", "wait" (until the test says go), "fail" is no request. */
struct protocol {
	sem_t begun, go;
	atomic_uint running, most_running, served;
};

static ptrdiff_t split(const char *p, size_t n)
{
	const char *nl = memchr(p, '\n', n);

	if (n >= 4 && memcmp(p, "fail", 4) == 0)
		return -1;
	return nl != NULL ? nl - p + 1 : 0;
}

static bool serve(void *ctx, void **conn, const char *request, size_t n, struct sbuf *out)
{
	struct protocol *p = ctx;
	unsigned running = atomic_fetch_add(&p->running, 1) + 1, most = atomic_load(&p->most_running);

	(void)conn;
	while (running > most && !atomic_compare_exchange_weak(&p->most_running, &most, running))
		;
	if (n >= 4 && memcmp(request, "wait", 4) == 0) {
		sem_post(&p->begun);
		sem_wait(&p->go);
	}
	if (n >= 3 && memcmp(request, "big", 3) == 0) {
		for (int i = 0; i < ANSWER_SIZE / 64; i++)
			sbuf_addf(out, "%063d\n", i);
	} else if (n < 6 || memcmp(request, "silent", 6) != 0) {
		sbuf_addn(out, request, n);
	}
	atomic_fetch_add(&p->served, 1);
	atomic_fetch_sub(&p->running, 1);
	return n < 5 || memcmp(request, "close", 5) != 0;
}

static struct protocol *new_protocol(void)
{
	struct protocol *p = calloc(1, sizeof(*p));

	sem_init(&p->begun, 0, 0);
	sem_init(&p->go, 0, 0);
	return p;
}

static struct net_server *start(struct net *n, struct protocol *p)
{
	struct error_list errors = ERROR_LIST_INIT;
	const struct net_server_options o = { .listen = where,
					      .mode = 0600,
					      .workers = WORKERS,
					      .max_request = MAX_REQUEST,
					      .split = split,
					      .serve = serve,
					      .ctx = p };
	struct net_server *s = net_server_start(n, &o, &errors);

	if (s == NULL)
		bail_out("%s", errors.first->text);
	return s;
}

/* ---- Tests ---- */

static void test_requests(struct protocol *p)
{
	int fd = client_open(path);
	char request[MAX_REQUEST + 64];

	client_put(fd, "echo one\n");
	is_str(client_line(fd), "echo one", "a request is answered");
	client_put(fd, "echo two\necho three\necho four\n");
	is_str(client_line(fd), "echo two", "several at once");
	is_str(client_line(fd), "echo three", "are answered");
	is_str(client_line(fd), "echo four", "in order");
	for (const char *c = "echo slow\n"; *c != '\0'; c++) {
		char one[2] = { *c, '\0' };

		client_put(fd, one);
		usleep(500);
	}
	is_str(client_line(fd), "echo slow", "one that comes byte by byte");
	client_put(fd, "echo half");
	usleep(1000);
	client_put(fd, " and half\nsilent\necho after\n");
	is_str(client_line(fd), "echo half and half", "one that comes in two parts");
	is_str(client_line(fd), "echo after", "an empty answer is none");
	memset(request, 'x', sizeof(request));
	request[MAX_REQUEST - 1] = '\n';
	request[MAX_REQUEST] = '\0';
	client_put(fd, request);
	is_int(strlen(client_line(fd)), MAX_REQUEST - 1, "the longest request");
	client_put(fd, "echo last\nclose\necho never\n");
	is_str(client_line(fd), "echo last", "the last but one");
	is_str(client_line(fd), "close", "one that ends the connection is answered first");
	ok(client_is_closed(fd), "what comes behind it is not");
	close(fd);

	fd = client_open(path);
	client_put(fd, "echo end\n");
	shutdown(fd, SHUT_WR);
	is_str(client_line(fd), "echo end", "a client that sends no more still gets its answer");
	ok(client_is_closed(fd), "and is closed then");
	close(fd);
	is_int(atomic_load(&p->running), 0, "nothing runs any more");
}

static void test_rude(struct protocol *p)
{
	int fd = client_open(path);
	char request[MAX_REQUEST + 1];
	unsigned before = atomic_load(&p->served);

	memset(request, 'x', MAX_REQUEST);
	request[MAX_REQUEST] = '\0';
	client_put(fd, request);
	client_put(fd, "x");
	ok(client_is_closed(fd), "a request that is too long ends the connection");
	close(fd);
	fd = client_open(path);
	client_put(fd, "fail");
	ok(client_is_closed(fd), "so does one that can never be one");
	close(fd);
	fd = client_open(path);
	client_put(fd, "echo unfinished");
	close(fd);
	close(client_open(path));
	is_int(atomic_load(&p->served), before, "none of them is served");

	for (int i = 0; i < 50; i++) {
		fd = client_open(path);
		client_put(fd, "echo gone\nbig\necho gone\n");
		close(fd); /* without reading */
	}
	fd = client_open(path);
	client_put(fd, "echo still there\n");
	is_str(client_line(fd), "echo still there", "clients that vanish do no harm");
	close(fd);
}

/* An answer that is much longer than a socket holds, to a client that reads late; others go on. */
static void test_slow_reader(void)
{
	int slow = client_open(path), other = client_open(path);
	char *text = malloc(ANSWER_SIZE);
	unsigned bad = 0;

	client_put(slow, "big\necho behind\n");
	for (int i = 0; i < 2 * WORKERS; i++) {
		client_put(other, "echo other\n");
		bad += strcmp(client_line(other), "echo other") != 0;
	}
	is_int(bad, 0, "a client that does not read holds up nobody");
	is_int(client_get(slow, text, ANSWER_SIZE), ANSWER_SIZE, "it gets all of its long answer in the end");
	for (int i = 0; i < ANSWER_SIZE / 64; i++)
		bad += atoi(text + 64 * i) != i;
	is_int(bad, 0, "in order");
	is_str(client_line(slow), "echo behind", "and the next one");
	free(text);
	close(slow);
	close(other);
}

static void test_workers(struct protocol *p)
{
	int fds[WORKERS + 2];
	unsigned bad = 0;

	for (int i = 0; i < WORKERS; i++) {
		fds[i] = client_open(path);
		client_put(fds[i], "wait\necho next\n");
	}
	for (int i = 0; i < WORKERS; i++)
		sem_wait(&p->begun);
	pass("requests of %d connections run at the same time", WORKERS);
	fds[WORKERS] = client_open(path);
	client_put(fds[WORKERS], "echo queued\n");
	fds[WORKERS + 1] = client_open(path);
	client_put(fds[WORKERS + 1], "echo gone\n");
	close(fds[WORKERS + 1]);
	for (int i = 0; i < WORKERS; i++)
		sem_post(&p->go);
	is_str(client_line(fds[WORKERS]), "echo queued", "one more waits for a worker");
	for (int i = 0; i < WORKERS; i++) {
		bad += strcmp(client_line(fds[i]), "wait") != 0;
		bad += strcmp(client_line(fds[i]), "echo next") != 0;
		close(fds[i]);
	}
	is_int(bad, 0, "all are answered, each in its order");
	close(fds[WORKERS]);
	ok(atomic_load(&p->most_running) <= WORKERS, "never more at once than there are workers");
}

static void *client(void *arg)
{
	enum { ROUNDS = 300 };
	uintptr_t good = 0;
	int fd = client_open(path);
	char request[64], answer[64];
	unsigned seed = (unsigned)(uintptr_t)&fd;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		int n = snprintf(request, sizeof(request), "echo %d\necho %d again\n", i, i), sent;

		sent = rand_r(&seed) % n;
		if (send(fd, request, (size_t)sent, MSG_NOSIGNAL) != sent ||
		    send(fd, request + sent, (size_t)(n - sent), MSG_NOSIGNAL) != n - sent)
			break;
		good += client_get(fd, answer, (size_t)n) == (size_t)n && memcmp(answer, request, (size_t)n) == 0;
		if (rand_r(&seed) % 50 == 0) {
			close(fd);
			fd = client_open(path);
		}
	}
	close(fd);
	return (void *)good;
}

static void test_many_clients(void)
{
	enum { CLIENTS = 16, ROUNDS = 300 };
	pthread_t threads[CLIENTS];
	uintptr_t good = 0;

	for (int i = 0; i < CLIENTS; i++) {
		if (pthread_create(&threads[i], NULL, client, NULL) != 0)
			bail_out("no thread");
	}
	for (int i = 0; i < CLIENTS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		good += (uintptr_t)result;
	}
	is_int(good, CLIENTS * ROUNDS, "%d clients, requests cut at random: every answer is right", CLIENTS);
}

static void test_idle(void)
{
	enum { IDLE = 1000 };
	static int fds[IDLE];
	unsigned good = 0;

	ok(sizeof(struct conn) <= 400, "an idle connection takes %zu bytes", sizeof(struct conn));
	for (int i = 0; i < IDLE; i++)
		fds[i] = client_open(path);
	for (int i = 0; i < IDLE; i++) {
		client_put(fds[i], "echo idle\n");
		good += strcmp(client_line(fds[i]), "echo idle") == 0;
	}
	is_int(good, IDLE, "%d connections stay open, and each is served", IDLE);
	for (int i = 0; i < IDLE; i++)
		close(fds[i]);
}

/* Without descriptors accept() fails; the server must wait, and go on when there are some again. */
static void test_no_descriptors(void)
{
	enum { CLIENTS = 3 };
	struct rlimit before, none;
	int fds[CLIENTS];

	for (int i = 0; i < CLIENTS; i++)
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	for (int i = 0; i < CLIENTS; i++)
		client_connect(fds[i], path);
	client_put(fds[0], "echo at last\n");
	usleep(50000); /* accept() fails meanwhile */
	setrlimit(RLIMIT_NOFILE, &before);
	is_str(client_line(fds[0]), "echo at last", "out of descriptors: it goes on when there are some again");
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
}

struct stopper {
	struct net_server *server;
	atomic_bool stopped;
};

static void *stop(void *arg)
{
	struct stopper *s = arg;

	net_server_stop(&s->server);
	atomic_store(&s->stopped, true);
	return NULL;
}

static void test_stop(struct protocol *p, struct net_server *server)
{
	struct stopper s = { .server = server };
	int idle = client_open(path), busy = client_open(path), half = client_open(path);
	pthread_t thread;

	client_put(idle, "echo here\n");
	is_str(client_line(idle), "echo here", "an idle connection");
	client_put(half, "echo ha");
	client_put(busy, "wait\necho too late\n");
	sem_wait(&p->begun);
	if (pthread_create(&thread, NULL, stop, &s) != 0)
		bail_out("no thread");
	ok(client_is_closed(idle), "stopping closes idle connections");
	ok(client_is_closed(half), "and those with half a request");
	ok(access(path, F_OK) != 0, "the socket is gone");
	usleep(20000);
	ok(!atomic_load(&s.stopped), "a running request is waited for");
	sem_post(&p->go);
	is_str(client_line(busy), "wait", "and answered");
	ok(client_is_closed(busy), "no further one is begun");
	pthread_join(thread, NULL);
	ok(s.server == NULL, "stopped");
	close(idle);
	close(busy);
	close(half);
}

static void test_tcp(struct net *n, struct protocol *p)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct net_server_options o = { .listen = "inet:0@127.0.0.1",
					.workers = 1,
					.max_request = MAX_REQUEST,
					.split = split,
					.serve = serve,
					.ctx = p };
	struct net_server *s = net_server_start(n, &o, &errors);

	ok(s != NULL && net_server_port(s) > 0, "over TCP, on a port that it tells");
	net_server_stop(&s);
	o.listen = "unix:nonsense";
	ok(net_server_start(n, &o, &errors) == NULL && errors.errors == 1, "what cannot be listened on is an error");
	error_clear(&errors);
	net_server_stop(&s);
}

/* Listening first and serving later, as it is done around the loss of privileges. */
static void test_listen_first(struct net *n, struct protocol *p)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct listener *l = net_listen(where, 0600, geteuid(), NULL, &errors);
	struct net_server_options o = {
		.listener = l, .workers = 1, .max_request = MAX_REQUEST, .split = split, .serve = serve, .ctx = p
	};
	struct net_server *s;
	int fd;

	ok(l != NULL, "it listens before it is served");
	fd = client_open(path);
	client_put(fd, "echo early\n");
	s = net_server_start(n, &o, &errors);
	ok(s != NULL, "then it is served");
	is_str(client_line(fd), "echo early", "who came early is answered");
	close(fd);
	net_server_stop(&s);
	ok(access(path, F_OK) != 0, "stopping removes the file");
	l = net_listen(where, 0600, (uid_t)-1, NULL, &errors);
	net_unlisten(&l);
	ok(l == NULL && access(path, F_OK) != 0, "so does not serving it");
	ok(net_listen("unix:nonsense", 0600, (uid_t)-1, NULL, &errors) == NULL && errors.errors == 1,
	   "what cannot be listened on is an error");
	error_clear(&errors);
	net_unlisten(&l);
}

int main(void)
{
	struct net *n = fixture_net(NULL, NULL);
	struct protocol *p = new_protocol();
	struct net_server *s;

	snprintf(path, sizeof(path), "%s/server.sock", fixture_dir());
	snprintf(where, sizeof(where), "unix:%s", path);
	s = start(n, p);
	test_requests(p);
	test_rude(p);
	test_slow_reader();
	test_workers(p);
	test_many_clients();
	test_idle();
	test_no_descriptors();
	test_stop(p, s);
	test_tcp(n, p);
	test_listen_first(n, p);
	s = start(n, p);
	test_many_clients();
	net_server_stop(&s);
	net_stop(&n);
	free(p);
	return done_testing();
}
