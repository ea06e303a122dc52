#include "engine/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "net/net.h"
#include "util/bytes.h"
#include "util/log.h"
#include "util/names.h"

enum {
	DEADLINE_MAX_MS = 10000
}; /* a session may be queued behind another one's callback: twice this is below the MTA's 30 s */

const struct name_value settings_on_error[] = {
	{ "ignore", ON_ERROR_IGNORE },
	{ "defer", ON_ERROR_DEFER },
	{ NULL, 0 },
};
const struct name_value settings_mixed[] = {
	{ "mark", MIXED_MARK },
	{ "redirect", MIXED_REDIRECT },
	{ "split", MIXED_SPLIT },
	{ NULL, 0 },
};
static const struct name_value settings_asked_at[] = {
	{ "rcpt", STAGE_RCPT },
	{ "data", STAGE_DATA },
	{ "end", STAGE_END },
	{ NULL, 0 },
};
const struct name_value settings_log_to[] = {
	{ "syslog", LOG_SINK_SYSLOG },
	{ "stderr", LOG_SINK_STDERR },
	{ NULL, 0 },
};
const struct name_value settings_log_level[] = {
	{ "error", LOG_LVL_ERROR },
	{ "warning", LOG_LVL_WARNING },
	{ "info", LOG_LVL_INFO },
	{ "debug", LOG_LVL_DEBUG },
	{ NULL, 0 },
};

/* Where a setting stands, or its group, or the file. */
static const struct conf_node *place(const struct conf_node *group, const char *name)
{
	const struct conf_node *n = group != NULL ? conf_child(group, name) : NULL;

	return n != NULL ? n : group;
}

static void at(const struct conf_node *n, const char **file, int *line)
{
	*file = n != NULL ? n->file : NULL;
	*line = n != NULL ? n->line : 0;
}

static bool is_address(const char *s)
{
	const char *at = strrchr(s, '@');

	return at != NULL && at > s && at[1] != '\0' && at[1] != '.' && strpbrk(s, " \t\r\n<>\"") == NULL;
}

static int engine_verify(void *settings, const struct conf_node *group, struct error_list *errors)
{
	const struct engine_settings *set = settings;
	unsigned before = errors->errors;
	const char *file;
	int line;

	at(place(group, "mixed_recipients"), &file, &line);
	if (set->mixed_recipients == MIXED_REDIRECT && set->quarantine_address == NULL)
		error_add(errors, file, line,
			  "mixed_recipients = \"redirect\" needs an address to redirect to: set quarantine_address");
	at(place(group, "quarantine_address"), &file, &line);
	if (set->quarantine_address != NULL && !is_address(set->quarantine_address))
		error_add(errors, file, line, "quarantine_address \"%s\" is no mail address: write local@domain",
			  set->quarantine_address);
	at(place(group, "deadline"), &file, &line);
	if (set->deadline <= 0 || set->deadline > DEADLINE_MAX_MS)
		error_add(
			errors, file, line,
			"deadline must be more than 0 and at most 10s, so that the MTA (30s) never loses patience first");
	at(place(group, "hostname"), &file, &line);
	if (set->hostname != NULL && (set->hostname[0] == '\0' || strpbrk(set->hostname, " \t\r\n;()<>@") != NULL))
		error_add(errors, file, line, "hostname \"%s\" is no host name", set->hostname);
	return errors->errors > before ? -1 : 0;
}

/* What stands behind the scheme, or NULL when it is another. */
static const char *behind(const char *listen, const char *scheme)
{
	size_t n = strlen(scheme);

	return strncmp(listen, scheme, n) == 0 ? listen + n : NULL;
}

/* libmilter wants room for one byte more than the path and its NUL. */
static bool is_unix(const char *listen)
{
	const char *path = behind(listen, "unix:");

	return path != NULL && path[0] == '/' && strlen(path) + 1 < sizeof(((struct sockaddr_un *)0)->sun_path);
}

/* PORT@ADDRESS; PORT alone is every address. */
static bool is_inet(const char *listen)
{
	enum { MAX_PORT = 65535 };
	const char *rest = behind(listen, "inet:");
	unsigned long port;
	char *end;

	if (rest == NULL)
		rest = behind(listen, "inet6:");
	if (rest == NULL || !ascii_is_digit(rest[0]))
		return false;
	port = strtoul(rest, &end, 10);
	return port > 0 && port <= MAX_PORT && (end[0] == '\0' || (end[0] == '@' && end[1] != '\0'));
}

static int milter_verify(void *settings, const struct conf_node *group, struct error_list *errors)
{
	const struct milter_settings *set = settings;
	const char *file;
	int line;

	if (is_unix(set->listen) || is_inet(set->listen))
		return 0;
	at(place(group, "listen"), &file, &line);
	error_add(errors, file, line,
		  "milter.listen \"%s\" is no address: write unix:PATH (at most %zu bytes, beginning with /), "
		  "inet:PORT@ADDRESS or inet6:PORT@ADDRESS",
		  set->listen, sizeof(((struct sockaddr_un *)0)->sun_path) - 2);
	return -1;
}

static int policyd_verify(void *settings, const struct conf_node *group, struct error_list *errors)
{
	const struct policyd_settings *set = settings;
	unsigned before = errors->errors;
	const char *file;
	int line;

	if (set->listen != NULL && !is_unix(set->listen) && !is_inet(set->listen)) {
		at(place(group, "listen"), &file, &line);
		error_add(errors, file, line,
			  "policyd.listen \"%s\" is no address: write unix:PATH (at most %zu bytes, beginning with /), "
			  "inet:PORT@ADDRESS or inet6:PORT@ADDRESS",
			  set->listen, sizeof(((struct sockaddr_un *)0)->sun_path) - 2);
	}
	for (unsigned i = 0; i < set->asked_at.n; i++) {
		const struct conf_item *item = &set->asked_at.v[i];

		if (names_value(settings_asked_at, item->s) < 0)
			error_add(errors, item->file, item->line,
				  "policyd.asked_at: \"%s\" is none of \"rcpt\", \"data\" and \"end\"", item->s);
	}
	return errors->errors > before ? -1 : 0;
}

bool settings_policyd_serves(const struct policyd_settings *set)
{
	return set->listen != NULL && set->listen[0] != '\0';
}

unsigned settings_policyd_stages(const struct policyd_settings *set)
{
	unsigned stages = 0;

	for (unsigned i = 0; i < set->asked_at.n; i++) {
		int stage = names_value(settings_asked_at, set->asked_at.v[i].s);

		stages |= stage >= 0 ? 1u << stage : 0;
	}
	return stages != 0 ? stages : 1u << STAGE_RCPT;
}

static int control_verify(void *settings, const struct conf_node *group, struct error_list *errors)
{
	const struct control_settings *set = settings;
	const char *file;
	int line;

	if (set->listen[0] == '\0' || is_unix(set->listen))
		return 0;
	at(place(group, "listen"), &file, &line);
	error_add(errors, file, line,
		  "control.listen \"%s\" is no Unix socket: write unix:PATH (at most %zu bytes, beginning with /)",
		  set->listen, sizeof(((struct sockaddr_un *)0)->sun_path) - 2);
	return -1;
}

static int redis_verify(void *settings, const struct conf_node *group, struct error_list *errors)
{
	const struct redis_settings *set = settings;
	const char *expected = set->server[0] != '\0' ? net_redis_expected(set->server) : NULL;
	unsigned before = errors->errors;
	const char *file;
	int line;

	at(place(group, "timeout"), &file, &line);
	if (set->timeout <= 0 || set->timeout > DEADLINE_MAX_MS)
		error_add(errors, file, line, "redis.timeout must be more than 0 and at most 10s");
	at(place(group, "server"), &file, &line);
	if (expected != NULL)
		error_add(errors, file, line, "redis.server \"%s\" is no server: write %s", set->server, expected);
	at(place(group, "password_file"), &file, &line);
	if (set->password_file[0] != '\0' && set->password_file[0] != '/')
		error_add(errors, file, line,
			  "redis.password_file \"%s\" must begin with /: the daemon works in the root directory",
			  set->password_file);
	return errors->errors > before ? -1 : 0;
}

static int dns_verify(void *settings, const struct conf_node *group, struct error_list *errors)
{
	const struct dns_settings *set = settings;
	unsigned before = errors->errors;
	const char *file;
	int line;

	at(place(group, "timeout"), &file, &line);
	if (set->timeout <= 0 || set->timeout > DEADLINE_MAX_MS)
		error_add(errors, file, line, "dns.timeout must be more than 0 and at most 10s");
	for (unsigned i = 0; i < set->servers.n; i++) {
		const struct conf_item *server = &set->servers.v[i];
		const char *expected = net_dns_expected(server->s);

		if (expected != NULL)
			error_add(errors, server->file, server->line, "dns.servers: \"%s\" is no DNS server: write %s",
				  server->s, expected);
	}
	return errors->errors > before ? -1 : 0;
}

#define CONF_SELF struct milter_settings
CONF_TABLE(milter_settings, MILTER_SETTINGS, milter_verify);
#undef CONF_SELF
#define CONF_SELF struct policyd_settings
CONF_TABLE(policyd_settings, POLICYD_SETTINGS, policyd_verify);
#undef CONF_SELF
#define CONF_SELF struct control_settings
CONF_TABLE(control_settings, CONTROL_SETTINGS, control_verify);
#undef CONF_SELF
#define CONF_SELF struct redis_settings
CONF_TABLE(redis_settings, REDIS_SETTINGS, redis_verify);
#undef CONF_SELF
#define CONF_SELF struct dns_settings
CONF_TABLE(dns_settings, DNS_SETTINGS, dns_verify);
#undef CONF_SELF
#define CONF_SELF struct log_settings
CONF_TABLE(log_settings, LOG_SETTINGS, NULL);
#undef CONF_SELF
#define CONF_SELF struct journal_settings
CONF_TABLE(journal_settings, JOURNAL_SETTINGS, NULL);
#undef CONF_SELF
#define CONF_SELF struct engine_settings
CONF_TABLE(engine_settings, ENGINE_SETTINGS, engine_verify);
#undef CONF_SELF
