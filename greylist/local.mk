# greylist/: greylisting, its script in Redis, and its administration.

noinst_LIBRARIES += libgreylist.a
libgreylist_a_SOURCES = \
	greylist/admin.c \
	greylist/admin.h \
	greylist/ask.c \
	greylist/ask.h \
	greylist/greylist.c \
	greylist/greylist.h \
	greylist/hostname.c \
	greylist/hostname.h \
	greylist/identity.c \
	greylist/identity.h \
	greylist/journal.c \
	greylist/journal.h \
	greylist/key.c \
	greylist/key.h \
	greylist/learn.c \
	greylist/met.c \
	greylist/met.h \
	greylist/pattern.c \
	greylist/pattern.h \
	greylist/print.c \
	greylist/report.c \
	greylist/report.h \
	greylist/report_print.c \
	greylist/script.c \
	greylist/script.h \
	greylist/sender.c \
	greylist/sender.h \
	greylist/why.c \
	greylist/why.h \
	greylist/width.c \
	greylist/width.h

# ---- Unit tests ----

greylist_test_libs = libgreylist.a libmail.a libconf.a libutil.a libtap.a $(CONFIG_LIBS) $(PSL_LIBS) $(UNISTRING_LIBS)

check_PROGRAMS += t/unit/greylist_check t/unit/greylist_identity t/unit/greylist_key t/unit/greylist_learn t/unit/greylist_sender
TESTS += t/unit/greylist_check t/unit/greylist_identity t/unit/greylist_key t/unit/greylist_learn t/unit/greylist_sender

t_unit_greylist_check_SOURCES = t/unit/greylist_check.c \
	t/lib/check_fixture.c t/lib/check_fixture.h \
	t/lib/fake_net.c t/lib/fake_net.h \
	t/lib/fake_redis.c
t_unit_greylist_check_LDADD = $(greylist_test_libs)
t_unit_greylist_identity_SOURCES = t/unit/greylist_identity.c
t_unit_greylist_identity_LDADD = $(greylist_test_libs)
t_unit_greylist_key_SOURCES = t/unit/greylist_key.c
t_unit_greylist_key_LDADD = $(greylist_test_libs)
t_unit_greylist_learn_SOURCES = t/unit/greylist_learn.c \
	t/lib/check_fixture.c t/lib/check_fixture.h \
	t/lib/fake_net.c t/lib/fake_net.h \
	t/lib/fake_redis.c
t_unit_greylist_learn_LDADD = $(greylist_test_libs)
t_unit_greylist_sender_SOURCES = t/unit/greylist_sender.c
t_unit_greylist_sender_LDADD = $(greylist_test_libs)

# Over a real Redis.
greylist_redis_libs = libgreylist.a libmail.a libnet.a libconf.a libutil.a libtap.a $(CONFIG_LIBS) $(PSL_LIBS) \
	$(EVENT_LIBS) $(UNBOUND_LIBS) $(HIREDIS_LIBS) $(UNISTRING_LIBS)

check_PROGRAMS += t/unit/greylist_admin t/unit/greylist_report t/unit/greylist_script
TESTS += t/unit/greylist_admin t/unit/greylist_report t/unit/greylist_script

t_unit_greylist_admin_SOURCES = t/unit/greylist_admin.c t/unit/net_fixture.c t/unit/net_fixture.h
t_unit_greylist_admin_LDADD = $(greylist_redis_libs)
t_unit_greylist_script_SOURCES = t/unit/greylist_script.c t/unit/net_fixture.c t/unit/net_fixture.h
t_unit_greylist_script_LDADD = $(greylist_redis_libs)

# By hand, as t/fuzz/fuzz_header (mime/local.mk).
EXTRA_PROGRAMS += t/fuzz/fuzz_greylist
t_fuzz_fuzz_greylist_SOURCES = t/fuzz/fuzz_greylist.c
t_fuzz_fuzz_greylist_LDADD = libgreylist.a libmail.a libutil.a $(PSL_LIBS) $(UNISTRING_LIBS)
t_fuzz_fuzz_greylist_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
t_unit_greylist_report_SOURCES = t/unit/greylist_report.c t/unit/net_fixture.c t/unit/net_fixture.h
t_unit_greylist_report_LDADD = $(greylist_redis_libs) $(JANSSON_LIBS)
