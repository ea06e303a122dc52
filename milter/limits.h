/*
 * The limits of milter/, each with its reason.
 */
#ifndef MILLGATE_MILTER_LIMITS_H
#define MILLGATE_MILTER_LIMITS_H

enum {
	/* Of a reply's text: what MILTER_REPLY_LINES lines hold. */
	MILTER_REPLY_TEXT = 1601,
	/* A line of a reply, before each % is doubled: with code, enhanced code and line end within the 512 octets of
	 * RFC 5321 (4.5.3.1.5), doubled within libmilter's 980. */
	MILTER_REPLY_LINE = 400,
	MILTER_REPLY_LINES = 4,

	/* How many MTA connections may wait to be accepted: every smtpd process opens its own. */
	MILTER_BACKLOG = 1024,

	/* A stop waits this long for open transactions: below the 30 s after which Postfix gives a milter up, and below
	 * the 90 s after which systemd kills. */
	MILTER_DRAIN_MS = 20000,
	/* After libmilter has returned: until callbacks that still run are given up.  A stage's deadline is 10 s. */
	MILTER_QUIET_MS = 12000,
	MILTER_QUIET_STEP_MS = 5,

	/* Of one packet of the MTA.  libmilter hangs up on more than 64 kB, and a header field alone may have 100 kB
	 * (Postfix's header_size_limit). */
	MILTER_PACKET_MAX = 1 << 20,

	/* Of a worker's stack.  libmilter starts and ends workers all the time, as many as there are sessions that wait; libc
	 * keeps 40 MB of stacks for new threads, which are five at the usual 8 MB, and then makes each anew. */
	MILTER_STACK = 512 << 10,

	/* Descriptors looked at to find the listening socket; at that time the process has a dozen. */
	MILTER_MAX_FD = 1024
};

#endif
