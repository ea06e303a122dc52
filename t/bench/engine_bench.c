/*
 * What a transaction of the policy protocol costs in the engine: opened, told, asked about one recipient whose greylist
 * triplet is known, settled, closed, against a private Redis.  Not a test.
 *
 * usage: engine_bench [-t THREADS] [-n TRANSACTIONS] [-r RECIPIENTS] [-j] [-f FILE]
 *
 * -r: recipients each; -j leaves the journal out; -f adds a configuration's text.  Printed: CPU (user and system) of this process per transaction, of which
 * how much in the threads that ask, and transactions a second.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"
#include "util/clock.h"
#include "util/log.h"

enum { US_PER_S = 1000000, NS_PER_US = 1000, DELAY_MS = 1100, EXTRA_MAX = 1 << 16 };

static struct options {
	unsigned threads, transactions, rcpts;
	bool journal;
	const char *extra;
} options = { .threads = 1, .transactions = 20000, .rcpts = 1, .journal = true };

struct worker {
	pthread_t thread;
	struct engine *engine;
	unsigned number, transactions, refused;
	int64_t cpu_us;
};

static int64_t cpu_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / NS_PER_US;
}

/* One transaction of this worker's client; answers whether a recipient was refused. */
static bool transact(struct worker *w)
{
	struct engine_connect c = { .name = "mail.example.org", .resolve = "OK", .smtp = true, .port = 4000 };
	struct engine_mail m = { .arg = "<alice@example.org>", .size = 10000 };
	struct engine_session *s = engine_open_envelope(w->engine);
	bool refused = false;
	struct answer a;
	char arg[64];

	c.ip = (struct ip){ .family = IP_V4, .b = { 198, 51, 100, (uint8_t)(w->number + 1) } };
	if (engine_has_twin(w->engine, &c, m.arg))
		bail_out("there is no milter");
	engine_connect(s, &c, &a);
	engine_helo(s, "mail.example.org", &a);
	engine_mail(s, &m, &a);
	for (unsigned i = 0; i < options.rcpts; i++) {
		snprintf(arg, sizeof arg, "<bob%u@example.net>", i);
		engine_rcpt(s, arg, &a);
		refused = refused || a.kind != ANSWER_CONTINUE;
	}
	engine_settle(s);
	engine_park(s);
	engine_close(&s);
	return refused;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	int64_t before = cpu_us(CLOCK_THREAD_CPUTIME_ID);

	for (unsigned i = 0; i < w->transactions; i++)
		w->refused += transact(w);
	w->cpu_us = cpu_us(CLOCK_THREAD_CPUTIME_ID) - before;
	return NULL;
}

static unsigned run_all(struct engine *e, unsigned transactions, int64_t *threads_us)
{
	struct worker *w = calloc(options.threads, sizeof *w);
	unsigned refused = 0;

	*threads_us = 0;
	for (unsigned i = 0; i < options.threads; i++) {
		w[i] = (struct worker){ .engine = e, .number = i, .transactions = transactions };
		pthread_create(&w[i].thread, NULL, run, &w[i]);
	}
	for (unsigned i = 0; i < options.threads; i++) {
		pthread_join(w[i].thread, NULL);
		*threads_us += w[i].cpu_us;
		refused += w[i].refused;
	}
	free(w);
	return refused;
}

static struct engine *start(const struct fixture_redis *r)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct engine *e;
	char path[2 * FIXTURE_PATH_SIZE];
	FILE *f;

	snprintf(path, sizeof path, "%s/millgate.conf", fixture_dir());
	f = fopen(path, "w");
	if (f == NULL ||
	    fprintf(f,
		    "hostname = \"mx.example.net\"; local_domains = ( \"example.net\" );\n"
		    "redis: { server = \"%s\"; }; dns: { servers = ( \"127.0.0.1@9\" ); };\n"
		    "policyd: { listen = \"unix:/tmp/none\"; }; journal: { enabled = %s; };\n"
		    "greylist: { enabled = true; delay = \"1s\"; };\n%s",
		    r->server, options.journal ? "true" : "false", options.extra != NULL ? options.extra : "") < 0 ||
	    fclose(f) != 0)
		bail_out("%s cannot be written", path);
	e = engine_load(path, &errors);
	if (e == NULL || engine_start(e, &errors) != 0)
		bail_out("%s", errors.first->text);
	error_clear(&errors);
	return e;
}

static const char *read_text(const char *path)
{
	static char text[EXTRA_MAX];
	FILE *f = fopen(path, "r");

	if (f != NULL) {
		text[fread(text, 1, sizeof text - 1, f)] = '\0';
		fclose(f);
	} else {
		bail_out("%s cannot be read", path);
	}
	return text;
}

static void read_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "t:n:r:jf:")) != -1) {
		switch (c) {
		case 't':
			options.threads = (unsigned)atoi(optarg);
			break;
		case 'n':
			options.transactions = (unsigned)atoi(optarg);
			break;
		case 'r':
			options.rcpts = (unsigned)atoi(optarg);
			break;
		case 'j':
			options.journal = false;
			break;
		case 'f':
			options.extra = read_text(optarg);
			break;
		default:
			bail_out("usage: engine_bench [-t THREADS] [-n TRANSACTIONS] [-r RECIPIENTS] [-j] [-f FILE]");
		}
	}
}

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_sec = DELAY_MS / 1000, .tv_nsec = DELAY_MS % 1000 * 1000000L };
	struct fixture_redis r;
	int64_t before, wall, cpu, threads;
	struct engine *e;
	unsigned refused;
	double n;

	read_options(argc, argv);
	fixture_redis_start(&r, NULL, NULL);
	e = start(&r);
	/* As the daemon logs to syslog, but for the system's part. */
	if (freopen("/dev/null", "w", stderr) == NULL)
		bail_out("no /dev/null");
	log_open("bench", LOG_SINK_STDERR, LOG_LVL_INFO);
	(void)run_all(e, 1, &threads);
	nanosleep(&pause, NULL); /* the triplets have waited */
	(void)run_all(e, 2, &threads);
	before = clock_mono_us();
	cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	refused = run_all(e, options.transactions, &threads);
	cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = clock_mono_us() - before;
	n = (double)options.transactions * options.threads;
	printf("%.2f us CPU a transaction, %.2f of it in the threads that ask; %.0f a second; %u refused\n",
	       (double)cpu / n, (double)threads / n, n * US_PER_S / (double)wall, refused);
	engine_free(&e);
	fixture_redis_stop(&r);
	return 0;
}
