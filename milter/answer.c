/*
 * From the engine's answers and verdicts to libmilter's status values and SMTP replies (RFC 5321, section 4.2).
 */
#include "milter/front.h"

#include <stdio.h>
#include <string.h>

#include "util/log.h"

/* ---- Replies ---- */

struct lines {
	char text[MILTER_REPLY_LINES][2 * MILTER_REPLY_LINE + 1];
	unsigned n;
};

/* How much of text[n] goes on a line: all of it, or up to the last space that leaves something. */
static size_t line_length(const char *text, size_t n)
{
	if (n <= MILTER_REPLY_LINE)
		return n;
	for (size_t i = MILTER_REPLY_LINE; i > 0; i--) {
		if (text[i] == ' ')
			return i;
	}
	return MILTER_REPLY_LINE;
}

/* libmilter's `%` is doubled; what is no printable ASCII must not get into a reply, wherever it came from. */
static void copy_line(char *to, const char *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (from[i] == '%')
			*to++ = '%';
		*to++ = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	}
	*to = '\0';
}

static void split(const char *text, struct lines *out)
{
	size_t left = strlen(text);

	for (out->n = 0; left > 0 && out->n < MILTER_REPLY_LINES; out->n++) {
		size_t n = line_length(text, left);

		copy_line(out->text[out->n], text, n);
		n += n < left && text[n] == ' ';
		text += n;
		left -= n;
	}
}

/* The line, or NULL, which ends smfi_setmlreply()'s list. */
static char *line(struct lines *l, unsigned i)
{
	return i < l->n ? l->text[i] : NULL;
}

/* Answers the status that goes with a refusal, and sets its reply.  Without a reply that fits, libmilter's own. */
static sfsistat refuse(SMFICTX *ctx, enum answer_kind kind, const struct reply *r)
{
	char code[4], *enhanced = r->enhanced[0] ? (char *)r->enhanced : NULL;
	sfsistat status = kind == ANSWER_REJECT ? SMFIS_REJECT : SMFIS_TEMPFAIL;
	int class = kind == ANSWER_REJECT ? 5 : 4;
	struct lines l;
	int done;

	if (r->code == 0)
		return status;
	if (r->code / 100 != class) {
		log_error("milter: reply %d does not fit its answer", r->code);
		return status;
	}
	snprintf(code, sizeof code, "%d", r->code);
	split(r->text ? r->text : "", &l);
	if (l.n <= 1)
		done = smfi_setreply(ctx, code, enhanced, line(&l, 0));
	else
		done = smfi_setmlreply(ctx, code, enhanced, line(&l, 0), line(&l, 1), line(&l, 2), line(&l, 3), NULL);
	if (done != MI_SUCCESS)
		log_error("milter: libmilter does not take the reply %d %s", r->code, r->enhanced);
	return status;
}

_Static_assert((int)MILTER_REPLY_LINES == 4, "refuse() hands libmilter four lines");

/* ---- Before the end ---- */

void milter_owe(struct milter_session *s, enum stage at, const struct answer *a)
{
	struct milter_refusal *owed = &s->refusal;

	if (a->kind == ANSWER_CONTINUE || owed->kind != ANSWER_CONTINUE)
		return;
	owed->kind = a->kind;
	owed->since = at;
	owed->reply = a->reply;
	snprintf(owed->text, sizeof owed->text, "%s", a->reply.text ? a->reply.text : "");
	owed->reply.text = owed->text;
}

void milter_settle(struct milter_session *s)
{
	if (s->refusal.since > STAGE_HELO)
		s->refusal.kind = ANSWER_CONTINUE;
}

/* The engine's transaction ends where the MTA's does: after a refusal of anything but a recipient. */
static void end_transaction(struct milter_session *s)
{
	engine_abort(s->engine);
	s->phase = MILTER_CONNECTED;
	milter_settle(s);
}

static sfsistat give(SMFICTX *ctx, struct milter_session *s, enum stage at)
{
	struct milter_refusal *owed = &s->refusal;
	sfsistat status = refuse(ctx, owed->kind, &owed->reply);

	if (at == STAGE_RCPT && owed->since == STAGE_RCPT)
		owed->kind = ANSWER_CONTINUE;
	else if (at != STAGE_RCPT && s->phase == MILTER_IN_MAIL)
		end_transaction(s);
	return status;
}

sfsistat milter_answer(SMFICTX *ctx, struct milter_session *s, enum stage at, const struct answer *a)
{
	milter_owe(s, at, a);
	if (!(s->replies & (1u << at)))
		return SMFIS_NOREPLY;
	/* libmilter takes no text at CONNECT, and a 5xx there makes Postfix greet with its own. */
	if (s->refusal.kind == ANSWER_CONTINUE || at == STAGE_CONNECT)
		return SMFIS_CONTINUE;
	return give(ctx, s, at);
}

/* ---- The end ---- */

/* Accepts or quarantines, with the edits: all of it or nothing. */
static sfsistat deliver(SMFICTX *ctx, const struct milter_session *s, const struct verdict *v)
{
	const char *reason = v->reason && *v->reason ? v->reason : "quarantined";

	if (milter_edit(ctx, s, v->edits) != 0)
		return SMFIS_TEMPFAIL;
	if (v->kind == VERDICT_QUARANTINE && smfi_quarantine(ctx, (char *)reason) != MI_SUCCESS) {
		log_error("milter: the MTA does not take the quarantine");
		return SMFIS_TEMPFAIL;
	}
	return SMFIS_ACCEPT;
}

static sfsistat carry_out(SMFICTX *ctx, const struct milter_session *s, const struct verdict *v, bool *done)
{
	sfsistat status;

	*done = true;
	switch (v->kind) {
	case VERDICT_REJECT:
		return refuse(ctx, ANSWER_REJECT, &v->reply);
	case VERDICT_DEFER:
		return refuse(ctx, ANSWER_DEFER, &v->reply);
	case VERDICT_DISCARD:
		return SMFIS_DISCARD;
	case VERDICT_ACCEPT:
	case VERDICT_QUARANTINE:
		status = deliver(ctx, s, v);
		*done = status == SMFIS_ACCEPT;
		return status;
	case VERDICT_NONE:
		break;
	}
	*done = false;
	log_error("milter: no verdict at the end of the message");
	return SMFIS_TEMPFAIL;
}

sfsistat milter_conclude(SMFICTX *ctx, struct milter_session *s, const char *queue_id)
{
	sfsistat status;
	bool done;

	if (s->refusal.kind != ANSWER_CONTINUE)
		return give(ctx, s, STAGE_END);
	status = carry_out(ctx, s, engine_end(s->engine, queue_id), &done);
	engine_finish(s->engine, done);
	s->phase = MILTER_CONNECTED;
	return status;
}
