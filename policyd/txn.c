#include "policyd/txn.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policyd/answer.h"
#include "policyd/limits.h"
#include "policyd/path.h"
#include "util/clock.h"

/* ---- Answers given ---- */

/* A question that was answered. */
struct policyd_note {
	struct policyd_note *next;
	enum stage stage;
	char *action;  /* NULL: DUNNO */
	size_t rcpt_n; /* RCPT: of the recipient; else 0 */
	char rcpt[];
};

/* What a question is about, besides its stage: at DATA and later the recipient is only told when there is one alone. */
static const char *subject(const struct policyd_request *r)
{
	return r->stage == STAGE_RCPT ? r->v[POLICYD_recipient] : "";
}

static struct policyd_note *find_note(const struct policyd_txn *x, const struct policyd_request *r)
{
	const char *rcpt = subject(r);
	size_t n = strlen(rcpt);
	struct policyd_note *note;

	for (note = x->notes; note != NULL; note = note->next)
		if (note->stage == r->stage && note->rcpt_n == n && memcmp(note->rcpt, rcpt, n) == 0)
			break;
	return note;
}

/* Before the engine is asked, which must not be asked twice because memory is short. */
static struct policyd_note *new_note(const struct policyd_request *r)
{
	const char *rcpt = subject(r);
	size_t n = strlen(rcpt);
	struct policyd_note *note = malloc(sizeof *note + n);

	if (note == NULL)
		return NULL;
	*note = (struct policyd_note){ .stage = r->stage, .rcpt_n = n };
	memcpy(note->rcpt, rcpt, n);
	return note;
}

/* 0, or -1 when out of memory. */
static int keep_action(char **to, const struct sbuf *action)
{
	if (strcmp(action->p, policyd_dunno) == 0)
		return 0;
	*to = strdup(action->p);
	return *to != NULL ? 0 : -1;
}

static void add_note(struct policyd_txn *x, struct policyd_note *note)
{
	if (x->notes_last != NULL)
		x->notes_last->next = note;
	else
		x->notes = note;
	x->notes_last = note;
	x->n_notes++;
	if (note->stage == STAGE_RCPT && note->action == NULL)
		x->n_rcpts++;
}

static void say(struct sbuf *out, const char *action)
{
	sbuf_reset(out);
	sbuf_add(out, action != NULL ? action : policyd_dunno);
}

static void say_no_memory(struct sbuf *out)
{
	say(out, "DEFER_IF_PERMIT 4.3.0 out of memory, try again later");
}

/* ---- The engine's events ---- */

/* From now on whatever comes is answered so, and the engine has been told the end. */
static void close_with(struct policyd_txn *x, const struct sbuf *action)
{
	static char no_memory[] = "DEFER_IF_PERMIT 4.3.0 out of memory, try again later";

	engine_close(&x->session);
	x->closed = true;
	free(x->closing);
	x->closing = NULL;
	if (keep_action(&x->closing, action) != 0)
		x->closing = strdup(no_memory);
}

/* Postfix's word for what it does not know. */
static const char *known(const char *v)
{
	return v[0] != '\0' && strcasecmp(v, "unknown") != 0 ? v : NULL;
}

struct engine_connect policyd_txn_connect(const struct policyd_request *r)
{
	const char *name = known(r->v[POLICYD_client_name]);

	/* A name is the verified one.  Without one it may also be that DNS did not answer: nobody tells, so the engine
	 * looks for itself. */
	return (struct engine_connect){ .ip = r->client,
					.name = name,
					.ptr = known(r->v[POLICYD_reverse_client_name]),
					.resolve = name != NULL ? "OK" : NULL,
					.smtp = true,
					.port = r->client_port,
					.server = known(r->v[POLICYD_server_address]),
					.server_port = r->server_port };
}

/* CONNECT to MAIL.  False: refused, which is then the answer to everything. */
static bool begin(struct policyd_txn *x, struct engine *e, const struct policyd_request *r, struct sbuf *out)
{
	char room[POLICYD_REQUEST_MAX];
	struct engine_connect c = policyd_txn_connect(r);
	struct engine_mail m = { .auth_user = r->v[POLICYD_sasl_username],
				 .tls = r->v[POLICYD_encryption_protocol],
				 .size = r->stage == STAGE_END ? 0 : r->size,
				 .queue_id = r->v[POLICYD_queue_id] };
	struct sbuf path;
	struct answer a;

	x->session = engine_open_envelope(e);
	if (x->session == NULL) {
		say_no_memory(out);
		return false;
	}
	engine_connect(x->session, &c, &a);
	if (a.kind == ANSWER_CONTINUE && r->v[POLICYD_helo_name][0] != '\0')
		engine_helo(x->session, r->v[POLICYD_helo_name], &a);
	if (a.kind == ANSWER_CONTINUE) {
		sbuf_fixed(&path, room, sizeof room);
		policyd_path(&path, r->v[POLICYD_sender]);
		m.arg = path.p;
		engine_mail(x->session, &m, &a);
	}
	x->told = STAGE_MAIL;
	if (a.kind == ANSWER_CONTINUE)
		return true;
	policyd_word_answer(out, STAGE_RCPT, &a);
	close_with(x, out);
	return false;
}

/* False: it would have to wait. */
static bool ask_rcpt(struct policyd_txn *x, const struct policyd_request *r, bool may_wait, struct answer *a)
{
	char room[POLICYD_REQUEST_MAX];
	struct sbuf path;

	sbuf_fixed(&path, room, sizeof room);
	policyd_path(&path, r->v[POLICYD_recipient]);
	if (!may_wait)
		return engine_rcpt_try(x->session, path.p, a);
	engine_rcpt(x->session, path.p, a);
	return true;
}

static bool at_rcpt(struct policyd_txn *x, const struct policyd_asked *asked, struct policyd_question *q,
		    struct sbuf *out)
{
	struct answer a;

	q->tried = !ask_rcpt(x, q->r, q->may_wait, &a);
	if (q->tried)
		return false;
	policyd_word_answer(out, STAGE_RCPT, &a);
	if (asked->last == STAGE_RCPT)
		engine_settle(x->session); /* nobody will tell what becomes of it */
	engine_park(x->session);
	return true;
}

/*
 * Where Postfix does not ask at RCPT, the one recipient of a message is told late.  Where it does, a recipient that it did
 * not ask about was let in by a restriction before ours: that is none of our business.
 */
static void ask_late_rcpt(struct policyd_txn *x, const struct policyd_asked *asked, const struct policyd_request *r,
			  struct answer *a)
{
	*a = (struct answer){ .kind = ANSWER_CONTINUE };
	if (x->told >= STAGE_DATA || (asked->stages & 1u << STAGE_RCPT) != 0 || x->n_notes > 0 ||
	    r->v[POLICYD_recipient][0] == '\0')
		return;
	(void)ask_rcpt(x, r, true, a);
	if (a->kind == ANSWER_CONTINUE)
		x->n_rcpts = 1;
}

/* Up to DATA.  False: refused. */
static bool tell_data(struct policyd_txn *x, const struct policyd_asked *asked, const struct policyd_request *r,
		      struct sbuf *out)
{
	struct answer a;

	if (x->told >= STAGE_DATA)
		return true;
	ask_late_rcpt(x, asked, r, &a);
	if (a.kind == ANSWER_CONTINUE)
		engine_data(x->session, r->v[POLICYD_queue_id], &a);
	x->told = STAGE_DATA;
	if (a.kind == ANSWER_CONTINUE)
		return true;
	policyd_word_answer(out, STAGE_DATA, &a);
	close_with(x, out);
	return false;
}

/* The last question: the verdict, which Postfix carries out. */
static unsigned conclude(struct policyd_txn *x, const struct policyd_request *r, struct sbuf *out)
{
	const struct policyd_scope scope = { .stage = r->stage,
					     .rcpts = x->n_rcpts,
					     .whole = r->recipient_count > 0 && r->recipient_count <= x->n_rcpts,
					     .headers = x->n_headers };
	unsigned unsaid;

	if (r->stage == STAGE_END && r->size > 0)
		engine_size(x->session, r->size);
	unsaid = policyd_word_verdict(out, engine_end(x->session, r->v[POLICYD_queue_id]), &scope);
	engine_finish(x->session, true);
	close_with(x, out);
	return unsaid;
}

static unsigned at_data(struct policyd_txn *x, const struct policyd_asked *asked, const struct policyd_request *r,
			struct sbuf *out)
{
	const struct edit *edits;
	unsigned unsaid;

	if (!tell_data(x, asked, r, out))
		return 0;
	if (asked->last == STAGE_DATA)
		return conclude(x, r, out);
	edits = engine_early_headers(x->session);
	x->n_headers = policyd_count_headers(edits);
	unsaid = policyd_word_headers(out, edits);
	engine_park(x->session);
	return unsaid;
}

static unsigned at_end(struct policyd_txn *x, const struct policyd_asked *asked, const struct policyd_request *r,
		       struct sbuf *out)
{
	return tell_data(x, asked, r, out) ? conclude(x, r, out) : 0;
}

/* ---- What was asked before millgated was started ---- */

static bool began_before(const struct policyd_txn *x, const struct policyd_request *r)
{
	int64_t up_ms = clock_mono_ms() - x->since_ms, ago_ms = clock_wall_ms() - r->mail_ms;

	return r->mail_ms != 0 && up_ms < POLICYD_RESTART_MS && ago_ms > up_ms && ago_ms < up_ms + POLICYD_RESTART_MS;
}

/* Whether recipients of a message may have been asked about, and let pass, in vain: by now nobody knows what was found of
 * them, so what is to be refused or counted at the end would be missed. */
static bool has_lost_rcpts(const struct policyd_txn *x, const struct policyd_asked *asked,
			   const struct policyd_request *r)
{
	if (r->stage == STAGE_RCPT || (asked->stages & 1u << STAGE_RCPT) == 0)
		return false;
	return (r->recipient_count > x->n_rcpts || x->n_notes == 0) && began_before(x, r);
}

/* ---- Questions ---- */

enum asked { ASKED, ASKED_NOT, ASKED_IN_VAIN }; /* NOT: it would have to wait; IN_VAIN: for want of memory */

static enum asked ask(struct policyd_txn *x, struct engine *e, const struct policyd_asked *asked,
		      struct policyd_question *q, struct sbuf *out)
{
	const struct policyd_request *r = q->r;

	/* Where it is not asked about recipients, it may have to wait from the beginning. */
	if (!q->may_wait && (r->stage != STAGE_RCPT || (asked->stages & 1u << STAGE_RCPT) == 0))
		return ASKED_NOT;
	if (has_lost_rcpts(x, asked, r)) {
		sbuf_add(out, "451 4.3.2 restarted in the middle of the message, try again later");
		close_with(x, out);
		return ASKED;
	}
	if (x->session == NULL && !begin(x, e, r, out))
		return x->closed ? ASKED : ASKED_IN_VAIN;
	if (r->stage == STAGE_RCPT)
		return at_rcpt(x, asked, q, out) ? ASKED : ASKED_NOT;
	q->unsaid = r->stage == STAGE_DATA ? at_data(x, asked, r, out) : at_end(x, asked, r, out);
	return ASKED;
}

bool policyd_txn_ask(struct policyd_txn *x, struct engine *e, const struct policyd_asked *asked,
		     struct policyd_question *q, struct sbuf *out)
{
	const struct policyd_note *before = find_note(x, q->r);
	enum asked done;

	if (before != NULL || x->closed) {
		say(out, before != NULL ? before->action : x->closing);
		return true;
	}
	if (q->r->stage == STAGE_RCPT && x->n_notes >= POLICYD_RCPTS_MAX) {
		say(out, "452 4.5.3 too many recipients");
		return true;
	}
	if (q->note == NULL && (q->note = new_note(q->r)) == NULL) {
		say_no_memory(out);
		return true;
	}
	done = ask(x, e, asked, q, out);
	if (done == ASKED && keep_action(&q->note->action, out) == 0) {
		add_note(x, q->note);
		q->note = NULL;
	}
	return done != ASKED_NOT;
}

struct net_wait *policyd_txn_waits_for(const struct policyd_txn *x, const struct policyd_question *q)
{
	return q->tried && x->session != NULL ? engine_waits_for(x->session) : NULL;
}

void policyd_txn_give_up(struct policyd_question *q)
{
	free(q->note);
	q->note = NULL;
}

/* ---- The end ---- */

void policyd_txn_end(struct policyd_txn *list)
{
	while (list != NULL) {
		struct policyd_txn *x = list;
		struct policyd_note *note;

		list = x->next;
		engine_close(&x->session);
		while ((note = x->notes) != NULL) {
			x->notes = note->next;
			free(note->action);
			free(note);
		}
		pthread_mutex_destroy(&x->lock);
		free(x->closing);
		free(x->key);
		free(x);
	}
}
