/* Transactions: what the engine is told, what Postfix is answered, and that a question is only asked once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/answer.h"
#include "policyd/limits.h"
#include "policyd/table.h"
#include "t/lib/tap.h"
#include "t/unit/policyd_fake.h"
#include "util/clock.h"

#define BIT(stage) (1u << STAGE_##stage)
static const struct policyd_asked everywhere = { BIT(RCPT) | BIT(DATA) | BIT(END), STAGE_END };
static const struct policyd_asked at_data = { BIT(RCPT) | BIT(DATA), STAGE_DATA };
static const struct policyd_asked at_rcpt = { BIT(RCPT), STAGE_RCPT };
static const struct policyd_asked at_end = { BIT(END), STAGE_END };

enum { IDLE_MS = 60000, GRACE_MS = 5000 };

static struct policyd_table *table;
static struct policyd_conn conn;
static unsigned unsaid;

static void make_request(struct policyd_request *r, char text[POLICYD_REQUEST_MAX], const char *key, const char *state,
			 const char *more)
{
	int n = snprintf(text, POLICYD_REQUEST_MAX,
			 "request=smtpd_access_policy\nprotocol_state=%s\ninstance=%s\nclient_address=192.0.2.7\n"
			 "client_port=40000\nserver_address=203.0.113.5\nserver_port=25\nhelo_name=mx\n"
			 "sender=a@example.org\n%s\n",
			 state, key, more);

	if (policyd_parse(r, text, (size_t)n) != NULL)
		bail_out("no request: %s", text);
}

/* A question on a connection, about a transaction, which must not wait for the first `vain` times and may then; answers
 * the action. */
static const char *ask_trying(struct policyd_conn *c, const struct policyd_asked *asked, const char *key,
			      const char *state, const char *more, int vain)
{
	static char action[POLICYD_ACTION_MAX];
	char text[POLICYD_REQUEST_MAX];
	struct policyd_request r;
	struct policyd_question q = { .r = &r };
	struct policyd_txn *x, *ended;
	struct sbuf b;
	bool over;

	make_request(&r, text, key, state, more);
	x = policyd_table_take(table, key, strlen(key), c, &ended);
	policyd_txn_end(ended);
	sbuf_fixed(&b, action, sizeof action);
	for (; vain > 0; vain--)
		ok(!policyd_txn_ask(x, fake_engine_handle(), asked, &q, &b), "asked in vain");
	q.may_wait = true;
	if (!policyd_txn_ask(x, fake_engine_handle(), asked, &q, &b))
		bail_out("no answer where it may wait");
	policyd_txn_give_up(&q);
	unsaid = q.unsaid;
	over = x->closed;
	policyd_table_put(table, x, over);
	return action;
}

static const char *ask_by(struct policyd_conn *c, const struct policyd_asked *asked, const char *key, const char *state,
			  const char *more)
{
	return ask_trying(c, asked, key, state, more, 0);
}

static const char *ask(const struct policyd_asked *asked, const char *key, const char *state, const char *more)
{
	return ask_by(&conn, asked, key, state, more);
}

static void begin(void)
{
	fake_engine_reset();
	table = policyd_table_new(IDLE_MS, GRACE_MS);
	conn.txn = NULL;
}

static void over(void)
{
	policyd_txn_end(policyd_table_free(&table));
	is_int(fake_engine.open, 0, "every session of the engine was closed");
}

#define BEGUN                                                                                                          \
	"connect 192.0.2.7:40000 name=- ptr=- resolve=- at 203.0.113.5:25\nhelo mx\n"                                  \
	"mail <a@example.org> auth=- tls=- size=0\n"

/* ---- From the first recipient to the end ---- */

static void test_whole(void)
{
	begin();
	is_str(ask(&everywhere, "1", "RCPT", "recipient=b@c\n"), "DUNNO", "a recipient");
	is_str(fake_log_take(), BEGUN "rcpt <b@c>\npark\n", "the engine is told from the beginning");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=d@e\n"), "DUNNO", "another one");
	is_str(fake_log_take(), "rcpt <d@e>\npark\n", "in the same transaction");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=b@c\n"), "DUNNO", "the first one again");
	is_str(fake_log_take(), "", "is not asked again");
	is_str(ask(&everywhere, "1", "DATA", "recipient_count=2\nqueue_id=4A\n"), "DUNNO", "DATA");
	is_str(fake_log_take(), "data 4A\npark\n", "is told");
	is_str(ask(&everywhere, "1", "END-OF-MESSAGE", "recipient_count=2\nqueue_id=4A\nsize=77\n"), "DUNNO",
	       "the end");
	is_str(fake_log_take(), "size 77\nend 4A\nfinish done\nclose\n",
	       "with the size, and the verdict is carried out");
	is_str(ask(&everywhere, "1", "END-OF-MESSAGE", "recipient_count=2\nsize=77\n"), "DUNNO", "the end again");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=x@y\n"), "DUNNO", "a recipient behind the end");
	is_str(fake_log_take(), "", "tell the engine nothing");
	over();
}

static void test_last_stage(void)
{
	begin();
	ask(&at_rcpt, "1", "RCPT", "recipient=b@c\n");
	is_str(fake_log_take(), BEGUN "rcpt <b@c>\nsettle\npark\n", "asked at RCPT alone: settled at once");
	ask(&at_rcpt, "2", "RCPT", "recipient=b@c\n");
	is_str(fake_log_take(), "close\n" BEGUN "rcpt <b@c>\nsettle\npark\n", "the next message ends it");
	ask(&at_rcpt, "2", "DATA", "recipient_count=1\n");
	is_str(fake_log_take(), "data -\npark\n", "what is asked nevertheless is answered");
	ask(&at_data, "3", "RCPT", "recipient=b@c\n");
	fake_log_take();
	ask(&at_data, "3", "DATA", "recipient=b@c\nrecipient_count=1\nsize=99\n");
	is_str(fake_log_take(), "data -\nend -\nfinish done\nclose\n", "asked up to DATA: the verdict is given there");
	ask(&everywhere, "4", "RCPT", "recipient=b@c\nsize=5\n");
	fake_log_take();
	ask(&everywhere, "5", "RCPT", "recipient=b@c\n");
	is_str(fake_log_take(), "close\n" BEGUN "rcpt <b@c>\npark\n", "a message that never came is not settled");
	over();
}

static void test_unknown_recipients(void)
{
	begin();
	ask(&at_end, "1", "END-OF-MESSAGE", "recipient=b@c\nrecipient_count=1\nsize=7\n");
	is_str(fake_log_take(), BEGUN "rcpt <b@c>\ndata -\nsize 7\nend -\nfinish done\nclose\n",
	       "never asked at RCPT: the one recipient is told late");
	ask(&everywhere, "2", "END-OF-MESSAGE", "recipient=b@c\nrecipient_count=1\nsize=7\n");
	is_str(fake_log_take(), BEGUN "data -\nsize 7\nend -\nfinish done\nclose\n",
	       "asked there: one that was let in before us is none of our business");
	fake_refuse(STAGE_RCPT, 450, "4.7.1", "rate");
	is_str(ask(&at_end, "3", "END-OF-MESSAGE", "recipient=b@c\nrecipient_count=1\n"), "450 4.7.1 rate",
	       "a late recipient's refusal is the message's");
	over();
}

/* As Postfix has it, for a message that began so many seconds after now. */
static const char *instance(int after_s)
{
	static char text[64];

	snprintf(text, sizeof text, "5db6.%lx.8b9b8.3", (unsigned long)(clock_wall_ms() / 1000 + after_s));
	return text;
}

#define RESTARTED "451 4.3.2 restarted in the middle of the message, try again later"
#define ONE "recipient=b@c\nrecipient_count=1\n"

static void test_restart(void)
{
	enum { HOURS_S = 2 * 60 * 60 };

	begin();
	is_str(ask(&everywhere, instance(-30), "END-OF-MESSAGE", ONE), RESTARTED, "begun before we were: come again");
	is_str(ask(&everywhere, instance(-30), "END-OF-MESSAGE", ONE), RESTARTED, "asked again, too");
	is_str(ask(&at_data, instance(-29), "DATA", ONE), RESTARTED, "it is so at DATA");
	is_str(ask_trying(&conn, &everywhere, instance(-31), "DATA", ONE, 1), RESTARTED,
	       "where nothing may be waited for, nothing is ended: a recipient may be asked about elsewhere");
	is_str(ask(&everywhere, instance(-28), "RCPT", "recipient=b@c\n"), "DUNNO", "a recipient that comes after");
	fake_log_take();
	is_str(ask(&everywhere, instance(-28), "DATA", "recipient_count=2\n"), RESTARTED,
	       "does not stand for the first");
	is_str(fake_log_take(), "close\n", "nothing is committed");
	is_str(ask(&everywhere, instance(-27), "RCPT", "recipient=b@c\n"), "DUNNO", "with all recipients");
	is_str(ask(&everywhere, instance(-27), "DATA", ONE), "DUNNO", "nothing is lost");
	is_str(ask(&at_end, instance(-26), "END-OF-MESSAGE", ONE), "DUNNO", "never asked at RCPT: nor there");
	is_str(ask(&everywhere, instance(5), "END-OF-MESSAGE", ONE), "DUNNO", "begun after: let in before us");
	is_str(ask(&everywhere, instance(-HOURS_S), "END-OF-MESSAGE", ONE), "DUNNO",
	       "a clock that is hours off is none");
	is_str(ask(&everywhere, "5db6.1.8b9b8", "END-OF-MESSAGE", ONE), "DUNNO", "nor is another kind of instance");
	over();
}

/* ---- Without waiting ---- */

/* Answers whether it was answered; the action, if so, is in *action. */
static bool try_once(const struct policyd_asked *asked, struct policyd_question *q, const char *key,
		     struct sbuf *action)
{
	struct policyd_txn *x, *ended;
	bool answered;

	x = policyd_table_take(table, key, strlen(key), &conn, &ended);
	policyd_txn_end(ended);
	sbuf_reset(action);
	answered = policyd_txn_ask(x, fake_engine_handle(), asked, q, action);
	policyd_table_put(table, x, x->closed);
	return answered;
}

static bool waits(const struct policyd_question *q, const char *key)
{
	struct policyd_txn *x, *ended;
	bool it_does;

	x = policyd_table_take(table, key, strlen(key), &conn, &ended);
	policyd_txn_end(ended);
	it_does = policyd_txn_waits_for(x, q) != NULL;
	policyd_table_put(table, x, x->closed);
	return it_does;
}

static void test_tried(void)
{
	char text[POLICYD_REQUEST_MAX], room[POLICYD_ACTION_MAX];
	struct policyd_request r;
	struct policyd_question q = { .r = &r };
	struct sbuf action;

	begin();
	sbuf_fixed(&action, room, sizeof room);
	make_request(&r, text, "1", "RCPT", "recipient=b@c\n");
	fake_engine.tries_in_vain = 2;
	ok(!try_once(&everywhere, &q, "1", &action), "a question that must not wait and would have to has no answer");
	is_str(fake_log_take(), BEGUN "try <b@c>\n", "the transaction is begun");
	ok(waits(&q, "1"), "what it waits for is the engine's business");
	ok(!try_once(&everywhere, &q, "1", &action), "nor has it when it is asked again too early");
	ok(try_once(&everywhere, &q, "1", &action), "then it has");
	is_str(action.p, "DUNNO", "the engine's");
	is_str(fake_log_take(), "try <b@c>\ntry <b@c>\npark\n", "of the same transaction");
	policyd_txn_give_up(&q);
	is_str(ask(&everywhere, "1", "RCPT", "recipient=b@c\n"), "DUNNO", "repeated, it is answered so again");
	is_str(fake_log_take(), "", "without asking");

	fake_engine.tries_in_vain = 2;
	fake_refuse(STAGE_RCPT, 451, "4.7.1", "not yet");
	is_str(ask_trying(&conn, &everywhere, "1", "RCPT", "recipient=d@e\n", 2), "DEFER_IF_PERMIT 4.7.1 not yet",
	       "one that must wait after all");
	is_str(fake_log_take(), "try <d@e>\ntry <d@e>\nrcpt <d@e>\npark\n", "is asked where it may");

	make_request(&r, text, "2", "RCPT", "recipient=f@g\n");
	fake_engine.tries_in_vain = 1;
	ok(!try_once(&at_rcpt, &q, "2", &action), "another one in vain");
	(void)fake_log_take();
	is_str(ask(&at_rcpt, "2", "RCPT", "recipient=f@g\n"), "DUNNO", "answered on another way meanwhile");
	ok(try_once(&at_rcpt, &q, "2", &action), "is not asked about again");
	is_str(fake_log_take(), "rcpt <f@g>\nsettle\npark\n", "and counted once");
	policyd_txn_give_up(&q);

	make_request(&r, text, "3", "DATA", "recipient=f@g\n");
	ok(!try_once(&at_data, &q, "3", &action), "DATA may have to wait");
	make_request(&r, text, "4", "RCPT", "recipient=f@g\n");
	ok(!try_once(&at_end, &q, "4", &action), "and so may a recipient that is not to be asked about");
	policyd_txn_give_up(&q);
	is_str(fake_log_take(), "close\n", "nothing is begun for them: the one before has ended");

	is_str(ask(&everywhere, "5", "RCPT", "recipient=f@g\n"), "DUNNO", "after a recipient");
	q = (struct policyd_question){ .r = &r };
	make_request(&r, text, "5", "DATA", "recipient=f@g\n");
	ok(!try_once(&everywhere, &q, "5", &action) && !waits(&q, "5"),
	   "DATA waits for nothing that was asked in vain");
	policyd_txn_give_up(&q);
	over();
}

/* ---- Refusals ---- */

static void test_refusals(void)
{
	begin();
	fake_refuse(STAGE_RCPT, 550, "5.7.1", "no");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=b@c\n"), "550 5.7.1 no", "a recipient is refused");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=b@c\n"), "550 5.7.1 no", "the same again");
	fake_refuse(STAGE_RCPT, 451, "4.7.1", "greylisted");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=d@e\n"), "DEFER_IF_PERMIT 4.7.1 greylisted", "one is deferred");
	fake_refuse(STAGE_RCPT, 452, "4.5.3", "later");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=f@g\n"), "452 4.5.3 later", "452 is said as such");
	fake_refuse(STAGE_RCPT, 421, "4.7.0", "bye");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=h@i\n"), "421 4.7.0 bye", "so is 421");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=j@k\n"), "DUNNO", "another one is none of these");
	fake_refuse(STAGE_DATA, 451, "4.7.1", "wait");
	fake_log_take();
	is_str(ask(&everywhere, "1", "DATA", "recipient_count=1\n"), "451 4.7.1 wait", "at DATA a code is a code");
	is_str(fake_log_take(), "data -\nclose\n", "and the transaction is over");
	is_str(ask(&everywhere, "1", "END-OF-MESSAGE", "recipient_count=1\n"), "451 4.7.1 wait", "whatever comes");
	over();
}

static void test_refused_sender(void)
{
	begin();
	fake_refuse(STAGE_MAIL, 552, "5.3.4", "too big");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=b@c\n"), "552 5.3.4 too big", "MAIL is refused");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=d@e\n"), "552 5.3.4 too big", "for every recipient");
	is_str(fake_log_take(), BEGUN "close\n", "the engine hears of no recipient");
	fake_refuse(STAGE_CONNECT, 421, "4.7.0", "too many");
	is_str(ask(&everywhere, "2", "RCPT", "recipient=b@c\n"), "421 4.7.0 too many", "so it is with CONNECT");
	fake_refuse(STAGE_MAIL, 451, "4.3.2", "restarting");
	is_str(ask(&everywhere, "3", "RCPT", "recipient=b@c\n"), "DEFER_IF_PERMIT 4.3.2 restarting", "and a 4xx");
	over();
}

static void test_text(void)
{
	begin();
	fake_refuse(STAGE_RCPT, 550, "", NULL);
	is_str(ask(&everywhere, "1", "RCPT", "recipient=1\n"), "550 5.7.1 refused by local policy", "no code, no text");
	fake_refuse(STAGE_RCPT, 250, "", "x");
	fake_engine.answers[STAGE_RCPT].kind = ANSWER_REJECT;
	is_str(ask(&everywhere, "1", "RCPT", "recipient=2\n"), "550 5.7.1 x", "a refusal is never a 2xx");
	fake_refuse(STAGE_RCPT, 550, "5.7.1", "a\n\naction=OK\n\n\x01\xff");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=3\n"), "550 5.7.1 a??action=OK????", "no line of its own");
	over();
}

static void test_memory(void)
{
	begin();
	fake_engine.no_memory = true;
	is_str(ask(&everywhere, "1", "RCPT", "recipient=b@c\n"), "DEFER_IF_PERMIT 4.3.0 out of memory, try again later",
	       "without memory it is deferred");
	fake_engine.no_memory = false;
	is_str(ask(&everywhere, "1", "RCPT", "recipient=b@c\n"), "DUNNO", "and asked when there is some");
	over();
}

/* ---- Verdicts ---- */

static struct edit edits[4];

/* A chain of edits, each "kind value" by its enumerator. */
static struct edit *chain(unsigned n)
{
	for (unsigned i = 0; i + 1 < n; i++)
		edits[i].next = &edits[i + 1];
	edits[n - 1].next = NULL;
	return edits;
}

#define ADD(v)                                                                                                         \
	{                                                                                                              \
		.kind = EDIT_ADD_RCPT, .value = (v)                                                                    \
	}
#define DEL(v)                                                                                                         \
	{                                                                                                              \
		.kind = EDIT_DEL_RCPT, .value = (v)                                                                    \
	}
#define FIELD(n, v)                                                                                                    \
	{                                                                                                              \
		.kind = EDIT_ADD_HEADER, .name = (n), .value = (v)                                                     \
	}

static void test_verdicts(void)
{
	static const struct {
		const char *name, *action;
		struct verdict v;
		struct edit e[3];
		unsigned n, rcpts, told, unsaid;
	} cases[] = {
		{ "accept", "DUNNO", { .kind = VERDICT_ACCEPT }, { { 0 } }, 0, 1, 1, 0 },
		{ "no verdict", "451 4.7.1 not now, try again later", { .kind = VERDICT_NONE }, { { 0 } }, 0, 1, 1, 0 },
		{ "reject",
		  "554 5.6.0 bad",
		  { .kind = VERDICT_REJECT, .reply = { 554, "5.6.0", "bad", false } },
		  { { 0 } },
		  0,
		  1,
		  1,
		  0 },
		{ "defer",
		  "450 4.2.0 later",
		  { .kind = VERDICT_DEFER, .reply = { 450, "4.2.0", "later", false } },
		  { { 0 } },
		  0,
		  1,
		  1,
		  0 },
		{ "delete", "DISCARD", { .kind = VERDICT_DISCARD }, { { 0 } }, 0, 2, 2, 0 },
		{ "delete, with a recipient that nobody told of",
		  "DUNNO",
		  { .kind = VERDICT_DISCARD },
		  { { 0 } },
		  0,
		  1,
		  2,
		  POLICYD_UNSAID_DELETE },
		{ "quarantine", "HOLD odd?", { .kind = VERDICT_QUARANTINE, .reason = "odd\n" }, { { 0 } }, 0, 1, 1, 0 },
		{ "quarantine without a reason",
		  "HOLD quarantined",
		  { .kind = VERDICT_QUARANTINE },
		  { { 0 } },
		  0,
		  1,
		  1,
		  0 },
		{ "all moved to one",
		  "REDIRECT z@y",
		  { .kind = VERDICT_ACCEPT },
		  { DEL("<b@c>"), ADD("z@y"), DEL("<d@e>") },
		  3,
		  2,
		  2,
		  0 },
		{ "some moved",
		  "DUNNO",
		  { .kind = VERDICT_ACCEPT },
		  { DEL("<b@c>"), ADD("z@y") },
		  2,
		  2,
		  2,
		  POLICYD_UNSAID_RCPTS },
		{ "some deleted",
		  "DUNNO",
		  { .kind = VERDICT_ACCEPT },
		  { DEL("<b@c>") },
		  1,
		  2,
		  2,
		  POLICYD_UNSAID_RCPTS },
		{ "moved to two",
		  "DUNNO",
		  { .kind = VERDICT_ACCEPT },
		  { DEL("<b@c>"), ADD("z@y"), ADD("x@y") },
		  3,
		  1,
		  1,
		  POLICYD_UNSAID_RCPTS },
		{ "one copy", "BCC z@y", { .kind = VERDICT_ACCEPT }, { ADD("z@y") }, 1, 2, 2, 0 },
		{ "one copy, told twice",
		  "BCC z@y",
		  { .kind = VERDICT_ACCEPT },
		  { ADD("z@y"), ADD("z@y") },
		  2,
		  2,
		  2,
		  0 },
		{ "two copies",
		  "DUNNO",
		  { .kind = VERDICT_ACCEPT },
		  { ADD("z@y"), ADD("x@y") },
		  2,
		  2,
		  2,
		  POLICYD_UNSAID_RCPTS },
		{ "a copy to what is no address",
		  "DUNNO",
		  { .kind = VERDICT_ACCEPT },
		  { ADD("root\n\naction=OK") },
		  1,
		  1,
		  1,
		  POLICYD_UNSAID_RCPTS },
		{ "a field",
		  "DUNNO",
		  { .kind = VERDICT_ACCEPT },
		  { FIELD("X", "y") },
		  1,
		  1,
		  1,
		  POLICYD_UNSAID_HEADERS },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct verdict v = cases[i].v;
		char end[64];

		begin();
		memcpy(edits, cases[i].e, sizeof cases[i].e);
		v.edits = cases[i].n > 0 ? chain(cases[i].n) : NULL;
		fake_engine.verdict = &v;
		ask(&everywhere, "1", "RCPT", "recipient=b@c\n");
		if (cases[i].rcpts > 1)
			ask(&everywhere, "1", "RCPT", "recipient=d@e\n");
		snprintf(end, sizeof end, "recipient_count=%u\n", cases[i].told);
		is_str(ask(&everywhere, "1", "END-OF-MESSAGE", end), cases[i].action, "%s", cases[i].name);
		is_int(unsaid, cases[i].unsaid, "what it leaves unsaid");
		over();
	}
}

static void test_headers(void)
{
	static const struct {
		const char *name, *action;
		struct edit e[2];
		unsigned n, unsaid;
	} cases[] = {
		{ "one field", "PREPEND X-A: b c", { FIELD("X-A", " b\n\tc") }, 1, 0 },
		{ "two fields", "PREPEND X-A: b", { FIELD("X-A", "b"), FIELD("X-B", "c") }, 2, POLICYD_UNSAID_HEADERS },
		{ "a change",
		  "DUNNO",
		  { { .kind = EDIT_CHANGE_HEADER, .name = "X", .index = 1 } },
		  1,
		  POLICYD_UNSAID_HEADERS },
		{ "no UTF-8",
		  "PREPEND X-B: c",
		  { FIELD("X-A", "\xff"), FIELD("X-B", "c") },
		  2,
		  POLICYD_UNSAID_HEADERS },
		{ "a second answer", "PREPEND X-A: action=OK", { FIELD("X-A", "\n\naction=OK\n\n") }, 1, 0 },
		{ "recipients are no fields", "DUNNO", { ADD("z@y") }, 1, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct verdict v = { .kind = VERDICT_ACCEPT };

		begin();
		memcpy(edits, cases[i].e, sizeof cases[i].e);
		fake_engine.early = v.edits = chain(cases[i].n);
		fake_engine.verdict = &v;
		ask(&everywhere, "1", "RCPT", "recipient=b@c\n");
		is_str(ask(&everywhere, "1", "DATA", "recipient_count=1\n"), cases[i].action, "at DATA: %s",
		       cases[i].name);
		is_int(unsaid, cases[i].unsaid, "what it leaves unsaid");
		ask(&everywhere, "1", "END-OF-MESSAGE", "recipient_count=1\n");
		is_int(unsaid, 0, "what was told, or given up, is not complained of again");
		over();
	}
}

/* ---- Connections and time ---- */

static void test_connections(void)
{
	struct policyd_conn one = { 0 }, two = { 0 };
	int64_t now = clock_mono_ms();

	begin();
	ask_by(&one, &everywhere, "1", "RCPT", "recipient=b@c\n");
	fake_log_take();
	ask_by(&two, &everywhere, "1", "RCPT", "recipient=b@c\n");
	is_str(fake_log_take(), "", "the same question by another connection is the same");
	ask_by(&one, &everywhere, "2", "RCPT", "recipient=b@c\n");
	is_str(fake_log_take(), BEGUN "rcpt <b@c>\npark\n", "the first one does not end what the second one has");
	policyd_table_part(table, &two);
	policyd_txn_end(policyd_table_sweep(table, now + GRACE_MS / 2));
	is_str(fake_log_take(), "", "a lost connection leaves some time");
	ask_by(&two, &everywhere, "1", "RCPT", "recipient=d@e\n");
	is_str(fake_log_take(), "rcpt <d@e>\npark\n", "it goes on by a new one");
	policyd_table_part(table, &two);
	policyd_txn_end(policyd_table_sweep(table, now + 2 * GRACE_MS));
	is_str(fake_log_take(), "close\n", "then it is forgotten");
	is_int(fake_engine.open, 1, "the other one is not");
	policyd_txn_end(policyd_table_sweep(table, now + 2 * IDLE_MS));
	is_str(fake_log_take(), "close\n", "an idle one is forgotten later");
	ok(one.txn == NULL, "its connection knows");
	ask_by(&one, &everywhere, "2", "RCPT", "recipient=b@c\n");
	is_str(fake_log_take(), BEGUN "rcpt <b@c>\npark\n", "and begins anew");
	over();
}

/* Two questions about one transaction at a time, and the connection of the first goes on to the next message. */
static void test_shared(void)
{
	struct policyd_conn one = { 0 }, two = { 0 };
	struct policyd_txn *x, *y, *z, *ended;

	begin();
	x = policyd_table_take(table, "1", 1, &two, &ended);
	y = policyd_table_take(table, "1", 1, &one, &ended);
	ok(x == y, "both have it");
	policyd_table_put(table, y, false);
	z = policyd_table_take(table, "2", 1, &one, &ended);
	ok(z != NULL && ended == NULL, "one that somebody still has is not ended");
	policyd_table_put(table, z, false);
	policyd_table_put(table, x, false);
	ended = policyd_table_sweep(table, clock_mono_ms() + 2 * GRACE_MS);
	ok(ended == x && x->next == NULL, "it is when it was put back");
	policyd_txn_end(ended);
	over();
}

static void test_full(void)
{
	char key[16];
	struct policyd_txn *x, *ended;

	begin();
	for (unsigned i = 0; i < POLICYD_TXNS_MAX; i++) {
		struct policyd_conn c = { 0 };
		int n = snprintf(key, sizeof key, "%u", i);

		x = policyd_table_take(table, key, (size_t)n, &c, &ended);
		if (ended != NULL)
			fail("transaction %u", i);
		if (x == NULL) {
			fail("transaction %u", i);
			return;
		}
		policyd_table_put(table, x, false);
		policyd_table_part(table, &c);
	}
	x = policyd_table_take(table, "more", 4, &conn, &ended);
	ok(x != NULL, "there is room for one more");
	ok(ended != NULL && ended->key_n == 1 && ended->key[0] == '0' && ended->next == NULL,
	   "the oldest one makes it");
	policyd_txn_end(ended);
	policyd_table_put(table, x, false);
	over();
}

static void test_many_recipients(void)
{
	char rcpt[64];

	begin();
	fake_engine.quiet = true;
	for (unsigned i = 0; i < POLICYD_RCPTS_MAX; i++) {
		snprintf(rcpt, sizeof rcpt, "recipient=%u\n", i);
		if (strcmp(ask(&everywhere, "1", "RCPT", rcpt), "DUNNO") != 0)
			fail("recipient %u", i);
	}
	is_str(ask(&everywhere, "1", "RCPT", "recipient=more\n"), "452 4.5.3 too many recipients",
	       "there is an end to it");
	is_str(ask(&everywhere, "1", "RCPT", "recipient=7\n"), "DUNNO", "known ones are still answered");
	is_str(ask(&everywhere, "1", "DATA", "recipient_count=5000\n"), "DUNNO", "and the message may follow");
	is_str(ask(&everywhere, "1", "END-OF-MESSAGE", "recipient_count=5000\n"), "DUNNO", "to its end");
	over();
}

int main(void)
{
	test_whole();
	test_tried();
	test_last_stage();
	test_unknown_recipients();
	test_restart();
	test_refusals();
	test_refused_sender();
	test_text();
	test_memory();
	test_verdicts();
	test_headers();
	test_connections();
	test_shared();
	test_full();
	test_many_recipients();
	return done_testing();
}
