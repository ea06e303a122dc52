/*
 * Asks SPF of each line "IP<tab>HELO<tab>SENDER" of stdin, as a session would, and prints "RESULT<tab>TERMS<tab>LOOKUPS".
 *
 *	spf_host SERVER TIMEOUT_MS [ENGINE [poll]]        for example 127.0.0.1@5353 2000 libspf2
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks/spf.h"
#include "mail/addr.h"
#include "net/net.h"
#include "t/lib/check_fixture.h"
#include "t/lib/tap.h"

enum { LINE_SIZE = 8192, CONF_SIZE = 128 };

static const char *result(struct check_fixture *f)
{
	const struct fact_value *v = fixture_value(f, FACT_SPF);

	return v->state == FACT_UNAVAILABLE ? "temperror" : fixture_fact(f, FACT_SPF);
}

static void pause_a_moment(void)
{
	enum { PAUSE_US = 200 };

	usleep(PAUSE_US);
}

static void check(struct check_fixture *f, const char *ip, const char *helo, const char *sender)
{
	fixture_client(f, ip);
	f->conn->helo = helo;
	fixture_mail(f, addr_from_path(f->arena, arena_printf(f->arena, "<%s>", sender)), NULL);
	fixture_run(f);
	printf("%s\t%s\t%s\n", result(f), fixture_fact(f, FACT_SPF_MECHANISM), fixture_fact(f, FACT_SPF_LOOKUPS));
	fflush(stdout);
}

static struct net *start(const char *server, int64_t timeout_ms)
{
	const struct net_redis_options redis = { .server = NULL };
	const struct net_dns_options dns = { .servers = &server, .n_servers = 1, .timeout_ms = timeout_ms };
	struct error_list errors = ERROR_LIST_INIT;
	struct net *n = net_start(&redis, &dns, &errors);

	if (n == NULL)
		bail_out("net_start: %s", errors.first != NULL ? errors.first->text : "no reason");
	return n;
}

int main(int argc, char **argv)
{
	char line[LINE_SIZE], conf[CONF_SIZE];
	struct check_fixture f;
	struct net *n;

	if (argc < 3)
		return 2;
	n = start(argv[1], strtol(argv[2], NULL, 10));
	snprintf(conf, sizeof conf, "spf: { engine = \"%s\"; };", argc > 3 ? argv[3] : "own");
	if (fixture_load(&f, &spf_check, conf) != 0)
		bail_out("%s", fixture_errors(&f));
	f.wait = net_wait_new(n);
	if (argc > 4)
		fixture_poll_with(pause_a_moment);
	while (fgets(line, sizeof line, stdin) != NULL) {
		char *rest = line;
		const char *ip = strsep(&rest, "\t"), *helo = strsep(&rest, "\t"), *sender = strsep(&rest, "\n");

		if (helo == NULL || sender == NULL)
			bail_out("three fields are expected");
		check(&f, ip, helo, sender);
	}
	fixture_free(&f);
	net_wait_free(&f.wait);
	net_stop(&n);
	return 0;
}
