/*
 * Replies: a rule's own text or a neutral one, in printable ASCII, with the transaction's id behind it.
 */
#include <string.h>

#include "engine/session.h"
#include "util/bytes.h"

enum { REPLY_MAX = 480 }; /* RFC 5321, section 4.5.3.1.5: 512 with code and CRLF */

struct arena *session_arena(struct engine_session *s)
{
	return s->txn != NULL ? s->txn->arena : s->conn->arena;
}

const char *session_id(struct engine_session *s)
{
	if (s->txn != NULL)
		return s->txn->id;
	if (s->conn_id[0] == '\0')
		id_make(s->conn_id);
	return s->conn_id;
}

/* Names in %{...} that are no facts. */
static const char *extra(void *ctx, const char *name)
{
	struct engine_session *s = ctx;

	if (strcmp(name, "hostname") == 0)
		return s->snap->hostname;
	if (strcmp(name, "id") == 0)
		return session_id(s);
	return NULL;
}

const char *reply_expand(struct engine_session *s, struct rcpt *rcpt, const char *text, bool wait)
{
	struct facts_view view = { .s = s,
				   .rcpt = rcpt,
				   .stage = s->txn != NULL ? s->txn->stage : s->stage,
				   .no_wait = !wait,
				   .no_ask = true };
	struct rules_source src = facts_source(&view);
	const char *out = rules_expand(s->snap->rules, text, &src, extra, s, session_arena(s));

	return out != NULL ? out : "";
}

static void set_reply(struct engine_session *s, struct reply *r, int code, const char *enhanced, const char *text)
{
	char buf[REPLY_MAX];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf - ID_SIZE - 8); /* room for the id */
	sbuf_add_reply(&b, text, strlen(text));
	b.room = sizeof buf;
	b.limit = sizeof buf;
	sbuf_addf(&b, " [id %s]", session_id(s));
	r->code = code;
	r->close = code == 421;
	strncpy(r->enhanced, enhanced, sizeof r->enhanced - 1);
	r->enhanced[sizeof r->enhanced - 1] = '\0';
	r->text = arena_strndup(session_arena(s), b.p, b.len);
	if (r->text == NULL)
		r->text = "try again later";
}

void reply_plain(struct engine_session *s, struct decision *d, enum verdict_kind kind, int code, const char *enhanced,
		 const char *text)
{
	d->kind = kind;
	d->why = text;
	set_reply(s, &d->reply, code, enhanced, text);
}

void reply_make(struct engine_session *s, struct rcpt *rcpt, struct decision *d)
{
	bool reject = d->kind == VERDICT_REJECT;
	const struct rule_action *a = d->action;
	const char *text = NULL;

	if (d->unavailable) {
		set_reply(s, &d->reply, 451, "4.7.1", "a check is unavailable at the moment, try again later");
		return;
	}
	if (a != NULL && a->text != NULL)
		/* A refusal's text takes what is known by now; a delivered message's fields wait for what they name. */
		text = reply_expand(s, rcpt, a->text, s->txn != NULL && s->txn->stage == STAGE_END);
	if (text == NULL || text[0] == '\0')
		text = reject ? "refused by local policy" : "not now, try again later";
	set_reply(s, &d->reply,
		  a != NULL && a->code != 0 ? a->code
		  : reject                  ? 550
					    : 451,
		  a != NULL && a->enhanced[0] != '\0' ? a->enhanced
		  : reject                            ? "5.7.1"
						      : "4.7.1",
		  text);
}
