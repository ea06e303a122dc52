#include "greylist/ask.h"

#include <string.h>

#include "greylist/sender.h"
#include "greylist/why.h"

enum {
	GREY_RENEW_PART = 16,    /* a pass is renewed when this part of its time is over ... */
	GREY_RENEW_MS = 3600000, /* ... or an hour, whichever is shorter */
	MS_PER_S = 1000,
	WHY_SIZE = 200 /* what the journal keeps of a fact */
};

/* ---- The question ---- */

static bool name_triplet(struct check_call *c, const struct grey_state *s, struct grey_run *run)
{
	const struct fact_value *sender = &c->txn->facts.v[FACT_SENDER];
	const struct fact_value *recipient = &c->rcpt->facts.v[FACT_RECIPIENT];
	struct grey_triplet *t = &run->triplet;

	if (recipient->state != FACT_KNOWN || recipient->n == 0 || !grey_identity_of(c, &s->masks, &run->identity))
		return false;
	t->identity = run->identity.name;
	t->recipient = recipient->text->folded;
	t->sender = "";
	if (sender->state == FACT_KNOWN && sender->n > 0)
		t->sender = grey_sender(c->arena, sender->text->folded, sender->text->folded_n, t->recipient);
	return t->sender != NULL;
}

/*
 * The client's own key.  A network earns nothing: next to a sender that comes for weeks may stand a machine that somebody
 * has taken over, and a provider's lines are all alike, so that what a few of them have waited for would open the door
 * to the rest.  A domain answers for its hosts.
 */
static const char *client_key(struct check_call *c, const struct grey_state *s, const struct grey_run *run)
{
	const struct fact_value *domain = &c->txn->facts.v[FACT_SENDER_DOMAIN];

	if (s->plain.times.known_after == 0 || grey_identity_is_network(run->identity.spf, run->identity.host) ||
	    domain->state != FACT_KNOWN || domain->n == 0)
		return NULL;
	return grey_key(c->arena, s->prefix, GREY_CLIENTS,
			(const char *const[GREY_PARTS]){ run->triplet.identity, domain->text->folded });
}

static bool is_word(const struct fact_value *f, const char *word)
{
	return f->state == FACT_KNOWN && f->n > 0 && strcmp(f->text->folded, word) == 0;
}

/* The longest of those that apply.  What DNS failed to tell is no reason. */
static enum grey_delay choose_delay(const struct check_call *c, const struct grey_state *s,
				    const struct grey_terms **terms)
{
	const struct fact_value *v = c->conn->facts.v;
	enum grey_delay delay = GREY_DELAY_PLAIN;

	*terms = &s->plain;
	if ((is_word(&v[FACT_FCRDNS], "none") || is_word(&v[FACT_FCRDNS], "fail")) &&
	    s->no_name.times.delay_ms > (*terms)->times.delay_ms) {
		*terms = &s->no_name;
		delay = GREY_DELAY_NO_NAME;
	}
	if (v[FACT_DNSBL_SCORE].state == FACT_KNOWN && v[FACT_DNSBL_SCORE].num >= 1 &&
	    s->listed.times.delay_ms > (*terms)->times.delay_ms) {
		*terms = &s->listed;
		delay = GREY_DELAY_LISTED;
	}
	return delay;
}

/*
 * When SPF cannot be had, the client waits by its name or its network; at its next attempt SPF may well pass, and it would
 * be a stranger by its domain.  So the triplet by that domain begins to wait as well: none but clients that SPF
 * lets pass will ever be asked about it, so that whoever brought it about has nothing from it.
 */
static const char *note_key(struct check_call *c, const struct grey_state *s, const struct grey_run *run)
{
	const struct fact_value *domain = &c->txn->facts.v[FACT_SPF_DOMAIN];
	struct grey_triplet t = run->triplet;

	if (run->identity.spf != GREY_SPF_UNAVAILABLE || domain->state != FACT_KNOWN || domain->n == 0)
		return NULL;
	t.identity = domain->text->folded;
	return strcmp(t.identity, run->triplet.identity) != 0 ? grey_key_triplet(c->arena, s->prefix, &t) : NULL;
}

/* Beside what the client was told to wait for. */
static void note(struct check_call *c, const struct grey_run *run)
{
	const struct grey_state *s = c->state;
	struct grey_question q = run->question;

	q.key = run->note;
	q.client = NULL;
	if (q.key != NULL)
		grey_script_tell(c->wait, &s->script, "note", &q);
}

void grey_send(struct check_call *c, struct grey_run *run, const char *verb)
{
	const struct grey_state *s = c->state;
	struct grey_question *q = &run->question;

	if (c->conn->ip.family == IP_NONE || !name_triplet(c, s, run))
		return;
	q->code[0] = (char)run->identity.spf;
	q->code[1] = (char)run->identity.host;
	q->code[2] = (char)choose_delay(c, s, &q->terms);
	q->sender = run->triplet.sender;
	q->client = client_key(c, s, run);
	q->key = grey_key_triplet(c->arena, s->prefix, &run->triplet);
	if (q->key == NULL)
		return;
	if (strcmp(verb, "ask") == 0)
		run->note = note_key(c, s, run);
	run->sent = true;
	run->op = grey_script_ask(c->wait, &s->script, verb, q);
}

void grey_drop(struct grey_run *run)
{
	net_op_free(&run->op);
	grey_met_drop(&run->met);
	run->sent = false;
}

/* ---- The answer ---- */

static struct fact_value *fact(struct check_call *c, enum fact_id id)
{
	return &c->facts->v[id];
}

static void set_unavailable(struct check_call *c, const char *why)
{
	const struct grey_state *s = c->state;

	fact_set_unavailable(fact(c, FACT_GREYLIST), s->on_error, why);
}

static bool needs_renewal(int64_t whole_ms, int64_t left_ms)
{
	int64_t slack = whole_ms / GREY_RENEW_PART;

	if (slack > GREY_RENEW_MS)
		slack = GREY_RENEW_MS;
	return left_ms <= whole_ms - slack;
}

/* Rounded up: who comes back then is not too early. */
static int64_t seconds(int64_t ms)
{
	return (ms + MS_PER_S - 1) / MS_PER_S;
}

static void add_decision(const struct grey_run *run, const struct grey_answer *a, unsigned met, struct sbuf *out)
{
	switch (met < GREY_MET_KEYS ? GREY_CLIENT : a->decision) {
	case GREY_DEFER:
		sbuf_add(out, "waits ");
		grey_why_delay(run->question.terms->times.delay_ms, (enum grey_delay)run->question.code[2], out);
		break;
	case GREY_PASS:
		sbuf_add(out, "came again after ");
		grey_why_span(a->age_ms, out);
		break;
	case GREY_KNOWN:
		sbuf_add(out, "passed before, ");
		sbuf_add_num(out, a->count);
		sbuf_add(out, " times in all");
		break;
	case GREY_CLIENT:
		if (met < GREY_MET_KEYS) {
			sbuf_add(out, "the recipient has written to ");
			sbuf_add(out, run->met.remote[met]);
		} else {
			sbuf_add(out, "the client has proved itself on ");
			sbuf_add_num(out, a->count);
			sbuf_add(out, " days");
		}
		break;
	}
}

static void explain(struct check_call *c, const struct grey_run *run, const struct grey_answer *a, unsigned met)
{
	char buf[WHY_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	add_decision(run, a, met, &b);
	sbuf_add(&b, "; ");
	grey_why_identity(run->identity.spf, run->identity.host, &b);
	fact_set_text(fact(c, FACT_GREYLIST_WHY), c->arena, b.p, b.len);
}

/* met: which key told of a correspondent, GREY_MET_KEYS for none. */
static void set_decision(struct check_call *c, struct grey_run *run, const struct grey_answer *a, unsigned met)
{
	const struct grey_times *t = &run->question.terms->times;

	if (met < GREY_MET_KEYS) {
		fact_set_word(fact(c, FACT_GREYLIST), "met");
	} else {
		static const char *const names[] = {
			[GREY_DEFER] = "defer", [GREY_PASS] = "pass", [GREY_KNOWN] = "known", [GREY_CLIENT] = "client"
		};

		fact_set_word(fact(c, FACT_GREYLIST), names[a->decision]);
	}
	if (a->decision == GREY_DEFER && met == GREY_MET_KEYS) {
		fact_set_num(fact(c, FACT_GREYLIST_WAIT), seconds(a->wait_ms));
		note(c, run);
	} else if (a->decision != GREY_KNOWN) { /* which waited long ago */
		fact_set_num(fact(c, FACT_GREYLIST_WAITED), seconds(a->age_ms));
	}
	run->renew = (a->decision == GREY_KNOWN && needs_renewal(t->pass_ms, a->left_ms)) ||
		     (a->decision == GREY_CLIENT && needs_renewal(t->known_for_ms, a->left_ms));
	explain(c, run, a, met);
}

/* Whether the two have met matters to who would have to wait: most mail comes from whom is known, and costs no such
 * question. */
static void send_met(struct check_call *c, struct grey_run *run, const struct grey_answer *a)
{
	const struct grey_state *s = c->state;

	if (a->decision != GREY_DEFER || !s->correspondents || run->met_sent)
		return;
	run->met_sent = true;
	grey_met_submit(c, s->prefix, &run->identity, &run->met);
}

static unsigned ask_met(struct check_call *c, struct grey_run *run, const struct grey_answer *a)
{
	send_met(c, run, a);
	if (run->met_sent)
		(void)net_await(c->wait, run->met.op, GREY_MET_KEYS, c->deadline_ms);
	return grey_met_result(&run->met);
}

static void take_answer(struct check_call *c, struct grey_run *run)
{
	const struct redis_value *v = redis_result(run->op);
	struct grey_answer a;

	if (grey_script_answer(v, &a))
		set_decision(c, run, &a, ask_met(c, run, &a));
	else if (v->kind == REDIS_UNAVAILABLE)
		set_unavailable(c, v->str != NULL ? arena_strdup(c->arena, v->str) : "Redis does not answer");
	else
		set_unavailable(c, v->kind == REDIS_ERROR ? arena_printf(c->arena, "Redis answers: %.200s", v->str)
							  : "Redis answers with something else");
}

static bool is_open(const struct net_op *op)
{
	return op != NULL && !net_op_done(op);
}

bool grey_go_on(struct check_call *c, struct grey_run *run)
{
	struct grey_answer a;

	if (!run->sent)
		return true;
	if (is_open(run->op))
		return false;
	if (grey_script_answer(redis_result(run->op), &a))
		send_met(c, run, &a);
	for (unsigned i = 0; i < GREY_MET_KEYS; i++)
		if (is_open(run->met.op[i]))
			return false;
	return true;
}

void grey_collect(struct check_call *c, struct grey_run *run)
{
	static const enum fact_id facts[] = { FACT_GREYLIST,        FACT_GREYLIST_WAIT, FACT_GREYLIST_IDENTITY,
					      FACT_GREYLIST_SENDER, FACT_GREYLIST_WHY,  FACT_GREYLIST_WAITED };

	for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
		fact_set_absent(fact(c, facts[i]));
	if (c->conn->ip.family != IP_NONE && !run->sent)
		set_unavailable(c, "out of memory");
	if (!run->sent)
		return;
	fact_set_text(fact(c, FACT_GREYLIST_IDENTITY), c->arena, run->triplet.identity, strlen(run->triplet.identity));
	fact_set_text(fact(c, FACT_GREYLIST_SENDER), c->arena, run->triplet.sender, strlen(run->triplet.sender));
	(void)net_await(c->wait, &run->op, 1, c->deadline_ms);
	take_answer(c, run);
	grey_drop(run);
}
