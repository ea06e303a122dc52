/*
 * libmilter's callbacks for one session: each records what the MTA tells, asks the engine, returns its answer.
 *
 * Events that were negotiated away still have their place: the engine is told of DATA and of the end of the headers
 * before what follows them (catch_up).
 */
#include "milter/front.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/bytes.h"
#include "util/ip.h"
#include "util/log.h"

const char *milter_macro(SMFICTX *ctx, const char *name)
{
	const char *value = smfi_getsymval(ctx, (char *)name);

	return value && *value ? value : NULL;
}

/* ---- Around each callback ---- */

/* The session of a connection, with the front held open until leave(); NULL, also when it is not that far: answer 451
 * and touch nothing. */
static struct milter_session *enter(SMFICTX *ctx, enum milter_phase phase)
{
	struct milter_front *f = milter_the_front();
	struct milter_session *s;

	if (!milter_enter(f))
		return NULL;
	s = smfi_getpriv(ctx);
	if (s && s->magic == MILTER_SESSION_MAGIC && s->phase >= phase)
		return s;
	milter_leave(f);
	return NULL;
}

static sfsistat leave(struct milter_session *s, sfsistat status)
{
	milter_leave(s->front);
	return status;
}

/* Tells the engine of the stages before `at` that were negotiated away; their answers are owed. */
static void catch_up(SMFICTX *ctx, struct milter_session *s, enum stage at)
{
	struct answer a;

	if (s->told < STAGE_DATA && at > STAGE_DATA) {
		s->told = STAGE_DATA;
		engine_data(s->engine, milter_macro(ctx, "i"), &a);
		milter_owe(s, STAGE_DATA, &a);
	}
	if (s->told < STAGE_HEADERS && at > STAGE_HEADERS) {
		s->told = STAGE_HEADERS;
		engine_headers_end(s->engine, &a);
		milter_owe(s, STAGE_HEADERS, &a);
	}
}

/* ---- The session ---- */

/* The address of the client; IP_NONE when it has none. */
static struct ip client_address(const struct sockaddr *sa, in_port_t *port)
{
	struct ip ip = { .family = IP_NONE };
	char text[INET6_ADDRSTRLEN] = "";

	*port = 0;
	if (sa && sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
		*port = ntohs(in->sin_port);
	} else if (sa && sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
		*port = ntohs(in6->sin6_port);
	}
	if (*text && ip_parse(&ip, text) != 0)
		ip.family = IP_NONE;
	return ip;
}

/* Names that are none: Postfix's for what it could not verify, and its "unknown". */
static const char *real_name(const char *name)
{
	return name && *name && *name != '[' && strcasecmp(name, "unknown") != 0 ? name : NULL;
}

/* 0: unknown. */
static unsigned port_number(const char *text)
{
	unsigned n = 0;

	for (; text && ascii_is_digit(*text) && n <= UINT16_MAX; text++)
		n = n * 10 + (unsigned)(*text - '0');
	return n <= UINT16_MAX ? n : 0;
}

sfsistat milter_on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
	struct milter_session *s = enter(ctx, MILTER_NEGOTIATED);
	struct engine_connect c;
	struct answer a;
	in_port_t port;

	if (!s)
		return SMFIS_TEMPFAIL;
	s->phase = MILTER_CONNECTED;
	c.ip = client_address(addr, &port);
	c.resolve = milter_macro(ctx, "{client_resolve}");
	/* sendmail's host name may be one that the client gave itself. */
	c.name = !c.resolve || ascii_equal(c.resolve, "OK") ? real_name(host) : NULL;
	/* sendmail says FORGED also when it could not look the name up just now: then DNS is asked again. */
	if (c.resolve && ascii_equal(c.resolve, "FORGED"))
		c.resolve = NULL;
	c.ptr = real_name(milter_macro(ctx, "{client_ptr}"));
	/* Without SMTP: Postfix has a queue id at once and no port, sendmail has no address, and calls the client localhost.
	 * An MTA that does not even know a name has a client that it knows nothing of. */
	c.smtp = addr ? !(port == 0 && milter_macro(ctx, "i")) : real_name(host) == NULL;
	c.port = port;
	c.server = milter_macro(ctx, "{daemon_addr}");
	c.server_port = port_number(milter_macro(ctx, "{daemon_port}"));
	engine_connect(s->engine, &c, &a);
	return leave(s, milter_answer(ctx, s, STAGE_CONNECT, &a));
}

sfsistat milter_on_helo(SMFICTX *ctx, char *name)
{
	struct milter_session *s = enter(ctx, MILTER_CONNECTED);
	struct answer a;

	if (!s)
		return SMFIS_TEMPFAIL;
	engine_helo(s->engine, name, &a);
	return leave(s, milter_answer(ctx, s, STAGE_HELO, &a));
}

sfsistat milter_on_unknown(SMFICTX *ctx, const char *command)
{
	(void)ctx;
	(void)command;
	return SMFIS_NOREPLY;
}

/* ---- The envelope ---- */

/* SIZE= of MAIL's parameters (RFC 1870: up to 20 digits); 0 when there is none, or none that makes sense. */
static int64_t announced_size(char **params)
{
	for (; *params; params++) {
		const char *p = *params;
		int64_t n = 0;

		if (strncasecmp(p, "SIZE=", 5) != 0)
			continue;
		for (p += 5; ascii_is_digit(*p); p++)
			n = n > (INT64_MAX - 9) / 10 ? INT64_MAX - 9 : n * 10 + (*p - '0');
		return *p == '\0' ? n : 0;
	}
	return 0;
}

sfsistat milter_on_mail(SMFICTX *ctx, char **argv)
{
	struct milter_session *s = enter(ctx, MILTER_CONNECTED);
	struct engine_mail m;
	struct answer a;

	if (!s)
		return SMFIS_TEMPFAIL;
	engine_abort(s->engine);
	milter_settle(s);
	s->phase = MILTER_IN_MAIL;
	s->told = STAGE_MAIL;
	m.arg = argv[0];
	m.auth_user = milter_macro(ctx, "{auth_authen}");
	m.tls = milter_macro(ctx, "{tls_version}");
	m.size = announced_size(argv + 1);
	m.queue_id = milter_macro(ctx, "i");
	engine_mail(s->engine, &m, &a);
	return leave(s, milter_answer(ctx, s, STAGE_MAIL, &a));
}

/* The MTA refused this recipient itself; {rcpt_host} is the enhanced code, {rcpt_addr} the text. */
static void refused_rcpt(SMFICTX *ctx, struct milter_session *s, const char *arg)
{
	const char *code = milter_macro(ctx, "{rcpt_host}"), *text = milter_macro(ctx, "{rcpt_addr}");
	char reply[MILTER_REPLY_LINE];

	snprintf(reply, sizeof reply, "%s%s%s", code ? code : "", code && text ? " " : "", text ? text : "");
	engine_refused_rcpt(s->engine, arg, reply);
}

sfsistat milter_on_rcpt(SMFICTX *ctx, char **argv)
{
	struct milter_session *s = enter(ctx, MILTER_IN_MAIL);
	struct answer a = { .kind = ANSWER_CONTINUE };
	const char *mailer;

	if (!s)
		return SMFIS_TEMPFAIL;
	mailer = s->refused_rcpts ? milter_macro(ctx, "{rcpt_mailer}") : NULL;
	s->told = STAGE_RCPT;
	if (mailer && ascii_equal(mailer, "error"))
		refused_rcpt(ctx, s, argv[0]);
	else
		engine_rcpt(s->engine, argv[0], &a);
	return leave(s, milter_answer(ctx, s, STAGE_RCPT, &a));
}

sfsistat milter_on_data(SMFICTX *ctx)
{
	struct milter_session *s = enter(ctx, MILTER_IN_MAIL);
	struct answer a;

	if (!s)
		return SMFIS_TEMPFAIL;
	s->told = STAGE_DATA;
	engine_data(s->engine, milter_macro(ctx, "i"), &a);
	return leave(s, milter_answer(ctx, s, STAGE_DATA, &a));
}

/* ---- The message ---- */

/* The engine expects a value with the space behind the colon, which an MTA without SMFIP_HDR_LEADSPC takes off. */
static void tell_header(struct milter_session *s, const char *name, const char *value, struct answer *a)
{
	char *spaced = NULL;

	if (!s->leading_space && asprintf(&spaced, " %s", value) < 0)
		spaced = NULL;
	engine_header(s->engine, name, spaced ? spaced : value, a);
	free(spaced);
}

sfsistat milter_on_header(SMFICTX *ctx, char *name, char *value)
{
	struct milter_session *s = enter(ctx, MILTER_IN_MAIL);
	struct answer a;

	if (!s)
		return SMFIS_TEMPFAIL;
	if (s->headers) {
		catch_up(ctx, s, STAGE_HEADERS);
		tell_header(s, name, value, &a);
		milter_owe(s, STAGE_HEADERS, &a);
	}
	return leave(s, SMFIS_NOREPLY);
}

sfsistat milter_on_headers_end(SMFICTX *ctx)
{
	struct milter_session *s = enter(ctx, MILTER_IN_MAIL);
	struct answer a;

	if (!s)
		return SMFIS_TEMPFAIL;
	catch_up(ctx, s, STAGE_HEADERS);
	s->told = STAGE_HEADERS;
	engine_headers_end(s->engine, &a);
	return leave(s, milter_answer(ctx, s, STAGE_HEADERS, &a));
}

sfsistat milter_on_body(SMFICTX *ctx, unsigned char *p, size_t n)
{
	struct milter_session *s = enter(ctx, MILTER_IN_MAIL);
	struct answer a = { .kind = ANSWER_CONTINUE };

	if (!s)
		return SMFIS_TEMPFAIL;
	if (s->body) {
		catch_up(ctx, s, STAGE_BODY);
		engine_body(s->engine, p, n, &a);
	}
	return leave(s, milter_answer(ctx, s, STAGE_BODY, &a));
}

sfsistat milter_on_end(SMFICTX *ctx)
{
	struct milter_session *s = enter(ctx, MILTER_IN_MAIL);

	if (!s)
		return SMFIS_TEMPFAIL;
	catch_up(ctx, s, STAGE_END);
	return leave(s, milter_conclude(ctx, s, milter_macro(ctx, "i")));
}

/* ---- The end ---- */

sfsistat milter_on_abort(SMFICTX *ctx)
{
	struct milter_session *s = enter(ctx, MILTER_CONNECTED);

	if (!s)
		return SMFIS_CONTINUE;
	engine_abort(s->engine);
	s->phase = MILTER_CONNECTED;
	return leave(s, SMFIS_CONTINUE);
}

/* Also the only callback of a connection that said nothing: then there is no session. */
sfsistat milter_on_close(SMFICTX *ctx)
{
	struct milter_front *f = milter_the_front();
	struct milter_session *s;

	if (!milter_enter(f))
		return SMFIS_CONTINUE;
	s = smfi_getpriv(ctx);
	smfi_setpriv(ctx, NULL);
	if (s && s->magic == MILTER_SESSION_MAGIC)
		milter_session_free(&s);
	milter_leave(f);
	return SMFIS_CONTINUE;
}
