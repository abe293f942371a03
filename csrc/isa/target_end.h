/* target_end.h: closes the region that target_begin.h opened. */
#if !defined(FNN_TARGET)
#elif defined(__clang__)
FNN_PRAGMA(clang attribute pop)
#else
FNN_PRAGMA(GCC pop_options)
#endif

#undef FNN_TARGET
#undef FNN_PRAGMA
#undef FNN_PRAGMA_OF
