/*
 * Alarms: commands that really run, mail that a fake takes; nothing waits for either.
 */
#include "checks/rates_alarm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checks/rates_command.h"
#include "t/lib/fake_mail_out.h"
#include "t/lib/tap.h"
#include "util/clock.h"

enum { PATIENCE_MS = 30000, LOOK_US = 10000, FLOOD = 200 };

static char directory[] = "/tmp/millgate-alarm-XXXXXX";
static const struct check_env env = { .hostname = "mx.example.net" };
static const struct rates_hit hit = { .id = "0123456789abc",
				      .rate = "hourly",
				      .key = "ann",
				      .action = "hold",
				      .client = "192.0.2.1",
				      .user = "ann",
				      .sender = "a$(b)\r\nBcc: x@example.org" };

/* A script of its own for each test; answers its path. */
static const char *program(const char *name, const char *text)
{
	static char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	f = fopen(path, "w");
	if (f == NULL || fprintf(f, "#!/bin/sh\ncd %s\n%s\n", directory, text) < 0 || fclose(f) != 0 ||
	    chmod(path, 0755) != 0)
		bail_out("cannot write %s", path);
	return path;
}

static bool exists(const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return access(path, F_OK) == 0;
}

static bool appears(const char *name)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;

	while (!exists(name) && clock_mono_ms() < until)
		usleep(LOOK_US);
	return exists(name);
}

static const char *content(const char *name)
{
	static char text[4096];
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static struct rates_alarm *make(const char *command, const char *argument, const char *mail_to)
{
	struct conf_item argv[] = { { command, "test", 1 }, { argument, "test", 1 } };
	struct limits_settings set = { .mail_to = mail_to, .mail_via = "127.0.0.1:25" };
	struct error_list errors = ERROR_LIST_INIT;
	struct rates_alarm *a;

	set.on_hit.v = argv;
	set.on_hit.n = command == NULL ? 0 : argument == NULL ? 1 : 2;
	a = rates_alarm_new(&env, &set, &errors);
	for (const struct error_item *e = errors.first; e != NULL; e = e->next)
		diag("%s", e->text);
	error_clear(&errors);
	return a;
}

static void test_settings(void)
{
	ok(make(NULL, NULL, NULL) == NULL, "nobody is to be told");
	ok(make("alert", NULL, NULL) == NULL, "a command without a path");
	ok(make("/nowhere/alert", NULL, NULL) == NULL, "one that is not there");
	ok(make(NULL, NULL, "postmaster") == NULL, "no address");
	ok(make(NULL, NULL, "a@example.net, b@example.net") == NULL, "two addresses");
}

static void test_command(void)
{
	struct rates_alarm *a =
		make(program("plain", "{ echo \"$1\"; env; ls /proc/self/fd | wc -l; } >out.new; mv out.new out"),
		     "one argument", NULL);

	if (a == NULL)
		bail_out("no alarm");
	rates_alarm_raise(a, &hit);
	ok(appears("out"), "the command runs");
	ok(strncmp(content("out"), "one argument\n", 13) == 0, "with its argument as it is");
	ok(strstr(content("out"), "MILLGATE_RATE=hourly\n") != NULL, "and the rate");
	ok(strstr(content("out"), "MILLGATE_SENDER=a??b????Bcc: x@example.org\n") == NULL &&
		   strstr(content("out"), "MILLGATE_SENDER=a??b????Bcc: x") == NULL,
	   "a line end makes no second line");
	ok(strstr(content("out"), "MILLGATE_SENDER=a??b???Bcc: x@example.org\n") != NULL, "what is odd becomes ?: %s",
	   content("out"));
	rates_alarm_close(&a);
	ok(a == NULL, "closed");
}

static void test_mail(void)
{
	struct rates_alarm *a = make(NULL, NULL, "postmaster@example.net");
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	char text[4096];

	rates_alarm_raise(a, &hit);
	while (fake_mail_out_sent() == 0 && clock_mono_ms() < until)
		usleep(LOOK_US);
	is_int(fake_mail_out_sent(), 1, "a mail");
	fake_mail_out_last(text, sizeof text);
	ok(strstr(text, "To: <postmaster@example.net>\r\nSubject: held: ann\r\n") != NULL, "to whom, about whom");
	ok(strstr(text, "\nBcc:") == NULL, "no field of the sender's");
	ok(strstr(text, "\r\nAuto-Submitted: auto-generated\r\n") != NULL, "says that it is automatic");
	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		if (p == text || p[-1] != '\r')
			fail("a bare LF");
	rates_alarm_close(&a);
	is_int(fake_mail_out_sent(), 1, "and no more");
}

/* A hanging command keeps nobody: neither those who raise alarms nor who closes. */
static void test_hanging(void)
{
	struct rates_alarm *a = make(program("hang", "echo $$ >hang.$$; exec sleep 600"), NULL, NULL);
	unsigned children = 0;
	char command[512];

	for (unsigned i = 0; i < FLOOD; i++)
		rates_alarm_raise(a, &hit);
	pass("%d alarms are raised at once", FLOOD);
	rates_alarm_close(&a);
	snprintf(command, sizeof command, "ls %s/hang.* | wc -l >%s/count", directory, directory);
	(void)!system(command);
	children = (unsigned)atoi(content("count"));
	ok(children > 0 && children <= 4, "%u commands at the same time", children);
	snprintf(command, sizeof command, "kill $(cat %s/hang.*)", directory);
	is_int(system(command), 0, "all of them were left to themselves");
}

/* What waits when a configuration goes is carried out still. */
static void test_close(void)
{
	struct rates_alarm *a = make(program("last", "echo x >last.$MILLGATE_ID"), NULL, NULL);

	rates_alarm_raise(a, &hit);
	rates_alarm_close(&a);
	ok(appears("last.0123456789abc"), "an alarm just before the end");
}

int main(void)
{
	char command[256];

	if (mkdtemp(directory) == NULL)
		bail_out("no directory");
	test_settings();
	test_command();
	test_mail();
	test_hanging();
	test_close();
	snprintf(command, sizeof command, "rm -r %s", directory);
	(void)!system(command);
	return done_testing();
}
