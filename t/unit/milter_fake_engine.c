/*
 * An engine that decides what the test says (see milter_fake.h).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/unit/milter_fake.h"
#include "util/ip.h"

enum { LOG_SIZE = 1 << 16, SERVER_SIZE = 128 };

struct fake_engine fake_engine;

struct engine_session {
	int number;
};

static char noted[LOG_SIZE], taken[LOG_SIZE];

void fake_note(const char *fmt, ...)
{
	size_t n = strlen(noted);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(noted + n, sizeof noted - n, fmt, ap);
	va_end(ap);
	strncat(noted, "\n", sizeof noted - strlen(noted) - 1);
}

const char *fake_log_take(void)
{
	memcpy(taken, noted, sizeof taken);
	noted[0] = '\0';
	return taken;
}

void fake_engine_reset(void)
{
	int open = fake_engine.open;

	fake_engine = (struct fake_engine){ .open = open };
	noted[0] = '\0';
}

struct engine *fake_engine_handle(void)
{
	return (struct engine *)&fake_engine;
}

static void give(struct answer *from, struct answer *to)
{
	*to = *from;
	*from = (struct answer){ .kind = ANSWER_CONTINUE };
}

static const char *text(const char *s)
{
	return s ? s : "-";
}

const struct engine_settings *engine_settings(const struct engine *e)
{
	(void)e;
	return &fake_engine.settings;
}

struct engine_session *engine_open(struct engine *e)
{
	(void)e;
	if (fake_engine.no_memory)
		return NULL;
	fake_engine.open++;
	return calloc(1, sizeof(struct engine_session));
}

const struct engine_needs *engine_session_needs(const struct engine_session *s)
{
	(void)s;
	return &fake_engine.needs;
}

void engine_connect(struct engine_session *s, const struct engine_connect *c, struct answer *a)
{
	char ip[IP_TEXT_SIZE] = "none", server[SERVER_SIZE] = "";

	(void)s;
	if (c->server)
		snprintf(server, sizeof server, " port=%u server=%s:%u", c->port, c->server, c->server_port);
	if (c->ip.family != IP_NONE)
		ip_format(&c->ip, ip);
	fake_note("connect %s name=%s ptr=%s resolve=%s%s%s", ip, text(c->name), text(c->ptr), text(c->resolve), server,
		  c->smtp ? "" : " local");
	give(&fake_engine.answers[STAGE_CONNECT], a);
}

void engine_helo(struct engine_session *s, const char *name, struct answer *a)
{
	(void)s;
	fake_note("helo %s", name);
	give(&fake_engine.answers[STAGE_HELO], a);
}

void engine_mail(struct engine_session *s, const struct engine_mail *m, struct answer *a)
{
	(void)s;
	fake_note("mail %s auth=%s tls=%s size=%lld id=%s", m->arg, text(m->auth_user), text(m->tls),
		  (long long)m->size, text(m->queue_id));
	give(&fake_engine.answers[STAGE_MAIL], a);
}

void engine_rcpt(struct engine_session *s, const char *arg, struct answer *a)
{
	(void)s;
	fake_note("rcpt %s", arg);
	give(&fake_engine.answers[STAGE_RCPT], a);
}

void engine_refused_rcpt(struct engine_session *s, const char *arg, const char *reply)
{
	(void)s;
	fake_note("refused %s: %s", arg, reply);
}

void engine_data(struct engine_session *s, const char *queue_id, struct answer *a)
{
	(void)s;
	fake_note("data id=%s", text(queue_id));
	give(&fake_engine.answers[STAGE_DATA], a);
}

void engine_header(struct engine_session *s, const char *name, const char *value, struct answer *a)
{
	(void)s;
	fake_note("header %s:%s", name, value);
	give(&fake_engine.header_answer, a);
}

void engine_headers_end(struct engine_session *s, struct answer *a)
{
	(void)s;
	fake_note("headers_end");
	give(&fake_engine.answers[STAGE_HEADERS], a);
}

void engine_body(struct engine_session *s, const void *p, size_t n, struct answer *a)
{
	(void)s;
	(void)p;
	fake_note("body %zu", n);
	give(&fake_engine.answers[STAGE_BODY], a);
}

const struct verdict *engine_end(struct engine_session *s, const char *queue_id)
{
	static const struct verdict accept = { .kind = VERDICT_ACCEPT };

	(void)s;
	fake_note("end id=%s", text(queue_id));
	return fake_engine.verdict ? fake_engine.verdict : &accept;
}

void engine_finish(struct engine_session *s, bool carried_out)
{
	(void)s;
	fake_note("finish %s", carried_out ? "done" : "failed");
}

void engine_abort(struct engine_session *s)
{
	(void)s;
	fake_note("abort");
}

void engine_close(struct engine_session **s)
{
	fake_note("close");
	fake_engine.open--;
	free(*s);
	*s = NULL;
}

void engine_drain_begin(struct engine *e)
{
	(void)e;
	fake_note("drain");
}

unsigned engine_drain_wait(struct engine *e, int64_t timeout_ms)
{
	(void)e;
	fake_note("drain_wait %lld", (long long)timeout_ms);
	return fake_engine.left;
}
