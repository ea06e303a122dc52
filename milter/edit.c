/*
 * The edits of an accepted message; libmilter takes them at its end alone.
 */
#include "milter/front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

/* Our own copy never bounces to the sender, who must not learn of it (RFC 3461, section 4.1). */
static char quiet_params[] = "NOTIFY=NEVER";

/* A value as this MTA wants it: with SMFIP_HDR_LEADSPC the space behind the colon is ours to give.  The caller frees
 * it; NULL when out of memory. */
static char *field_value(const struct milter_session *s, const char *value)
{
	char *text;

	return asprintf(&text, "%s%s", s->leading_space ? " " : "", value) < 0 ? NULL : text;
}

static int edit_header(SMFICTX *ctx, const struct milter_session *s, const struct edit *e)
{
	char *name = (char *)e->name, *value;
	int done = MI_FAILURE;

	if (e->kind == EDIT_CHANGE_HEADER && !e->value)
		return smfi_chgheader(ctx, name, e->index, NULL);
	value = field_value(s, e->value);
	if (!value)
		return MI_FAILURE;
	if (e->kind == EDIT_ADD_HEADER)
		done = smfi_addheader(ctx, name, value);
	else if (e->kind == EDIT_INSERT_HEADER)
		done = smfi_insheader(ctx, e->index, name, value);
	else
		done = smfi_chgheader(ctx, name, e->index, value);
	free(value);
	return done;
}

static int add_rcpt(SMFICTX *ctx, const struct milter_session *s, const struct edit *e)
{
	if (e->quiet && (s->actions & SMFIF_ADDRCPT_PAR))
		return smfi_addrcpt_par(ctx, (char *)e->value, quiet_params);
	return smfi_addrcpt(ctx, (char *)e->value);
}

/* The argument of RCPT as it came is what the MTA knows; but Postfix drops a source route (RFC 5321, appendix C) and then
 * knows the rest alone.  The one that it does not know deletes nothing. */
static int del_rcpt(SMFICTX *ctx, const char *arg)
{
	const char *colon = arg[0] == '<' && arg[1] == '@' ? strchr(arg, ':') : NULL;
	char *plain;
	int done;

	if (smfi_delrcpt(ctx, (char *)arg) != MI_SUCCESS)
		return MI_FAILURE;
	if (!colon)
		return MI_SUCCESS;
	if (asprintf(&plain, "<%s", colon + 1) < 0)
		return MI_FAILURE;
	done = smfi_delrcpt(ctx, plain);
	free(plain);
	return done;
}

static int edit(SMFICTX *ctx, const struct milter_session *s, const struct edit *e)
{
	switch (e->kind) {
	case EDIT_ADD_HEADER:
	case EDIT_INSERT_HEADER:
	case EDIT_CHANGE_HEADER:
		return edit_header(ctx, s, e);
	case EDIT_ADD_RCPT:
		return add_rcpt(ctx, s, e);
	case EDIT_DEL_RCPT:
		return del_rcpt(ctx, e->value);
	}
	return MI_FAILURE;
}

int milter_edit(SMFICTX *ctx, const struct milter_session *s, const struct edit *edits)
{
	for (const struct edit *e = edits; e; e = e->next) {
		if (edit(ctx, s, e) != MI_SUCCESS) {
			log_error("milter: the MTA does not take an edit of the message (kind %d)", (int)e->kind);
			return -1;
		}
	}
	return 0;
}
