/*
 * Signals, and an orderly stop.
 *
 * libmilter keeps SIGTERM, SIGINT and SIGHUP for a thread of its own, which stops at each of them at once and leaves
 * open transactions hanging.  That thread asks sigwait(), which is a symbol like any other: it finds the one below.
 */
#include "milter/front.h"

#include <errno.h>
#include <signal.h>

#include "util/log.h"

static void our_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
}

void milter_block_signals(void)
{
	sigset_t set;

	our_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void drain(struct milter_front *f)
{
	unsigned left;

	log_info("stopping: waiting for open transactions");
	engine_drain_begin(f->engine);
	left = engine_drain_wait(f->engine, MILTER_DRAIN_MS);
	if (left > 0)
		log_warning("stopping: %u transactions were not finished; the MTA will see them fail for now", left);
	milter_end(f, false);
}

/*
 * libc's sigwait(), for libmilter's signal thread; elsewhere (before milter_open()) it does what libc's does.  Reload
 * runs here, on a thread that nothing else of libmilter waits for.
 */
int sigwait(const sigset_t *restrict set, int *restrict sig)
{
	struct milter_front *f = milter_the_front();
	sigset_t wanted = *set;

	if (f)
		our_signals(&wanted);
	for (;;) {
		int got = sigwaitinfo(&wanted, NULL);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (f && (got == SIGUSR1 || got == SIGHUP)) {
			if (f->on_reload)
				f->on_reload(f->reload_ctx);
			continue;
		}
		if (f) {
			drain(f);
			got = SIGTERM;
		}
		*sig = got;
		return 0;
	}
}
