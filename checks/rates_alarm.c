#include "checks/rates_alarm.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "checks/rates_command.h"
#include "checks/rates_mail.h"
#include "net/mail_out.h"
#include "util/clock.h"
#include "util/log.h"

enum {
	QUEUE_MAX = 64,           /* alarms that wait */
	COMMANDS_MAX = 4,         /* that run at the same time */
	COMMAND_PATIENCE_S = 60,  /* then one is killed: it would keep its place for ever */
	LOOK_MS = 100,            /* how often children are looked after */
	CLOSE_PATIENCE_MS = 2000, /* how long a reload or a stop waits for what is under way */
	HIT_FIELDS = 7,
	MS_PER_S = 1000
};

/* An alarm that waits: the texts of a hit, copied. */
struct alarm {
	struct alarm *next;
	struct rates_hit hit;
	char text[];
};

struct child {
	pid_t pid; /* 0: a free place */
	int64_t until_ms;
};

struct rates_alarm {
	/* immutable; all of it copied, since the thread may outlive the configuration */
	char **argv; /* NULL: no command */
	char *mail_to, *mail_via, *hostname;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under lock */
	struct alarm *first, **last;
	unsigned waiting;
	bool started, closing, idle; /* idle: the thread has nothing left to start */
	unsigned owners;             /* the check, the thread */
	/* owned by the thread */
	struct child children[COMMANDS_MAX];
};

/* ---- Life ---- */

static void destroy(struct rates_alarm *a)
{
	while (a->first != NULL) {
		struct alarm *gone = a->first;

		a->first = gone->next;
		free(gone);
	}
	for (char **p = a->argv; p != NULL && *p != NULL; p++)
		free(*p);
	free(a->argv);
	free(a->mail_to);
	free(a->mail_via);
	free(a->hostname);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* Called with the lock held, which is gone then. */
static void disown(struct rates_alarm *a)
{
	bool last = --a->owners == 0;

	pthread_mutex_unlock(&a->lock);
	if (last)
		destroy(a);
}

static int verify(const struct limits_settings *set, struct error_list *errors)
{
	unsigned before = errors->errors;
	const char *expected;

	if (set->on_hit.n > 0) {
		const struct conf_item *program = &set->on_hit.v[0];

		if (program->s[0] != '/')
			error_add(errors, program->file, program->line,
				  "limits.on_hit: \"%s\" is no absolute path; there is no shell to find it",
				  program->s);
		else if (access(program->s, X_OK) != 0)
			error_add(errors, program->file, program->line, "limits.on_hit: \"%s\": %s", program->s,
				  strerror(errno));
	}
	if (set->mail_to == NULL || set->mail_to[0] == '\0')
		return errors->errors == before ? 0 : -1;
	if (strchr(set->mail_to, '@') == NULL || strpbrk(set->mail_to, " \t\r\n<>\"\\,;()") != NULL)
		error_add(errors, set->where.file, set->where.line,
			  "limits.mail_to: \"%s\" is no plain mail address, such as \"postmaster@example.net\"",
			  set->mail_to);
	expected = mail_out_expected(set->mail_via);
	if (expected != NULL)
		error_add(errors, set->where.file, set->where.line, "limits.mail_via: \"%s\": expected %s",
			  set->mail_via, expected);
	return errors->errors == before ? 0 : -1;
}

static int copy_settings(struct rates_alarm *a, const struct check_env *env, const struct limits_settings *set)
{
	bool fine = (a->hostname = strdup(env->hostname)) != NULL;

	if (set->on_hit.n > 0) {
		a->argv = calloc(set->on_hit.n + 1, sizeof *a->argv);
		for (unsigned i = 0; a->argv != NULL && i < set->on_hit.n; i++)
			fine = (a->argv[i] = strdup(set->on_hit.v[i].s)) != NULL && fine;
		fine = fine && a->argv != NULL;
	}
	if (set->mail_to != NULL && set->mail_to[0] != '\0') {
		a->mail_to = strdup(set->mail_to);
		a->mail_via = strdup(set->mail_via);
		fine = fine && a->mail_to != NULL && a->mail_via != NULL;
	}
	return fine ? 0 : -1;
}

static int init_lock(struct rates_alarm *a)
{
	pthread_condattr_t attr;
	int rc;

	if (pthread_mutex_init(&a->lock, NULL) != 0 || pthread_condattr_init(&attr) != 0)
		return -1;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	rc = pthread_cond_init(&a->changed, &attr);
	pthread_condattr_destroy(&attr);
	return rc == 0 ? 0 : -1;
}

struct rates_alarm *rates_alarm_new(const struct check_env *env, const struct limits_settings *set,
				    struct error_list *errors)
{
	bool mails = set->mail_to != NULL && set->mail_to[0] != '\0';
	struct rates_alarm *a;

	if (verify(set, errors) != 0 || (set->on_hit.n == 0 && !mails))
		return NULL;
	a = calloc(1, sizeof *a);
	if (a == NULL || init_lock(a) != 0) {
		free(a);
		error_add(errors, NULL, 0, "out of memory");
		return NULL;
	}
	a->owners = 1;
	a->last = &a->first;
	if (copy_settings(a, env, set) == 0)
		return a;
	error_add(errors, NULL, 0, "out of memory");
	destroy(a);
	return NULL;
}

/* ---- The command ---- */

static struct child *free_place(struct rates_alarm *a)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++)
		if (a->children[i].pid == 0)
			return &a->children[i];
	return NULL;
}

static unsigned running(const struct rates_alarm *a)
{
	unsigned n = 0;

	for (unsigned i = 0; i < COMMANDS_MAX; i++)
		n += a->children[i].pid != 0;
	return n;
}

static void log_end(const struct rates_alarm *a, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		log_warning("limits: %s ended with %d", a->argv[0], WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		log_warning("limits: %s was ended by signal %d", a->argv[0], WTERMSIG(status));
}

static void look_after_children(struct rates_alarm *a)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++) {
		struct child *k = &a->children[i];
		int status = 0;
		pid_t got = k->pid != 0 ? waitpid(k->pid, &status, WNOHANG) : 0;

		if (got == k->pid && got != 0)
			log_end(a, status);
		else if (k->pid == 0 || (got < 0 && errno == EINTR))
			continue;
		else if (got == 0 && clock_mono_ms() < k->until_ms)
			continue;
		else if (got == 0)
			(void)kill(-k->pid, SIGKILL); /* its whole session; it is reaped at the next look */
		if (got != 0)
			k->pid = 0;
	}
}

static void run_command(struct rates_alarm *a, const struct rates_hit *h)
{
	struct child *k = free_place(a);
	int error = 0;
	pid_t pid = k != NULL ? rates_command_start(a->argv, h, &error) : -1;

	if (pid < 0) {
		log_error("limits: %s: %s", a->argv[0], k != NULL ? strerror(error) : "too many of them are running");
		return;
	}
	*k = (struct child){ pid, clock_mono_ms() + COMMAND_PATIENCE_S * MS_PER_S };
}

/* ---- The thread ---- */

static void wait_for(struct rates_alarm *a, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / MS_PER_S;
	until.tv_nsec += ms % MS_PER_S * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_cond_timedwait(&a->changed, &a->lock, &until);
}

/* The next alarm, once there is a place to run its command.  NULL: there will be none. */
static struct alarm *next_alarm(struct rates_alarm *a)
{
	struct alarm *next;

	for (;;) {
		look_after_children(a);
		if (a->first != NULL && (a->argv == NULL || free_place(a) != NULL))
			break;
		a->idle = a->first == NULL;
		if (a->idle)
			pthread_cond_broadcast(&a->changed);
		if (a->idle && a->closing && running(a) == 0)
			return NULL;
		if (running(a) > 0)
			wait_for(a, LOOK_MS);
		else if (a->first == NULL)
			pthread_cond_wait(&a->changed, &a->lock);
	}
	next = a->first;
	a->first = next->next;
	if (a->first == NULL)
		a->last = &a->first;
	a->waiting--;
	return next;
}

static void *run(void *arg)
{
	struct rates_alarm *a = arg;
	struct alarm *next;

	pthread_mutex_lock(&a->lock);
	while ((next = next_alarm(a)) != NULL) {
		pthread_mutex_unlock(&a->lock);
		if (a->argv != NULL)
			run_command(a, &next->hit);
		if (a->mail_to != NULL)
			rates_mail_send(a->mail_to, a->mail_via, a->hostname, &next->hit);
		free(next);
		pthread_mutex_lock(&a->lock);
	}
	disown(a);
	return NULL;
}

/* With the lock held.  The thread is the daemon's by now: what loads a configuration forks still. */
static bool start_thread(struct rates_alarm *a)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int rc = pthread_attr_init(&attr);

	if (rc == 0) {
		sigfillset(&all);
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		rc = pthread_create(&thread, &attr, run, a);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		pthread_attr_destroy(&attr);
	}
	a->started = rc == 0;
	a->owners += a->started;
	return a->started;
}

/* ---- From the sessions ---- */

/* One block: the texts behind the struct. */
static struct alarm *copy_hit(const struct rates_hit *h)
{
	const char *const from[HIT_FIELDS] = { h->id, h->rate, h->key, h->action, h->client, h->user, h->sender };
	const char *to[HIT_FIELDS];
	size_t room = 0;
	struct alarm *m;
	char *p;

	for (unsigned i = 0; i < HIT_FIELDS; i++)
		room += strlen(from[i]) + 1;
	m = malloc(sizeof *m + room);
	if (m == NULL)
		return NULL;
	p = m->text;
	for (unsigned i = 0; i < HIT_FIELDS; i++) {
		size_t n = strlen(from[i]) + 1;

		to[i] = memcpy(p, from[i], n);
		p += n;
	}
	m->next = NULL;
	m->hit = (struct rates_hit){ to[0], to[1], to[2], to[3], to[4], to[5], to[6] };
	return m;
}

void rates_alarm_raise(struct rates_alarm *a, const struct rates_hit *h)
{
	struct alarm *m = copy_hit(h);
	bool queued = false;

	pthread_mutex_lock(&a->lock);
	if (m != NULL && a->waiting < QUEUE_MAX && (a->started || start_thread(a))) {
		*a->last = m;
		a->last = &m->next;
		a->waiting++;
		a->idle = false;
		queued = true;
		pthread_cond_broadcast(&a->changed);
	}
	pthread_mutex_unlock(&a->lock);
	if (queued)
		return;
	free(m);
	log_error("limits: too many alarms at once, or out of memory: only the log tells of this one");
}

void rates_alarm_close(struct rates_alarm **ap)
{
	struct rates_alarm *a = *ap;
	int64_t until;

	*ap = NULL;
	if (a == NULL)
		return;
	until = clock_mono_ms() + CLOSE_PATIENCE_MS;
	pthread_mutex_lock(&a->lock);
	a->closing = true;
	pthread_cond_broadcast(&a->changed);
	while (a->started && !a->idle && a->owners > 1 && clock_mono_ms() < until)
		wait_for(a, LOOK_MS);
	disown(a);
}
