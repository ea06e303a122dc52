# The benchmark: `make bench` builds $(bench_programs) and runs t/bench/run.
# The load is also a test's.
check_PROGRAMS += t/bench/millload t/bench/policyload
EXTRA_PROGRAMS += t/bench/floor
bench_programs = t/bench/floor t/bench/millload t/bench/policyload
EXTRA_DIST += t/bench/run t/bench/policyd.py t/bench/greylist.py

bench_figures = t/bench/figures.c t/bench/figures.h

t_bench_policyload_SOURCES = t/bench/policyload.c $(bench_figures)

t_bench_floor_SOURCES = t/bench/floor.c
t_bench_floor_CPPFLAGS = $(AM_CPPFLAGS) $(MILTER_CFLAGS)
t_bench_floor_LDADD = $(MILTER_LIBS)

t_bench_millload_SOURCES = t/bench/millload.c $(bench_figures) t/bench/letter.c t/bench/letter.h
t_bench_millload_LDADD = libmta.a
