# The soak test: a few hundred messages in `make check`, 20,000 by `make soak`.
TESTS += t/soak/run
EXTRA_DIST += t/soak/run t/soak/letters.py

soak: all check-programs
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; . '$(abs_top_srcdir)/t/lib/env'; \
	SOAK_MESSAGES=$${SOAK_MESSAGES:-20000} '$(abs_top_srcdir)/t/soak/run'
.PHONY: soak
