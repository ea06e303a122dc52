# libconfig: the configuration's syntax.
AC_DEFUN([MG_LIBCONFIG], [MG_PKG([CONFIG], [libconfig >= 1.5], [libconfig-dev])])
