/*
 * Test Anything Protocol, for tests in C: results on stdout, diagnostics on stderr.  Thread-safe.
 *
 * Either plan(n) first, or done_testing() last (both is fine).  A test's main ends with `return done_testing();`: 0 when
 * all went well.  A test that forgets it still exits non-zero after a failure, and a plan that was not kept is the
 * harness's to find.
 */
#ifndef MILLGATE_T_LIB_TAP_H
#define MILLGATE_T_LIB_TAP_H

#include <stdbool.h>
#include <stddef.h>

/* How many tests there will be. */
void plan(unsigned n);

/* Prints the plan unless plan() did.  Answers the exit status: 1 when a test failed or the plan was not kept, else 0. */
int done_testing(void);

/* Each counts as one test, answers whether it passed; the rest is its name, as for printf. */
#define ok(cond, ...) tap_ok((cond) ? true : false, #cond, __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...) tap_is_int((long long)(got), (long long)(want), #got, __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) tap_is_str((got), (want), #got, __FILE__, __LINE__, __VA_ARGS__) /* NULL equals NULL */
#define is_mem(got, want, n, ...) tap_is_mem((got), (want), (n), #got, __FILE__, __LINE__, __VA_ARGS__)
#define pass(...) tap_ok(true, "", __FILE__, __LINE__, __VA_ARGS__)
#define fail(...) tap_ok(false, "reached", __FILE__, __LINE__, __VA_ARGS__)

/* A comment beside the results. */
void diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* n tests are passed over. */
void skip(unsigned n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Nothing here can run: ends the program.  Before the first test. */
_Noreturn void skip_all(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Going on makes no sense: ends the program, as a failure. */
_Noreturn void bail_out(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

bool tap_ok(bool passed, const char *expr, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
bool tap_is_int(long long got, long long want, const char *expr, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
bool tap_is_str(const char *got, const char *want, const char *expr, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
bool tap_is_mem(const void *got, const void *want, size_t n, const char *expr, const char *file, int line,
		const char *fmt, ...) __attribute__((format(printf, 7, 8)));

#endif
