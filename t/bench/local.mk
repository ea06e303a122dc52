# The benchmark.  `make bench` builds $(bench_programs) and runs t/bench/run.  A program is declared as
#	EXTRA_PROGRAMS += t/bench/load
#	bench_programs += t/bench/load
bench_programs =
