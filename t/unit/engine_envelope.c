/*
 * Sessions that are told of the envelope alone: which rules count in them, what is asked, and how they end.
 */
#include <string.h>

#include "engine/engine.h"
#include "t/lib/tap.h"
#include "t/unit/engine_fakes.h"
#include "t/unit/engine_fixture.h"

#define ASKED(where) "policyd: { listen = \"unix:/tmp/none\"; asked_at = ( " where " ); };\n"
#define RULES(list) "rules = ( " list " );"
#define RULE(name, when, then) "{ name = \"" name "\"; when = ( " when " ); then = { " then " }; }"
#define WIN "{ fact = \"subject\"; contains = \"win\"; }"
#define LISTED "{ fact = \"dnsbl_score\"; over = 3; }"
#define GREY "{ fact = \"greylist\"; is = \"defer\"; }"
#define TO_BOB "{ fact = \"recipient\"; is = \"bob@example.net\"; }"

static struct answer a;

/* ---- A transaction ---- */

static struct engine_session *open_mail(struct engine *e, const struct engine_mail *m)
{
	struct engine_connect c = { .resolve = "OK", .name = "client.example.org", .smtp = true };
	struct engine_session *s = engine_open_envelope(e);

	(void)ip_parse(&c.ip, "198.51.100.9");
	engine_connect(s, &c, &a);
	if (a.kind == ANSWER_CONTINUE)
		engine_helo(s, "client.example.org", &a);
	if (a.kind == ANSWER_CONTINUE)
		engine_mail(s, m, &a);
	return s;
}

static struct engine_session *open_any(struct engine *e)
{
	static const struct engine_mail alice = { .arg = "<alice@example.org>" };

	return open_mail(e, &alice);
}

static int rcpt(struct engine_session *s, const char *arg)
{
	engine_rcpt(s, arg, &a);
	return a.kind == ANSWER_CONTINUE ? 0 : a.reply.code;
}

static int data(struct engine_session *s)
{
	engine_data(s, NULL, &a);
	return a.kind == ANSWER_CONTINUE ? 0 : a.reply.code;
}

/* One recipient, bob, in a session of its own: what RCPT is answered. */
static int bob_is_told(const char *conf)
{
	struct engine *e = fixture_load(conf);
	struct engine_session *s = open_any(e);
	int code = a.kind == ANSWER_CONTINUE ? rcpt(s, "<bob@example.net>") : a.reply.code;

	engine_close(&s);
	engine_free(&e);
	return code;
}

static const char *show(const struct edit *edits)
{
	static char buf[1024];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	for (const struct edit *e = edits; e != NULL; e = e->next)
		sbuf_addf(&b, "%s%s: %s\n", e->kind == EDIT_INSERT_HEADER ? "first " : "",
			  e->name != NULL ? e->name : "rcpt", e->value);
	return buf;
}

/* ---- Rules that are left out ---- */

static void test_left_out(void)
{
	static const char waits[] =
		RULES(RULE("ok", WIN, "accept = true;") ", " RULE("listed", LISTED, "reject = true;"));
	struct engine *e = fixture_load(waits);

	fakes_reset();
	fakes.dnsbl_score = 5;
	is_str(fixture_run(e, &(struct mail){ 0 }), "HEADERS 550 5.7.1\n",
	       "where the subject will be told, the refusal waits for it");
	engine_free(&e);
	is_int(bob_is_told(waits), 550, "where it never is, RCPT is refused");
	is_int(bob_is_told(ASKED("\"rcpt\", \"data\", \"end\"")
				   RULES(RULE("ok", "{ fact = \"size\"; under = \"10K\"; }",
					      "accept = true;") ", " RULE("listed", LISTED, "reject = true;"))),
	       0, "it waits for the size when END is asked");
	is_int(bob_is_told(ASKED("\"rcpt\"")
				   RULES(RULE("ok", "{ fact = \"size\"; under = \"10K\"; }",
					      "accept = true;") ", " RULE("listed", LISTED, "reject = true;"))),
	       550, "and not when nobody will tell it");
	is_int(bob_is_told(RULES(RULE("r", "{ any = ( " WIN ", " LISTED " ); }", "reject = true;"))), 0,
	       "a rule that may fire without the subject is left out, too");
	is_int(bob_is_told(RULES(RULE("r", "{ fact = \"dmarc\"; is_not = \"pass\"; }", "reject = true;"))), 0,
	       "so is one on a check that reads another that reads the message");
	is_int(bob_is_told(RULES(RULE("s", WIN, "skip = \"all\";") ", " RULE("r", LISTED, "reject = true;"))), 550,
	       "a skip that is left out spares nobody");
	is_int(bob_is_told(RULES(RULE("r", "{ fact = \"client_connections\"; over = 0; }", "reject = true;"))), 0,
	       "connections are not counted");
}

static void test_counted(void)
{
	static const char many[] = RULES(RULE("r", "{ fact = \"recipients\"; over = 1; }", "reject = true;"));
	static const char large[] = RULES(RULE("r", "{ fact = \"size\"; over = 1000; }", "reject = true;"));
	static const struct engine_mail claim = { .arg = "<>", .size = 2000 };
	struct engine *e = fixture_load(many);
	struct engine_session *s = open_any(e);

	is_int(rcpt(s, "<bob@example.net>"), 0, "one recipient is not over the limit");
	is_int(rcpt(s, "<carol@example.net>"), 550, "two are, though nobody tells that they are all");
	engine_close(&s);
	engine_free(&e);
	e = fixture_load(large);
	s = open_mail(e, &claim);
	is_int(rcpt(s, "<bob@example.net>"), 550, "what claims to be too large is refused");
	engine_close(&s);
	engine_free(&e);
}

static void test_texts(void)
{
	struct engine *e = fixture_load(RULES(RULE("r", LISTED, "reject = \"550 5.7.1 no %{subject}%{spf}!\";")));
	struct engine_session *s;

	fakes_reset();
	fakes.dnsbl_score = 5;
	s = open_any(e);
	is_int(rcpt(s, "<bob@example.net>"), 550, "a text may name what is never told");
	ok(strncmp(a.reply.text, "no !", 4) == 0, "it is replaced by nothing");
	engine_close(&s);
	engine_free(&e);
}

static void test_started(void)
{
	struct engine *e = fixture_load(RULES(RULE("r", WIN ", " LISTED, "reject = true;")));
	struct engine_session *s;

	fakes_reset();
	s = open_any(e);
	(void)rcpt(s, "<bob@example.net>");
	is_str(fakes_log(), "", "checks that left out rules alone read are not started");
	engine_close(&s);
	(void)fixture_run(e, &(struct mail){ 0 });
	ok(strstr(fakes_log(), "start list\n") != NULL, "in other sessions they are");
	engine_free(&e);
	e = fixture_load(RULES(RULE(
		"r", LISTED ", { fact = \"spf\"; is = \"fail\"; }, { fact = \"dkim\"; is = \"none\"; }",
		"reject = true;") ", " RULE("s", LISTED ", { fact = \"spf\"; is = \"fail\"; }", "reject = true;")));
	fakes.dnsbl_score = 5;
	fakes.spf = "fail";
	s = open_any(e);
	is_str(fakes_log(), "start list\nstart spf\n", "the others start together, when the envelope is known");
	is_int(rcpt(s, "<bob@example.net>"), 550, "and count");
	is_str(fakes_log(), "finish list\nfinish spf\n", "each once");
	engine_close(&s);
	engine_free(&e);
}

/* Redis is asked once for all that the recipient is about to be asked, whatever has to be waited for before. */
static void test_together(void)
{
	static const char both[] = RULES(RULE("r", "{ fact = \"rate\"; exists = true; }",
					      "defer = true;") ", " RULE("g", GREY, "defer = true;"));
	static const char alone[] = "deadline = \"1ms\";" RULES(RULE("friends", TO_BOB, "skip = \"all\";") ", " RULE(
		"r", "{ fact = \"rate\"; exists = true; }", "defer = true;"));
	struct engine *e = fixture_load(both);
	struct engine_session *s;

	fakes_reset();
	fakes.rate = "";
	s = open_any(e);
	is_str(fakes_log(), "start origin\n", "what the second effect reads is begun");
	is_int(rcpt(s, "<bob@example.net>"), 0, "nobody refuses");
	is_str(fakes_log(),
	       "finish origin\n"
	       "submit rate bob@example.net\nsubmit grey bob@example.net\n"
	       "ask rate bob@example.net\nask grey bob@example.net\n",
	       "it is awaited first, so that both questions leave together");
	is_int(rcpt(s, "<carol@example.net>"), 0, "the next recipient");
	is_str(fakes_log(),
	       "submit rate carol@example.net\nsubmit grey carol@example.net\n"
	       "ask rate carol@example.net\nask grey carol@example.net\n",
	       "finds it known");
	engine_close(&s);
	engine_free(&e);

	fakes_reset();
	fakes.rate = "";
	e = fixture_load(alone);
	s = open_any(e);
	(void)fakes_log();
	(void)rcpt(s, "<bob@example.net>");
	is_str(fakes_log(), "submit rate bob@example.net\nask rate bob@example.net\n",
	       "an effect that nobody wants costs no waiting, and one that is wanted has time");
	engine_close(&s);
	engine_free(&e);
	fakes_reset();
}

/* Nothing is waited for, and what is found is what waiting for it gives. */
static void test_tried(void)
{
	static const char both[] = RULES(RULE("r", "{ fact = \"rate\"; exists = true; }",
					      "defer = true;") ", " RULE("g", GREY, "defer = true;"));
	static const char listed[] = RULES(RULE("listed", LISTED, "reject = true;"));
	struct engine *e = fixture_load(both);
	struct engine_session *s;

	fakes_reset();
	fakes.rate = "";
	fakes.grey = "defer";
	s = open_any(e);
	(void)fakes_log();
	fakes.busy_origin = 1;
	ok(!engine_rcpt_try(s, "<bob@example.net>", &a), "what an effect reads is not there: no answer yet");
	is_str(fakes_log(), "busy\n", "and no question, which would leave without the other one");
	fakes.busy = 1;
	ok(!engine_rcpt_try(s, "<bob@example.net>", &a), "it is there: no answer yet");
	is_str(fakes_log(), "finish origin\nsubmit rate bob@example.net\nsubmit grey bob@example.net\nbusy\n",
	       "both questions leave");
	ok(engine_rcpt_try(s, "<bob@example.net>", &a), "they are answered: an answer");
	is_int(a.kind, ANSWER_DEFER, "what greylisting says");
	is_str(fakes_log(),
	       "submit rate bob@example.net\nask rate bob@example.net\nask grey bob@example.net\n"
	       "cancel grey bob@example.net\n",
	       "each was asked once, and given back");
	fakes.grey = "pass";
	fakes.busy = 1;
	ok(!engine_rcpt_try(s, "<carol@example.net>", &a), "another recipient");
	is_int(rcpt(s, "<carol@example.net>"), 0, "may be told by who may wait");
	engine_settle(s);
	(void)fakes_log();
	engine_close(&s);
	is_str(fakes_log(), "teach alice@example.org to carol@example.net\n", "nothing is left to give back");
	engine_free(&e);

	fakes_reset();
	fakes.dnsbl_score = 5;
	e = fixture_load(listed);
	s = open_any(e);
	(void)fakes_log();
	ok(!engine_rcpt_try(s, "<bob@example.net>", &a) && engine_waits_for(s) == NULL,
	   "a check that cannot say whether it would wait has to be waited for");
	is_str(fakes_log(), "", "it is not");
	is_int(rcpt(s, "<bob@example.net>"), 550, "then it refuses");
	ok(engine_rcpt_try(s, "<carol@example.net>", &a) && a.kind == ANSWER_REJECT, "for the next nothing is missing");
	engine_close(&s);
	engine_free(&e);
	fakes_reset();
}

/* A pattern that there is no time for is a rule that is still open: what stands behind it is not asked before. */
static void test_put_off(void)
{
	enum { LONG = 400 };
	static const char refuses[] = ASKED("\"rcpt\"")
		RULES(RULE("slow", "{ fact = \"sender\"; matches = \"^a+@\"; }",
			   "reject = true;") ", " RULE("r", "{ fact = \"rate\"; exists = true; }",
						       "defer = true;") ", " RULE("g", GREY, "defer = true;"));
	static const char spares[] = ASKED("\"rcpt\"")
		RULES(RULE("slow", "{ fact = \"sender\"; matches = \"^a+@\"; }",
			   "accept = true;") ", " RULE("r", "{ fact = \"rate\"; exists = true; }",
						       "defer = true;") ", " RULE("g", GREY, "defer = true;"));
	static const char *const confs[] = { refuses, spares };
	char sender[LONG + sizeof "<@example.org>"];
	struct engine_mail m = { .arg = sender };

	memset(sender, 'a', sizeof sender);
	sender[0] = '<';
	memcpy(sender + LONG + 1, "@example.org>", sizeof "@example.org>");
	fakes_reset();
	fakes.rate = "";
	fakes.grey = "defer";
	for (size_t i = 0; i < sizeof confs / sizeof confs[0]; i++) {
		struct engine *e = fixture_load(confs[i]);
		struct engine_session *s = open_mail(e, &m);

		(void)fakes_log();
		ok(!engine_rcpt_try(s, "<bob@example.net>", &a), "%s: no answer in a hurry",
		   i == 0 ? "refused" : "spared");
		is_str(fakes_log(), "", "and no question that the rule may make idle");
		ok(engine_waits_for(s) == NULL, "somebody with time has to look");
		is_int(rcpt(s, "<bob@example.net>"), i == 0 ? 550 : 0, "and does");
		is_str(fakes_log(), "", "still without a question");
		engine_close(&s);
		engine_free(&e);
	}
	fakes_reset();
}

/* Random transactions give what rules without the left out ones give: t/unit/rules_theorem. */

/* ---- How it ends ---- */

static const char greylisting[] = ASKED("\"rcpt\"") RULES(RULE("g", GREY, "defer = true;"));

static void test_settle(void)
{
	struct engine *e = fixture_load(greylisting);
	struct engine_session *s;

	fakes_reset();
	s = open_any(e);
	(void)rcpt(s, "<bob@example.net>");
	is_str(fakes_log(), "ask grey bob@example.net\n", "an effect is asked at RCPT");
	engine_settle(s);
	is_str(fakes_log(), "commit grey bob@example.net\n", "settling commits");
	(void)rcpt(s, "<carol@example.net>");
	engine_settle(s);
	is_str(fakes_log(), "ask grey carol@example.net\ncommit grey carol@example.net\n", "what is new, each time");
	fakes.grey = "defer";
	is_int(rcpt(s, "<dave@example.net>"), 451, "a recipient is deferred");
	engine_settle(s);
	is_str(fakes_log(), "ask grey dave@example.net\ncancel grey dave@example.net\n", "and its own is given back");
	engine_close(&s);
	is_str(fakes_log(), "teach alice@example.org to bob@example.net carol@example.net\n",
	       "what is settled counts as accepted when it ends");
	fakes.grey = "pass";
	s = open_any(e);
	(void)rcpt(s, "<bob@example.net>");
	engine_close(&s);
	is_str(fakes_log(), "ask grey bob@example.net\ncancel grey bob@example.net\n", "what is not is given back");
	s = open_any(e);
	(void)rcpt(s, "<bob@example.net>");
	engine_settle(s);
	engine_park(s);
	(void)fakes_log();
	engine_drain_begin(e);
	is_int((long long)engine_drain_wait(e, 0), 0, "a drain does not wait for what is settled and parked");
	engine_close(&s);
	is_str(fakes_log(), "teach alice@example.org to bob@example.net\n", "and it counts as accepted all the same");
	engine_free(&e);
}

static void test_end(void)
{
	struct engine *e =
		fixture_load(ASKED("\"rcpt\", \"data\", \"end\"") RULES(RULE("g", GREY, "defer = true;") ", " RULE(
			"v", "{ fact = \"volume\"; exists = true; }",
			"reject = \"550 5.7.1 too much\";") ", " RULE("h", "{ fact = \"size\"; over = 1000; }",
								      "add_header = \"X-Size: %{size}\";")));
	struct engine_session *s;
	const struct verdict *v;

	fakes_reset();
	s = open_any(e);
	(void)rcpt(s, "<bob@example.net>");
	is_int(data(s), 0, "DATA is no end");
	engine_size(s, 2000);
	v = engine_end(s, "QID");
	is_int((int)v->kind, VERDICT_ACCEPT, "accepted");
	is_str(show(v->edits), "X-Size: 2000\n", "the size is known, nothing is signed, there is no A-R");
	is_str(fakes_log(), "ask grey bob@example.net\nask volume 2000\nteach alice@example.org to bob@example.net\n",
	       "what works on envelopes does");
	engine_finish(s, true);
	is_str(fakes_log(), "commit volume\ncommit grey bob@example.net\n", "and all is committed");
	engine_close(&s);

	fakes.volume = "day";
	s = open_any(e);
	(void)rcpt(s, "<bob@example.net>");
	v = engine_end(s, "QID");
	is_int((int)v->kind, VERDICT_REJECT, "END refuses, also when DATA was never told");
	engine_finish(s, true);
	is_str(fakes_log(), "ask grey bob@example.net\nask volume -1\ncancel volume\ncancel grey bob@example.net\n",
	       "and gives back");
	engine_close(&s);
	engine_free(&e);
}

/* DATA is the last that is asked: what END would do is done there. */
static void test_end_at_data(void)
{
	struct engine *e = fixture_load(ASKED("\"rcpt\", \"data\"") RULES(
		RULE("v", "{ fact = \"volume\"; exists = true; }", "reject = true;") ", " RULE(
			"h", "{ fact = \"recipients\"; over = 0; }",
			"add_header = \"X-To: %{recipients}\";") ", " RULE("q", TO_BOB, "quarantine = true;")));
	struct engine_session *s;
	const struct verdict *v;

	fakes_reset();
	fakes.volume = "day";
	s = open_any(e);
	(void)rcpt(s, "<bob@example.net>");
	is_int(data(s), 0, "nothing is refused");
	v = engine_end(s, NULL);
	is_int((int)v->kind, VERDICT_QUARANTINE, "the message is held");
	is_str(show(v->edits), "X-To: 1\n", "with its field");
	ok(strstr(fakes_log(), "volume") == NULL, "what END alone knows is not asked");
	engine_finish(s, true);
	engine_close(&s);
	engine_free(&e);
}

#define HEADER_RULES                                                                                                   \
	RULE("bob", TO_BOB, "add_header = \"X-Bob: %{client_ip}\";")                                                   \
	", " RULE("late", TO_BOB, "add_header = \"X-Size: %{size}\";") ", " RULE(                                      \
		"set", TO_BOB, "set_header = \"X-Set: 1\";") ", { name = \"s\"; shadow = true; when = ( " TO_BOB       \
							     " ); then = { add_header = \"X-Shadow: 1\"; }; }"
#define UNTIL_END "{ fact = \"size\"; over = \"1M\"; }"

static void test_early_headers(void)
{
	static const char known[] = "X-Bob: 198.51.100.9\nfirst X-Millgate-Mark: spf=fail\n";
	static const char conf[] = ASKED("\"rcpt\", \"data\", \"end\"") RULES(HEADER_RULES);
	static const char doubted[] = ASKED("\"rcpt\", \"data\", \"end\"")
		RULES(HEADER_RULES ", " RULE("skip", UNTIL_END, "skip = \"spf\";"));
	struct engine_session *s;
	struct engine *e;

	fakes_reset();
	fakes.spf = "fail";
	fakes.spf_marks = true;
	e = fixture_load(conf);
	s = open_any(e);
	is_str(show(engine_early_headers(s)), "", "without a recipient there is nothing to say");
	(void)rcpt(s, "<bob@example.net>");
	is_str(show(engine_early_headers(s)), known, "what is known at RCPT");
	is_int(data(s), 0, "DATA");
	is_str(show(engine_early_headers(s)), known, "the same at DATA");
	engine_close(&s);
	engine_free(&e);

	e = fixture_load(doubted);
	s = open_any(e);
	(void)rcpt(s, "<bob@example.net>");
	is_str(show(engine_early_headers(s)), "X-Bob: 198.51.100.9\n",
	       "what a rule that is still open may switch off has to wait");
	engine_close(&s);
	engine_free(&e);
}

/* ---- Drains ---- */

static void test_park(void)
{
	struct engine *e = fixture_load(ASKED("\"rcpt\", \"end\"") RULES(RULE("g", GREY, "defer = true;")));
	struct engine_session *parked, *open;

	fakes_reset();
	parked = open_any(e);
	(void)rcpt(parked, "<bob@example.net>");
	engine_park(parked);
	open = open_any(e);
	(void)rcpt(open, "<carol@example.net>");
	(void)fakes_log();
	engine_drain_begin(e);
	is_int((int)engine_drain_wait(e, 10), 1, "a drain waits for what is open alone");
	ok(strstr(fakes_log(), "cancel grey bob@example.net\n") != NULL, "and gives back what is parked as well");
	is_int(rcpt(parked, "<dave@example.net>"), 451, "whose next event is deferred");
	is_int(rcpt(parked, "<erin@example.net>"), 451, "and so is the one after it");
	is_int(data(parked), 451, "and DATA");
	engine_close(&open);
	engine_close(&parked);
	is_str(fakes_log(), "", "given back once");
	engine_free(&e);

	e = fixture_load(ASKED("\"rcpt\", \"end\"") RULES(RULE("g", GREY, "defer = true;")));
	parked = open_any(e);
	(void)rcpt(parked, "<bob@example.net>");
	engine_park(parked);
	engine_park(parked);
	is_int(rcpt(parked, "<carol@example.net>"), 0, "a parked transaction goes on");
	engine_drain_begin(e);
	is_int((int)engine_drain_wait(e, 10), 1, "and is open again");
	engine_close(&parked);
	is_int((int)engine_drain_wait(e, 10), 0, "until it ends");
	engine_free(&e);
}

/* Nobody knows yet what a question under way has taken. */
static void test_drain_of_tried(void)
{
	struct engine *e = fixture_load(ASKED("\"rcpt\"") RULES(RULE("g", GREY, "defer = true;")));
	struct engine_session *s;

	fakes_reset();
	s = open_any(e);
	fakes.busy = 1;
	ok(!engine_rcpt_try(s, "<bob@example.net>", &a), "a question is under way");
	(void)fakes_log();
	engine_drain_begin(e);
	is_int((int)engine_drain_wait(e, 10), 1, "a drain waits for it");
	is_str(fakes_log(), "", "and gives nothing back");
	fakes.grey = "defer";
	ok(engine_rcpt_try(s, "<bob@example.net>", &a), "it is answered all the same");
	is_int(a.reply.code, 451, "with what was found");
	ok(strstr(a.reply.text, "restarting") == NULL, "and nothing else");
	is_str(fakes_log(), "ask grey bob@example.net\ncancel grey bob@example.net\n", "and given back once");
	engine_close(&s);
	engine_free(&e);
}

/* ---- Twins ---- */

static const struct engine_connect both_ends = { .ip = { .family = IP_V4, .b = { 198, 51, 100, 9 } },
						 .smtp = true,
						 .port = 4000,
						 .server = "192.0.2.25",
						 .server_port = 25 };

static bool has_twin(struct engine *e, unsigned port, const char *server, unsigned server_port, const char *sender)
{
	struct engine_connect c = both_ends;

	c.port = port;
	c.server = server;
	c.server_port = server_port;
	return engine_has_twin(e, &c, sender);
}

static void test_twins(void)
{
	struct engine *e = fixture_load("");
	struct engine_session *s = engine_open(e), *other = engine_open_envelope(e);
	struct engine_mail m = { .arg = "<\"alice\"@example.org>" };
	struct engine_connect c = both_ends;

	engine_connect(s, &both_ends, &a);
	ok(!engine_has_twin(e, &both_ends, m.arg), "before MAIL there is no transaction");
	engine_mail(s, &m, &a);
	ok(has_twin(e, 4000, "192.0.2.25", 25, "<alice@example.org>"), "the very same");
	ok(has_twin(e, 0, NULL, 0, "alice@example.org"), "as far as both know");
	ok(!has_twin(e, 4001, "192.0.2.25", 25, "<alice@example.org>"), "another port of the client");
	ok(!has_twin(e, 4000, "192.0.2.26", 25, "<alice@example.org>"), "another MTA");
	ok(!has_twin(e, 4000, "192.0.2.25", 587, "<alice@example.org>"), "another port of it");
	ok(has_twin(e, 4000, "192.0.2.25", 25, "<alice@(of)example.org>"),
	   "one connection, whatever is called its sender");
	ok(!has_twin(e, 0, "192.0.2.25", 25, "<bob@example.org>"),
	   "another sender, where the client's port is not told");
	ok(!has_twin(e, 4000, NULL, 25, "<bob@example.org>"), "nor the MTA's address");
	ok(!has_twin(e, 4000, "192.0.2.25", 0, "<>"), "nor its port");
	c.ip.b[3] = 10;
	ok(!engine_has_twin(e, &c, m.arg), "another client");
	engine_abort(s);
	ok(!engine_has_twin(e, &both_ends, m.arg), "a transaction that has ended is none");
	engine_mail(s, &(struct engine_mail){ .arg = "<>" }, &a);
	ok(has_twin(e, 0, "192.0.2.25", 25, ""), "the null sender");
	engine_close(&s);
	s = engine_open(e);
	c = both_ends;
	c.smtp = false;
	c.port = 0;
	engine_connect(s, &c, &a);
	engine_mail(s, &m, &a);
	ok(!engine_has_twin(e, &both_ends, m.arg), "mail that did not come by SMTP is no twin");
	engine_close(&s);
	engine_connect(other, &both_ends, &a);
	engine_mail(other, &m, &a);
	ok(!engine_has_twin(e, &both_ends, m.arg), "an envelope's own transaction is no twin");
	engine_close(&other);
	engine_free(&e);
}

static void test_many_twins(void)
{
	enum { MANY = 3000 };
	static struct engine_session *v[MANY];
	struct engine *e = fixture_load("");
	struct engine_connect c = both_ends;
	int found = 0;

	for (int i = 0; i < MANY; i++) {
		c.ip.b[2] = (uint8_t)(i >> 8);
		c.ip.b[3] = (uint8_t)i;
		v[i] = engine_open(e);
		engine_connect(v[i], &c, &a);
		engine_mail(v[i], &(struct engine_mail){ .arg = "<alice@example.org>" }, &a);
	}
	for (int i = 0; i < MANY; i += 2)
		engine_close(&v[i]);
	for (int i = 0; i < MANY; i++) {
		c.ip.b[2] = (uint8_t)(i >> 8);
		c.ip.b[3] = (uint8_t)i;
		found += engine_has_twin(e, &c, "<alice@example.org>") == (i % 2 == 1);
	}
	is_int(found, MANY, "each of thousands is found, and none that has ended");
	for (int i = 1; i < MANY; i += 2)
		engine_close(&v[i]);
	engine_free(&e);
}

int main(void)
{
	fakes_reset();
	test_left_out();
	test_counted();
	test_texts();
	test_started();
	test_together();
	test_tried();
	test_put_off();
	test_settle();
	test_end();
	test_end_at_data();
	test_early_headers();
	test_park();
	test_drain_of_tried();
	test_twins();
	test_many_twins();
	return done_testing();
}
