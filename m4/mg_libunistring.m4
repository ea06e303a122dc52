# libunistring (it has no .pc file): case folding and normalisation.
AC_DEFUN([MG_LIBUNISTRING],
[AC_CHECK_HEADER([unicase.h],
	[AC_CHECK_LIB([unistring], [u8_casefold], [AC_SUBST([UNISTRING_LIBS], [-lunistring])],
		[MG_MISSING([libunistring-dev])])],
	[MG_MISSING([libunistring-dev])])])
