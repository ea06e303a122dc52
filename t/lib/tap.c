#include "t/lib/tap.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_LEN = 512 };

static struct {
	pthread_mutex_t lock;
	/* under lock */
	unsigned planned, ran, failed;
	bool have_plan, registered;
	pid_t pid; /* results are this process's: a forked child's exit says nothing */
} tap = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* For tests that forget done_testing(): a failure must not exit with 0. */
static void at_exit(void)
{
	if (tap.pid == getpid() && tap.failed > 0) {
		fflush(NULL);
		_exit(1);
	}
}

static void begin(void)
{
	if (!tap.registered) {
		tap.registered = true;
		tap.pid = getpid();
		atexit(at_exit);
	}
}

/* One line: what follows a newline would be read as protocol. */
__attribute__((format(printf, 1, 0))) static void put_name(const char *fmt, va_list ap)
{
	char name[NAME_MAX_LEN];

	vsnprintf(name, sizeof name, fmt, ap);
	for (char *p = name; *p != '\0'; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	printf("%s\n", name);
	fflush(stdout);
}

/* Called under the lock. */
__attribute__((format(printf, 5, 0))) static bool result(bool passed, const char *expr, const char *file, int line,
							 const char *fmt, va_list ap)
{
	begin();
	tap.ran++;
	if (!passed)
		tap.failed++;
	printf("%sok %u - ", passed ? "" : "not ", tap.ran);
	put_name(fmt, ap);
	if (!passed)
		fprintf(stderr, "#   failed at %s:%d: %s\n", file, line, expr);
	return passed;
}

void plan(unsigned n)
{
	pthread_mutex_lock(&tap.lock);
	begin();
	tap.have_plan = true;
	tap.planned = n;
	printf("1..%u\n", n);
	fflush(stdout);
	pthread_mutex_unlock(&tap.lock);
}

int done_testing(void)
{
	bool fine;

	pthread_mutex_lock(&tap.lock);
	if (!tap.have_plan) {
		tap.have_plan = true;
		tap.planned = tap.ran;
		printf("1..%u\n", tap.ran);
	}
	fine = tap.failed == 0 && tap.ran == tap.planned && tap.ran > 0;
	if (tap.failed > 0)
		fprintf(stderr, "# %u of %u failed\n", tap.failed, tap.ran);
	if (tap.ran != tap.planned)
		fprintf(stderr, "# planned %u, ran %u\n", tap.planned, tap.ran);
	fflush(stdout);
	pthread_mutex_unlock(&tap.lock);
	return fine ? 0 : 1;
}

bool tap_ok(bool passed, const char *expr, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&tap.lock);
	result(passed, expr, file, line, fmt, ap);
	pthread_mutex_unlock(&tap.lock);
	va_end(ap);
	return passed;
}

bool tap_is_int(long long got, long long want, const char *expr, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&tap.lock);
	if (!result(got == want, expr, file, line, fmt, ap))
		fprintf(stderr, "#   got:  %lld\n#   want: %lld\n", got, want);
	pthread_mutex_unlock(&tap.lock);
	va_end(ap);
	return got == want;
}

bool tap_is_str(const char *got, const char *want, const char *expr, const char *file, int line, const char *fmt, ...)
{
	bool same = got == NULL || want == NULL ? got == want : strcmp(got, want) == 0;
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&tap.lock);
	if (!result(same, expr, file, line, fmt, ap))
		fprintf(stderr, "#   got:  %s\n#   want: %s\n", got ? got : "(NULL)", want ? want : "(NULL)");
	pthread_mutex_unlock(&tap.lock);
	va_end(ap);
	return same;
}

static void put_hex(const char *label, const unsigned char *p, size_t n)
{
	enum { SHOWN = 64 };

	fprintf(stderr, "#   %s", label);
	for (size_t i = 0; i < n && i < SHOWN; i++)
		fprintf(stderr, " %02x", p[i]);
	fprintf(stderr, n > SHOWN ? " ...\n" : "\n");
}

bool tap_is_mem(const void *got, const void *want, size_t n, const char *expr, const char *file, int line,
		const char *fmt, ...)
{
	bool same = got == NULL || want == NULL ? got == want : n == 0 || memcmp(got, want, n) == 0;
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&tap.lock);
	if (!result(same, expr, file, line, fmt, ap) && got != NULL && want != NULL) {
		put_hex("got: ", got, n);
		put_hex("want:", want, n);
	}
	pthread_mutex_unlock(&tap.lock);
	va_end(ap);
	return same;
}

void diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&tap.lock);
	fputs("# ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	pthread_mutex_unlock(&tap.lock);
	va_end(ap);
}

void skip(unsigned n, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&tap.lock);
	begin();
	for (unsigned i = 0; i < n; i++) {
		tap.ran++;
		printf("ok %u # SKIP ", tap.ran);
		va_start(ap, fmt);
		put_name(fmt, ap);
		va_end(ap);
	}
	pthread_mutex_unlock(&tap.lock);
}

void skip_all(const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&tap.lock);
	printf("1..0 # SKIP ");
	va_start(ap, fmt);
	put_name(fmt, ap);
	va_end(ap);
	pthread_mutex_unlock(&tap.lock);
	exit(0);
}

void bail_out(const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&tap.lock);
	printf("Bail out! ");
	va_start(ap, fmt);
	put_name(fmt, ap);
	va_end(ap);
	_exit(1);
}
