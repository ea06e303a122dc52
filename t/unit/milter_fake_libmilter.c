/*
 * A libmilter that writes down what it is told to send (see milter_fake.h).
 */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "milter/milter.h"
#include "t/lib/tap.h"
#include "t/unit/milter_fake.h"

struct milter_front *fake_front(void)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct milter_front *f = milter_open(fake_engine_handle(), "inet:1@127.0.0.1", 0, NULL, &errors);

	if (!f)
		bail_out("no front: %s", errors.first ? errors.first->text : "?");
	return f;
}

void fake_macro(SMFICTX *ctx, const char *name, const char *value)
{
	unsigned i = 0;

	while (ctx->macros[i].name && strcmp(ctx->macros[i].name, name) != 0)
		i++;
	ctx->macros[i].name = name;
	ctx->macros[i].value = value;
}

static int done(const SMFICTX *ctx, const char *function)
{
	return ctx->failing && strcmp(ctx->failing, function) == 0 ? MI_FAILURE : MI_SUCCESS;
}

int smfi_register(struct smfiDesc d)
{
	(void)d;
	return MI_SUCCESS;
}

int smfi_setconn(char *conn)
{
	(void)conn;
	return MI_SUCCESS;
}

size_t smfi_setmaxdatasize(size_t n)
{
	return n;
}

int smfi_setbacklog(int n)
{
	(void)n;
	return MI_SUCCESS;
}

/* Listens on some port, so that the front finds a socket. */
int smfi_opensocket(bool remove)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)remove;
	return fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0 && listen(fd, 1) == 0 ? MI_SUCCESS
												   : MI_FAILURE;
}

int smfi_main(void)
{
	return MI_SUCCESS;
}

int smfi_setpriv(SMFICTX *ctx, void *p)
{
	ctx->priv = p;
	return MI_SUCCESS;
}

void *smfi_getpriv(SMFICTX *ctx)
{
	return ctx->priv;
}

char *smfi_getsymval(SMFICTX *ctx, char *name)
{
	for (unsigned i = 0; i < sizeof ctx->macros / sizeof ctx->macros[0] && ctx->macros[i].name; i++) {
		if (strcmp(ctx->macros[i].name, name) == 0)
			return (char *)ctx->macros[i].value;
	}
	return NULL;
}

int smfi_setsymlist(SMFICTX *ctx, int where, char *macros)
{
	(void)ctx;
	fake_note("symlist %d %s", where, macros);
	return MI_SUCCESS;
}

int smfi_setreply(SMFICTX *ctx, char *code, char *enhanced, char *text)
{
	fake_note("setreply %s %s %s", code, enhanced ? enhanced : "-", text ? text : "-");
	return done(ctx, "smfi_setreply");
}

int smfi_setmlreply(SMFICTX *ctx, const char *code, const char *enhanced, ...)
{
	const char *line;
	va_list ap;

	va_start(ap, enhanced);
	while ((line = va_arg(ap, const char *)) != NULL)
		fake_note("setmlreply %s %s %s", code, enhanced ? enhanced : "-", line);
	va_end(ap);
	return done(ctx, "smfi_setmlreply");
}

int smfi_addheader(SMFICTX *ctx, char *name, char *value)
{
	fake_note("addheader %s:%s", name, value);
	return done(ctx, "smfi_addheader");
}

int smfi_insheader(SMFICTX *ctx, int index, char *name, char *value)
{
	fake_note("insheader %d %s:%s", index, name, value);
	return done(ctx, "smfi_insheader");
}

int smfi_chgheader(SMFICTX *ctx, char *name, int index, char *value)
{
	fake_note("chgheader %d %s:%s", index, name, value ? value : "(removed)");
	return done(ctx, "smfi_chgheader");
}

int smfi_addrcpt(SMFICTX *ctx, char *rcpt)
{
	fake_note("addrcpt %s", rcpt);
	return done(ctx, "smfi_addrcpt");
}

int smfi_addrcpt_par(SMFICTX *ctx, char *rcpt, char *params)
{
	fake_note("addrcpt_par %s %s", rcpt, params);
	return done(ctx, "smfi_addrcpt_par");
}

int smfi_delrcpt(SMFICTX *ctx, char *rcpt)
{
	fake_note("delrcpt %s", rcpt);
	return done(ctx, "smfi_delrcpt");
}

int smfi_quarantine(SMFICTX *ctx, char *reason)
{
	fake_note("quarantine %s", reason);
	return done(ctx, "smfi_quarantine");
}
