noinst_LIBRARIES += libconf.a
libconf_a_CPPFLAGS = $(AM_CPPFLAGS) $(CONFIG_CFLAGS)
libconf_a_SOURCES = \
	conf/bind.c conf/conf.h \
	conf/file.c conf/file.h \
	conf/lex.c conf/lex.h \
	conf/load.c \
	conf/manual.c \
	conf/scan.c conf/scan.h \
	conf/strings.c \
	conf/tree.c conf/tree.h \
	conf/value.c conf/value.h \
	conf/word.c conf/word.h
