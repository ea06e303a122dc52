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

# Against a fake libmilter, and (the socket, the signals) against the real one.
MILTER_TESTS = t/unit/milter_answer t/unit/milter_negotiate t/unit/milter_session t/unit/milter_listen t/unit/milter_stop
check_PROGRAMS += $(MILTER_TESTS)
TESTS += $(MILTER_TESTS)
MILTER_TEST_LIBS = libtap.a libmilterfront.a libutil.a $(UNISTRING_LIBS)
milter_fakes = t/unit/milter_fake.h t/unit/milter_fake_engine.c t/unit/milter_fake_libmilter.c

t_unit_milter_answer_SOURCES = t/unit/milter_answer.c $(milter_fakes)
t_unit_milter_answer_CPPFLAGS = $(AM_CPPFLAGS) $(MILTER_CFLAGS)
t_unit_milter_answer_LDADD = $(MILTER_TEST_LIBS)
t_unit_milter_negotiate_SOURCES = t/unit/milter_negotiate.c $(milter_fakes)
t_unit_milter_negotiate_CPPFLAGS = $(AM_CPPFLAGS) $(MILTER_CFLAGS)
t_unit_milter_negotiate_LDADD = $(MILTER_TEST_LIBS)
t_unit_milter_session_SOURCES = t/unit/milter_session.c $(milter_fakes)
t_unit_milter_session_CPPFLAGS = $(AM_CPPFLAGS) $(MILTER_CFLAGS)
t_unit_milter_session_LDADD = $(MILTER_TEST_LIBS)
t_unit_milter_listen_SOURCES = t/unit/milter_listen.c
t_unit_milter_listen_CPPFLAGS = $(AM_CPPFLAGS) $(MILTER_CFLAGS)
t_unit_milter_listen_LDADD = libtap.a libmilterfront.a libutil.a $(MILTER_LIBS) $(UNISTRING_LIBS)
t_unit_milter_stop_SOURCES = t/unit/milter_stop.c t/unit/milter_fake.h t/unit/milter_fake_engine.c
t_unit_milter_stop_CPPFLAGS = $(AM_CPPFLAGS) $(MILTER_CFLAGS)
t_unit_milter_stop_LDADD = libtap.a libmilterfront.a libmta.a libutil.a $(MILTER_LIBS) $(UNISTRING_LIBS)
