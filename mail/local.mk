# mail/: one transaction as data.

noinst_LIBRARIES += libmail.a
libmail_a_CPPFLAGS = $(AM_CPPFLAGS) $(PSL_CFLAGS)
libmail_a_SOURCES = \
	mail/addr.c \
	mail/addr.h \
	mail/addr_list.c \
	mail/check.h \
	mail/fact.c \
	mail/fact.h \
	mail/psl.c \
	mail/psl.h \
	mail/spool.c \
	mail/spool.h \
	mail/stage.c \
	mail/stage.h \
	mail/txn.c \
	mail/txn.h \
	mail/verdict.c \
	mail/verdict.h
