#include "control/control.h"

#include <stdlib.h>
#include <string.h>

#include "control/limits.h"
#include "net/server.h"
#include "util/log.h"

/* Immutable. */
struct control {
	struct engine *engine;
	struct net_server *server; /* NULL without a socket */
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
	int result = engine_reload(c->engine, errors);

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

/* One line of JSON. */
static void run_status(struct control *c, struct sbuf *out)
{
	sbuf_add(out, "ok\n");
	engine_print_status(c->engine, out);
	sbuf_addc(out, '\n');
}

/* One line of JSON. */
static void run_dnsbl(struct control *c, struct sbuf *out)
{
	sbuf_add(out, "ok\n");
	if (!engine_print_check(c->engine, "dnsbl", out)) {
		sbuf_reset(out);
		sbuf_add(out, "error\nno DNS lists are configured");
	}
	sbuf_addc(out, '\n');
}

static const struct command commands[] = {
	{ "dnsbl", run_dnsbl },
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

static bool serve(void *ctx, void **conn, const char *request, size_t n, struct sbuf *out)
{
	struct control *c = ctx;

	(void)conn;
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

struct control *control_start(struct engine *e, const char *listen, mode_t mode, const char *group,
			      struct error_list *errors)
{
	struct control *c = calloc(1, sizeof *c);
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

	if (c == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return NULL;
	}
	c->engine = e;
	if (listen == NULL || listen[0] == '\0')
		return c;
	c->server = net_server_start(engine_net(e), &server, errors);
	if (c->server == NULL)
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
	free(c);
}
