/* texts.h: files of csrc as text, for programs that are written out as C: (name, text), the last one 0.
 *
 * setup.py writes the source. */
#ifndef FNN_TEXTS_H
#define FNN_TEXTS_H

extern const char *const fnn_texts[][2];

#endif
