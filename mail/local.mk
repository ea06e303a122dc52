noinst_LIBRARIES += libmail.a
libmail_a_CPPFLAGS = $(AM_CPPFLAGS) $(PSL_CFLAGS)
libmail_a_SOURCES = mail/addr.h mail/check.h mail/fact.h mail/stage.h mail/txn.h mail/verdict.h
