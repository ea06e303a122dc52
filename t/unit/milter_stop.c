/*
 * Signals, with the real libmilter: reload without a stop, and a stop that waits for the engine and then is quick.
 */
#include "milter/front.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t/lib/mta.h"
#include "t/lib/tap.h"
#include "t/unit/milter_fake.h"

enum { PATIENCE_MS = 60000 };

static char dir[] = "/tmp/milter_stop.XXXXXX", spec[60];
static int said = -1; /* the child's end of the pipe */

static void say(const char *text)
{
	if (write(said, text, strlen(text) + 1) < 0)
		_exit(3);
}

static void on_reload(void *ctx)
{
	say(ctx);
}

/* Answers its exit status: bits of what went wrong. */
static int serve(unsigned left)
{
	static char reloaded[] = "reloaded";
	struct error_list errors = ERROR_LIST_INIT;
	struct milter_front *f;
	int wrong = 0;

	fake_engine_reset();
	fake_engine.left = left;
	f = milter_open(fake_engine_handle(), spec, 0600, NULL, &errors);
	if (!f)
		return 1;
	say("ready");
	wrong |= milter_run(f, on_reload, reloaded) != 0 ? 2 : 0;
	wrong |= milter_close(&f) != 0 ? 4 : 0;
	wrong |= f ? 8 : 0;
	say(fake_log_take());
	return wrong;
}

/* What the child says next; "" when it says nothing more. */
static const char *hear(int fd)
{
	static char text[2000];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	while (n + 1 < sizeof text && poll(&p, 1, PATIENCE_MS) == 1 && read(fd, text + n, 1) == 1 && text[n] != '\0')
		n++;
	text[n] = '\0';
	return text;
}

static pid_t start(unsigned left, int *from)
{
	int fds[2];
	pid_t pid;

	if (pipe(fds) != 0 || (pid = fork()) < 0)
		bail_out("no process: %s", strerror(errno));
	if (pid == 0) {
		said = fds[1];
		close(fds[0]);
		_exit(serve(left));
	}
	close(fds[1]);
	*from = fds[0];
	is_str(hear(*from), "ready", "it listens");
	return pid;
}

static int ended(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* A session with a message open, so that libmilter's threads run. */
static int talk(struct mta *m)
{
	struct mta_packet p;
	int fd = mta_dial(spec, false);

	mta_init(m, fd, NULL, NULL);
	if (fd < 0)
		return -1;
	mta_negotiate(m, MTA_ALL_ACTIONS, MTA_ALL_STEPS);
	if (mta_wait(m, &p) != 0 || mta_negotiated(m, &p) != 0)
		return -1;
	mta_connect(m, "mail.example.org", "192.0.2.1", 4000);
	if (mta_wait(m, &p) != 0 || p.kind != MTA_CONTINUE)
		return -1;
	mta_mail(m, (const char *const[]){ "<a@b>", NULL });
	mta_rcpt(m, (const char *const[]){ "<c@d>", NULL });
	mta_end(m);
	if (mta_wait(m, &p) != 0 || p.kind != MTA_ACCEPT)
		return -1;
	mta_mail(m, (const char *const[]){ "<a@b>", NULL });
	return mta_flush(m) == 1 ? 0 : -1;
}

static void test_reload_and_stop(int stop_signal, unsigned left)
{
	struct mta m;
	const char *log;
	int from;
	pid_t pid = start(left, &from);

	is_int(talk(&m), 0, "a message goes through");
	kill(pid, SIGUSR1);
	is_str(hear(from), "reloaded", "SIGUSR1 reloads");
	kill(pid, SIGHUP);
	is_str(hear(from), "reloaded", "SIGHUP reloads, and does not stop");
	kill(pid, SIGUSR1);
	is_str(hear(from), "reloaded", "SIGUSR1 once more");
	kill(pid, stop_signal);
	log = hear(from);
	ok(strstr(log, "drain\ndrain_wait 20000\n"), "signal %d: the engine is drained", stop_signal);
	ok(strstr(log, "close\n"), "sessions that libmilter leaves open are closed");
	is_int(ended(pid), 0, "and the process ends well");
	ok(access(strchr(spec, ':') + 1, F_OK) != 0, "its socket file is gone");
	mta_done(&m);
	close(from);
}

/* Elsewhere in the process sigwait() is what it always was. */
static void test_plain_sigwait(void)
{
	sigset_t set;
	int sig = 0;
	pid_t pid = fork();

	if (pid == 0) {
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		sigprocmask(SIG_BLOCK, &set, NULL);
		raise(SIGUSR2);
		_exit(sigwait(&set, &sig) == 0 && sig == SIGUSR2 ? 0 : 1);
	}
	is_int(ended(pid), 0, "sigwait() without a front");
}

int main(void)
{
	if (!mkdtemp(dir))
		bail_out("no directory: %s", strerror(errno));
	snprintf(spec, sizeof spec, "unix:%s/sock", dir);
	test_plain_sigwait();
	test_reload_and_stop(SIGTERM, 0);
	test_reload_and_stop(SIGINT, 0);
	test_reload_and_stop(SIGTERM, 3);
	unlink(spec + strlen("unix:"));
	rmdir(dir);
	return done_testing();
}
