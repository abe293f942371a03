/* target_begin.h: functions from here to target_end.h are compiled for FNN_TARGET, a list of x86
 * features, whatever the compiler was told; without FNN_TARGET nothing changes.
 *
 * Invariant: what is shared with other files (fnn.h, system headers) is included before the region;
 * Clang's attribute would reach its functions too.  That attribute does not define __AVX2__ and its
 * like: no code asks for those. */
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define FNN_PRAGMA(text) _Pragma(#text)
#define FNN_PRAGMA_OF(text) FNN_PRAGMA(text) /* with macros in text replaced */

#if !defined(FNN_TARGET)
#elif defined(__clang__)
FNN_PRAGMA_OF(clang attribute push(__attribute__((target(FNN_TARGET))), apply_to = function))
#else
/* 512: loops that GCC vectorises by itself use the widest registers the target has */
FNN_PRAGMA(GCC push_options)
FNN_PRAGMA_OF(GCC target(FNN_TARGET, "prefer-vector-width=512"))
#endif
