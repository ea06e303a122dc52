/*
 * What the engine is told of each event, and what the MTA is answered before the end.
 */
#include "milter/front.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "t/lib/tap.h"
#include "t/unit/milter_fake.h"

enum { ALL_ACTIONS = 0x1ff, ALL_STEPS = 0x1fffff };

static struct smfi_str ctx;

static void begin(unsigned long steps)
{
	unsigned long x;

	ctx = (struct smfi_str){ 0 };
	milter_on_negotiate(&ctx, ALL_ACTIONS, steps, 0, 0, &x, &x, &x, &x);
	fake_log_take();
}

/* A session in which the MTA waits for an answer at every stage, and sends everything. */
static void begin_answered(void)
{
	fake_engine_reset();
	for (int i = 0; i < STAGE_COUNT; i++)
		fake_engine.needs.reply[i] = true;
	fake_engine.needs.header = fake_engine.needs.body = true;
	begin(ALL_STEPS);
}

static void connected(void)
{
	milter_on_connect(&ctx, (char *)"x", NULL);
	fake_log_take();
}

static void over(void)
{
	milter_on_close(&ctx);
}

static struct sockaddr *inet4(const char *ip, in_port_t port)
{
	static struct sockaddr_in in;

	in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, ip, &in.sin_addr);
	return (struct sockaddr *)&in;
}

static struct sockaddr *inet6(const char *ip, in_port_t port)
{
	static struct sockaddr_in6 in6;

	in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
	inet_pton(AF_INET6, ip, &in6.sin6_addr);
	return (struct sockaddr *)&in6;
}

static sfsistat mail(const char *path, const char *param)
{
	return milter_on_mail(&ctx, (char *[]){ (char *)path, (char *)param, NULL });
}

static sfsistat rcpt(const char *path)
{
	return milter_on_rcpt(&ctx, (char *[]){ (char *)path, NULL });
}

/* ---- What the engine is told ---- */

static void test_connect(void)
{
	static const char name[] = "mail.example.org";

	begin_answered();
	is_int(milter_on_connect(&ctx, (char *)name, inet4("192.0.2.1", 4000)), SMFIS_CONTINUE, "CONNECT is answered");
	is_str(fake_log_take(), "connect 192.0.2.1 name=mail.example.org ptr=- resolve=-\n", "IPv4");
	milter_on_connect(&ctx, (char *)name, inet6("2001:db8::1", 4000));
	is_str(fake_log_take(), "connect 2001:db8::1 name=mail.example.org ptr=- resolve=-\n", "IPv6");
	milter_on_connect(&ctx, (char *)name, inet6("::ffff:192.0.2.1", 4000));
	is_str(fake_log_take(), "connect 192.0.2.1 name=mail.example.org ptr=- resolve=-\n", "IPv4 in IPv6");
	milter_on_connect(&ctx, (char *)"[192.0.2.1]", inet4("192.0.2.1", 4000));
	is_str(fake_log_take(), "connect 192.0.2.1 name=- ptr=- resolve=-\n", "Postfix: a name it could not verify");
	milter_on_connect(&ctx, (char *)"unknown", inet4("192.0.2.1", 0));
	is_str(fake_log_take(), "connect 192.0.2.1 name=- ptr=- resolve=-\n", "unknown, with a port not known: SMTP");
	fake_macro(&ctx, "{client_resolve}", "FORGED");
	fake_macro(&ctx, "{client_ptr}", "ptr.example.org");
	milter_on_connect(&ctx, (char *)name, inet4("192.0.2.1", 4000));
	is_str(fake_log_take(), "connect 192.0.2.1 name=- ptr=ptr.example.org resolve=-\n",
	       "a forged name, as far as the MTA knows");
	fake_macro(&ctx, "{client_resolve}", "OK");
	fake_macro(&ctx, "{client_ptr}", "unknown");
	milter_on_connect(&ctx, (char *)name, inet4("192.0.2.1", 4000));
	is_str(fake_log_take(), "connect 192.0.2.1 name=mail.example.org ptr=- resolve=OK\n", "verified");
	fake_macro(&ctx, "{daemon_addr}", "192.0.2.25");
	fake_macro(&ctx, "{daemon_port}", "587");
	milter_on_connect(&ctx, (char *)name, inet6("2001:db8::1", 4000));
	is_str(fake_log_take(),
	       "connect 2001:db8::1 name=mail.example.org ptr=- resolve=OK port=4000 server=192.0.2.25:587\n",
	       "both ends of the connection");
	fake_macro(&ctx, "{daemon_port}", "999999999999");
	milter_on_connect(&ctx, (char *)name, inet4("192.0.2.1", 0));
	is_str(fake_log_take(), "connect 192.0.2.1 name=mail.example.org ptr=- resolve=OK port=0 server=192.0.2.25:0\n",
	       "ports that are none");
	over();
}

static void test_without_smtp(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	begin_answered();
	milter_on_connect(&ctx, (char *)"localhost", NULL);
	is_str(fake_log_take(), "connect none name=localhost ptr=- resolve=- local\n", "sendmail: no address");
	milter_on_connect(&ctx, (char *)"unknown", NULL);
	is_str(fake_log_take(), "connect none name=- ptr=- resolve=-\n", "neither an address nor a name: not local");
	milter_on_connect(&ctx, (char *)"localhost", (struct sockaddr *)&un);
	is_str(fake_log_take(), "connect none name=localhost ptr=- resolve=-\n", "a Unix socket is SMTP all the same");
	fake_macro(&ctx, "i", "4ABC");
	milter_on_connect(&ctx, (char *)"localhost", inet4("127.0.0.1", 0));
	is_str(fake_log_take(), "connect 127.0.0.1 name=localhost ptr=- resolve=- local\n",
	       "Postfix: a queue id at CONNECT and no port");
	milter_on_connect(&ctx, (char *)"localhost", inet4("127.0.0.1", 4000));
	is_str(fake_log_take(), "connect 127.0.0.1 name=localhost ptr=- resolve=-\n", "with a port it is SMTP");
	over();
}

static void test_mail(void)
{
	static const struct {
		const char *param;
		long long size;
	} sizes[] = {
		{ "SIZE=0", 0 },
		{ "SIZE=12345", 12345 },
		{ "size=7", 7 },
		{ "SIZE=", 0 },
		{ "SIZE=12x", 0 },
		{ "SIZE=-1", 0 },
		{ "SIZES=5", 0 },
		{ "BODY=8BITMIME", 0 },
		{ "SIZE=9223372036854775807", INT64_MAX - 9 },
		{ "SIZE=99999999999999999999", INT64_MAX - 9 },
	};

	begin_answered();
	connected();
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char want[200];

		snprintf(want, sizeof want, "abort\nmail <a@example.org> auth=- tls=- size=%lld id=-\n", sizes[i].size);
		mail("<a@example.org>", sizes[i].param);
		is_str(fake_log_take(), want, "%s", sizes[i].param);
	}
	fake_macro(&ctx, "{auth_authen}", "alice");
	fake_macro(&ctx, "{tls_version}", "TLSv1.3");
	fake_macro(&ctx, "i", "4ABC");
	mail("<>", NULL);
	is_str(fake_log_take(), "abort\nmail <> auth=alice tls=TLSv1.3 size=0 id=4ABC\n", "macros");
	fake_macro(&ctx, "{auth_authen}", "");
	mail("<>", NULL);
	is_str(fake_log_take(), "abort\nmail <> auth=- tls=TLSv1.3 size=0 id=4ABC\n", "an empty macro is none");
	over();
}

static void test_refused_rcpt(void)
{
	begin_answered();
	connected();
	mail("<a@b>", NULL);
	fake_macro(&ctx, "{rcpt_mailer}", "error");
	fake_log_take();
	rcpt("<c@d>");
	is_str(fake_log_take(), "rcpt <c@d>\n", "nobody asked for refused recipients: then this is none");
	over();

	fake_engine_reset();
	fake_engine.needs.refused_rcpts = fake_engine.needs.reply[STAGE_RCPT] = true;
	begin(ALL_STEPS);
	connected();
	mail("<a@b>", NULL);
	fake_log_take();
	fake_macro(&ctx, "{rcpt_mailer}", "error");
	fake_macro(&ctx, "{rcpt_host}", "5.1.1");
	fake_macro(&ctx, "{rcpt_addr}", "<c@d>: Recipient address rejected");
	is_int(rcpt("<c@d>"), SMFIS_CONTINUE, "a refused recipient is answered");
	is_str(fake_log_take(), "refused <c@d>: 5.1.1 <c@d>: Recipient address rejected\n", "and told");
	fake_macro(&ctx, "{rcpt_mailer}", "local");
	rcpt("<e@f>");
	is_str(fake_log_take(), "rcpt <e@f>\n", "the next one counts");
	over();
}

static void test_message(void)
{
	begin_answered();
	connected();
	mail("<a@b>", NULL);
	rcpt("<c@d>");
	fake_macro(&ctx, "i", "4ABC");
	fake_log_take();
	is_int(milter_on_data(&ctx), SMFIS_CONTINUE, "DATA is answered");
	is_int(milter_on_header(&ctx, (char *)"Subject", (char *)" hi"), SMFIS_NOREPLY, "a field is not");
	is_int(milter_on_headers_end(&ctx), SMFIS_CONTINUE, "the end of the headers is");
	is_int(milter_on_body(&ctx, (unsigned char *)"hello", 5), SMFIS_CONTINUE, "the body is");
	is_int(milter_on_end(&ctx), SMFIS_ACCEPT, "the end is");
	is_str(fake_log_take(), "data id=4ABC\nheader Subject: hi\nheaders_end\nbody 5\nend id=4ABC\nfinish done\n",
	       "each event is told once");
	is_int(milter_on_unknown(&ctx, "HELP"), SMFIS_NOREPLY, "unknown commands are passed over");
	over();
}

/* What was negotiated away still happens, in order. */
static void test_catch_up(void)
{
	fake_engine_reset();
	fake_engine.needs.header = true;
	begin(ALL_STEPS);
	connected();
	fake_macro(&ctx, "i", "4ABC");
	mail("<a@b>", NULL);
	rcpt("<c@d>");
	fake_log_take();
	milter_on_header(&ctx, (char *)"Subject", (char *)" hi");
	milter_on_header(&ctx, (char *)"To", (char *)" you");
	is_int(milter_on_end(&ctx), SMFIS_ACCEPT, "the end");
	is_str(fake_log_take(),
	       "data id=4ABC\nheader Subject: hi\nheader To: you\nheaders_end\nend id=4ABC\nfinish done\n",
	       "DATA comes before the first field, the end of the headers before the end");
	mail("<a@b>", NULL);
	rcpt("<c@d>");
	fake_log_take();
	milter_on_end(&ctx);
	is_str(fake_log_take(), "data id=4ABC\nheaders_end\nend id=4ABC\nfinish done\n", "again for the next message");
	over();
}

/* An MTA that cannot leave out what nobody wants, nor keep the space behind the colon. */
static void test_old_mta(void)
{
	fake_engine_reset();
	begin(0);
	connected();
	mail("<a@b>", NULL);
	rcpt("<c@d>");
	fake_log_take();
	milter_on_header(&ctx, (char *)"Subject", (char *)"hi");
	milter_on_body(&ctx, (unsigned char *)"hello", 5);
	is_str(fake_log_take(), "", "unwanted fields and bodies are not told");
	over();
	fake_engine_reset();
	fake_engine.needs.header = true;
	begin(0);
	connected();
	mail("<a@b>", NULL);
	rcpt("<c@d>");
	milter_on_data(&ctx);
	fake_log_take();
	milter_on_header(&ctx, (char *)"Subject", (char *)"hi");
	is_str(fake_log_take(), "header Subject: hi\n", "the space is put back");
	over();
}

/* ---- Refusals ---- */

static void refuse(enum stage at, int code)
{
	struct answer *a = &fake_engine.answers[at];

	a->kind = code >= 500 ? ANSWER_REJECT : ANSWER_DEFER;
	a->reply = (struct reply){ .code = code, .text = "no", .close = code == 421 };
	strcpy(a->reply.enhanced, code >= 500 ? "5.7.1" : "4.7.1");
}

static void test_refusal_at_rcpt(void)
{
	begin_answered();
	connected();
	mail("<a@b>", NULL);
	refuse(STAGE_RCPT, 550);
	fake_log_take();
	is_int(rcpt("<c@d>"), SMFIS_REJECT, "one recipient is refused");
	is_str(fake_log_take(), "rcpt <c@d>\nsetreply 550 5.7.1 no\n", "with its reply; the transaction goes on");
	is_int(rcpt("<e@f>"), SMFIS_CONTINUE, "the next is not");
	refuse(STAGE_RCPT, 451);
	is_int(rcpt("<g@h>"), SMFIS_TEMPFAIL, "one is deferred");
	is_int(milter_on_data(&ctx), SMFIS_CONTINUE, "DATA");
	over();
}

static void test_refusal_ends(void)
{
	static const enum stage stages[] = { STAGE_MAIL, STAGE_DATA, STAGE_HEADERS, STAGE_BODY };

	for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
		sfsistat got;

		begin_answered();
		connected();
		refuse(stages[i], 451);
		got = mail("<a@b>", NULL);
		if (stages[i] > STAGE_MAIL)
			got = rcpt("<c@d>");
		if (stages[i] >= STAGE_DATA)
			got = milter_on_data(&ctx);
		if (stages[i] >= STAGE_HEADERS)
			got = milter_on_headers_end(&ctx);
		if (stages[i] >= STAGE_BODY)
			got = milter_on_body(&ctx, (unsigned char *)"x", 1);
		is_int(got, SMFIS_TEMPFAIL, "deferred at stage %d", (int)stages[i]);
		ok(strstr(fake_log_take(), "setreply 451 4.7.1 no\nabort\n"), "the engine's transaction ends with it");
		is_int(milter_on_end(&ctx), SMFIS_TEMPFAIL, "nothing goes on after it");
		is_str(fake_log_take(), "", "and the engine hears nothing");
		is_int(mail("<a@b>", NULL), SMFIS_CONTINUE, "the next message is free");
		over();
	}
}

static void test_refusal_at_connect(void)
{
	begin_answered();
	refuse(STAGE_CONNECT, 421);
	is_int(milter_on_connect(&ctx, (char *)"x", inet4("192.0.2.1", 1)), SMFIS_CONTINUE, "CONNECT takes no text");
	fake_log_take();
	is_int(milter_on_helo(&ctx, (char *)"x"), SMFIS_TEMPFAIL, "so HELO is refused");
	is_str(fake_log_take(), "helo x\nsetreply 421 4.7.1 no\n", "with the text of CONNECT");
	is_int(mail("<a@b>", NULL), SMFIS_TEMPFAIL, "and so is each message");
	is_int(mail("<a@b>", NULL), SMFIS_TEMPFAIL, "every one");
	ok(strstr(fake_log_take(), "setreply 421 4.7.1 no\nabort\n"), "whose transaction ends");
	over();
}

/* The MTA was promised no answer at the stage of the refusal. */
static void test_owed(void)
{
	fake_engine_reset();
	fake_engine.needs.reply[STAGE_RCPT] = true;
	begin(ALL_STEPS);
	connected();
	refuse(STAGE_MAIL, 451);
	is_int(mail("<a@b>", NULL), SMFIS_NOREPLY, "MAIL is not answered");
	is_int(rcpt("<c@d>"), SMFIS_TEMPFAIL, "the recipient is");
	is_int(rcpt("<e@f>"), SMFIS_TEMPFAIL, "and the next");
	is_int(mail("<a@b>", NULL), SMFIS_NOREPLY, "a new message");
	is_int(rcpt("<c@d>"), SMFIS_CONTINUE, "owes nothing");
	over();

	fake_engine_reset();
	fake_engine.needs.header = true;
	begin(ALL_STEPS);
	connected();
	mail("<a@b>", NULL);
	rcpt("<c@d>");
	fake_engine.header_answer.kind = ANSWER_REJECT;
	fake_engine.header_answer.reply = (struct reply){ .code = 550, .enhanced = "5.7.1", .text = "this field" };
	milter_on_header(&ctx, (char *)"Subject", (char *)" hi");
	milter_on_header(&ctx, (char *)"To", (char *)" you");
	fake_log_take();
	is_int(milter_on_end(&ctx), SMFIS_REJECT, "what a field brought on is answered at the end");
	is_str(fake_log_take(), "headers_end\nsetreply 550 5.7.1 this field\nabort\n", "with its text");
	over();
}

/* ---- What should not happen ---- */

static void test_strays(void)
{
	begin_answered();
	is_int(milter_on_helo(&ctx, (char *)"x"), SMFIS_TEMPFAIL, "HELO without CONNECT");
	is_int(mail("<a@b>", NULL), SMFIS_TEMPFAIL, "MAIL without CONNECT");
	is_int(milter_on_abort(&ctx), SMFIS_CONTINUE, "abort");
	is_str(fake_log_take(), "", "the engine hears nothing of them");
	connected();
	is_int(rcpt("<c@d>"), SMFIS_TEMPFAIL, "RCPT without MAIL");
	is_int(milter_on_data(&ctx), SMFIS_TEMPFAIL, "DATA");
	is_int(milter_on_header(&ctx, (char *)"A", (char *)"b"), SMFIS_TEMPFAIL, "a field");
	is_int(milter_on_headers_end(&ctx), SMFIS_TEMPFAIL, "the end of the headers");
	is_int(milter_on_body(&ctx, (unsigned char *)"x", 1), SMFIS_TEMPFAIL, "the body");
	is_int(milter_on_end(&ctx), SMFIS_TEMPFAIL, "the end");
	is_str(fake_log_take(), "", "the engine hears nothing of them");
	is_int(milter_on_abort(&ctx), SMFIS_CONTINUE, "abort");
	is_str(fake_log_take(), "abort\n", "an abort it may hear");
	over();
	is_str(fake_log_take(), "close\n", "closed");
	ok(!ctx.priv, "libmilter's pointer is cleared");
	is_int(milter_on_close(&ctx), SMFIS_CONTINUE, "close without a session");
	is_int(milter_on_connect(&ctx, (char *)"x", inet4("192.0.2.1", 1)), SMFIS_TEMPFAIL, "connect without one");
	is_int(milter_on_abort(&ctx), SMFIS_CONTINUE, "abort without one");
	is_str(fake_log_take(), "", "nothing of it is told");
}

static void test_abort(void)
{
	begin_answered();
	connected();
	mail("<a@b>", NULL);
	rcpt("<c@d>");
	fake_log_take();
	milter_on_abort(&ctx);
	is_str(fake_log_take(), "abort\n", "an abort is told");
	is_int(rcpt("<c@d>"), SMFIS_TEMPFAIL, "and the transaction is over");
	is_int(mail("<a@b>", NULL), SMFIS_CONTINUE, "MAIL again without HELO");
	over();
}

static void test_shut(struct milter_front *f)
{
	begin_answered();
	connected();
	mail("<a@b>", NULL);
	fake_log_take();
	is_int(milter_close(&f), 0, "closed with a session open");
	is_str(fake_log_take(), "close\n", "which is ended");
	is_int(rcpt("<c@d>"), SMFIS_TEMPFAIL, "a late callback is sent away");
	is_int(milter_on_close(&ctx), SMFIS_CONTINUE, "a late close too");
	is_str(fake_log_take(), "", "and touches nothing");
	is_int(fake_engine.open, 0, "every session was closed");
}

int main(void)
{
	struct milter_front *f = fake_front();

	test_connect();
	test_without_smtp();
	test_mail();
	test_refused_rcpt();
	test_message();
	test_catch_up();
	test_old_mta();
	test_refusal_at_rcpt();
	test_refusal_ends();
	test_refusal_at_connect();
	test_owed();
	test_strays();
	test_abort();
	test_shut(f);
	return done_testing();
}
