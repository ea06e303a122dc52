# libevent: the core, and its locks for wake-ups from other threads.
AC_DEFUN([MG_LIBEVENT], [MG_PKG([EVENT], [libevent_core >= 2.1 libevent_pthreads >= 2.1], [libevent-dev])])
