# The front end of Postfix's policy protocol.
noinst_LIBRARIES += libpolicyd.a
libpolicyd_a_SOURCES = \
	policyd/answer.c policyd/answer.h \
	policyd/limits.h \
	policyd/path.c policyd/path.h \
	policyd/policyd.c policyd/policyd.h \
	policyd/request.c policyd/request.h \
	policyd/table.c policyd/table.h \
	policyd/txn.c policyd/txn.h

POLICYD_TESTS = t/unit/policyd_request t/unit/policyd_txn
check_PROGRAMS += $(POLICYD_TESTS)
TESTS += $(POLICYD_TESTS)
t_unit_policyd_request_SOURCES = t/unit/policyd_request.c
t_unit_policyd_request_LDADD = libtap.a libpolicyd.a libutil.a $(UNISTRING_LIBS)
t_unit_policyd_txn_SOURCES = t/unit/policyd_txn.c t/unit/policyd_fake.h t/unit/policyd_fake_engine.c
t_unit_policyd_txn_LDADD = libtap.a libpolicyd.a libutil.a $(UNISTRING_LIBS)

# By hand, as t/fuzz/fuzz_header (mime/local.mk), from a request to begin with, without which it hardly finds one:
# mkdir found && t/fuzz/fuzz_policy -max_total_time=600 found t/fuzz/policy.
EXTRA_DIST += t/fuzz/policy/transaction
EXTRA_PROGRAMS += t/fuzz/fuzz_policy
t_fuzz_fuzz_policy_SOURCES = t/fuzz/fuzz_policy.c t/unit/policyd_fake.h t/unit/policyd_fake_engine.c
t_fuzz_fuzz_policy_LDADD = libpolicyd.a libutil.a $(UNISTRING_LIBS)
t_fuzz_fuzz_policy_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
