# mail/: one transaction as data.

noinst_LIBRARIES += libmail.a
libmail_a_CPPFLAGS = $(AM_CPPFLAGS) $(PSL_CFLAGS)
libmail_a_SOURCES = \
	mail/authres.c mail/authres.h mail/finisher.h mail/addr.c \
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

MAIL_TESTS = \
	t/unit/mail_addr \
	t/unit/mail_addr_list \
	t/unit/mail_authres \
	t/unit/mail_fact \
	t/unit/mail_psl \
	t/unit/mail_spool \
	t/unit/mail_txn
check_PROGRAMS += $(MAIL_TESTS)
TESTS += $(MAIL_TESTS)
MAIL_TEST_LIBS = libtap.a libmail.a libutil.a $(PSL_LIBS) $(UNISTRING_LIBS)
t_unit_mail_addr_SOURCES = t/unit/mail_addr.c
t_unit_mail_addr_LDADD = $(MAIL_TEST_LIBS)
t_unit_mail_addr_list_SOURCES = t/unit/mail_addr_list.c
t_unit_mail_addr_list_LDADD = $(MAIL_TEST_LIBS)
t_unit_mail_authres_SOURCES = t/unit/mail_authres.c
t_unit_mail_authres_LDADD = $(MAIL_TEST_LIBS)
t_unit_mail_fact_SOURCES = t/unit/mail_fact.c
t_unit_mail_fact_LDADD = $(MAIL_TEST_LIBS)
t_unit_mail_psl_SOURCES = t/unit/mail_psl.c
t_unit_mail_psl_LDADD = $(MAIL_TEST_LIBS)
t_unit_mail_spool_SOURCES = t/unit/mail_spool.c
t_unit_mail_spool_LDADD = $(MAIL_TEST_LIBS)
t_unit_mail_txn_SOURCES = t/unit/mail_txn.c
t_unit_mail_txn_LDADD = $(MAIL_TEST_LIBS)

# By hand, as t/fuzz/fuzz_header (mime/local.mk).
EXTRA_PROGRAMS += t/fuzz/fuzz_authres
t_fuzz_fuzz_authres_SOURCES = t/fuzz/fuzz_authres.c
t_fuzz_fuzz_authres_LDADD = libmail.a libutil.a
t_fuzz_fuzz_authres_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
