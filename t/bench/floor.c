/*
 * The floor of the benchmark: a libmilter filter whose callbacks do nothing but, at the end, add one header.
 *
 *	floor unix:PATH
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <libmilter/mfapi.h>

enum { BACKLOG = 1024 };

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
	(void)ctx;
	(void)host;
	(void)addr;
	return SMFIS_CONTINUE;
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
	(void)ctx;
	(void)name;
	return SMFIS_CONTINUE;
}

static sfsistat on_envelope(SMFICTX *ctx, char **argv)
{
	(void)ctx;
	(void)argv;
	return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return SMFIS_CONTINUE;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *p, size_t n)
{
	(void)ctx;
	(void)p;
	(void)n;
	return SMFIS_CONTINUE;
}

static sfsistat on_unknown(SMFICTX *ctx, const char *command)
{
	(void)ctx;
	(void)command;
	return SMFIS_CONTINUE;
}

static sfsistat on_nothing(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static sfsistat on_end(SMFICTX *ctx)
{
	return smfi_addheader(ctx, (char *)"X-Floor", (char *)"yes") == MI_SUCCESS ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

int main(int argc, char **argv)
{
	struct smfiDesc filter = { .xxfi_name = (char *)"floor",
				   .xxfi_version = SMFI_VERSION,
				   .xxfi_flags = SMFIF_ADDHDRS,
				   .xxfi_connect = on_connect,
				   .xxfi_helo = on_helo,
				   .xxfi_envfrom = on_envelope,
				   .xxfi_envrcpt = on_envelope,
				   .xxfi_header = on_header,
				   .xxfi_eoh = on_nothing,
				   .xxfi_body = on_body,
				   .xxfi_eom = on_end,
				   .xxfi_abort = on_nothing,
				   .xxfi_close = on_nothing,
				   .xxfi_unknown = on_unknown,
				   .xxfi_data = on_nothing };

	if (argc != 2) {
		fputs("usage: floor unix:PATH\n", stderr);
		return 2;
	}
	if (smfi_register(filter) != MI_SUCCESS || smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_setbacklog(BACKLOG) != MI_SUCCESS || smfi_opensocket(true) != MI_SUCCESS) {
		fputs("floor: cannot listen\n", stderr);
		return 1;
	}
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
