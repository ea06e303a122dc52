# libmilter (sendmail's milter library).  Some builds of it ship no .pc file.
AC_DEFUN([MG_LIBMILTER],
[PKG_CHECK_MODULES([MILTER], [milter], [],
	[AC_CHECK_HEADER([libmilter/mfapi.h],
		[AC_CHECK_LIB([milter], [smfi_setsymlist],
			[AC_SUBST([MILTER_LIBS], [-lmilter])],
			[MG_MISSING([libmilter-dev])], [-lpthread])],
		[MG_MISSING([libmilter-dev])])])])
