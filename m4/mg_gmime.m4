# GMime: MIME structure, charsets, address lists.
AC_DEFUN([MG_GMIME], [MG_PKG([GMIME], [gmime-3.0 >= 3.2], [libgmime-3.0-dev])])
