# ---- The harness ----

check_LIBRARIES += libtap.a
libtap_a_SOURCES = t/lib/tap.c t/lib/tap.h

# Every test speaks TAP.  One that hangs is killed, and so fails.
TEST_TIMEOUT = 600
TEST_EXTENSIONS = .sh .py
TAP_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(TAP_DRIVER)
SH_LOG_DRIVER = $(TAP_DRIVER)
PY_LOG_DRIVER = $(TAP_DRIVER)
LOG_COMPILER = timeout -k 10 $(TEST_TIMEOUT)
SH_LOG_COMPILER = $(LOG_COMPILER)
PY_LOG_COMPILER = $(LOG_COMPILER)
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; SANITIZER='$(SANITIZER)'; export SANITIZER; \
	. '$(abs_top_srcdir)/t/lib/env';

EXTRA_DIST += t/lib/env t/lib/lsan.supp t/lib/tsan.supp t/lib/cppcheck.supp

# For t/run: what `make check` builds, what it runs, and which logs it leaves.
check-programs: $(check_LIBRARIES) $(check_PROGRAMS)
print-tests:
	@echo $(TESTS)
print-test-logs:
	@echo $(TEST_LOGS)
.PHONY: check-programs print-tests print-test-logs

# ---- What is true of the tree as a whole ----

TREE_TESTS = t/layers t/exports t/docs
TESTS += $(TREE_TESTS)
EXTRA_DIST += $(TREE_TESTS) t/run t/lint .ci/run

# ---- make lint, make bench ----

lint:
	@top_srcdir='$(top_srcdir)' CPPFLAGS='-I. -D_GNU_SOURCE $(DEFS) $(LINT_CPPFLAGS) $(CPPFLAGS)' \
		CFLAGS='-std=c11 -O2 $(WARNING_CFLAGS)' $(SHELL) $(top_srcdir)/t/lint
LINT_CPPFLAGS = $(OPENDKIM_CFLAGS) $(CRYPTO_CFLAGS) $(EVENT_CFLAGS) $(UNBOUND_CFLAGS) $(HIREDIS_CFLAGS) $(PSL_CFLAGS) $(CONFIG_CFLAGS) \
	$(PCRE2_CFLAGS) $(MILTER_CFLAGS) $(cmd_cppflags)

bench: all $(bench_programs)
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' $(top_srcdir)/t/bench/run

.PHONY: lint bench

include t/milter/local.mk
include t/bench/local.mk
include t/sim/local.mk
include t/soak/local.mk
include t/e2e/local.mk
include t/cmd/local.mk
