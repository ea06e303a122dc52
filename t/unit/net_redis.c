/* Redis, as long as it behaves: a real server, over a Unix socket and over TCP. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/redis.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"
#include "util/clock.h"

enum { MAX_WORDS = 16 };

/* A command from its words, which end with NULL. */
static struct net_op *ask_words(struct net_wait *w, const char *const *text)
{
	struct redis_word words[MAX_WORDS];
	size_t n = 0;

	for (; text[n] != NULL; n++)
		words[n] = (struct redis_word){ text[n], strlen(text[n]) };
	return redis_ask(w, words, n);
}
#define ASK(w, ...) ask_words(w, (const char *const[]){ __VA_ARGS__, NULL })

/* Its answer, which is kept until the next. */
static const struct redis_value *answer(struct net_wait *w, struct net_op *op)
{
	static struct net_op *last;

	net_op_free(&last);
	last = op;
	if (w == NULL)
		return NULL;
	fixture_await(w, op);
	return redis_result(op);
}
#define GET(w, ...) answer(w, ASK(w, __VA_ARGS__))

static void test_kinds(struct net_wait *w)
{
	static const char binary[] = "a\0\r\n$5\r\nz";
	const struct redis_word set[] = { { "SET", 3 },
					  { binary, sizeof(binary) - 1 },
					  { binary, sizeof(binary) - 1 } };
	const struct redis_word get[] = { { "GET", 3 }, { binary, sizeof(binary) - 1 } };
	const struct redis_word empty[] = { { "SET", 3 }, { "empty", 5 }, { NULL, 0 } };
	const struct redis_value *v = GET(w, "SET", "a", "b");

	ok(v->kind == REDIS_STATUS && strcmp(v->str, "OK") == 0, "a status");
	v = GET(w, "GET", "a");
	ok(v->kind == REDIS_STRING && strcmp(v->str, "b") == 0 && v->str_n == 1, "a string");
	is_int(GET(w, "GET", "none")->kind, REDIS_NIL, "nil");
	v = GET(w, "INCRBY", "n", "-9223372036854775807");
	ok(v->kind == REDIS_INT && v->num == -INT64_MAX, "an integer of 64 bits");
	v = GET(w, "INCR", "a");
	ok(v->kind == REDIS_ERROR && strstr(v->str, "not an integer") != NULL, "an error is an answer");
	is_int(answer(w, redis_ask(w, set, 3))->kind, REDIS_STATUS, "a command with binary words");
	v = answer(w, redis_ask(w, get, 2));
	ok(v->kind == REDIS_STRING && v->str_n == sizeof(binary) - 1, "a binary answer, whole");
	is_mem(v->str, binary, sizeof(binary), "and ended by a NUL");
	is_int(answer(w, redis_ask(w, empty, 3))->kind, REDIS_STATUS, "an empty word");
	v = GET(w, "GET", "empty");
	ok(v->kind == REDIS_STRING && v->str_n == 0 && v->str[0] == '\0', "an empty string");
}

static void test_arrays(struct net_wait *w)
{
	const struct redis_value *v;
	char *big = malloc(1 << 20);
	const struct redis_word set[] = { { "SET", 3 }, { "big", 3 }, { big, 1 << 20 } };
	unsigned good = 0;

	v = GET(w, "EVAL", "return {1,'two',false,{3,{'four'}},{},redis.status_reply('fine'),redis.error_reply('bad')}",
		"0");
	ok(v->kind == REDIS_ARRAY && v->n == 7, "an array");
	if (v->n == 7) {
		is_int(v->v[0].num, 1, "with an integer");
		is_str(v->v[1].str, "two", "a string");
		is_int(v->v[2].kind, REDIS_NIL, "nil");
		ok(v->v[3].n == 2 && v->v[3].v[0].num == 3, "an array");
		is_str(v->v[3].v[1].v[0].str, "four", "in which there is another");
		ok(v->v[4].kind == REDIS_ARRAY && v->v[4].n == 0, "an empty one");
		is_int(v->v[5].kind, REDIS_STATUS, "a status");
		is_int(v->v[6].kind, REDIS_ERROR, "an error");
	}
	memset(big, 'x', 1 << 20);
	is_int(answer(w, redis_ask(w, set, 3))->kind, REDIS_STATUS, "a command of a megabyte");
	v = GET(w, "GET", "big");
	ok(v->str_n == 1 << 20 && memcmp(v->str, big, v->str_n) == 0, "comes back whole");
	free(big);
	v = GET(w, "EVAL", "local t={} for i=1,10000 do t[i]=i..'' end return t", "0");
	for (size_t i = 0; i < v->n; i++)
		good += (size_t)atoi(v->v[i].str) == i + 1;
	is_int(good, 10000, "an array of 10,000 strings");
}

static void test_order(struct net_wait *w)
{
	enum { COMMANDS = 1000 };
	struct net_op *ops[COMMANDS];
	unsigned good = 0;

	GET(w, "DEL", "count");
	for (int i = 0; i < COMMANDS; i++)
		ops[i] = ASK(w, "INCR", "count");
	ok(net_await(w, ops, COMMANDS, clock_mono_ms() + FIXTURE_PATIENCE_MS), "%d commands in one batch", COMMANDS);
	for (int i = 0; i < COMMANDS; i++) {
		good += redis_result(ops[i])->num == i + 1;
		net_op_free(&ops[i]);
	}
	is_int(good, COMMANDS, "are carried out in their order, and each has its own answer");
}

static void test_scripts(struct net *n, struct net_wait *w)
{
	struct redis_script s;
	const struct redis_word words[] = { { "key", 3 }, { "one", 3 }, { "two", 3 } };
	struct net_op *ops[3];
	struct net_counters before, after;
	const struct redis_value *v;

	redis_script_init(&s, "return {KEYS[1], #ARGV, ARGV[2], redis.call('INCR', 'runs')}");
	v = GET(w, "SCRIPT", "LOAD", s.text);
	is_str(v->str, s.sha1, "the digest is Redis's own");
	GET(w, "SCRIPT", "FLUSH");
	net_counters(n, &before);
	for (int i = 0; i < 3; i++)
		ops[i] = redis_eval(w, &s, 1, words, 3);
	ok(net_await(w, ops, 3, clock_mono_ms() + FIXTURE_PATIENCE_MS), "a script that the server does not know");
	for (int i = 0; i < 3; i++) {
		v = redis_result(ops[i]);
		ok(v->kind == REDIS_ARRAY && v->n == 4 && v->v[1].num == 2 && strcmp(v->v[0].str, "key") == 0 &&
			   strcmp(v->v[2].str, "two") == 0,
		   "is sent as text, with its keys and arguments");
		net_op_free(&ops[i]);
	}
	is_str(GET(w, "GET", "runs")->str, "3", "and runs once each");
	is_int(answer(w, redis_eval(w, &s, 1, words, 3))->v[3].num, 4, "then by its digest");
	net_counters(n, &after);
	is_int(after.redis_failures, before.redis_failures, "NOSCRIPT is no failure");

	GET(w, "SCRIPT", "FLUSH");
	redis_tell_eval(w, &s, 1, words, 3);
	redis_tell(w, (struct redis_word[]){ { "INCR", 4 }, { "told", 4 } }, 2);
	is_str(GET(w, "GET", "told")->str, "1", "a command that nobody waits for");
	is_str(GET(w, "GET", "runs")->str, "5", "a script that nobody waits for, unknown to the server");
	net_counters(n, &before);
	redis_tell(w, (struct redis_word[]){ { "NONSENSE", 8 } }, 1);
	GET(w, "PING");
	net_counters(n, &after);
	is_int(after.redis_failures - before.redis_failures, 1, "its failure is counted");

	redis_script_init(&s, "this is no Lua");
	v = answer(w, redis_eval(w, &s, 0, NULL, 0));
	is_int(v->kind, REDIS_ERROR, "a script that is none: an error");
	redis_script_init(&s, "return redis.error_reply('NOSCRIPT for ever')");
	v = answer(w, redis_eval(w, &s, 0, NULL, 0));
	ok(v->kind == REDIS_ERROR && strncmp(v->str, "NOSCRIPT", 8) == 0, "NOSCRIPT is followed once, not for ever");
}

/* Sessions that ask, tell, abandon and wait all at once. */
static void *session(void *arg)
{
	enum { ROUNDS = 500 };
	struct net *n = arg;
	struct net_wait *w = net_wait_new(n);
	uintptr_t good = 0;
	char key[32];

	snprintf(key, sizeof(key), "session:%p", (void *)&w);
	for (int i = 1; i <= ROUNDS; i++) {
		struct net_op *ops[3] = { ASK(w, "INCR", key), ASK(w, "LRANGE", "nothing", "0", "-1"),
					  ASK(w, "GET", key) };
		char want[16];

		snprintf(want, sizeof(want), "%d", i);
		redis_tell(w, (struct redis_word[]){ { "INCR", 4 }, { "all", 3 } }, 2);
		if (i % 7 == 0)
			net_op_free(&ops[1]);
		(void)net_await(w, ops, 3, clock_mono_ms() + FIXTURE_PATIENCE_MS);
		good += redis_result(ops[0])->num == i && strcmp(redis_result(ops[2])->str, want) == 0;
		for (int j = 0; j < 3; j++)
			net_op_free(&ops[j]);
	}
	net_wait_free(&w);
	return (void *)good;
}

static void test_sessions(struct net *n, struct net_wait *w)
{
	enum { SESSIONS = 16, ROUNDS = 500 };
	pthread_t threads[SESSIONS];
	uintptr_t good = 0;
	char want[16];

	GET(w, "DEL", "all");
	for (int i = 0; i < SESSIONS; i++) {
		if (pthread_create(&threads[i], NULL, session, n) != 0)
			bail_out("no thread");
	}
	for (int i = 0; i < SESSIONS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		good += (uintptr_t)result;
	}
	is_int(good, SESSIONS * ROUNDS, "%d sessions with %d rounds each", SESSIONS, ROUNDS);
	snprintf(want, sizeof(want), "%d", SESSIONS * ROUNDS);
	is_str(GET(w, "GET", "all")->str, want, "and nothing that was told is lost");
}

/* A password, a user, another database. */
static void test_login(void)
{
	struct fixture_redis r = { 0 };
	struct net_redis_options o = { .password = "secret word", .database = 3, .timeout_ms = FIXTURE_TIMEOUT_MS };
	const struct net_dns_options dns = { .servers = (const char *[]){ "127.0.0.1@9" },
					     .n_servers = 1,
					     .timeout_ms = 1000 };
	struct net *n;
	struct net_wait *w;

	fixture_redis_start(&r, "--requirepass", "secret word");
	o.server = r.server;
	n = fixture_net_with(&o, &dns);
	w = net_wait_new(n);
	is_int(GET(w, "SET", "a", "b")->kind, REDIS_STATUS, "with a password");
	is_int(GET(w, "SELECT", "3")->kind, REDIS_STATUS, "in a database");
	is_str(GET(w, "GET", "a")->str, "b", "of our choice");
	is_int(GET(w, "ACL", "SETUSER", "mill", "on", ">gate", "~*", "+@all")->kind, REDIS_STATUS, "a user is made");
	net_wait_free(&w);
	net_stop(&n);

	o.username = "mill";
	o.password = "gate";
	n = fixture_net_with(&o, &dns);
	w = net_wait_new(n);
	is_str(GET(w, "ACL", "WHOAMI")->str, "mill", "with a user's name");
	net_wait_free(&w);
	net_stop(&n);

	o.password = "wrong";
	n = fixture_net_with(&o, &dns);
	w = net_wait_new(n);
	is_int(GET(w, "PING")->kind, REDIS_UNAVAILABLE, "with a wrong password: unavailable");
	net_wait_free(&w);
	net_stop(&n);

	o.username = o.password = NULL;
	n = fixture_net_with(&o, &dns);
	w = net_wait_new(n);
	is_int(GET(w, "PING")->kind, REDIS_UNAVAILABLE, "without one: unavailable");
	net_wait_free(&w);
	net_stop(&n);

	o.username = "mill";
	o.password = "gate";
	o.database = 99;
	n = fixture_net_with(&o, &dns);
	w = net_wait_new(n);
	is_int(GET(w, "SET", "stray", "1")->kind, REDIS_UNAVAILABLE, "a database that does not exist: unavailable");
	net_wait_free(&w);
	net_stop(&n);
	o.database = 0;
	n = fixture_net_with(&o, &dns);
	w = net_wait_new(n);
	is_int(GET(w, "EXISTS", "stray")->num, 0, "and nothing went to another one");
	GET(w, "PING");
	net_wait_free(&w);
	net_stop(&n);
	fixture_redis_stop(&r);
}

static int free_port(int family)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} sa = { .any.sa_family = (sa_family_t)family };
	socklen_t n = sizeof(sa);
	int fd = socket(family, SOCK_STREAM, 0), port = 0;

	if (family == AF_INET)
		sa.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		sa.in6.sin6_addr = in6addr_loopback;
	if (fd >= 0 && bind(fd, &sa.any, sizeof(sa)) == 0 && getsockname(fd, &sa.any, &n) == 0)
		port = ntohs(family == AF_INET ? sa.in.sin_port : sa.in6.sin6_port);
	if (fd >= 0)
		close(fd);
	return port;
}

/* Redis listens on 127.0.0.1 and ::1 beside its Unix socket. */
static void test_tcp(void)
{
	struct fixture_redis r = { 0 };
	char port[8], server[64];
	static const char *const hosts[] = { "127.0.0.1", "[::1]", "localhost" };
	int number = free_port(AF_INET);

	snprintf(port, sizeof(port), "%d", number);
	fixture_redis_start(&r, "--port", port);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct net *n;
		struct net_wait *w;

		if (hosts[i][0] == '[' && !fixture_has_ipv6())
			continue;
		snprintf(server, sizeof(server), "%s:%d", hosts[i], number);
		n = fixture_net(server, NULL);
		w = net_wait_new(n);
		is_str(GET(w, "PING")->str, "PONG", "over TCP: %s", hosts[i]);
		net_wait_free(&w);
		net_stop(&n);
	}
	fixture_redis_stop(&r);
}

static void test_bad_options(void)
{
	static const char *const bad[] = {
		"",         "unix:",          "unix:relative", "localhost",       "localhost:", ":6379",
		"::1:6379", "localhost:port", "localhost:0",   "localhost:65536", "[]:1",       "/run/redis.sock"
	};
	const struct net_dns_options dns = { .servers = (const char *[]){ "127.0.0.1@9" },
					     .n_servers = 1,
					     .timeout_ms = 1000 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct net_redis_options o = { .server = bad[i], .timeout_ms = 1000 };
		struct error_list errors = ERROR_LIST_INIT;

		ok(net_start(&o, &dns, &errors) == NULL && errors.errors == 1, "\"%s\" is no server", bad[i]);
		error_clear(&errors);
	}
}

/* What was told just before the end still arrives. */
static void test_told_at_the_end(const char *server)
{
	enum { TOLD = 1000 };
	static char text[4096];
	struct net *n = fixture_net(server, NULL);
	struct net_wait *w = net_wait_new(n);

	memset(text, 'x', sizeof text);
	GET(w, "DEL", "end");
	for (int i = 0; i < TOLD; i++) {
		redis_tell(w, (struct redis_word[]){ { "RPUSH", 5 }, { "end", 3 }, { text, sizeof text } }, 3);
		net_flush_later(w);
	}
	net_wait_free(&w);
	net_stop(&n);
	n = fixture_net(server, NULL);
	w = net_wait_new(n);
	is_int(GET(w, "LLEN", "end")->num, TOLD, "what was told at the end has arrived");
	GET(w, "PING");
	net_wait_free(&w);
	net_stop(&n);
}

int main(void)
{
	struct fixture_redis r = { 0 };
	struct net *n;
	struct net_wait *w;

	fixture_redis_start(&r, NULL, NULL);
	n = fixture_net(r.server, NULL);
	w = net_wait_new(n);
	test_kinds(w);
	test_arrays(w);
	test_order(w);
	test_scripts(n, w);
	test_sessions(n, w);
	net_wait_free(&w);
	net_stop(&n);
	test_told_at_the_end(r.server);
	test_login();
	test_tcp();
	test_bad_options();
	answer(NULL, NULL);
	return done_testing();
}
