/*
 * The log: to syslog (facility mail), or to stderr as JSON lines.  One of the two process-wide mutable objects.
 *
 * Thread-safe.  Messages are for the administrator; text from the wire goes in through sbuf_add_safe() or as a field
 * of a record, which escapes it.
 */
#ifndef MILLGATE_UTIL_LOG_H
#define MILLGATE_UTIL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "util/sbuf.h"

enum log_level { LOG_LVL_ERROR, LOG_LVL_WARNING, LOG_LVL_INFO, LOG_LVL_DEBUG };
enum log_sink { LOG_SINK_SYSLOG, LOG_SINK_STDERR, LOG_SINK_NONE };

/* Before the first thread starts; log_level may be changed at any time. */
void log_open(const char *ident, enum log_sink sink, enum log_level level);
void log_set_level(enum log_level level);
void log_close(void);

/*
 * A thread that must not wait for whoever reads the log keeps its lines while keep is true, for another thread to write
 * them.  Answers how many bytes are kept by now, of all threads.  Where there is no room for more they are written at
 * once.
 */
size_t log_keep(bool keep);
/* Whether half of that room is taken. */
bool log_is_behind(void);
/* Writes what is kept; log_close() does so, too. */
void log_write_kept(void);

/* One line.  stderr: {"time":"2026-01-02T03:04:05.678Z","level":"info","msg":"..."}. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * A structured record: name="value" pairs on syslog, a JSON object on stderr.  `msg` is a fixed word ("mail").
 * Values are escaped for the sink.  A record lives on the caller's stack.
 */
struct log_record {
	struct sbuf line;
	char buf[8192];
	enum log_level level;
	enum log_sink sink;
};
void log_record_begin(struct log_record *r, enum log_level level, const char *msg);
void log_record_text(struct log_record *r, const char *name, size_t name_n, const char *value, size_t n);
void log_record_num(struct log_record *r, const char *name, long long value);
void log_record_end(struct log_record *r);

static inline void log_record_str(struct log_record *r, const char *name, const char *value, size_t n)
{
	log_record_text(r, name, strlen(name), value, n);
}

#endif
