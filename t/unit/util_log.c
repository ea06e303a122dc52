#include "util/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t/lib/tap.h"
#include "util/clock.h"

static int real_stderr;
static FILE *capture;

static void capture_begin(void)
{
	fflush(stderr);
	capture = tmpfile();
	if (capture == NULL)
		bail_out("no temporary file");
	dup2(fileno(capture), STDERR_FILENO);
}

/* What was written; valid until the next call. */
static char *capture_end(void)
{
	static char text[16 * 1024 * 1024];

	dup2(real_stderr, STDERR_FILENO);
	rewind(capture);
	text[fread(text, 1, sizeof text - 1, capture)] = '\0';
	fclose(capture);
	return text;
}

static void test_messages(void)
{
	char *got, big[6000];

	clock_set_wall_ms(1767323045678);
	log_open("test", LOG_SINK_STDERR, LOG_LVL_INFO);
	capture_begin();
	errno = EPIPE;
	log_info("%s \"%d\"", "it's", 5);
	ok(errno == EPIPE, "errno is left alone");
	log_debug("not wanted");
	log_warning("two\nlines");
	got = capture_end();
	is_str(got,
	       "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\",\"msg\":\"it's \\\"5\\\"\"}\n"
	       "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warning\",\"msg\":\"two lines\"}\n",
	       "one JSON object a line, none below the level");

	memset(big, '"', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	capture_begin();
	log_error("%s", big);
	got = capture_end();
	ok(strlen(got) < 9000 && strcmp(got + strlen(got) - 3, "\"}\n") == 0, "a long message is cut, and still JSON");

	capture_begin();
	log_set_level(LOG_LVL_ERROR);
	log_warning("quiet");
	log_set_level(LOG_LVL_DEBUG);
	log_debug("loud");
	log_open("test", LOG_SINK_NONE, LOG_LVL_DEBUG);
	log_error("nowhere");
	got = capture_end();
	ok(strstr(got, "loud") != NULL && strstr(got, "quiet") == NULL && strstr(got, "nowhere") == NULL,
	   "the level can change; no sink takes nothing");
}

static void test_records(void)
{
	struct log_record r;
	char *got, big[9000];

	log_open("test", LOG_SINK_STDERR, LOG_LVL_INFO);
	capture_begin();
	log_record_begin(&r, LOG_LVL_INFO, "mail");
	log_record_str(&r, "subject", "a\"\n\xff", 4);
	log_record_num(&r, "size", -5);
	log_record_end(&r);
	log_record_begin(&r, LOG_LVL_DEBUG, "none");
	log_record_str(&r, "a", "b", 1);
	log_record_end(&r);
	got = capture_end();
	is_str(got,
	       "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\",\"msg\":\"mail\","
	       "\"subject\":\"a\\\"\\u000a\xef\xbf\xbd\",\"size\":-5}\n",
	       "a record is one JSON object");

	memset(big, 'x', sizeof big);
	capture_begin();
	log_record_begin(&r, LOG_LVL_INFO, "mail");
	log_record_str(&r, "a", "b", 1);
	log_record_str(&r, "big", big, sizeof big);
	log_record_str(&r, "c", "d", 1);
	log_record_end(&r);
	got = capture_end();
	is_str(got,
	       "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\",\"msg\":\"mail\",\"a\":\"b\",\"cut\":true}\n",
	       "a field that does not fit is left out whole, and said to be");
	clock_set_wall_ms(0);
}

/* A thread keeps the words for a second: the next one, and one before, have their own. */
static void test_times(void)
{
	static const struct {
		int64_t ms;
		const char *text;
	} times[] = {
		{ 1767323045999, "2026-01-02T03:04:05.999Z" }, { 1767323046000, "2026-01-02T03:04:06.000Z" },
		{ 1767323045007, "2026-01-02T03:04:05.007Z" }, { 1, "1970-01-01T00:00:00.001Z" },
		{ 1772323199050, "2026-02-28T23:59:59.050Z" }, { 1772323200000, "2026-03-01T00:00:00.000Z" },
	};
	char want[128];

	log_open("test", LOG_SINK_STDERR, LOG_LVL_INFO);
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		clock_set_wall_ms(times[i].ms);
		capture_begin();
		log_info("x");
		snprintf(want, sizeof want, "{\"time\":\"%s\",\"level\":\"info\",\"msg\":\"x\"}\n", times[i].text);
		is_str(capture_end(), want, "%s", times[i].text);
	}
	clock_set_wall_ms(0);
}

/* The text that syslog would get. */
static void test_syslog_text(void)
{
	struct log_record r;

	log_open("test", LOG_SINK_NONE, LOG_LVL_INFO);
	log_record_begin(&r, LOG_LVL_INFO, "mail");
	r.sink = LOG_SINK_SYSLOG; /* formatted for syslog, and not sent */
	log_record_str(&r, "from", "a\"b\\c\r\n", 7);
	log_record_str(&r, "empty", "", 0);
	log_record_num(&r, "size", 12);
	is_str(r.line.p, "mail from=\"a\\\"b\\\\c\\x0d\\x0a\" empty=\"\" size=12", "pairs, quoted and escaped");
}

enum { THREADS = 8, LINES = 200, LONG = 5000 };

static atomic_bool shouted;

/* Writes what others keep, until they have said all. */
static void *write_kept(void *arg)
{
	while (!shouted)
		log_write_kept();
	log_write_kept();
	return arg;
}

static bool keeps;

static void *shout(void *arg)
{
	char text[LONG];
	struct log_record r;
	int id = *(int *)arg;

	(void)log_keep(keeps);
	memset(text, 'a' + id, sizeof text);
	for (int i = 0; i < LINES; i++) {
		log_record_begin(&r, LOG_LVL_INFO, "x");
		log_record_str(&r, "v", text, sizeof text);
		log_record_end(&r);
		if (id == 0)
			log_set_level(i % 2 ? LOG_LVL_INFO : LOG_LVL_DEBUG);
	}
	return NULL;
}

static unsigned count(const char *text, char c)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == c;
	return n;
}

static void say(const char *text)
{
	struct log_record r;

	log_record_begin(&r, LOG_LVL_INFO, "mail");
	log_record_str(&r, "id", text, strlen(text));
	log_record_end(&r);
}

/* Lines of a thread that must not wait, written by another one. */
static void test_kept(void)
{
	enum { MANY = 100000 };
	size_t both, bytes = 0;
	unsigned n = 0;
	char *got;

	log_open("test", LOG_SINK_STDERR, LOG_LVL_INFO);
	capture_begin();
	(void)log_keep(true);
	say("first");
	log_warning("second");
	both = log_keep(false);
	ok(both > sizeof "firstsecond" && !log_is_behind(), "two lines are kept");
	log_warning("third");
	got = capture_end();
	ok(count(got, '\n') == 1 && strstr(got, "third") != NULL, "the others are written at once");

	capture_begin();
	log_write_kept();
	got = capture_end();
	ok(count(got, '\n') == 2 && strstr(got, "\"id\":\"first\"}\n{") != NULL && strstr(got, "\"second\"}\n") != NULL,
	   "those are written as they came, each on its line");
	capture_begin();
	log_write_kept();
	is_str(capture_end(), "", "and once");

	capture_begin();
	(void)log_keep(true);
	while (n < MANY && !log_is_behind()) {
		say("more");
		n++;
	}
	ok(n > 1 && n < MANY, "half of the room is full after %u lines", n);
	while (log_keep(true) != bytes && n < MANY) {
		bytes = log_keep(true);
		say("more");
		n++;
	}
	ok(log_keep(false) == bytes && n < MANY, "when all of it is, after %u,", n);
	ok(count(capture_end(), '\n') == 1, "the next line is written at once");
	capture_begin();
	log_write_kept();
	is_int(count(capture_end(), '\n'), n - 1, "all the others are still there");
	ok(log_keep(false) == 0 && !log_is_behind(), "then there is room again");
}

static void test_threads(bool keep)
{
	pthread_t threads[THREADS], writer;
	int ids[THREADS], lines = 0, whole = 0;
	char *got, *p;

	keeps = keep;
	shouted = false;
	log_open("test", LOG_SINK_STDERR, LOG_LVL_INFO);
	capture_begin();
	pthread_create(&writer, NULL, write_kept, NULL);
	for (int i = 0; i < THREADS; i++) {
		ids[i] = i;
		pthread_create(&threads[i], NULL, shout, &ids[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	shouted = true;
	pthread_join(writer, NULL);
	got = capture_end();
	for (p = strtok(got, "\n"); p != NULL; p = strtok(NULL, "\n"), lines++) {
		char *v = strstr(p, "\"v\":\"");

		whole += v != NULL && strspn(v + 5, (char[]){ v[5], '\0' }) == LONG && strcmp(v + 5 + LONG, "\"}") == 0;
	}
	is_int(lines, THREADS * LINES, "every thread's every line");
	is_int(whole, lines, "and each whole");
}

int main(void)
{
	real_stderr = dup(STDERR_FILENO);
	test_messages();
	test_records();
	test_times();
	test_syslog_text();
	test_kept();
	test_threads(false);
	test_threads(true);
	log_close();
	close(real_stderr);
	return done_testing();
}
