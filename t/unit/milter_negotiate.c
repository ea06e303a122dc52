/*
 * What is asked of the MTA, from what the engine needs and what the MTA offers.
 */
#include "milter/front.h"

#include <stdlib.h>
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/milter_fake.h"

enum { ALL_ACTIONS = 0x1ff, ALL_STEPS = 0x1fffff };

/* Every event without an answer that the front can do without: all but CONNECT. */
#define QUIET                                                                                                          \
	(SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_DATA | SMFIP_NR_UNKN | SMFIP_NR_HDR | SMFIP_NR_EOH | \
	 SMFIP_NR_BODY)
#define LEAST (QUIET | SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOHDRS | SMFIP_NOBODY | SMFIP_HDR_LEADSPC)

static struct smfi_str ctx;
static unsigned long actions, steps;

/* Negotiates and answers the session, which the caller ends with over(). */
static const struct milter_session *negotiate(unsigned long offered_actions, unsigned long offered_steps)
{
	unsigned long f2 = 1, f3 = 1;

	fake_log_take();
	ctx = (struct smfi_str){ 0 };
	actions = steps = 0;
	is_int(milter_on_negotiate(&ctx, offered_actions, offered_steps, 0, 0, &actions, &steps, &f2, &f3),
	       SMFIS_CONTINUE, "negotiated");
	return ctx.priv;
}

static void over(void)
{
	milter_on_close(&ctx);
}

static void test_nothing_needed(void)
{
	const struct milter_session *s;

	fake_engine_reset();
	s = negotiate(ALL_ACTIONS, ALL_STEPS);
	is_int(steps, LEAST, "nothing needed: all is negotiated away");
	is_int(actions, SMFIF_SETSYMLIST, "nothing needed: no action");
	is_int(s->replies, 1 << STAGE_END | 1 << STAGE_CONNECT, "nothing needed: answers at CONNECT and at the end");
	is_str(fake_log_take(),
	       "symlist 0 i {client_resolve}\nsymlist 2 i {auth_authen}\nsymlist 3 i\nsymlist 4 i\n"
	       "symlist 5 i\n",
	       "nothing needed: the shortest macro lists");
	over();
}

static void test_each_reply(void)
{
	static const struct {
		enum stage stage;
		unsigned long want;
	} rows[] = {
		{ STAGE_CONNECT, LEAST & ~(SMFIP_NR_HELO | SMFIP_NR_MAIL) },
		{ STAGE_HELO, LEAST & ~(SMFIP_NR_HELO | SMFIP_NR_MAIL) },
		{ STAGE_MAIL, LEAST & ~SMFIP_NR_MAIL },
		{ STAGE_RCPT, LEAST & ~SMFIP_NR_RCPT },
		{ STAGE_DATA, LEAST & ~(SMFIP_NR_DATA | SMFIP_NODATA) },
		{ STAGE_HEADERS, LEAST & ~(SMFIP_NR_EOH | SMFIP_NOEOH) },
		{ STAGE_BODY, LEAST & ~SMFIP_NR_BODY },
		{ STAGE_END, LEAST },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fake_engine_reset();
		fake_engine.needs.reply[rows[i].stage] = true;
		negotiate(ALL_ACTIONS, ALL_STEPS);
		is_int(steps, rows[i].want, "an answer at stage %d alone", (int)rows[i].stage);
		over();
	}
}

static void test_each_need(void)
{
	fake_engine_reset();
	fake_engine.needs.header = true;
	negotiate(ALL_ACTIONS, ALL_STEPS);
	is_int(steps, LEAST & ~(SMFIP_NOHDRS | SMFIP_NOEOH), "headers, and their end");
	over();
	fake_engine_reset();
	fake_engine.needs.body = true;
	negotiate(ALL_ACTIONS, ALL_STEPS);
	is_int(steps, LEAST & ~SMFIP_NOBODY, "the body");
	over();
	fake_engine_reset();
	fake_engine.needs.refused_rcpts = true;
	ok(negotiate(ALL_ACTIONS, ALL_STEPS)->refused_rcpts, "refused recipients are noted");
	is_int(steps, LEAST | SMFIP_RCPT_REJ, "refused recipients");
	ok(strstr(fake_log_take(), "symlist 3 {rcpt_mailer} {rcpt_host} {rcpt_addr}\n"), "and their macros");
	over();
	fake_engine_reset();
	fake_engine.needs.edit_headers = true;
	negotiate(ALL_ACTIONS, ALL_STEPS);
	is_int(actions, SMFIF_SETSYMLIST | SMFIF_ADDHDRS | SMFIF_CHGHDRS, "header edits");
	over();
	fake_engine_reset();
	fake_engine.needs.edit_rcpts = true;
	negotiate(ALL_ACTIONS, ALL_STEPS);
	is_int(actions, SMFIF_SETSYMLIST | SMFIF_ADDRCPT | SMFIF_ADDRCPT_PAR | SMFIF_DELRCPT, "recipient edits");
	over();
	fake_engine_reset();
	fake_engine.needs.quarantine = true;
	negotiate(ALL_ACTIONS, ALL_STEPS);
	is_int(actions, SMFIF_SETSYMLIST | SMFIF_QUARANTINE, "quarantine");
	over();
}

static void test_macros(void)
{
	fake_engine_reset();
	fake_engine.needs.client_ptr = true;
	fake_engine.needs.server = true;
	fake_engine.needs.tls = true;
	negotiate(ALL_ACTIONS, ALL_STEPS);
	is_str(fake_log_take(),
	       "symlist 0 i {client_resolve} {client_ptr} {daemon_addr} {daemon_port}\n"
	       "symlist 2 i {auth_authen} {tls_version}\nsymlist 3 i\nsymlist 4 i\nsymlist 5 i\n",
	       "macros that some rules read");
	over();
}

/* An MTA of the first days: no macro lists, no negotiation of replies, no leading space. */
static void test_old_mta(void)
{
	const struct milter_session *s;

	fake_engine_reset();
	fake_engine.needs.edit_headers = fake_engine.needs.edit_rcpts = fake_engine.needs.quarantine = true;
	fake_engine.needs.refused_rcpts = true;
	s = negotiate(SMFI_V1_ACTS, SMFI_V1_PROT | QUIET);
	is_int(actions, SMFI_V1_ACTS & ~SMFIF_CHGBODY & (SMFIF_ADDHDRS | SMFIF_ADDRCPT | SMFIF_DELRCPT),
	       "only actions that are offered");
	is_int(steps, QUIET | SMFIP_NOHDRS | SMFIP_NOBODY, "only steps that are offered");
	is_str(fake_log_take(), "", "no macro lists");
	ok(!s->leading_space && !s->refused_rcpts, "what it lacks is known");
	over();
}

static void test_failure(void)
{
	unsigned long x;

	fake_engine_reset();
	fake_engine.no_memory = true;
	ctx = (struct smfi_str){ 0 };
	is_int(milter_on_negotiate(&ctx, ALL_ACTIONS, ALL_STEPS, 0, 0, &x, &x, &x, &x), SMFIS_REJECT,
	       "out of memory: no connection");
	ok(!ctx.priv, "and no session");
	over();
	is_int(fake_engine.open, 0, "every session was closed");
}

int main(void)
{
	struct milter_front *f = fake_front();

	test_nothing_needed();
	test_each_reply();
	test_each_need();
	test_macros();
	test_old_mta();
	test_failure();
	is_int(milter_close(&f), 0, "closed");
	return done_testing();
}
