# The milter front end: libmilter on one side, engine/ on the other.
noinst_LIBRARIES += libmilterfront.a
libmilterfront_a_CPPFLAGS = $(AM_CPPFLAGS) $(MILTER_CFLAGS)
libmilterfront_a_SOURCES = \
	milter/answer.c \
	milter/edit.c \
	milter/front.c \
	milter/front.h \
	milter/limits.h \
	milter/listen.c \
	milter/milter.h \
	milter/negotiate.c \
	milter/session.c \
	milter/stop.c
