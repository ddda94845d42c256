/* kinds.h - what the tracepoints of kinds_tp.h are given. */
#ifndef KINDS_H
#define KINDS_H
#include <endian.h>
#include <stddef.h>
#include <stdint.h>

enum { ELEMENTS = 4 };

struct integers {
    int64_t i;
    uint64_t u;
};

struct elements {
    int8_t i8[ELEMENTS];
    int64_t i64[ELEMENTS];
    uint16_t u16[ELEMENTS], n_u16[ELEMENTS];
    uint32_t u32[ELEMENTS], n_u32[ELEMENTS];
    uint64_t u64;
    char text[ELEMENTS];
};

#define KINDS_TEN(do, tens) \
    do(tens##0) do(tens##1) do(tens##2) do(tens##3) do(tens##4) do(tens##5) do(tens##6) do(tens##7) do(tens##8) do(tens##9)
#define KINDS_HUNDRED(do, hundreds)                                                                                             \
    KINDS_TEN(do, hundreds##0) KINDS_TEN(do, hundreds##1) KINDS_TEN(do, hundreds##2) KINDS_TEN(do, hundreds##3) KINDS_TEN(do, hundreds##4) \
    KINDS_TEN(do, hundreds##5) KINDS_TEN(do, hundreds##6) KINDS_TEN(do, hundreds##7) KINDS_TEN(do, hundreds##8) KINDS_TEN(do, hundreds##9)
#define KINDS_EACH_NUMBER(do) KINDS_HUNDRED(do, 1) KINDS_HUNDRED(do, 2) KINDS_HUNDRED(do, 3)

#endif
