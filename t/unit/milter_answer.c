/*
 * Verdicts and replies: what libmilter is told at the end of a message.
 */
#include "milter/front.h"

#include <stdio.h>
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/milter_fake.h"

enum { ALL_ACTIONS = 0x1ff, ALL_STEPS = 0x1fffff };

static struct smfi_str ctx;

static void begin(unsigned long actions, unsigned long steps)
{
	unsigned long x;

	fake_engine_reset();
	fake_engine.needs.edit_headers = fake_engine.needs.edit_rcpts = fake_engine.needs.quarantine = true;
	ctx = (struct smfi_str){ 0 };
	milter_on_negotiate(&ctx, actions, steps, 0, 0, &x, &x, &x, &x);
	milter_on_connect(&ctx, (char *)"x", NULL);
}

/* A message of this verdict; answers what is returned to libmilter. */
static sfsistat conclude(const struct verdict *v)
{
	fake_engine.verdict = v;
	milter_on_mail(&ctx, (char *[]){ (char *)"<a@b>", NULL });
	milter_on_rcpt(&ctx, (char *[]){ (char *)"<c@d>", NULL });
	milter_on_headers_end(&ctx);
	fake_log_take();
	return milter_on_end(&ctx);
}

static void test_kinds(void)
{
	static const struct {
		struct verdict v;
		sfsistat status;
		const char *log;
	} rows[] = {
		{ { .kind = VERDICT_ACCEPT }, SMFIS_ACCEPT, "end id=-\nfinish done\n" },
		{ { .kind = VERDICT_DISCARD }, SMFIS_DISCARD, "end id=-\nfinish done\n" },
		{ { .kind = VERDICT_QUARANTINE, .reason = "looks odd" },
		  SMFIS_ACCEPT,
		  "end id=-\nquarantine looks odd\nfinish done\n" },
		{ { .kind = VERDICT_QUARANTINE }, SMFIS_ACCEPT, "end id=-\nquarantine quarantined\nfinish done\n" },
		{ { .kind = VERDICT_REJECT, .reply = { .code = 554, .enhanced = "5.7.1", .text = "listed" } },
		  SMFIS_REJECT,
		  "end id=-\nsetreply 554 5.7.1 listed\nfinish done\n" },
		{ { .kind = VERDICT_DEFER, .reply = { .code = 451, .enhanced = "4.7.1", .text = "later" } },
		  SMFIS_TEMPFAIL,
		  "end id=-\nsetreply 451 4.7.1 later\nfinish done\n" },
		{ { .kind = VERDICT_DEFER,
		    .reply = { .code = 421, .enhanced = "4.7.0", .text = "bye", .close = true } },
		  SMFIS_TEMPFAIL,
		  "end id=-\nsetreply 421 4.7.0 bye\nfinish done\n" },
		{ { .kind = VERDICT_REJECT }, SMFIS_REJECT, "end id=-\nfinish done\n" },
		{ { .kind = VERDICT_DEFER }, SMFIS_TEMPFAIL, "end id=-\nfinish done\n" },
		{ { .kind = VERDICT_REJECT, .reply = { .code = 550 } },
		  SMFIS_REJECT,
		  "end id=-\nsetreply 550 - -\nfinish done\n" },
		{ { .kind = VERDICT_REJECT, .reply = { .code = 451, .enhanced = "4.7.1", .text = "x" } },
		  SMFIS_REJECT,
		  "end id=-\nfinish done\n" },
		{ { .kind = VERDICT_NONE }, SMFIS_TEMPFAIL, "end id=-\nfinish failed\n" },
	};

	begin(ALL_ACTIONS, ALL_STEPS);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		is_int(conclude(&rows[i].v), rows[i].status, "verdict %zu", i);
		is_str(fake_log_take(), rows[i].log, "verdict %zu: what was done", i);
	}
	milter_on_close(&ctx);
}

/* One reply, as libmilter gets it. */
static const char *reply(const char *text)
{
	struct verdict v = { .kind = VERDICT_REJECT, .reply = { .code = 550, .enhanced = "5.7.1", .text = text } };
	static char log[1 << 14];
	const char *from;

	conclude(&v);
	from = fake_log_take() + strlen("end id=-\n");
	snprintf(log, sizeof log, "%.*s", (int)(strstr(from, "finish") - from), from);
	return log;
}

static void test_replies(void)
{
	char text[5000], want[6000];
	const char *got;

	begin(ALL_ACTIONS, ALL_STEPS);
	is_str(reply("100% of 50%%"), "setreply 550 5.7.1 100%% of 50%%%%\n", "each %% is doubled");
	is_str(reply("a\r\nb\tc\x7f\xc3\xbc"), "setreply 550 5.7.1 a??b?c???\n", "printable ASCII alone");
	memset(text, 'x', sizeof text);
	text[400] = '\0';
	snprintf(want, sizeof want, "setreply 550 5.7.1 %s\n", text);
	is_str(reply(text), want, "a line full");
	memset(text, '%', 400);
	got = reply(text);
	is_int(strlen(got), strlen("setreply 550 5.7.1 \n") + 800, "a line full of %%: within libmilter's 980 bytes");

	memset(text, 'x', sizeof text);
	text[300] = text[500] = ' ';
	text[600] = '\0';
	snprintf(want, sizeof want, "setmlreply 550 5.7.1 %.300s\nsetmlreply 550 5.7.1 %s\n", text, text + 301);
	is_str(reply(text), want, "a longer one is parted at a space");
	memset(text, 'x', sizeof text);
	text[1000] = '\0';
	snprintf(want, sizeof want,
		 "setmlreply 550 5.7.1 %.400s\nsetmlreply 550 5.7.1 %.400s\nsetmlreply 550 5.7.1 %.200s\n", text, text,
		 text);
	is_str(reply(text), want, "or anywhere");
	text[1000] = 'x';
	text[4999] = '\0';
	got = reply(text);
	is_int(strlen(got), 4 * (strlen("setmlreply 550 5.7.1 \n") + 400), "four lines at most");
	ctx.failing = "smfi_setreply";
	is_str(reply("x"), "setreply 550 5.7.1 x\n", "a reply that libmilter does not take: the refusal stands");
	milter_on_close(&ctx);
}

static struct edit edits[] = {
	{ .kind = EDIT_CHANGE_HEADER, .name = "X-Mark", .index = 2 },
	{ .kind = EDIT_CHANGE_HEADER, .name = "Subject", .index = 1, .value = "[x] hi" },
	{ .kind = EDIT_INSERT_HEADER, .name = "Authentication-Results", .index = 0, .value = "mx; none" },
	{ .kind = EDIT_ADD_HEADER, .name = "X-Checked", .value = "yes" },
	{ .kind = EDIT_DEL_RCPT, .value = "<C@d>" },
	{ .kind = EDIT_ADD_RCPT, .value = "e@f" },
	{ .kind = EDIT_ADD_RCPT, .value = "g@h", .quiet = true },
};
enum { N_EDITS = sizeof edits / sizeof edits[0] };

static void test_edits(void)
{
	struct verdict v = { .kind = VERDICT_ACCEPT, .edits = edits };

	for (int i = 0; i + 1 < N_EDITS; i++)
		edits[i].next = &edits[i + 1];
	begin(ALL_ACTIONS, ALL_STEPS);
	is_int(conclude(&v), SMFIS_ACCEPT, "edits");
	is_str(fake_log_take(),
	       "end id=-\nchgheader 2 X-Mark:(removed)\nchgheader 1 Subject: [x] hi\n"
	       "insheader 0 Authentication-Results: mx; none\naddheader X-Checked: yes\ndelrcpt <C@d>\naddrcpt e@f\n"
	       "addrcpt_par g@h NOTIFY=NEVER\nfinish done\n",
	       "in their order, with the leading space");
	v.kind = VERDICT_QUARANTINE;
	v.reason = "why";
	is_int(conclude(&v), SMFIS_ACCEPT, "edits and quarantine");
	ok(strstr(fake_log_take(), "NOTIFY=NEVER\nquarantine why\nfinish done\n"), "the quarantine comes last");
	milter_on_close(&ctx);

	v.kind = VERDICT_ACCEPT;
	begin(SMFI_V2_ACTS, 0);
	is_int(conclude(&v), SMFIS_ACCEPT, "edits, for an old MTA");
	is_str(fake_log_take(),
	       "end id=-\nchgheader 2 X-Mark:(removed)\nchgheader 1 Subject:[x] hi\n"
	       "insheader 0 Authentication-Results:mx; none\naddheader X-Checked:yes\ndelrcpt <C@d>\naddrcpt e@f\n"
	       "addrcpt g@h\nfinish done\n",
	       "it gives the space itself, and knows no parameters");
	milter_on_close(&ctx);
}

static void test_failing_edits(void)
{
	static const char *const functions[] = { "smfi_chgheader", "smfi_insheader",   "smfi_addheader", "smfi_delrcpt",
						 "smfi_addrcpt",   "smfi_addrcpt_par", "smfi_quarantine" };
	const struct verdict v = { .kind = VERDICT_QUARANTINE, .reason = "x", .edits = edits };

	begin(ALL_ACTIONS, ALL_STEPS);
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
		const char *log;

		ctx.failing = functions[i];
		is_int(conclude(&v), SMFIS_TEMPFAIL, "%s fails: the message is deferred", functions[i]);
		log = fake_log_take();
		ok(strstr(log, "finish failed\n"), "the engine learns of it");
		ok(strcmp(functions[i], "smfi_quarantine") == 0 || !strstr(log, "quarantine"),
		   "nothing is done after it");
	}
	milter_on_close(&ctx);
}

int main(void)
{
	struct milter_front *f = fake_front();

	test_kinds();
	test_replies();
	test_edits();
	test_failing_edits();
	is_int(milter_close(&f), 0, "closed");
	is_int(fake_engine.open, 0, "every session was closed");
	return done_testing();
}
