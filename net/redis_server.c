#include "net/redis_server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "net/net.h"
#include "util/bytes.h"
#include "util/ip.h"

static const char unix_prefix[] = "unix:";

static int parse_path(struct redis_server *s, const char *path, struct error_list *errors)
{
	if (path[0] != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		error_add(errors, NULL, 0, "redis: \"%s\": an absolute path of at most %zu bytes is expected", path,
			  sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
		return -1;
	}
	s->path = strdup(path);
	if (s->path == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	return 0;
}

static int parse_port(const char *text)
{
	enum { MAX_PORT = 65535, MAX_DIGITS = 5 };
	size_t n = strlen(text);
	long port;

	for (size_t i = 0; i < n; i++) {
		if (!ascii_is_digit(text[i]))
			return -1;
	}
	if (n == 0 || n > MAX_DIGITS)
		return -1;
	port = strtol(text, NULL, 10);
	return port > 0 && port <= MAX_PORT ? (int)port : -1;
}

/* Several colons without brackets are an IPv6 address whose port cannot be told apart. */
static int parse_host(struct redis_server *s, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t n;
	struct ip ip;

	if (colon == NULL || colon == text)
		return -1;
	s->port = parse_port(colon + 1);
	if (s->port < 0)
		return -1;
	n = (size_t)(colon - text);
	if (text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	} else if (memchr(text, ':', n) != NULL) {
		return -1;
	}
	s->host = strndup(text, n);
	if (s->host == NULL || n == 0)
		return -1;
	s->numeric = ip_parse(&ip, s->host) == 0;
	return 0;
}

static const char expected[] = "\"unix:/path\", \"host:port\" or \"[IPv6]:port\"";

const char *net_redis_expected(const char *server)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct redis_server s;
	int rc = redis_server_parse(&s, server, &errors);

	redis_server_clear(&s);
	error_clear(&errors);
	return rc == 0 ? NULL : expected;
}

int redis_server_parse(struct redis_server *s, const char *text, struct error_list *errors)
{
	*s = (struct redis_server){ .name = strdup(text) };
	if (s->name == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	if (strncmp(text, unix_prefix, sizeof(unix_prefix) - 1) == 0)
		return parse_path(s, text + sizeof(unix_prefix) - 1, errors);
	if (parse_host(s, text) == 0)
		return 0;
	error_add(errors, NULL, 0, "redis: \"%s\" is no server: %s is expected", text, expected);
	return -1;
}

void redis_server_clear(struct redis_server *s)
{
	free(s->name);
	free(s->path);
	free(s->host);
	*s = (struct redis_server){ 0 };
}
