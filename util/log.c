#include "util/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"

enum {
	LOG_LINE_MAX = 4096,       /* of a plain message; longer ones are cut */
	LOG_KEPT_MAX = 256 * 1024, /* bytes of lines kept for another thread */
	LOG_TAIL = 32,             /* kept free in a record for what closes it */
	MS_PER_S = 1000
};

static const struct {
	const char *name;
	int priority;
} levels[] = { [LOG_LVL_ERROR] = { "error", LOG_ERR },
	       [LOG_LVL_WARNING] = { "warning", LOG_WARNING },
	       [LOG_LVL_INFO] = { "info", LOG_INFO },
	       [LOG_LVL_DEBUG] = { "debug", LOG_DEBUG } };

/* The process's one log.  Until log_open() it is stderr, so that nothing said early is lost. */
static struct {
	pthread_mutex_t lock; /* keeps lines longer than a pipe's atomic write whole */
	_Atomic int sink, level;
} logger = { .lock = PTHREAD_MUTEX_INITIALIZER, .sink = LOG_SINK_STDERR, .level = LOG_LVL_INFO };

/* Lines for another thread to write: each begins with its level, and ends with a NUL. */
static struct {
	pthread_mutex_t lock;
	/* under lock */
	char *p;          /* LOG_KEPT_MAX bytes; NULL: none yet, or they are being written */
	_Atomic size_t n; /* read without it, too */

	pthread_mutex_t writing; /* held by the thread that writes them */
	char *spare;             /* under writing: the other LOG_KEPT_MAX bytes */
} kept = { .lock = PTHREAD_MUTEX_INITIALIZER, .writing = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local bool keeping;

void log_open(const char *ident, enum log_sink sink, enum log_level level)
{
	log_close();
	if (sink == LOG_SINK_SYSLOG)
		openlog(ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
	atomic_store(&logger.level, (int)level);
	atomic_store(&logger.sink, (int)sink);
}

void log_set_level(enum log_level level)
{
	atomic_store(&logger.level, (int)level);
}

void log_close(void)
{
	log_write_kept();
	if (atomic_exchange(&logger.sink, LOG_SINK_STDERR) == LOG_SINK_SYSLOG)
		closelog();
}

/* Where a message of this level goes now; LOG_SINK_NONE when nobody wants it. */
static enum log_sink sink_for(enum log_level level)
{
	if ((int)level > atomic_load_explicit(&logger.level, memory_order_relaxed))
		return LOG_SINK_NONE;
	return (enum log_sink)atomic_load_explicit(&logger.sink, memory_order_relaxed);
}

/* One write; only a full disk or a signal makes it several. */
static void write_line(const char *p, size_t n)
{
	pthread_mutex_lock(&logger.lock);
	while (n > 0) {
		ssize_t done = write(STDERR_FILENO, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			break;
		p += done;
		n -= (size_t)done;
	}
	pthread_mutex_unlock(&logger.lock);
}

/* ---- Lines kept for another thread ---- */

/* False: there is no room. */
static bool keep_line(enum log_level level, const struct sbuf *line)
{
	size_t n = line->len + 2; /* the level, and what ends it */
	bool fits;

	pthread_mutex_lock(&kept.lock);
	if (kept.p == NULL)
		kept.p = malloc(LOG_KEPT_MAX);
	fits = kept.p != NULL && n <= LOG_KEPT_MAX - kept.n;
	if (fits) {
		kept.p[kept.n] = (char)level;
		memcpy(kept.p + kept.n + 1, line->p, line->len);
		kept.p[kept.n + n - 1] = '\0';
		kept.n += n;
	}
	pthread_mutex_unlock(&kept.lock);
	return fits;
}

size_t log_keep(bool keep)
{
	keeping = keep;
	return kept.n;
}

bool log_is_behind(void)
{
	return kept.n > LOG_KEPT_MAX / 2;
}

/* Of stderr they become one text, in place. */
static void write_lines(char *p, size_t n)
{
	enum log_sink sink = (enum log_sink)atomic_load_explicit(&logger.sink, memory_order_relaxed);
	char *end = p + n, *to = p;

	for (char *line = p; line < end;) {
		enum log_level level = (enum log_level)line[0];
		size_t len = strlen(line + 1);

		if (sink == LOG_SINK_SYSLOG) {
			syslog(LOG_MAIL | levels[level].priority, "%s", line + 1);
		} else {
			memmove(to, line + 1, len);
			to[len] = '\n';
			to += len + 1;
		}
		line += len + 2;
	}
	if (sink == LOG_SINK_STDERR)
		write_line(p, (size_t)(to - p));
}

void log_write_kept(void)
{
	char *p;
	size_t n;

	pthread_mutex_lock(&kept.writing);
	pthread_mutex_lock(&kept.lock);
	p = kept.p;
	n = kept.n;
	kept.p = kept.spare;
	kept.n = 0;
	pthread_mutex_unlock(&kept.lock);
	kept.spare = p;
	if (n > 0)
		write_lines(p, n);
	pthread_mutex_unlock(&kept.writing);
}

/* ---- Writing ---- */

/* The line's storage has one byte to spare behind the text, for the newline. */
static void emit(enum log_sink sink, enum log_level level, struct sbuf *line)
{
	int saved = errno;

	if (keeping && sink != LOG_SINK_NONE && keep_line(level, line))
		return;
	if (sink == LOG_SINK_SYSLOG) {
		syslog(LOG_MAIL | levels[level].priority, "%s", line->p);
	} else if (sink == LOG_SINK_STDERR) {
		line->p[line->len] = '\n';
		write_line(line->p, line->len + 1);
		line->p[line->len] = '\0';
	}
	errno = saved;
}

#define LOG_TIME "1970-01-01T00:00:00"

/* The second in words: a thread has many lines of the same one. */
static const char *second_text(time_t second)
{
	static _Thread_local struct {
		time_t second;
		char text[sizeof LOG_TIME];
	} last = { 0, LOG_TIME };
	struct tm t;

	if (second == last.second)
		return last.text;
	last.second = second;
	if (gmtime_r(&second, &t) == NULL || strftime(last.text, sizeof last.text, "%Y-%m-%dT%H:%M:%S", &t) == 0)
		last.text[0] = '\0';
	return last.text;
}

/* {"time":"2026-01-02T03:04:05.678Z","level":"info","msg": */
static void json_head(struct sbuf *line, enum log_level level)
{
	int64_t ms = clock_wall_ms();
	unsigned rest = (unsigned)(ms % MS_PER_S);
	char millis[] = { '.', (char)('0' + rest / 100 % 10), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10) };

	sbuf_add(line, "{\"time\":\"");
	sbuf_add(line, second_text((time_t)(ms / MS_PER_S)));
	sbuf_addn(line, millis, sizeof millis);
	sbuf_add(line, "Z\",\"level\":\"");
	sbuf_add(line, levels[level].name);
	sbuf_add(line, "\",\"msg\":");
}

/* A message is our own text with what callers made safe; a control character that is left must not make a second line. */
static void flatten(struct sbuf *line)
{
	for (size_t i = 0; i < line->len; i++)
		if ((unsigned char)line->p[i] < ' ' || line->p[i] == 0x7f)
			line->p[i] = ' ';
}

static void message(enum log_level level, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void message(enum log_level level, const char *fmt, va_list ap)
{
	enum log_sink sink = sink_for(level);
	char plain[LOG_LINE_MAX], json[2 * LOG_LINE_MAX];
	struct sbuf text, line;

	if (sink == LOG_SINK_NONE)
		return;
	sbuf_fixed(&text, plain, sizeof plain);
	sbuf_vaddf(&text, fmt, ap);
	flatten(&text);
	if (sink == LOG_SINK_SYSLOG) {
		emit(sink, level, &text);
		return;
	}
	/* Escaping can make a text longer than the line: then it is cut, and still ends as JSON. */
	sbuf_fixed(&line, json, sizeof json - LOG_TAIL);
	json_head(&line, level);
	sbuf_add_json(&line, text.p, text.len);
	line.limit = line.room = sizeof json - 1;
	if (line.cut) {
		line.cut = false;
		sbuf_addc(&line, '"');
	}
	sbuf_addc(&line, '}');
	emit(sink, level, &line);
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(LOG_LVL_ERROR, fmt, ap);
	va_end(ap);
}

void log_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(LOG_LVL_WARNING, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(LOG_LVL_INFO, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(LOG_LVL_DEBUG, fmt, ap);
	va_end(ap);
}

void log_record_begin(struct log_record *r, enum log_level level, const char *msg)
{
	r->level = level;
	r->sink = sink_for(level);
	sbuf_fixed(&r->line, r->buf, sizeof r->buf - LOG_TAIL);
	if (r->sink == LOG_SINK_STDERR) {
		json_head(&r->line, level);
		sbuf_add_json(&r->line, msg, strlen(msg));
	} else {
		sbuf_add(&r->line, msg);
	}
}

/* name="value" for syslog: as sbuf_add_safe() has it, with quotes escaped too. */
static void add_quoted(struct sbuf *line, const char *p, size_t n)
{
	const char *quote;

	sbuf_addc(line, '"');
	while ((quote = memchr(p, '"', n)) != NULL) {
		sbuf_add_safe(line, p, (size_t)(quote - p));
		sbuf_add(line, "\\\"");
		n -= (size_t)(quote - p) + 1;
		p = quote + 1;
	}
	sbuf_add_safe(line, p, n);
	sbuf_addc(line, '"');
}

/* A field that does not fit leaves no half of itself, and later ones are left out too. */
static void close_field(struct sbuf *line, size_t start)
{
	if (line->cut) {
		line->len = start;
		line->p[start] = '\0';
	}
}

static inline void add_name(struct log_record *r, const char *name, size_t n)
{
	if (r->sink == LOG_SINK_STDERR) {
		sbuf_add(&r->line, ",\"");
		sbuf_addn(&r->line, name, n);
		sbuf_add(&r->line, "\":");
	} else {
		sbuf_addc(&r->line, ' ');
		sbuf_addn(&r->line, name, n);
		sbuf_addc(&r->line, '=');
	}
}

void log_record_text(struct log_record *r, const char *name, size_t name_n, const char *value, size_t n)
{
	size_t start = r->line.len;

	if (r->sink == LOG_SINK_NONE || r->line.cut)
		return;
	add_name(r, name, name_n);
	if (r->sink == LOG_SINK_STDERR)
		sbuf_add_json(&r->line, value, n);
	else
		add_quoted(&r->line, value, n);
	close_field(&r->line, start);
}

void log_record_num(struct log_record *r, const char *name, long long value)
{
	size_t start = r->line.len;

	if (r->sink == LOG_SINK_NONE || r->line.cut)
		return;
	add_name(r, name, strlen(name));
	sbuf_add_num(&r->line, value);
	close_field(&r->line, start);
}

void log_record_end(struct log_record *r)
{
	struct sbuf *line = &r->line;

	line->limit = line->room = sizeof r->buf - 1;
	if (line->cut) {
		line->cut = false;
		sbuf_add(line, r->sink == LOG_SINK_STDERR ? ",\"cut\":true" : " cut=1");
	}
	if (r->sink == LOG_SINK_STDERR)
		sbuf_addc(line, '}');
	emit(r->sink, r->level, line);
}
