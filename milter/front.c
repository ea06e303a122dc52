/*
 * The front's life: opened, run, closed; and the list of its sessions.
 */
#include "milter/front.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/settings.h"
#include "util/log.h"

/* libmilter hands its negotiate callback and its signal thread nothing of ours, and there is one libmilter: so this is
 * the process's.  Set once, before the first thread; a closed front stays, shut, for a worker that comes late. */
static struct milter_front *the_front;

struct milter_front *milter_the_front(void)
{
	return the_front;
}

static int register_callbacks(struct milter_front *f)
{
	f->callbacks = (struct smfiDesc){ .xxfi_name = (char *)"millgate",
					  .xxfi_version = SMFI_VERSION,
					  .xxfi_flags = 0, /* negotiated for each connection */
					  .xxfi_connect = milter_on_connect,
					  .xxfi_helo = milter_on_helo,
					  .xxfi_envfrom = milter_on_mail,
					  .xxfi_envrcpt = milter_on_rcpt,
					  .xxfi_header = milter_on_header,
					  .xxfi_eoh = milter_on_headers_end,
					  .xxfi_body = milter_on_body,
					  .xxfi_eom = milter_on_end,
					  .xxfi_abort = milter_on_abort,
					  .xxfi_close = milter_on_close,
					  .xxfi_unknown = milter_on_unknown,
					  .xxfi_data = milter_on_data,
					  .xxfi_negotiate = milter_on_negotiate };
	return smfi_register(f->callbacks) == MI_SUCCESS ? 0 : -1;
}

struct milter_front *milter_open(struct engine *e, const char *listen, mode_t mode, const char *group,
				 struct error_list *errors)
{
	struct milter_front *f;

	if (the_front) {
		error_add(errors, NULL, 0, "milter: a listener is open already");
		return NULL;
	}
	f = calloc(1, sizeof *f);
	if (!f || register_callbacks(f) != 0) {
		error_add(errors, NULL, 0, "milter: out of memory");
		free(f);
		return NULL;
	}
	f->engine = e;
	f->listener = milter_listen(listen, mode, engine_settings(e)->user, group, errors);
	if (f->listener < 0) {
		free(f);
		return NULL;
	}
	f->file = milter_file_of(f->listener);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->ends, NULL);
	milter_block_signals();
	the_front = f;
	return f;
}

static void *do_nothing(void *arg)
{
	return arg;
}

/* A stack must also hold the thread-local data of all libraries; a sanitizer's alone may be more. */
static bool can_start_thread(void)
{
	pthread_t probe;

	return pthread_create(&probe, NULL, do_nothing, NULL) == 0 && pthread_join(probe, NULL) == 0;
}

/* For the threads that libmilter starts; without it they cost more. */
static void set_stack(void)
{
	pthread_attr_t usual, attr;

	if (pthread_getattr_default_np(&usual) != 0)
		return;
	if (pthread_attr_init(&attr) != 0)
		goto out;
	if (pthread_attr_setstacksize(&attr, MILTER_STACK) == 0 && pthread_setattr_default_np(&attr) == 0 &&
	    !can_start_thread()) {
		(void)pthread_setattr_default_np(&usual);
		log_debug("milter: the workers' stacks have the usual size");
	}
	pthread_attr_destroy(&attr);
out:
	pthread_attr_destroy(&usual);
}

void milter_end(struct milter_front *f, bool failed)
{
	pthread_mutex_lock(&f->lock);
	f->failed = f->over ? f->failed : failed;
	f->over = true;
	pthread_cond_signal(&f->ends);
	pthread_mutex_unlock(&f->lock);
}

static void *run_libmilter(void *arg)
{
	struct milter_front *f = arg;

	milter_end(f, smfi_main() != MI_SUCCESS);
	return NULL;
}

/*
 * smfi_main() has a thread of its own, which nobody waits for.  When it stops, libmilter's pool destroys its mutex under
 * those who use it, so that now and then the listener waits for it for ever; and if it does not, it looks at its flag
 * every five seconds only, holding a lock that smfi_stop() needs.
 */
int milter_run(struct milter_front *f, void (*on_reload)(void *), void *ctx)
{
	pthread_t thread;
	bool failed;

	assert(f == the_front);
	f->on_reload = on_reload;
	f->reload_ctx = ctx;
	set_stack();
	if (pthread_create(&thread, NULL, run_libmilter, f) != 0)
		return -1;
	(void)pthread_detach(thread);
	pthread_mutex_lock(&f->lock);
	while (!f->over)
		pthread_cond_wait(&f->ends, &f->lock);
	failed = f->failed;
	pthread_mutex_unlock(&f->lock);
	milter_remove(&f->file);
	return failed ? -1 : 0;
}

/* libmilter's workers may still be in our callbacks.  Answers whether they have all come out. */
static bool wait_until_quiet(struct milter_front *f)
{
	const struct timespec step = { .tv_nsec = MILTER_QUIET_STEP_MS * 1000000L };

	atomic_store(&f->shut, true);
	for (int waited = 0; atomic_load(&f->busy) > 0; waited += MILTER_QUIET_STEP_MS) {
		if (waited >= MILTER_QUIET_MS)
			return false;
		nanosleep(&step, NULL);
	}
	return true;
}

int milter_close(struct milter_front **fp)
{
	struct milter_front *f = *fp;

	*fp = NULL;
	if (!f)
		return 0;
	if (!wait_until_quiet(f)) {
		log_warning("milter: a session is still being worked on");
		return -1;
	}
	while (f->sessions) {
		struct milter_session *s = f->sessions;

		milter_session_free(&s);
	}
	close(f->listener);
	return 0;
}

bool milter_enter(struct milter_front *f)
{
	if (!f)
		return false;
	atomic_fetch_add(&f->busy, 1);
	if (!atomic_load(&f->shut))
		return true;
	atomic_fetch_sub(&f->busy, 1);
	return false;
}

void milter_leave(struct milter_front *f)
{
	atomic_fetch_sub(&f->busy, 1);
}

struct milter_session *milter_session_new(struct milter_front *f)
{
	struct milter_session *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->engine = engine_open(f->engine);
	if (!s->engine) {
		free(s);
		return NULL;
	}
	s->magic = MILTER_SESSION_MAGIC;
	s->front = f;
	pthread_mutex_lock(&f->lock);
	s->next = f->sessions;
	if (s->next)
		s->next->prev = s;
	f->sessions = s;
	pthread_mutex_unlock(&f->lock);
	return s;
}

void milter_session_free(struct milter_session **sp)
{
	struct milter_session *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	pthread_mutex_lock(&s->front->lock);
	if (s->prev)
		s->prev->next = s->next;
	else
		s->front->sessions = s->next;
	if (s->next)
		s->next->prev = s->prev;
	pthread_mutex_unlock(&s->front->lock);
	engine_close(&s->engine);
	s->magic = 0;
	free(s);
}
