noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = engine/engine.h engine/settings.h
