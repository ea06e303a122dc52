/*
 * What asking costs: many sessions, each message three DNS questions that the resolver has cached and two scripts in
 * Redis, against private servers.  Not a test.
 *
 * usage: net_bench [-t THREADS] [-n MESSAGES] [-w WORK_US]
 *
 * -w lets each message burn so much CPU between its questions, as a filter does; it is subtracted again.  Printed: CPU
 * (user and system) of this process per message, messages a second, and per message how often the loop was woken and
 * how often a thread gave up its core.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "net/dns.h"
#include "net/redis.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"
#include "util/clock.h"

enum { LISTS = 3, SCRIPTS = 2, CLIENTS = 100, US_PER_S = 1000000, NS_PER_US = 1000 };

struct options {
	unsigned threads, messages, work_us;
};

struct session {
	struct net *net;
	const struct redis_script *script;
	const struct options *options;
	unsigned number, messages, failed;
};

static int64_t thread_cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / NS_PER_US;
}

static void burn(unsigned us)
{
	int64_t until;

	if (us == 0)
		return;
	until = thread_cpu_us() + us;
	while (thread_cpu_us() < until)
		;
}

static bool message(struct session *s, struct net_wait *w, unsigned number)
{
	struct net_op *ops[LISTS + SCRIPTS];
	char name[64], keys[SCRIPTS][64];
	unsigned client = number % CLIENTS;
	bool good = true;

	for (unsigned i = 0; i < LISTS; i++) {
		snprintf(name, sizeof(name), "%u.2.0.192.list%u.test", client, i);
		ops[i] = dns_ask(w, name, DNS_A);
	}
	net_flush(w);
	burn(s->options->work_us);
	for (unsigned i = 0; i < SCRIPTS; i++) {
		int n = snprintf(keys[i], sizeof(keys[i]), "millgate:bench:{192.0.2.%u}:%u", client, i);

		ops[LISTS + i] = redis_eval(w, s->script, 1, &(struct redis_word){ keys[i], (size_t)n }, 1);
	}
	if (!net_await(w, ops, LISTS + SCRIPTS, clock_mono_ms() + FIXTURE_PATIENCE_MS))
		return false;
	for (unsigned i = 0; i < LISTS; i++)
		good &= dns_result(ops[i])->status != DNS_FAILED;
	for (unsigned i = LISTS; i < LISTS + SCRIPTS; i++)
		good &= redis_result(ops[i])->kind == REDIS_INT;
	for (unsigned i = 0; i < LISTS + SCRIPTS; i++)
		net_op_free(&ops[i]);
	return good;
}

static void *run_session(void *arg)
{
	struct session *s = arg;
	struct net_wait *w = net_wait_new(s->net);

	for (unsigned i = 0; i < s->messages; i++)
		s->failed += !message(s, w, s->number + i * s->options->threads);
	net_wait_free(&w);
	return NULL;
}

/* All sessions at once; answers how many messages failed. */
static unsigned run(struct net *n, const struct redis_script *script, const struct options *o, unsigned messages)
{
	pthread_t *threads = calloc(o->threads, sizeof(*threads));
	struct session *sessions = calloc(o->threads, sizeof(*sessions));
	unsigned failed = 0;

	for (unsigned i = 0; i < o->threads; i++) {
		sessions[i] = (struct session){
			.net = n, .script = script, .options = o, .number = i, .messages = messages / o->threads
		};
		if (pthread_create(&threads[i], NULL, run_session, &sessions[i]) != 0)
			bail_out("no thread");
	}
	for (unsigned i = 0; i < o->threads; i++) {
		pthread_join(threads[i], NULL);
		failed += sessions[i].failed;
	}
	free(threads);
	free(sessions);
	return failed;
}

static double cpu_us(const struct rusage *u)
{
	return ((double)u->ru_utime.tv_sec + (double)u->ru_stime.tv_sec) * US_PER_S + (double)u->ru_utime.tv_usec +
	       (double)u->ru_stime.tv_usec;
}

static void measure(struct net *n, const struct redis_script *script, const struct options *o)
{
	double messages = o->messages / o->threads * o->threads;
	struct rusage before, after;
	struct net_counters c0, c1;
	unsigned failed;
	int64_t us;

	(void)run(n, script, o, CLIENTS * o->threads); /* fills the resolver's cache */
	getrusage(RUSAGE_SELF, &before);
	net_counters(n, &c0);
	us = clock_mono_us();
	failed = run(n, script, o, o->messages);
	us = clock_mono_us() - us;
	getrusage(RUSAGE_SELF, &after);
	net_counters(n, &c1);
	printf("bench net_cpu %.2f us/message\n", (cpu_us(&after) - cpu_us(&before)) / messages - o->work_us);
	printf("bench net_rate %.0f messages/s\n", messages * US_PER_S / (double)us);
	printf("bench net_wakeups %.3f per_message\n", (double)(c1.wakeups - c0.wakeups) / messages);
	printf("bench net_switches %.3f per_message\n", (double)(after.ru_nvcsw - before.ru_nvcsw) / messages);
	printf("bench net_preemptions %.3f per_message\n", (double)(after.ru_nivcsw - before.ru_nivcsw) / messages);
	printf("bench net_failed %u messages\n", failed);
}

int main(int argc, char **argv)
{
	struct options o = { .threads = 64, .messages = 200000 };
	struct fixture_redis redis = { 0 };
	struct fixture_dns dns = { 0 };
	struct redis_script script;
	struct net *n;
	int option;

	while ((option = getopt(argc, argv, "t:n:w:")) != -1) {
		if (option == 't')
			o.threads = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'n')
			o.messages = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'w')
			o.work_us = (unsigned)strtoul(optarg, NULL, 10);
		else
			bail_out("usage: net_bench [-t THREADS] [-n MESSAGES] [-w WORK_US]");
	}
	if (o.threads == 0)
		bail_out("no threads");
	redis_script_init(&script, "local n = redis.call('INCR', KEYS[1]) redis.call('EXPIRE', KEYS[1], 60) return n");
	fixture_redis_start(&redis, NULL, NULL);
	fixture_dns_start(&dns, "127.0.0.1", 0, "*.list0.test A 127.0.0.2 3600\n*.list1.test A 127.0.0.4 3600\n");
	n = fixture_net(redis.server, dns.server);
	measure(n, &script, &o);
	net_stop(&n);
	return 0;
}
