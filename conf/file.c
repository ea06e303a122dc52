#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_CHUNK = 64 * 1024 };

static const char bom[] = "\xef\xbb\xbf";

/* Opens what can be read to an end: no folder, and nothing that waits for a writer. */
static int open_file(const char *path, size_t *guess, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		*why = strerror(errno);
	} else if (!S_ISREG(st.st_mode)) {
		*why = S_ISDIR(st.st_mode) ? "it is a folder" : "it is not a regular file";
	} else if (st.st_size > CONF_FILE_MAX) {
		*why = "it is larger than 64 MB";
	} else {
		*guess = (size_t)st.st_size + 1;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Reads to the end, which need not be where fstat() saw it.  The caller frees. */
static char *read_all(int fd, size_t guess, size_t *n, const char **why)
{
	size_t size = guess + FILE_CHUNK, length = 0;
	char *buf = malloc(size), *bigger;
	ssize_t got = 0;

	while (buf != NULL) {
		got = read(fd, buf + length, size - length);
		if (got == 0) {
			*n = length;
			return buf;
		}
		if (got < 0 && errno != EINTR) {
			*why = strerror(errno);
			break;
		}
		length += got > 0 ? (size_t)got : 0;
		if (length > CONF_FILE_MAX) {
			*why = "it is larger than 64 MB";
			break;
		}
		if (length < size)
			continue;
		size *= 2;
		bigger = realloc(buf, size);
		if (bigger == NULL) {
			*why = strerror(ENOMEM);
			break;
		}
		buf = bigger;
	}
	if (buf == NULL)
		*why = strerror(ENOMEM);
	free(buf);
	return NULL;
}

char *conf_file_read(const char *path, struct arena *a, size_t *n, const char **why)
{
	size_t guess = 0, length = 0, skip;
	int fd = open_file(path, &guess, why);
	char *buf, *text;

	if (fd < 0)
		return NULL;
	buf = read_all(fd, guess, &length, why);
	close(fd);
	if (buf == NULL)
		return NULL;
	skip = length >= sizeof bom - 1 && memcmp(buf, bom, sizeof bom - 1) == 0 ? sizeof bom - 1 : 0;
	*n = length - skip;
	text = arena_strndup(a, buf + skip, *n);
	if (text == NULL)
		*why = strerror(ENOMEM);
	free(buf);
	return text;
}

char *conf_file_beside(const char *file, const char *path, struct arena *a)
{
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;

	if (*path == '/' || slash == NULL)
		return arena_strdup(a, path);
	return arena_printf(a, "%.*s/%s", (int)(slash - file), file, path);
}
