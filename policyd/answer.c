#include "policyd/answer.h"

#include <string.h>

#include "policyd/limits.h"
#include "util/utf8.h"

const char policyd_dunno[] = "DUNNO";

/* ---- Replies ---- */

/* Enhanced code and text.  Without a code Postfix would take the text's first word for one (RFC 3463). */
static void add_text(struct sbuf *out, const struct reply *r, const char *enhanced, const char *text)
{
	if (r->text != NULL && r->text[0] != '\0')
		text = r->text;
	sbuf_addc(out, ' ');
	sbuf_add(out, r->enhanced[0] != '\0' ? r->enhanced : enhanced);
	sbuf_addc(out, ' ');
	sbuf_add_reply(out, text, strnlen(text, POLICYD_TEXT_MAX));
}

static void word_reject(struct sbuf *out, const struct reply *r)
{
	enum { REJECT = 550 };

	sbuf_addf(out, "%d", r->code / 100 == 5 ? r->code : REJECT);
	add_text(out, r, "5.7.1", "refused by local policy");
}

static void word_defer(struct sbuf *out, enum stage at, const struct reply *r)
{
	enum { DEFER = 451, CLOSE = 421, SURPLUS = 452 };

	/* A later restriction may still refuse for good: then trying again would be in vain.  Two codes mean something of
	 * their own, though, and Postfix would replace them. */
	if (at == STAGE_RCPT && r->code != CLOSE && r->code != SURPLUS)
		sbuf_add(out, "DEFER_IF_PERMIT");
	else
		sbuf_addf(out, "%d", r->code / 100 == 4 ? r->code : DEFER);
	add_text(out, r, "4.7.1", "not now, try again later");
}

void policyd_word_answer(struct sbuf *out, enum stage at, const struct answer *a)
{
	if (a->kind == ANSWER_REJECT)
		word_reject(out, &a->reply);
	else if (a->kind == ANSWER_DEFER)
		word_defer(out, at, &a->reply);
	else
		sbuf_add(out, policyd_dunno);
}

/* ---- Edits ---- */

static bool is_header_edit(const struct edit *e)
{
	return e->kind == EDIT_ADD_HEADER || e->kind == EDIT_INSERT_HEADER || e->kind == EDIT_CHANGE_HEADER;
}

unsigned policyd_count_headers(const struct edit *edits)
{
	unsigned n = 0;

	for (const struct edit *e = edits; e != NULL; e = e->next)
		n += is_header_edit(e);
	return n;
}

/* A field on one line, as Postfix takes it: with malformed UTF-8 it would take nothing. */
static bool add_field(struct sbuf *out, const char *name, const char *value)
{
	size_t n = strlen(value);

	if (strlen(name) + n > POLICYD_HEADER_MAX || !utf8_valid(value, n))
		return false;
	sbuf_addf(out, "PREPEND %s: ", name);
	value += strspn(value, " \t");
	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '\r' || c == '\n') /* unfolded: the blank behind it stays */
			continue;
		sbuf_addc(out, c < ' ' || c == 0x7f ? ' ' : *value);
	}
	return true;
}

unsigned policyd_word_headers(struct sbuf *out, const struct edit *edits)
{
	unsigned unsaid = 0;
	bool said = false;

	for (const struct edit *e = edits; e != NULL; e = e->next) {
		if (!is_header_edit(e))
			continue;
		if (said || e->kind == EDIT_CHANGE_HEADER || !add_field(out, e->name, e->value))
			unsaid = POLICYD_UNSAID_HEADERS;
		else
			said = true;
	}
	if (!said)
		sbuf_add(out, policyd_dunno);
	return unsaid;
}

/* What the edits do to the recipients. */
struct rcpt_edits {
	unsigned gone, added; /* different addresses */
	const char *address;  /* the last one added */
};

static struct rcpt_edits look_at_rcpts(const struct edit *edits)
{
	struct rcpt_edits r = { 0 };

	for (const struct edit *e = edits; e != NULL; e = e->next) {
		if (e->kind == EDIT_DEL_RCPT)
			r.gone++;
		if (e->kind != EDIT_ADD_RCPT || (r.address != NULL && strcmp(r.address, e->value) == 0))
			continue;
		r.added++;
		r.address = e->value;
	}
	return r;
}

static bool can_address(const char *address)
{
	if (strchr(address, '@') == NULL || strlen(address) > POLICYD_TEXT_MAX)
		return false;
	for (; *address != '\0'; address++)
		if (*address <= ' ' || *address > '~')
			return false;
	return true;
}

/* ---- The verdict ---- */

static unsigned word_edits(struct sbuf *out, const struct edit *edits, const struct policyd_scope *scope)
{
	struct rcpt_edits r = look_at_rcpts(edits);
	bool one = r.added == 1 && can_address(r.address);
	unsigned unsaid = 0;

	/* One action is all there is: where the mail goes is more than what stands on it. */
	if (one && scope->whole && r.gone == scope->rcpts)
		sbuf_addf(out, "REDIRECT %s", r.address);
	else if (one && r.gone == 0)
		sbuf_addf(out, "BCC %s", r.address);
	else if (r.gone > 0 || r.added > 0)
		unsaid = POLICYD_UNSAID_RCPTS;
	if (out->len == 0 && scope->stage == STAGE_DATA)
		return unsaid | policyd_word_headers(out, edits);
	if (out->len == 0)
		sbuf_add(out, policyd_dunno);
	if (policyd_count_headers(edits) > scope->headers)
		unsaid |= POLICYD_UNSAID_HEADERS;
	return unsaid;
}

unsigned policyd_word_verdict(struct sbuf *out, const struct verdict *v, const struct policyd_scope *scope)
{
	static const struct reply none = { .code = 0 };
	const char *reason;

	switch (v->kind) {
	case VERDICT_REJECT:
		word_reject(out, &v->reply);
		return 0;
	case VERDICT_DEFER:
		word_defer(out, STAGE_END, &v->reply);
		return 0;
	case VERDICT_DISCARD:
		sbuf_add(out, scope->whole ? "DISCARD" : policyd_dunno);
		return scope->whole ? 0 : POLICYD_UNSAID_DELETE;
	case VERDICT_QUARANTINE:
		sbuf_add(out, "HOLD ");
		reason = v->reason != NULL && v->reason[0] != '\0' ? v->reason : "quarantined";
		sbuf_add_reply(out, reason, strnlen(reason, POLICYD_TEXT_MAX));
		return policyd_count_headers(v->edits) > scope->headers ? POLICYD_UNSAID_HEADERS : 0;
	case VERDICT_ACCEPT:
		return word_edits(out, v->edits, scope);
	case VERDICT_NONE:
		break;
	}
	word_defer(out, STAGE_END, &none);
	return 0;
}
