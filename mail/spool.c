/*
 * A spool is a growing buffer, until it is a file.
 */
#include "mail/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FIRST_ROOM = 16 * 1024, /* most mail fits in: one allocation */
	NO_FILE = -1
};

struct spool {
	const char *dir;
	size_t limit; /* of memory */
	char *mem;    /* NULL when empty, or when the file has it all */
	size_t room;
	int fd;
	uint64_t size;
	int error; /* errno of the first failure; 0: none */
};

struct spool *spool_new(size_t memory_limit, const char *dir)
{
	struct spool *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->dir = dir != NULL ? dir : "/tmp";
	s->limit = memory_limit;
	s->fd = NO_FILE;
	return s;
}

void spool_free(struct spool **s)
{
	if (*s == NULL)
		return;
	if ((*s)->fd != NO_FILE)
		close((*s)->fd);
	free((*s)->mem);
	free(*s);
	*s = NULL;
}

/* A file without a name: it goes when the daemon goes, however that ends. */
static int file_open(const char *dir)
{
	char path[PATH_MAX];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, S_IRUSR | S_IWUSR);

	/* File systems without O_TMPFILE say EOPNOTSUPP, old kernels EISDIR. */
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	if (snprintf(path, sizeof path, "%s/millgate.XXXXXX", dir) >= (int)sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static int file_write(int fd, uint64_t offset, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = pwrite(fd, p, n, (off_t)offset);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0) {
			if (w == 0)
				errno = ENOSPC;
			return -1;
		}
		p += w;
		n -= (size_t)w;
		offset += (uint64_t)w;
	}
	return 0;
}

/* Makes room for n more bytes of memory, within the limit. */
static int mem_grow(struct spool *s, size_t n)
{
	size_t need = (size_t)s->size + n, room = s->room > 0 ? s->room : FIRST_ROOM;
	char *mem;

	if (need <= s->room)
		return 0;
	while (room < need)
		room *= 2;
	if (room > s->limit)
		room = s->limit;
	mem = realloc(s->mem, room);
	if (mem == NULL)
		return -1;
	s->mem = mem;
	s->room = room;
	return 0;
}

static int move_to_file(struct spool *s)
{
	int fd = file_open(s->dir);

	if (fd < 0)
		return -1;
	if (file_write(fd, 0, s->mem, (size_t)s->size) != 0) {
		int why = errno;

		close(fd);
		errno = why;
		return -1;
	}
	s->fd = fd;
	free(s->mem);
	s->mem = NULL;
	s->room = 0;
	return 0;
}

static int append(struct spool *s, const char *p, size_t n)
{
	if (s->fd == NO_FILE && n <= s->limit - (size_t)s->size) {
		if (mem_grow(s, n) != 0)
			return -1;
		memcpy(s->mem + s->size, p, n);
		return 0;
	}
	if (s->fd == NO_FILE && move_to_file(s) != 0)
		return -1;
	return file_write(s->fd, s->size, p, n);
}

int spool_append(struct spool *s, const void *p, size_t n)
{
	if (s->error == 0 && n > 0) {
		if (append(s, p, n) == 0)
			s->size += n;
		else
			s->error = errno != 0 ? errno : EIO;
	}
	if (s->error == 0)
		return 0;
	errno = s->error;
	return -1;
}

ssize_t spool_read(const struct spool *s, uint64_t offset, void *buf, size_t n)
{
	ssize_t got;

	if (offset >= s->size)
		return 0;
	if (n > s->size - offset)
		n = (size_t)(s->size - offset);
	if (s->fd == NO_FILE) {
		memcpy(buf, s->mem + offset, n);
		return (ssize_t)n;
	}
	do {
		got = pread(s->fd, buf, n, (off_t)offset);
	} while (got < 0 && errno == EINTR);
	return got;
}

uint64_t spool_size(const struct spool *s)
{
	return s->size;
}

bool spool_failed(const struct spool *s)
{
	return s->error != 0;
}

bool spool_on_disk(const struct spool *s)
{
	return s->fd != NO_FILE;
}
