/*
 * The spool: memory, then a file that has no name.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mail/spool.h"
#include "t/lib/tap.h"

/* Byte number i of every test's body. */
static char body_byte(size_t i)
{
	return (char)(i * 7 + i / 251);
}

static void fill(char *p, size_t offset, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = body_byte(offset + i);
}

/* Appends `total` bytes in pieces of all sizes up to `piece`. */
static int append_body(struct spool *s, size_t total, size_t piece)
{
	char *p = malloc(piece);
	int result = 0;

	for (size_t done = 0, n = 1; done < total && result == 0; done += n, n = n % piece + 1) {
		if (n > total - done)
			n = total - done;
		fill(p, done, n);
		result = spool_append(s, p, n);
	}
	free(p);
	return result;
}

/* How many bytes differ from the body, read in pieces from offset. */
static size_t wrong_bytes(const struct spool *s, size_t offset, size_t total, size_t piece)
{
	char *p = malloc(piece);
	size_t wrong = 0;
	ssize_t got;

	while ((got = spool_read(s, offset, p, piece)) > 0) {
		for (size_t i = 0; i < (size_t)got; i++)
			wrong += p[i] != body_byte(offset + i);
		offset += (size_t)got;
	}
	free(p);
	return got < 0 || offset != total ? total + 1 : wrong;
}

static void test_sizes(const char *dir)
{
	static const struct {
		size_t limit, total, piece;
		bool on_disk;
	} cases[] = {
		{ 1000, 0, 1, false },           { 1000, 1000, 7, false },
		{ 1000, 1001, 7, true },         { 0, 1, 1, true },
		{ 100000, 100000, 3000, false }, { 100000, 1000000, 70000, true },
		{ 100000, 99999, 50, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct spool *s = spool_new(cases[i].limit, dir);

		is_int(append_body(s, cases[i].total, cases[i].piece), 0, "%zu bytes over %zu", cases[i].total,
		       cases[i].limit);
		is_int(spool_size(s), cases[i].total, "the size");
		is_int(spool_on_disk(s), cases[i].on_disk, "memory or file");
		is_int(wrong_bytes(s, 0, cases[i].total, 333), 0, "read in pieces");
		is_int(wrong_bytes(s, cases[i].total / 3, cases[i].total, 100000), 0, "read from the middle");
		spool_free(&s);
	}
}

static void test_reading(void)
{
	struct spool *s = spool_new(10, NULL);
	char p[16] = "";

	is_int(spool_read(s, 0, p, sizeof p), 0, "nothing to read");
	is_int(spool_append(s, "", 0), 0, "nothing to append");
	spool_append(s, "one", 3);
	is_int(spool_read(s, 1, p, sizeof p), 2, "up to the end");
	is_mem(p, "ne", 2, "from the offset");
	is_int(spool_read(s, 3, p, sizeof p), 0, "at the end");
	is_int(spool_read(s, UINT64_MAX, p, sizeof p), 0, "far behind it");
	spool_append(s, " and twelve more", 16);
	is_int(spool_read(s, 0, p, 7), 7, "as much as asked for");
	is_mem(p, "one and", 7, "across what was in memory and what was not");
	is_int(spool_read(s, UINT64_MAX, p, sizeof p), 0, "far behind the file's end");
	spool_free(&s);
	spool_free(&s);
	ok(s == NULL, "freed and cleared");
}

static unsigned files_in(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void test_failure(const char *dir)
{
	struct spool *s = spool_new(4, "/nonexistent");
	struct rlimit before, small;
	char p[8];

	is_int(spool_append(s, "1234", 4), 0, "what memory holds is stored");
	errno = 0;
	is_int(spool_append(s, "5", 1), -1, "but there is no directory for more");
	is_int(errno, ENOENT, "which errno says");
	ok(spool_failed(s), "the spool has failed");
	errno = 0;
	is_int(spool_append(s, "5", 1), -1, "for good");
	is_int(errno, ENOENT, "with the first reason");
	is_int(spool_read(s, 0, p, sizeof p), 4, "what it holds can be read");
	is_int(spool_size(s), 4, "and is counted");
	spool_free(&s);

	/* A full disk, as far as a process can make one: the file may not grow. */
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small = (struct rlimit){ .rlim_cur = 5000, .rlim_max = before.rlim_max };
	s = spool_new(100, dir);
	setrlimit(RLIMIT_FSIZE, &small);
	is_int(append_body(s, 4096, 4096), 0, "the file grows");
	is_int(append_body(s, 4096, 4096), -1, "until there is no room");
	setrlimit(RLIMIT_FSIZE, &before);
	ok(spool_failed(s), "that is a failure");
	is_int(spool_append(s, "x", 1), -1, "which stays when there is room again");
	is_int(wrong_bytes(s, 0, (size_t)spool_size(s), 100) > spool_size(s), 0, "what was stored can be read");
	spool_free(&s);
}

int main(void)
{
	char dir[] = "/tmp/mail_spool.XXXXXX";

	if (mkdtemp(dir) == NULL)
		bail_out("no temporary directory");
	test_sizes(dir);
	test_reading();
	test_failure(dir);
	is_int(files_in(dir), 0, "no file has a name");
	rmdir(dir);
	return done_testing();
}
