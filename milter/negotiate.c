/*
 * What is asked of the MTA: worked out from what the engine needs, cut down to what this MTA offers.
 */
#include "milter/front.h"

#include <stdio.h>
#include <string.h>

#include "util/log.h"

enum { MACROS_SIZE = 128 }; /* of the longest list of macros */

/* An event of the protocol: the bit that keeps it away, and the bit that promises no answer to it. */
static const struct step {
	enum stage stage;
	unsigned long none, no_reply;
} steps[] = {
	{ STAGE_CONNECT, 0, SMFIP_NR_CONN },
	{ STAGE_HELO, 0, SMFIP_NR_HELO },
	{ STAGE_MAIL, 0, SMFIP_NR_MAIL },
	{ STAGE_RCPT, 0, SMFIP_NR_RCPT },
	{ STAGE_DATA, SMFIP_NODATA, SMFIP_NR_DATA },
	{ STAGE_HEADERS, SMFIP_NOEOH, SMFIP_NR_EOH },
	{ STAGE_BODY, 0, SMFIP_NR_BODY },
};

/*
 * Where an answer may be needed.  At CONNECT none can carry a text, so a refusal waits for HELO, or, when the client
 * leaves that out, for MAIL.  CONNECT is answered all the same: Postfix keeps what needs no answer in its buffer, and
 * questions to DNS should leave while the client still reads the greeting.
 */
static unsigned stages_to_answer(const struct engine_needs *needs)
{
	unsigned stages = 1u << STAGE_END | 1u << STAGE_CONNECT;

	for (int i = STAGE_HELO; i < STAGE_END; i++) {
		if (needs->reply[i])
			stages |= 1u << i;
	}
	if (needs->reply[STAGE_CONNECT])
		stages |= 1u << STAGE_HELO;
	if (stages & (1u << STAGE_HELO))
		stages |= 1u << STAGE_MAIL;
	return stages;
}

/* The protocol bits we want.  An event that nobody answers and that carries nothing is not asked for. */
static unsigned long wanted_steps(const struct engine_needs *needs, unsigned answered)
{
	unsigned long want = SMFIP_NOUNKNOWN | SMFIP_NR_UNKN | SMFIP_NR_HDR | SMFIP_HDR_LEADSPC;

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		if (!(answered & (1u << steps[i].stage)))
			want |= steps[i].none | steps[i].no_reply;
	}
	/* libmilter, waiting for a field or for the end of the fields, never answers the end of a message that has none: so
	 * their end has to come whenever they do. */
	if (needs->header)
		want &= ~(unsigned long)SMFIP_NOEOH;
	else
		want |= SMFIP_NOHDRS;
	if (!needs->body)
		want |= SMFIP_NOBODY;
	if (needs->refused_rcpts)
		want |= SMFIP_RCPT_REJ;
	return want;
}

static unsigned long wanted_actions(const struct engine_needs *needs)
{
	unsigned long want = SMFIF_SETSYMLIST;

	if (needs->edit_headers)
		want |= SMFIF_ADDHDRS | SMFIF_CHGHDRS;
	if (needs->edit_rcpts)
		want |= SMFIF_ADDRCPT | SMFIF_ADDRCPT_PAR | SMFIF_DELRCPT;
	if (needs->quarantine)
		want |= SMFIF_QUARANTINE;
	return want;
}

/*
 * Names every macro that is read, stage by stage: a list replaces the MTA's own.  {i} at CONNECT tells sessions without
 * SMTP (Postfix's non_smtpd_milters).  Nothing is read at RCPT unless refused recipients are wanted; but without a list
 * Postfix would resolve each recipient for the macros that it sends by itself.
 */
static void name_macros(SMFICTX *ctx, const struct engine_needs *needs)
{
	char connect[MACROS_SIZE];
	const char *lists[SMFIM_LAST + 1] = {
		[SMFIM_CONNECT] = connect,
		[SMFIM_ENVFROM] = needs->tls ? "i {auth_authen} {tls_version}" : "i {auth_authen}",
		[SMFIM_ENVRCPT] = needs->refused_rcpts ? "{rcpt_mailer} {rcpt_host} {rcpt_addr}" : "i",
		[SMFIM_DATA] = "i",
		[SMFIM_EOM] = "i",
	};

	snprintf(connect, sizeof connect, "i {client_resolve}%s%s", needs->client_ptr ? " {client_ptr}" : "",
		 needs->server ? " {daemon_addr} {daemon_port}" : "");
	for (int where = SMFIM_FIRST; where <= SMFIM_LAST; where++) {
		if (lists[where] && smfi_setsymlist(ctx, where, (char *)lists[where]) != MI_SUCCESS)
			log_warning("milter: cannot name the macros of stage %d", where);
	}
}

/* What the engine may want and this MTA cannot do: such a verdict will be answered 451.  Said once, not for each of
 * the MTA's connections. */
static void complain(struct milter_front *f, unsigned long missing)
{
	const unsigned long needed = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_ADDRCPT | SMFIF_DELRCPT | SMFIF_QUARANTINE;

	if ((missing & needed) && !atomic_exchange(&f->complained, true))
		log_warning("milter: the MTA does not offer actions that the rules may need (0x%lx)", missing & needed);
}

/* Notes in the session what was agreed.  libmilter answers for us where the MTA cannot do without an answer. */
static void agree(struct milter_session *s, const struct engine_needs *needs, unsigned long actions,
		  unsigned long offered, unsigned long *steps_out)
{
	s->actions = wanted_actions(needs) & actions;
	s->replies = stages_to_answer(needs);
	*steps_out = wanted_steps(needs, s->replies) & offered;
	s->leading_space = *steps_out & SMFIP_HDR_LEADSPC;
	s->refused_rcpts = *steps_out & SMFIP_RCPT_REJ;
	s->headers = needs->header;
	s->body = needs->body;
}

sfsistat milter_on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long offered, unsigned long f2,
			     unsigned long f3, unsigned long *want_actions, unsigned long *want_steps,
			     unsigned long *want_f2, unsigned long *want_f3)
{
	struct milter_front *f = milter_the_front();
	const struct engine_needs *needs;
	struct milter_session *s;

	(void)f2;
	(void)f3;
	*want_f2 = *want_f3 = 0;
	if (!milter_enter(f))
		return SMFIS_REJECT;
	s = milter_session_new(f);
	if (!s) {
		milter_leave(f);
		return SMFIS_REJECT;
	}
	needs = engine_session_needs(s->engine);
	agree(s, needs, actions, offered, want_steps);
	*want_actions = s->actions;
	complain(f, wanted_actions(needs) & ~actions);
	if (actions & SMFIF_SETSYMLIST)
		name_macros(ctx, needs);
	smfi_setpriv(ctx, s);
	milter_leave(f);
	return SMFIS_CONTINUE;
}
