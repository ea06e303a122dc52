/*
 * The limits of net/, each with its reason.
 */
#ifndef MILLGATE_NET_LIMITS_H
#define MILLGATE_NET_LIMITS_H

enum {
	/* Tasks run in one go, before answers are sent on and descriptors looked at: some milliseconds' worth. */
	LOOP_MAX_TASKS = 512,
	/* How long what has time waits for company, and how much of it may. */
	LOOP_LINGER_MS = 20,
	LOOP_MAX_LATE = 64,

	/* Questions inside libunbound at once, those that timed out but linger there included: about 10 kB each. */
	DNS_MAX_OPEN = 4096,
	/* Records taken from one answer: a 64 kB packet could claim thousands, each with a name of 255 bytes. */
	DNS_MAX_RECORDS = 1024,
	/* CNAMEs followed inside one answer; resolvers give up near 16 themselves. */
	DNS_MAX_CHAIN = 16,
	/* RFC 1035, 2.3.4 */
	DNS_MAX_LABEL = 63,
	DNS_MAX_WIRE_NAME = 255,

	/* Commands sent to Redis or held for it: some seconds' worth of work at the rates of one server. */
	REDIS_MAX_OPEN = 16384,
	/* Their bytes. */
	REDIS_MAX_OPEN_BYTES = 64 * 1024 * 1024,
	/* Pauses between attempts to connect: short enough for a restart, long enough for a dead host. */
	REDIS_BACKOFF_MIN_MS = 100,
	REDIS_BACKOFF_MAX_MS = 5000,
	/* Without an error reply for so long, the next good one tells that Redis has recovered: one key that is none of
	 * ours must not fill the log. */
	REDIS_ERROR_CALM_MS = 5000,

	/* Connections accepted in one go, so that a flood cannot keep the loop from its other work. */
	SERVER_ACCEPT_BATCH = 64,
	/* Bytes read from one connection in one go. */
	SERVER_READ_SIZE = 16384,
	/* Requests of one connection answered in a row by the loop, before it is the others' turn. */
	SERVER_IN_A_ROW = 16,
	/* What is kept for answers by the loop, when one was longer. */
	SERVER_KEPT_ANSWER = 16384,
	/* Pause after accept() ran out of descriptors. */
	SERVER_ACCEPT_PAUSE_MS = 200,
	/* One answer: a whole greylist as text. */
	SERVER_MAX_ANSWER = 64 * 1024 * 1024,
	SERVER_BACKLOG = 511
};

#endif
