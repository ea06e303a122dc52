/*
 * Preloaded into redis-server: a clock that another process moves.  The wall clock runs as ever, plus as many
 * microseconds as the file CLOCK_OFFSET_FILE holds (one int64_t, mapped); all other clocks are left alone.
 *
 * libfaketime would do the same, but does not get along with jemalloc, which Debian's Redis uses: each of them needs the
 * other one to begin.  So this allocates nothing, and asks the kernel itself.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { US_PER_S = 1000000, NS_PER_US = 1000 };

static const volatile int64_t *offset_us;

__attribute__((constructor)) static void map(void)
{
	const char *path = getenv("CLOCK_OFFSET_FILE");
	int fd = path != NULL ? open(path, O_RDONLY) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof *offset_us, PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		offset_us = p;
	close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int result = (int)syscall(SYS_clock_gettime, clock, ts);

	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) && offset_us != NULL) {
		int64_t us = *offset_us + ts->tv_nsec / NS_PER_US;

		ts->tv_sec += us / US_PER_S;
		ts->tv_nsec = us % US_PER_S * NS_PER_US;
	}
	return result;
}

/* The offset is never negative. */
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
		return -1;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / NS_PER_US;
	return 0;
}

time_t time(time_t *out)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (out != NULL)
		*out = ts.tv_sec;
	return ts.tv_sec;
}
