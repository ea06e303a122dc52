# The simulation of greylisting: a few hundred first contacts in `make check`, 10,000 by `make sim`.
TESTS += t/sim/greylist.py
EXTRA_DIST += t/sim/README.md t/sim/greylist.py t/sim/mix.py

sim: all
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; . '$(abs_top_srcdir)/t/lib/env'; \
	SIM_CONTACTS=$${SIM_CONTACTS:-10000} '$(abs_top_srcdir)/t/sim/greylist.py'
.PHONY: sim
