#include "net/dns_context.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <unbound-event.h>
#include <unbound.h>

#include "util/ip.h"
#include "util/log.h"

static const char resolv_conf[] = "/etc/resolv.conf";

struct setting {
	const char *name, *value;
	bool needed; /* else an older libunbound may do without it */
};

static const struct setting settings[] = {
	/* No DNSSEC validation: mail policy does not use it, and a site's resolver validates. */
	{ "module-config:", "iterator", true },
	/* The library's defaults are those of a single-user tool. */
	{ "msg-cache-size:", "16m", false },
	{ "rrset-cache-size:", "32m", false },
	{ "num-queries-per-thread:", "4096", false },
	{ "outgoing-num-tcp:", "32", false },
	/* Resolvers on loopback are the rule. */
	{ "do-not-query-localhost:", "no", true },
	/* A dead server is known for a minute, not for 15, and tried all the while: it is back within a second. */
	{ "infra-host-ttl:", "60", false },
	{ "infra-keep-probing:", "yes", false },
	/* Our questions end by their own time-out; more attempts would only occupy sockets (see tune()). */
	{ "outbound-msg-retry:", "2", false },
	/* Private addresses and reverse zones are asked too. */
	{ "unblock-lan-zones:", "yes", true },
};

static int set(struct ub_ctx *ub, const struct setting *s, struct error_list *errors)
{
	int rc = ub_ctx_set_option(ub, s->name, s->value);

	if (rc == 0)
		return 0;
	if (!s->needed) {
		log_debug("libunbound does not know its setting %s %s", s->name, s->value);
		return 0;
	}
	error_add(errors, NULL, 0, "libunbound refuses its setting %s %s: %s", s->name, s->value, ub_strerror(rc));
	return -1;
}

/*
 * What depends on the time-out and on the machine.
 *
 * libunbound thinks of authoritative servers: it asks again after as little as 50 ms, on a new socket, and judges a
 * server by its slowest answers.  Ours are resolvers, quick with what they know and slow with what they must ask for;
 * when one list among many is dead, its questions would fill all sockets, and every other question would wait behind
 * them.  So: few attempts (it sends each twice), the first two of which leave a quarter of the time-out for another
 * server, and many sockets.
 */
static int tune(struct ub_ctx *ub, int64_t timeout_ms, struct error_list *errors)
{
	enum {
		NUMBER_SIZE = 24,
		FIRST_SHARE = 4,
		RTT_LEAST_MS = 50,
		SOCKETS_SHARE = 4,
		SOCKETS_LEAST = 64,
		SOCKETS_MOST = 4096
	};
	int64_t rtt_ms = timeout_ms / FIRST_SHARE > RTT_LEAST_MS ? timeout_ms / FIRST_SHARE : RTT_LEAST_MS;
	char number[NUMBER_SIZE];
	struct rlimit files;
	rlim_t sockets = SOCKETS_LEAST;

	snprintf(number, sizeof(number), "%lld", (long long)rtt_ms);
	if (set(ub, &(struct setting){ "infra-cache-min-rtt:", number, false }, errors) != 0)
		return -1;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / SOCKETS_SHARE > sockets)
		sockets = files.rlim_cur / SOCKETS_SHARE;
	if (sockets > SOCKETS_MOST)
		sockets = SOCKETS_MOST;
	snprintf(number, sizeof(number), "%llu", (unsigned long long)sockets);
	return set(ub, &(struct setting){ "outgoing-range:", number, true }, errors);
}

static int apply_settings(struct ub_ctx *ub, int64_t timeout_ms, struct error_list *errors)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (set(ub, &settings[i], errors) != 0)
			return -1;
	}
	return tune(ub, timeout_ms, errors);
}

/* "ADDRESS" or "ADDRESS@PORT": libunbound would take a broken port for another one. */
static int check_server(const char *server)
{
	enum { MAX_PORT = 65535 };
	const char *at = strchr(server, '@');
	size_t n = at != NULL ? (size_t)(at - server) : strlen(server);
	char address[IP_TEXT_SIZE];
	unsigned long port;
	struct ip ip;
	char *end;

	if (n >= sizeof(address))
		return -1;
	memcpy(address, server, n);
	address[n] = '\0';
	if (strchr(address, '[') != NULL || ip_parse(&ip, address) != 0)
		return -1;
	if (at == NULL)
		return 0;
	if (at[1] < '0' || at[1] > '9')
		return -1;
	port = strtoul(at + 1, &end, 10);
	return *end == '\0' && port > 0 && port <= MAX_PORT ? 0 : -1;
}

const char *net_dns_expected(const char *server)
{
	return check_server(server) == 0 ? NULL : "ADDRESS or ADDRESS@PORT";
}

static int add_servers(struct ub_ctx *ub, const struct net_dns_options *o, struct error_list *errors)
{
	int rc, bad = 0;

	for (unsigned i = 0; i < o->n_servers; i++) {
		if (check_server(o->servers[i]) != 0) {
			error_add(errors, NULL, 0, "\"%s\" is no DNS server: %s is expected", o->servers[i],
				  net_dns_expected(o->servers[i]));
			bad = -1;
			continue;
		}
		rc = ub_ctx_set_fwd(ub, o->servers[i]);
		if (rc != 0) {
			error_add(errors, NULL, 0, "libunbound refuses the DNS server \"%s\": %s", o->servers[i],
				  ub_strerror(rc));
			bad = -1;
		}
	}
	return bad;
}

static int use_resolv_conf(struct ub_ctx *ub, struct error_list *errors)
{
	int rc;

	if (access(resolv_conf, R_OK) != 0) {
		log_warning("%s cannot be read: asking the DNS server on 127.0.0.1, as the C library does",
			    resolv_conf);
		rc = ub_ctx_set_fwd(ub, "127.0.0.1");
	} else {
		rc = ub_ctx_resolvconf(ub, resolv_conf);
	}
	if (rc == 0)
		return 0;
	error_add(errors, NULL, 0, "%s: libunbound cannot use it: %s", resolv_conf, ub_strerror(rc));
	return -1;
}

/*
 * The zones that libunbound answers by itself (RFC 6303, RFC 6761, RFC 7686), beside those of unblock-lan-zones.  The
 * first call makes all options final, so it comes last.
 */
static int unblock_zones(struct ub_ctx *ub, struct error_list *errors)
{
	static const char *const zones[] = {
		"localhost.",
		"127.in-addr.arpa.",
		"test.",
		"invalid.",
		"onion.",
		"home.arpa.",
		"resolver.arpa.",
		"service.arpa.",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
	};

	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		int rc = ub_ctx_zone_remove(ub, zones[i]);

		if (rc == 0)
			continue;
		error_add(errors, NULL, 0, "libunbound refuses to give up the zone %s: %s", zones[i], ub_strerror(rc));
		return -1;
	}
	return 0;
}

struct ub_ctx *dns_context_new(struct event_base *base, const struct net_dns_options *o, struct error_list *errors)
{
	struct ub_ctx *ub = ub_ctx_create_event(base);

	if (ub == NULL) {
		error_add(errors, NULL, 0, "libunbound cannot start: out of memory, or no source of randomness");
		return NULL;
	}
	(void)ub_ctx_debugout(ub, NULL); /* it would write to stderr, which may be a client's socket in a daemon */
	if (apply_settings(ub, o->timeout_ms, errors) != 0)
		goto fail;
	if (o->n_servers > 0 ? add_servers(ub, o, errors) != 0 : use_resolv_conf(ub, errors) != 0)
		goto fail;
	if (o->n_servers > 0 && unblock_zones(ub, errors) != 0)
		goto fail;
	return ub;
fail:
	ub_ctx_delete(ub);
	return NULL;
}
