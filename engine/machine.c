/*
 * Whether this machine has what the general settings name: users, groups, files.  The configuration is read apart from
 * the engine's own copy, so that one run tells of this too when there are other errors.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/settings.h"

enum { GROUPS_MAX = 256 }; /* of the daemon's user */

typedef void report_fn(struct error_list *l, const char *file, int line, const char *fmt, ...);

struct machine {
	const struct conf_node *root;
	struct engine_settings set;
	bool root_user;      /* else the daemon might be started by another, who becomes nobody and may read more */
	report_fn *doubtful; /* error_add for root, else error_warn */
	struct error_list *errors;
};

/* Where "redis.server" stands, or its group, or the file. */
static const struct conf_node *place(const struct machine *m, const char *group, const char *name)
{
	const struct conf_node *g = group != NULL ? conf_child(m->root, group) : m->root;
	const struct conf_node *n = g != NULL ? conf_child(g, name) : NULL;

	return n != NULL ? n : g != NULL ? g : m->root;
}

/* Only root becomes somebody else. */
static void check_identity(const struct machine *m)
{
	const struct conf_node *user = place(m, NULL, "user"), *group = place(m, NULL, "group");

	if (getpwnam(m->set.user) == NULL)
		m->doubtful(m->errors, user->file, user->line,
			    "there is no user \"%s\": create it (adduser --system --group --no-create-home %s), or set "
			    "`user`",
			    m->set.user, m->set.user);
	if (getgrnam(m->set.group) == NULL)
		m->doubtful(m->errors, group->file, group->line,
			    "there is no group \"%s\": create it (addgroup --system %s), or set `group`", m->set.group,
			    m->set.group);
}

static void check_group(const struct machine *m, const char *section, const char *group)
{
	const struct conf_node *n = place(m, section, "group");

	if (group != NULL && group[0] != '\0' && getgrnam(group) == NULL)
		error_add(m->errors, n->file, n->line, "%s.group: there is no group \"%s\"", section, group);
}

/* As the kernel will see it once root is given up.  True also when there is no such user: that is told already. */
static bool readable_by_daemon(const struct machine *m, const struct stat *st)
{
	const struct passwd *pw = getpwnam(m->set.user);
	const struct group *gr = getgrnam(m->set.group);
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;

	if (pw == NULL || gr == NULL || pw->pw_uid == 0)
		return true;
	if (st->st_uid == pw->pw_uid)
		return (st->st_mode & S_IRUSR) != 0;
	if (getgrouplist(m->set.user, gr->gr_gid, groups, &n) < 0)
		return true; /* in more than anybody is */
	for (int i = 0; i < n; i++)
		if (groups[i] == st->st_gid)
			return (st->st_mode & S_IRGRP) != 0;
	return false;
}

static void check_password_file(const struct machine *m)
{
	const struct conf_node *n = place(m, "redis", "password_file");
	const char *path = m->set.redis.password_file;
	struct stat st;

	if (path[0] != '/' || m->set.redis.server[0] == '\0')
		return; /* none, or told as an error of the setting */
	if (stat(path, &st) != 0)
		(errno == EACCES ? m->doubtful : error_add)(m->errors, n->file, n->line,
							    "redis.password_file \"%s\" cannot be read: %s", path,
							    strerror(errno));
	else if (!S_ISREG(st.st_mode))
		error_add(m->errors, n->file, n->line, "redis.password_file \"%s\" is no regular file", path);
	else if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		error_add(m->errors, n->file, n->line,
			  "redis.password_file \"%s\" is open to everybody: chmod 0600 or 0640", path);
	else if (m->root_user ? !readable_by_daemon(m, &st) : access(path, R_OK) != 0)
		m->doubtful(m->errors, n->file, n->line,
			    "redis.password_file \"%s\" cannot be read by the user \"%s\" that the daemon becomes: "
			    "chgrp %s and chmod 0640",
			    path, m->set.user, m->set.group);
}

int engine_check_machine(const char *path, struct error_list *errors)
{
	struct error_list told_by_load = ERROR_LIST_INIT;
	struct arena *a = arena_new(0);
	struct machine m = { .root_user = geteuid() == 0, .errors = errors };
	unsigned before = errors->errors;

	m.doubtful = m.root_user ? error_add : error_warn;
	m.root = a != NULL ? conf_load(path, a, &told_by_load) : NULL;
	if (m.root != NULL) {
		(void)conf_bind(&engine_settings_table, m.root, &m.set, NULL, a, &told_by_load);
		check_identity(&m);
		check_group(&m, "milter", m.set.milter.group);
		check_group(&m, "control", m.set.control.group);
		check_password_file(&m);
	}
	error_clear(&told_by_load);
	arena_free(&a);
	return errors->errors == before ? 0 : -1;
}
