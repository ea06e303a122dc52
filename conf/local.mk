noinst_LIBRARIES += libconf.a
libconf_a_CPPFLAGS = $(AM_CPPFLAGS) $(CONFIG_CFLAGS)
libconf_a_SOURCES = \
	conf/bind.c conf/conf.h \
	conf/file.c conf/file.h \
	conf/lex.c conf/lex.h \
	conf/load.c \
	conf/manual.c \
	conf/scan.c conf/scan.h conf/scan_group.c conf/scan_value.c \
	conf/strings.c \
	conf/tree.c conf/tree.h \
	conf/value.c conf/value.h \
	conf/word.c conf/word.h

CONF_TESTS = \
	t/unit/conf_bind \
	t/unit/conf_load \
	t/unit/conf_strings \
	t/unit/conf_syntax
check_PROGRAMS += $(CONF_TESTS)
TESTS += $(CONF_TESTS)
CONF_TEST_LIBS = libtap.a libconf.a libutil.a $(CONFIG_LIBS) $(UNISTRING_LIBS)
CONF_TEST_HELP = t/unit/conf_help.c t/unit/conf_help.h
t_unit_conf_bind_SOURCES = t/unit/conf_bind.c $(CONF_TEST_HELP)
t_unit_conf_bind_LDADD = $(CONF_TEST_LIBS)
t_unit_conf_load_SOURCES = t/unit/conf_load.c $(CONF_TEST_HELP)
t_unit_conf_load_LDADD = $(CONF_TEST_LIBS)
t_unit_conf_strings_SOURCES = t/unit/conf_strings.c $(CONF_TEST_HELP)
t_unit_conf_strings_LDADD = $(CONF_TEST_LIBS)
t_unit_conf_syntax_SOURCES = t/unit/conf_syntax.c $(CONF_TEST_HELP)
t_unit_conf_syntax_LDADD = $(CONF_TEST_LIBS)
