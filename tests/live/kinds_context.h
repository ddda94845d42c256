/* kinds_context.h - application contexts of changing type, for the tests of readers. */
#ifndef KINDS_CONTEXT_H
#define KINDS_CONTEXT_H

enum { CONTEXT_SHAPES = 12 };

void context_register(void);
void context_use_shape(unsigned shape);

#endif
