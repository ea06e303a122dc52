#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/unit/policyd_fake.h"

enum { LOG_SIZE = 1 << 16 };

struct fake_engine fake_engine;

struct engine_session {
	int number;
};

static char noted[LOG_SIZE], taken[LOG_SIZE];

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
	size_t n = strlen(noted);
	va_list ap;

	if (fake_engine.quiet)
		return;
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

void fake_refuse(enum stage at, int code, const char *enhanced, const char *text)
{
	struct answer *a = &fake_engine.answers[at];

	a->kind = code >= 500 ? ANSWER_REJECT : ANSWER_DEFER;
	a->reply = (struct reply){ .code = code, .text = text, .close = code == 421 };
	snprintf(a->reply.enhanced, sizeof a->reply.enhanced, "%s", enhanced);
}

static void give(enum stage at, struct answer *to)
{
	*to = fake_engine.answers[at];
	fake_engine.answers[at] = (struct answer){ .kind = ANSWER_CONTINUE };
}

static const char *text(const char *s)
{
	return s != NULL && s[0] != '\0' ? s : "-";
}

/* ---- What policyd/ calls ---- */

const struct engine_settings *engine_settings(const struct engine *e)
{
	(void)e;
	return &fake_engine.settings;
}

unsigned settings_policyd_stages(const struct policyd_settings *set)
{
	(void)set;
	return 1u << STAGE_RCPT;
}

struct net *engine_net(struct engine *e)
{
	(void)e;
	return NULL;
}

struct engine_session *engine_open_envelope(struct engine *e)
{
	(void)e;
	if (fake_engine.no_memory)
		return NULL;
	__atomic_add_fetch(&fake_engine.open, 1, __ATOMIC_RELAXED);
	return calloc(1, sizeof(struct engine_session));
}

bool engine_has_twin(struct engine *e, const struct engine_connect *c, const char *sender_arg)
{
	(void)e;
	(void)c;
	(void)sender_arg;
	return fake_engine.twin;
}

void engine_connect(struct engine_session *s, const struct engine_connect *c, struct answer *a)
{
	char ip[IP_TEXT_SIZE];

	(void)s;
	note("connect %s:%u name=%s ptr=%s resolve=%s at %s:%u", ip_format(&c->ip, ip), c->port, text(c->name),
	     text(c->ptr), text(c->resolve), text(c->server), c->server_port);
	give(STAGE_CONNECT, a);
}

void engine_helo(struct engine_session *s, const char *name, struct answer *a)
{
	(void)s;
	note("helo %s", name);
	give(STAGE_HELO, a);
}

void engine_mail(struct engine_session *s, const struct engine_mail *m, struct answer *a)
{
	(void)s;
	note("mail %s auth=%s tls=%s size=%lld", m->arg, text(m->auth_user), text(m->tls), (long long)m->size);
	give(STAGE_MAIL, a);
}

void engine_rcpt(struct engine_session *s, const char *arg, struct answer *a)
{
	(void)s;
	note("rcpt %s", arg);
	give(STAGE_RCPT, a);
}

bool engine_rcpt_try(struct engine_session *s, const char *arg, struct answer *a)
{
	(void)s;
	note("try %s", arg);
	if (fake_engine.tries_in_vain > 0) {
		fake_engine.tries_in_vain--;
		return false;
	}
	give(STAGE_RCPT, a);
	return true;
}

struct net_wait *engine_waits_for(struct engine_session *s)
{
	return (struct net_wait *)s;
}

void engine_data(struct engine_session *s, const char *queue_id, struct answer *a)
{
	(void)s;
	note("data %s", text(queue_id));
	give(STAGE_DATA, a);
}

void engine_size(struct engine_session *s, int64_t size)
{
	(void)s;
	note("size %lld", (long long)size);
}

const struct edit *engine_early_headers(struct engine_session *s)
{
	(void)s;
	return fake_engine.early;
}

const struct verdict *engine_end(struct engine_session *s, const char *queue_id)
{
	static const struct verdict accept = { .kind = VERDICT_ACCEPT };

	(void)s;
	note("end %s", text(queue_id));
	return fake_engine.verdict != NULL ? fake_engine.verdict : &accept;
}

void engine_finish(struct engine_session *s, bool carried_out)
{
	(void)s;
	note("finish %s", carried_out ? "done" : "failed");
}

void engine_park(struct engine_session *s)
{
	(void)s;
	note("park");
}

void engine_settle(struct engine_session *s)
{
	(void)s;
	note("settle");
}

void engine_close(struct engine_session **s)
{
	if (*s == NULL)
		return;
	note("close");
	__atomic_sub_fetch(&fake_engine.open, 1, __ATOMIC_RELAXED);
	free(*s);
	*s = NULL;
}
