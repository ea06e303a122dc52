noinst_LIBRARIES += libutil.a
libutil_a_SOURCES = \
	util/arena.c util/arena.h \
	util/bytes.c util/bytes.h \
	util/clock.c util/clock.h \
	util/error.c util/error.h \
	util/fold.c util/fold.h \
	util/id.c util/id.h \
	util/ip.c util/ip.h util/ipset.c \
	util/log.c util/log.h \
	util/names.c util/names.h \
	util/sbuf.c util/sbuf.h \
	util/strmap.c util/strmap.h \
	util/units.c util/units.h \
	util/utf8.c util/utf8.h

UTIL_TESTS = \
	t/unit/util_arena \
	t/unit/util_bytes \
	t/unit/util_error \
	t/unit/util_fold \
	t/unit/util_ip \
	t/unit/util_log \
	t/unit/util_names \
	t/unit/util_sbuf \
	t/unit/util_strmap
check_PROGRAMS += $(UTIL_TESTS)
TESTS += $(UTIL_TESTS)
UTIL_TEST_LIBS = libtap.a libutil.a $(UNISTRING_LIBS)
t_unit_util_arena_SOURCES = t/unit/util_arena.c
t_unit_util_arena_LDADD = $(UTIL_TEST_LIBS)
t_unit_util_bytes_SOURCES = t/unit/util_bytes.c
t_unit_util_bytes_LDADD = $(UTIL_TEST_LIBS)
t_unit_util_error_SOURCES = t/unit/util_error.c
t_unit_util_error_LDADD = $(UTIL_TEST_LIBS)
t_unit_util_fold_SOURCES = t/unit/util_fold.c
t_unit_util_fold_LDADD = $(UTIL_TEST_LIBS)
t_unit_util_ip_SOURCES = t/unit/util_ip.c
t_unit_util_ip_LDADD = $(UTIL_TEST_LIBS)
t_unit_util_log_SOURCES = t/unit/util_log.c
t_unit_util_log_LDADD = $(UTIL_TEST_LIBS)
t_unit_util_names_SOURCES = t/unit/util_names.c
t_unit_util_names_LDADD = $(UTIL_TEST_LIBS)
t_unit_util_sbuf_SOURCES = t/unit/util_sbuf.c
t_unit_util_sbuf_LDADD = $(UTIL_TEST_LIBS)
t_unit_util_strmap_SOURCES = t/unit/util_strmap.c
t_unit_util_strmap_LDADD = $(UTIL_TEST_LIBS)
