#include "checks/dkim_keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PEM_MAX = 64 << 10, /* bytes: a key of 16384 bits takes 13 KB */
	NAMES_MAX = 16 << 10,
	RSA_BITS_LEAST = 1024, /* RFC 8301, section 3.2 */
	RSA_BITS_WISE = 2048,
	RSA_BITS_MOST = 4096 /* what every verifier must know */
};

/* Whom the daemon becomes. */
struct identity {
	bool known;
	uid_t uid;
	gid_t gid;
};

static struct identity find_identity(const struct check_env *env)
{
	struct identity id = { .known = false };
	char room[NAMES_MAX];
	struct passwd pw, *user = NULL;
	struct group gr, *group = NULL;

	if (geteuid() != 0)
		return (struct identity){ .known = true, .uid = geteuid(), .gid = getegid() };
	if (env->user != NULL && getpwnam_r(env->user, &pw, room, sizeof room, &user) == 0 && user != NULL)
		id.uid = pw.pw_uid;
	if (env->group != NULL && getgrnam_r(env->group, &gr, room, sizeof room, &group) == 0 && group != NULL)
		id.gid = gr.gr_gid;
	id.known = user != NULL && group != NULL;
	return id;
}

/* NULL, or what is wrong with its owner and mode. */
static const char *mode_error(const struct stat *st, const struct identity *id)
{
	if ((st->st_mode & S_IRWXO) != 0)
		return "is open to everybody: chmod 0640";
	if ((st->st_mode & S_IWGRP) != 0)
		return "can be changed by its group: chmod 0640";
	if (st->st_uid != 0 && st->st_uid != geteuid() && (!id->known || st->st_uid != id->uid))
		return "belongs neither to root nor to the daemon's user: chown it";
	if ((st->st_mode & S_IRGRP) != 0 && st->st_gid != 0 && id->known && st->st_gid != id->gid)
		return "can be read by a group that is not the daemon's: chgrp it, or chmod 0600";
	return NULL;
}

static bool readable_by(const struct stat *st, const struct identity *id)
{
	return id->uid == 0 || (st->st_uid == id->uid && (st->st_mode & S_IRUSR) != 0) ||
	       (st->st_gid == id->gid && (st->st_mode & S_IRGRP) != 0);
}

static void judge_file(const char *path, const struct stat *st, const struct check_env *env,
		       const struct dk_place *where, struct error_list *errors)
{
	struct identity id = find_identity(env);
	const char *wrong = mode_error(st, &id);

	if (wrong != NULL)
		error_add(errors, where->file, where->line, "the key \"%s\" %s", path, wrong);
	else if (id.known && !readable_by(st, &id))
		error_warn(
			errors, where->file, where->line,
			"the key \"%s\" can be read now, but not by the user \"%s\" that the daemon becomes: a reload "
			"will fail; chgrp %s and chmod 0640",
			path, env->user, env->group);
}

static void judge_strength(const char *path, const struct dk_key *k, const struct dk_place *where,
			   struct error_list *errors)
{
	unsigned bits = dk_key_bits(k);

	if (dk_key_type(k) != DK_KEY_RSA)
		return;
	if (bits < RSA_BITS_LEAST)
		error_add(errors, where->file, where->line,
			  "the key \"%s\" has %u bits: nobody believes RSA keys of less than 1024; make a new one with "
			  "`millgate dkim genkey`",
			  path, bits);
	else if (bits < RSA_BITS_WISE)
		error_warn(errors, where->file, where->line,
			   "the key \"%s\" has %u bits: 2048 is what one should have today", path, bits);
	else if (bits > RSA_BITS_MOST)
		error_warn(errors, where->file, where->line,
			   "the key \"%s\" has %u bits: verifiers need not know RSA keys of more than 4096", path,
			   bits);
}

/* Reads the file of *fd, which it closes. */
static struct dk_key *read_key(int fd, const char **why)
{
	char pem[PEM_MAX];
	struct dk_key *k = NULL;
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, pem + n, sizeof pem - n)) > 0 || (got < 0 && errno == EINTR))
		n += got > 0 ? (size_t)got : 0;
	if (got < 0)
		*why = strerror(errno);
	else
		k = dk_key_private(pem, n, why);
	explicit_bzero(pem, sizeof pem);
	close(fd);
	return k;
}

/* A descriptor, or -1 with *why. */
static int open_file(const char *path, struct stat *st, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, st) != 0)
		*why = strerror(errno);
	else if (!S_ISREG(st->st_mode))
		*why = "it is not a regular file";
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

struct dk_key *dk_keyfile_read(const char *path, const struct check_env *env, const struct dk_place *where,
			       struct error_list *errors)
{
	unsigned before = errors->errors;
	const char *why = NULL;
	struct dk_key *k = NULL;
	struct stat st;
	int fd = open_file(path, &st, &why);

	if (fd >= 0) {
		judge_file(path, &st, env, where, errors);
		k = read_key(fd, &why);
	}
	if (k != NULL)
		judge_strength(path, k, where, errors);
	else
		error_add(errors, where->file, where->line,
			  "the key \"%s\" cannot be used: %s (a reload reads it as the user \"%s\")", path, why,
			  env->user);
	if (errors->errors != before)
		dk_key_free(&k);
	return k;
}

struct dk_key *dk_keyfile_open(const char *path, struct error_list *errors)
{
	const char *why = NULL;
	struct stat st;
	int fd = open_file(path, &st, &why);
	struct dk_key *k = fd >= 0 ? read_key(fd, &why) : NULL;

	if (k == NULL)
		error_add(errors, NULL, 0, "the key \"%s\" cannot be used: %s", path, why);
	return k;
}
