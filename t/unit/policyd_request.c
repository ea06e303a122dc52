/* Requests: what is read, what is ignored, and what must not be taken for understood. */
#include <stdlib.h>
#include <string.h>

#include "policyd/limits.h"
#include "policyd/path.h"
#include "policyd/request.h"
#include "t/lib/tap.h"

/* A whole request is these lines; and others. */
#define BASE                                                                                                           \
	"request=smtpd_access_policy\nprotocol_state=RCPT\ninstance=1.2.3.0\nclient_address=192.0.2.7\n"               \
	"sender=a@example.org\nrecipient=b@example.net\n"
#define STATE(state, more) "request=smtpd_access_policy\nprotocol_state=" state "\n" more "\n"

/* In memory of exactly that size, so that a sanitizer sees a step too far. */
static const char *parse(struct policyd_request *r, char **room, const char *text, size_t n)
{
	*room = malloc(n > 0 ? n : 1);
	memcpy(*room, text, n);
	return policyd_parse(r, *room, n);
}

static void test_values(void)
{
	static const char text[] =
		BASE "client_port=40001\nclient_name=mx.example.org\nreverse_client_name=mx.example.org\n"
		     "server_address=203.0.113.5\nserver_port=25\nhelo_name=mx\nrecipient_count=3\nqueue_id=4ABC\n"
		     "size=12345\nsasl_username=alice\nencryption_protocol=TLSv1.3\nwhat_is_this=x\nempty=\n\n";
	struct policyd_request r;
	char *room;

	is_str(parse(&r, &room, text, sizeof text - 1), NULL, "a whole request");
	is_int(r.stage, STAGE_RCPT, "its stage");
	is_int(r.client.family, IP_V4, "its client");
	is_int(r.client_port, 40001, "its client's port");
	is_int(r.server_port, 25, "the MTA's");
	is_int(r.recipient_count, 3, "how many recipients there are");
	is_int(r.size, 12345, "the size");
	is_str(r.v[POLICYD_sender], "a@example.org", "the sender");
	is_str(r.v[POLICYD_recipient], "b@example.net", "the recipient");
	is_str(r.v[POLICYD_encryption_protocol], "TLSv1.3", "the last attribute that is read");
	free(room);
	is_str(parse(&r, &room, BASE "\n", sizeof BASE), NULL, "attributes may be missing");
	is_str(r.v[POLICYD_sasl_username], "", "then they are empty");
	is_int(r.size, 0, "or 0");
	free(room);
}

static void test_understood(void)
{
	static const struct {
		const char *text, *name;
		enum stage stage;
	} cases[] = {
		{ BASE "sender=c@example.org\n\n", "an attribute twice", STAGE_RCPT },
		{ BASE "unknown=a=b=c\n\n", "an unknown one", STAGE_RCPT },
		{ BASE "helo_name=a\rb\n\n", "a CR in a value", STAGE_RCPT },
		{ BASE "size=99999999999999999999999\n\n", "a size beyond all numbers", STAGE_RCPT },
		{ BASE "client_port=unknown\n\n", "a port that is none", STAGE_RCPT },
		{ BASE "client_port=65536\n\n", "a port that cannot be", STAGE_RCPT },
		{ STATE("RCPT", "instance=1\nclient_address=2001:db8::1\nrecipient=b\n"), "IPv6", STAGE_RCPT },
		{ STATE("RCPT", "instance=1\nclient_address=fe80::1%eth0\nrecipient=b\n"), "a zone", STAGE_RCPT },
		{ STATE("DATA", "instance=1\nclient_address=192.0.2.1\n"), "DATA without a recipient", STAGE_DATA },
		{ STATE("BDAT", "instance=1\nclient_address=192.0.2.1\n"), "BDAT is DATA", STAGE_DATA },
		{ STATE("END-OF-MESSAGE", "instance=1\nclient_address=192.0.2.1\n"), "the end", STAGE_END },
		{ STATE("CONNECT", ""), "CONNECT needs nothing", STAGE_CONNECT },
		{ STATE("MAIL", "instance=\n"), "MAIL has no instance", STAGE_CONNECT },
		{ STATE("VRFY", ""), "VRFY", STAGE_CONNECT },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct policyd_request r;
		char *room;

		is_str(parse(&r, &room, cases[i].text, strlen(cases[i].text)), NULL, "%s", cases[i].name);
		is_int(r.stage, cases[i].stage, "its stage");
		free(room);
	}
}

static void test_unknown_client(void)
{
	static const char text[] =
		STATE("RCPT", "instance=1\nclient_address=unknown\nclient_name=a.example.org\n"
			      "reverse_client_name=a.example.org\nclient_port=unknown\nrecipient=b\n");
	struct policyd_request r;
	char *room;

	is_str(parse(&r, &room, text, sizeof text - 1), NULL, "a client that the proxy does not know");
	is_int(r.client.family, IP_NONE, "has no address");
	is_str(r.v[POLICYD_client_name], "", "and so no name");
	is_str(r.v[POLICYD_reverse_client_name], "", "nor another one");
	free(room);
}

/* The order in which Postfix sends them is only where one is looked for first. */
static void test_order(void)
{
	static const char *const lines[] = { "encryption_protocol=tls\n",
					     "size=7\n",
					     "instance=1\n",
					     "recipient=b\n",
					     "sender=a\n",
					     "helo_name=h\n",
					     "client_name=c\n",
					     "client_address=::1\n",
					     "protocol_state=RCPT\n",
					     "other=x\n",
					     "request=smtpd_access_policy\n" };
	enum { N = sizeof lines / sizeof lines[0] };

	for (unsigned first = 0; first < N; first++) {
		char text[512] = "", *room;
		struct policyd_request r;
		bool same;

		for (unsigned i = 0; i < N; i++)
			strcat(text, lines[(first + i) % N]);
		strcat(text, "\n");
		is_str(parse(&r, &room, text, strlen(text)), NULL, "backwards from %.*s",
		       (int)strcspn(lines[first], "="), lines[first]);
		same = strcmp(r.v[POLICYD_encryption_protocol], "tls") == 0 && r.size == 7 &&
		       strcmp(r.v[POLICYD_instance], "1") == 0 && strcmp(r.v[POLICYD_recipient], "b") == 0 &&
		       strcmp(r.v[POLICYD_sender], "a") == 0 && strcmp(r.v[POLICYD_helo_name], "h") == 0 &&
		       strcmp(r.v[POLICYD_client_name], "c") == 0;
		ok(same && r.stage == STAGE_RCPT && r.client.family == IP_V6, "all is read");
		free(room);
	}
}

static void test_first_counts(void)
{
	struct policyd_request r;
	char *room;

	parse(&r, &room, BASE "sender=c@example.org\n\n", sizeof BASE "sender=c@example.org\n");
	is_str(r.v[POLICYD_sender], "a@example.org", "of two the first one counts");
	free(room);
}

static void test_not_understood(void)
{
	static const struct {
		const char *text, *name;
		size_t n; /* 0: up to the NUL */
	} cases[] = {
		{ "\n", "nothing", 0 },
		{ BASE "no equals sign\n\n", "a line without =", 0 },
		{ BASE "=value\n\n", "a line without a name", 0 },
		{ "protocol_state=RCPT\ninstance=1\nclient_address=192.0.2.1\nrecipient=b\n\n", "no request", 0 },
		{ "request=junk\n\n", "another request", 0 },
		{ "request=smtpd_access_policy2\nprotocol_state=CONNECT\n\n", "nearly a request", 0 },
		{ STATE("", "instance=1\nclient_address=192.0.2.1\nrecipient=b\n"), "no state", 0 },
		{ STATE("rcpt", "instance=1\nclient_address=192.0.2.1\nrecipient=b\n"), "no such state", 0 },
		{ STATE("RCPT", "client_address=192.0.2.1\nrecipient=b\n"), "no instance", 0 },
		{ STATE("RCPT", "instance=1\nclient_address=192.0.2.1\n"), "no recipient", 0 },
		{ STATE("RCPT", "instance=1\nrecipient=b\n"), "no client", 0 },
		{ STATE("RCPT", "instance=1\nclient_address=unknown1\nrecipient=b\n"), "nearly an unknown client", 0 },
		{ STATE("RCPT", "instance=1\nclient_address=\nrecipient=b\n"), "an empty client", 0 },
		{ STATE("RCPT", "instance=1\nclient_address=192.0.2.256\nrecipient=b\n"), "no address", 0 },
		{ STATE("RCPT", "instance=1\nclient_address=%eth0\nrecipient=b\n"), "a zone alone", 0 },
		{ BASE "helo_name=a\0b\n\n", "a NUL in a value", sizeof BASE "helo_name=a\0b\n\n" - 1 },
		{ BASE, "no empty line", 0 },
		{ BASE "size=1", "a line without its end", 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct policyd_request r;
		char *room;

		ok(parse(&r, &room, cases[i].text, cases[i].n != 0 ? cases[i].n : strlen(cases[i].text)) != NULL,
		   "not understood: %s", cases[i].name);
		free(room);
	}
}

static void test_too_many_lines(void)
{
	enum { LINE = 4 };
	size_t n = sizeof BASE - 1, lines = POLICYD_LINES_MAX;
	char *text = malloc(n + lines * LINE + 1);
	struct policyd_request r;

	memcpy(text, BASE, n);
	for (size_t i = 0; i < lines; i++, n += LINE)
		memcpy(text + n, "a=b\n", LINE);
	text[n] = '\n';
	ok(policyd_parse(&r, text, n + 1) != NULL, "not understood: too many lines");
	free(text);
}

static void test_split(void)
{
	static const char two[] = BASE "\n" BASE "\n";
	const ptrdiff_t one = sizeof BASE;

	for (size_t n = 0; n < (size_t)one; n++)
		if (policyd_split(two, n) != 0)
			fail("a request of %zu bytes", n);
	is_int(policyd_split(two, (size_t)one), one, "it is whole with its last byte");
	is_int(policyd_split(two, sizeof two - 1), one, "of two the first one is split off");
	is_int(policyd_split("\na=b\n", 5), 1, "an empty line alone is a request");
	is_int(policyd_split("", 0), 0, "nothing is none");
}

static void test_path(void)
{
	static const char *const cases[][2] = {
		{ "", "<>" },
		{ "a@example.org", "<a@example.org>" },
		{ "postmaster", "<postmaster>" },
		{ "a..b.@example.org", "<a..b.@example.org>" },
		{ "al ice@example.org", "<\"al ice\"@example.org>" },
		{ "a@b@example.org", "<\"a@b\"@example.org>" },
		{ "a\"b\\c@example.org", "<\"a\\\"b\\\\c\"@example.org>" },
		{ "a>b@[192.0.2.1]", "<\"a>b\"@[192.0.2.1]>" },
		{ "\xd0\xb8@example.org", "<\xd0\xb8@example.org>" },
		{ "@example.org", "<@example.org>" },
	};
	char room[128];
	struct sbuf b;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		sbuf_fixed(&b, room, sizeof room);
		policyd_path(&b, cases[i][0]);
		is_str(b.p, cases[i][1], "the path of %s", cases[i][0]);
	}
}

int main(void)
{
	test_values();
	test_understood();
	test_unknown_client();
	test_order();
	test_first_counts();
	test_not_understood();
	test_too_many_lines();
	test_split();
	test_path();
	return done_testing();
}
