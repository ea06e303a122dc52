/*
 * The limits of policyd/, each with its reason.
 */
#ifndef MILLGATE_POLICYD_LIMITS_H
#define MILLGATE_POLICYD_LIMITS_H

enum {
	/* One request.  Postfix sends some 35 attributes; those of the client's making (HELO name, sender, recipient, login,
	 * names in certificates) are at most a line of 2 kB each, some of them encoded. */
	POLICYD_REQUEST_MAX = 32 * 1024,
	/* Lines of one request: room for what later versions of Postfix may add. */
	POLICYD_LINES_MAX = 256,

	/* The text behind a code: RFC 5321 (4.5.3.1.5) has 512 octets for a reply, and Postfix puts the recipient before
	 * it. */
	POLICYD_TEXT_MAX = 400,
	/* A whole action: a header field may be as long as a line (RFC 5322, section 2.1.1). */
	POLICYD_ACTION_MAX = 1100,
	POLICYD_HEADER_MAX = 998,

	/* Transactions that are remembered; at more than that the oldest idle one is given up. */
	POLICYD_TXNS_MAX = 65536,
	/* Recipients of one transaction: Postfix's smtpd_recipient_limit is 1000 by default. */
	POLICYD_RCPTS_MAX = 5000,

	/* How long a transaction waits for its next request.  Asked at RCPT alone, nothing tells its end; a client may take
	 * minutes between two recipients, but then the second one is a transaction of its own, which is as good. */
	POLICYD_IDLE_RCPT_MS = 60 * 1000,
	/* With an end to come: a message may take as long as Postfix lets its client dawdle. */
	POLICYD_IDLE_END_MS = 60 * 60 * 1000,
	/* A message under way while millgated is started anew is noticed if it began at most so long before, for so long
	 * after: with that, clocks of two machines that differ do no more than delay some mail for a while. */
	POLICYD_RESTART_MS = POLICYD_IDLE_END_MS,
	/* After its connection is gone: Postfix connects anew and repeats itself after a second
	 * (smtpd_policy_service_retry_delay); else its process has ended, and the session with it. */
	POLICYD_GRACE_MS = 10 * 1000,
	/* A transaction that is over answers repeated questions for so long. */
	POLICYD_OVER_MS = 10 * 1000,
	/* How often the forgotten ones are looked for. */
	POLICYD_SWEEP_MS = 500,
	/* So many bytes of log lines are kept, to be written together. */
	POLICYD_LOG_BATCH = 32 * 1024,
	/* After so many have gone at once their memory is given back. */
	POLICYD_TRIM = 1000,

	/* So many recipients let pass without the last question that policyd.asked_at promises are worth a warning. */
	POLICYD_ENDLESS = 100
};

#endif
