#include "control/control.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/limits.h"
#include "net/net.h"
#include "net/server.h"
#include "util/clock.h"
#include "util/log.h"

struct control {
	/* immutable */
	struct engine *engine;
	int64_t started_ms;
	struct net *net;           /* NULL without a socket */
	struct net_server *server; /* the same */

	/* Held while the engine's configuration is swapped, or its loop is looked at. */
	pthread_mutex_t lock;
	/* under lock */
	uint64_t reloads, failed_reloads;
	int64_t loaded_ms; /* wall clock, of the configuration in force */
};

struct command {
	const char *name;
	void (*run)(struct control *c, struct sbuf *out);
};

/* ---- Reload ---- */

static void log_reload(const struct error_list *errors, bool fine)
{
	char line[CONTROL_REPORT_MAX];
	struct sbuf b;

	sbuf_fixed(&b, line, sizeof line);
	for (const struct error_item *i = errors->first; i != NULL; i = i->next) {
		sbuf_reset(&b);
		control_report_item(i, &b);
		if (i->level == ERROR_ERROR)
			log_error("%s", b.p);
		else
			log_warning("%s", b.p);
	}
	if (fine)
		log_info("configuration reloaded");
	else
		log_error("configuration not reloaded, the old one stays in force: %u errors", errors->errors);
}

int control_reload(struct control *c, struct error_list *errors)
{
	int result;

	pthread_mutex_lock(&c->lock);
	result = engine_reload(c->engine, errors);
	if (result == 0) {
		c->reloads++;
		c->loaded_ms = clock_wall_ms();
	} else {
		c->failed_reloads++;
	}
	pthread_mutex_unlock(&c->lock);
	error_sort(errors);
	log_reload(errors, result == 0);
	return result;
}

/* ---- The commands ---- */

static void run_ping(struct control *c, struct sbuf *out)
{
	(void)c;
	sbuf_add(out, "ok\n");
}

static void run_reload(struct control *c, struct sbuf *out)
{
	struct error_list errors = ERROR_LIST_INIT;

	sbuf_add(out, control_reload(c, &errors) == 0 ? "ok\n" : "error\n");
	control_report(&errors, out);
	error_clear(&errors);
}

static void add_counter(struct sbuf *out, const char *name, uint64_t value)
{
	sbuf_addf(out, ",\"%s\":%" PRIu64, name, value);
}

/* One line of JSON. */
static void run_status(struct control *c, struct sbuf *out)
{
	struct net_counters n;

	pthread_mutex_lock(&c->lock);
	net_counters(engine_net(c->engine), &n);
	sbuf_addf(out, "ok\n{\"pid\":%ld", (long)getpid());
	add_counter(out, "uptime_ms", (uint64_t)(clock_mono_ms() - c->started_ms));
	add_counter(out, "loaded_at_ms", (uint64_t)c->loaded_ms);
	add_counter(out, "reloads", c->reloads);
	add_counter(out, "failed_reloads", c->failed_reloads);
	pthread_mutex_unlock(&c->lock);
	sbuf_addf(out, ",\"redis_up\":%s", n.redis_up ? "true" : "false");
	add_counter(out, "redis_commands", n.redis_commands);
	add_counter(out, "redis_failures", n.redis_failures);
	add_counter(out, "redis_timeouts", n.redis_timeouts);
	add_counter(out, "redis_connects", n.redis_connects);
	add_counter(out, "dns_questions", n.dns_questions);
	add_counter(out, "dns_failures", n.dns_failures);
	add_counter(out, "dns_timeouts", n.dns_timeouts);
	add_counter(out, "wakeups", n.wakeups);
	sbuf_add(out, "}\n");
}

static const struct command commands[] = {
	{ "ping", run_ping },
	{ "reload", run_reload },
	{ "status", run_status },
};

/* ---- The socket ---- */

static ptrdiff_t split_line(const char *p, size_t n)
{
	const char *end = memchr(p, '\n', n);

	return end != NULL ? end - p + 1 : 0;
}

static bool serve(void *ctx, const char *request, size_t n, struct sbuf *out)
{
	struct control *c = ctx;

	n--; /* the LF */
	if (n > 0 && request[n - 1] == '\r')
		n--;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (strlen(commands[i].name) == n && memcmp(commands[i].name, request, n) == 0) {
			commands[i].run(c, out);
			return false;
		}
	}
	sbuf_add(out, "error\nunknown command \"");
	sbuf_add_safe(out, request, n);
	sbuf_add(out, "\"\n");
	return false;
}

static int open_socket(struct control *c, const char *listen, mode_t mode, const char *group, struct error_list *errors)
{
	const struct net_redis_options redis = { .server = NULL, .timeout_ms = CONTROL_NET_TIMEOUT_MS };
	const struct net_dns_options dns = { .timeout_ms = CONTROL_NET_TIMEOUT_MS };
	const struct net_server_options server = {
		.listen = listen,
		.mode = mode,
		.group = group,
		.workers = CONTROL_WORKERS,
		.max_request = CONTROL_REQUEST_MAX,
		.split = split_line,
		.serve = serve,
		.ctx = c,
	};

	c->net = net_start(&redis, &dns, errors);
	if (c->net == NULL)
		return -1;
	c->server = net_server_start(c->net, &server, errors);
	return c->server != NULL ? 0 : -1;
}

struct control *control_start(struct engine *e, const char *listen, mode_t mode, const char *group,
			      struct error_list *errors)
{
	struct control *c = calloc(1, sizeof *c);

	if (c == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return NULL;
	}
	c->engine = e;
	c->started_ms = clock_mono_ms();
	c->loaded_ms = clock_wall_ms();
	pthread_mutex_init(&c->lock, NULL);
	if (listen != NULL && listen[0] != '\0' && open_socket(c, listen, mode, group, errors) != 0)
		control_stop(&c);
	return c;
}

void control_stop(struct control **cp)
{
	struct control *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	net_server_stop(&c->server);
	net_stop(&c->net);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
