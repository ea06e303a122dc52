#include "checks/rates_command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "util/bytes.h"

enum { VALUE_SIZE = 1024, VARIABLES = 8, FIRST_OTHER_FD = STDERR_FILENO + 1 };

static const char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void rates_command_clean(struct sbuf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		bool plain = ascii_is_digit(*s) || ascii_is_alpha(*s) || strchr(" @._-+=/:,%", *s) != NULL;

		sbuf_addc(out, plain ? *s : '?');
	}
}

/* NAME=value in buf. */
static char *variable(char buf[VALUE_SIZE], const char *name, const char *value)
{
	struct sbuf b;

	sbuf_fixed(&b, buf, VALUE_SIZE);
	sbuf_addf(&b, "MILLGATE_%s=", name);
	rates_command_clean(&b, value);
	return buf;
}

static int prepare_files(posix_spawn_file_actions_t *files)
{
	int error = posix_spawn_file_actions_init(files);

	if (error != 0)
		return error;
	for (int fd = STDIN_FILENO; error == 0 && fd <= STDERR_FILENO; fd++)
		error = posix_spawn_file_actions_addopen(files, fd, "/dev/null",
							 fd == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(files, FIRST_OTHER_FD);
	if (error != 0)
		posix_spawn_file_actions_destroy(files);
	return error;
}

static int prepare_signals(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int error = posix_spawnattr_init(attr);

	if (error != 0)
		return error;
	sigemptyset(&none);
	sigfillset(&all);
	error = posix_spawnattr_setsigmask(attr, &none);
	if (error == 0)
		error = posix_spawnattr_setsigdefault(attr, &all);
	if (error == 0)
		error = posix_spawnattr_setflags(
			attr, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID));
	if (error != 0)
		posix_spawnattr_destroy(attr);
	return error;
}

pid_t rates_command_start(char *const *argv, const struct rates_hit *h, int *error)
{
	const struct {
		const char *name, *value;
	} values[VARIABLES] = {
		{ "RATE", h->rate },     { "KEY", h->key },   { "ACTION", h->action }, { "CLIENT", h->client },
		{ "SENDER", h->sender }, { "USER", h->user }, { "ID", h->id },
	};
	char text[VARIABLES][VALUE_SIZE], path_copy[sizeof path];
	char *environment[VARIABLES + 2];
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	pid_t pid = -1;
	size_t n = 0;

	memcpy(path_copy, path, sizeof path);
	environment[n++] = path_copy;
	for (size_t i = 0; i < VARIABLES && values[i].name != NULL; i++)
		environment[n++] = variable(text[i], values[i].name, values[i].value);
	environment[n] = NULL;
	*error = prepare_files(&files);
	if (*error != 0)
		return -1;
	*error = prepare_signals(&attr);
	if (*error == 0) {
		*error = posix_spawn(&pid, argv[0], &files, &attr, argv, environment);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&files);
	return *error == 0 ? pid : -1;
}
