#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER kinds
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "kinds_tp.h"
#if !defined(KINDS_TP_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define KINDS_TP_H
#include "kinds.h"
#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(kinds, none, LTTNG_UST_TP_ARGS(), LTTNG_UST_TP_FIELDS())

LTTNG_UST_TRACEPOINT_EVENT(kinds, integers, LTTNG_UST_TP_ARGS(const struct integers *, v),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(int8_t, i8, (int8_t)v->i)
        lttng_ust_field_integer(int16_t, i16, (int16_t)v->i)
        lttng_ust_field_integer(int32_t, i32, (int32_t)v->i)
        lttng_ust_field_integer(int64_t, i64, v->i)
        lttng_ust_field_integer(uint8_t, u8, (uint8_t)v->u)
        lttng_ust_field_integer(uint16_t, u16, (uint16_t)v->u)
        lttng_ust_field_integer(uint32_t, u32, (uint32_t)v->u)
        lttng_ust_field_integer(uint64_t, u64, v->u)
        lttng_ust_field_integer_hex(int8_t, x_i8, (int8_t)v->i)
        lttng_ust_field_integer_hex(int64_t, x_i64, v->i)
        lttng_ust_field_integer_hex(uint16_t, x_u16, (uint16_t)v->u)
        lttng_ust_field_integer_hex(uint32_t, x_u32, (uint32_t)v->u)))

/* Network byte order: what is written is what htons() and its like give. */
LTTNG_UST_TRACEPOINT_EVENT(kinds, network, LTTNG_UST_TP_ARGS(const struct integers *, v),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer_network(int8_t, i8, (int8_t)v->i)
        lttng_ust_field_integer_network(int16_t, i16, (int16_t)htobe16((uint16_t)v->i))
        lttng_ust_field_integer_network(int32_t, i32, (int32_t)htobe32((uint32_t)v->i))
        lttng_ust_field_integer_network(int64_t, i64, (int64_t)htobe64((uint64_t)v->i))
        lttng_ust_field_integer_network(uint16_t, u16, htobe16((uint16_t)v->u))
        lttng_ust_field_integer_network_hex(uint32_t, u32, htobe32((uint32_t)v->u))
        lttng_ust_field_integer_network_hex(uint64_t, u64, htobe64(v->u))))

LTTNG_UST_TRACEPOINT_EVENT(kinds, reals, LTTNG_UST_TP_ARGS(double, d, float, f),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_float(double, d, d)
        lttng_ust_field_float(float, f, f)))

LTTNG_UST_TRACEPOINT_ENUM(kinds, mixed,
    LTTNG_UST_TP_ENUM_VALUES(
        lttng_ust_field_enum_auto("AUTO: ZERO")
        lttng_ust_field_enum_value("FIVE", 5)
        lttng_ust_field_enum_auto("AFTER \"FIVE\" \\")
        lttng_ust_field_enum_range("RANGE", 10, 20)
        lttng_ust_field_enum_range("OVERLAP", 15, 25)
        lttng_ust_field_enum_value("OVERLAP", 5)
        lttng_ust_field_enum_range("LARGE", 200ULL, 18446744073709551615ULL)))
LTTNG_UST_TRACEPOINT_ENUM(kinds, signed_mixed,
    LTTNG_UST_TP_ENUM_VALUES(
        lttng_ust_field_enum_range("NEGATIVE", INT64_MIN, -1LL)
        lttng_ust_field_enum_value("ZERO", 0)
        lttng_ust_field_enum_auto("ONE")
        lttng_ust_field_enum_range("ACROSS", -3, 3)))

LTTNG_UST_TRACEPOINT_EVENT(kinds, enumerations, LTTNG_UST_TP_ARGS(int64_t, i, uint64_t, u),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(kinds, mixed, uint8_t, u8, (uint8_t)u)
        lttng_ust_field_enum(kinds, mixed, uint64_t, u64, u)
        lttng_ust_field_enum(kinds, signed_mixed, int8_t, i8, (int8_t)i)
        lttng_ust_field_enum(kinds, signed_mixed, int32_t, i32, (int32_t)i)
        lttng_ust_field_enum(kinds, signed_mixed, int64_t, i64, i)))

LTTNG_UST_TRACEPOINT_EVENT(kinds, arrays, LTTNG_UST_TP_ARGS(const struct elements *, e),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_array(int8_t, i8, e->i8, ELEMENTS)
        lttng_ust_field_array(uint16_t, u16, e->u16, ELEMENTS)
        lttng_ust_field_array(int64_t, i64, e->i64, ELEMENTS)
        lttng_ust_field_array_hex(uint32_t, x_u32, e->u32, ELEMENTS)
        lttng_ust_field_array_network(uint16_t, n_u16, e->n_u16, ELEMENTS)
        lttng_ust_field_array_network_hex(uint32_t, n_u32, e->n_u32, ELEMENTS)
        lttng_ust_field_array(uint64_t, one, &e->u64, 1)
        lttng_ust_field_array_text(char, whole, e->text, ELEMENTS)
        lttng_ust_field_array_text(char, cut, "abc\0def", 8)
        lttng_ust_field_array_text(char, nothing, "\0bc", 3)))

LTTNG_UST_TRACEPOINT_EVENT(kinds, sequences, LTTNG_UST_TP_ARGS(const struct elements *, e, size_t, n),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_sequence(int8_t, i8, e->i8, uint8_t, n)
        lttng_ust_field_sequence(int64_t, i64, e->i64, uint16_t, n)
        lttng_ust_field_sequence_hex(uint32_t, x_u32, e->u32, uint32_t, n)
        lttng_ust_field_sequence_network(uint16_t, n_u16, e->n_u16, uint64_t, n)
        lttng_ust_field_sequence_network_hex(uint32_t, n_u32, e->n_u32, size_t, n)
        lttng_ust_field_sequence_text(char, text, e->text, unsigned int, n)))

LTTNG_UST_TRACEPOINT_EVENT(kinds, bytes, LTTNG_UST_TP_ARGS(const char *, data, size_t, n),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_sequence(uint8_t, bytes, data, size_t, n)
        lttng_ust_field_sequence_text(char, text, data, size_t, n)))

LTTNG_UST_TRACEPOINT_EVENT(kinds, strings, LTTNG_UST_TP_ARGS(const char *, a, const char *, b, int, n),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_string(a, a)
        lttng_ust_field_string(b, b)
        lttng_ust_field_integer(int, n, n)))

/* Fields that filters see, and traces do not. */
LTTNG_UST_TRACEPOINT_EVENT(kinds, hidden, LTTNG_UST_TP_ARGS(const struct elements *, e, int, n),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer_nowrite(int, not_1, n)
        lttng_ust_field_integer(int, before, n)
        lttng_ust_field_float_nowrite(double, not_2, 1.5)
        lttng_ust_field_array_nowrite(int8_t, not_3, e->i8, ELEMENTS)
        lttng_ust_field_array_nowrite_hex(uint32_t, not_4, e->u32, ELEMENTS)
        lttng_ust_field_array_network_nowrite(uint16_t, not_5, e->n_u16, ELEMENTS)
        lttng_ust_field_array_network_nowrite_hex(uint16_t, not_6, e->n_u16, ELEMENTS)
        lttng_ust_field_array_text_nowrite(char, not_7, e->text, ELEMENTS)
        lttng_ust_field_sequence_nowrite(int8_t, not_8, e->i8, size_t, 2)
        lttng_ust_field_sequence_nowrite_hex(int8_t, not_9, e->i8, size_t, 2)
        lttng_ust_field_sequence_network_nowrite(uint16_t, not_10, e->n_u16, size_t, 2)
        lttng_ust_field_sequence_network_nowrite_hex(uint16_t, not_11, e->n_u16, size_t, 2)
        lttng_ust_field_sequence_text_nowrite(char, not_12, e->text, size_t, 2)
        lttng_ust_field_string_nowrite(not_13, "hidden")
        lttng_ust_field_enum_nowrite(kinds, mixed, int, not_14, n)
        lttng_ust_field_unused(n)
        lttng_ust_field_string(after, "seen")))

/* So many classes that their ids need more than a byte. */
LTTNG_UST_TRACEPOINT_EVENT_CLASS(kinds, numbered, LTTNG_UST_TP_ARGS(int, n),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(int, n, n)))
#define KINDS_NUMBERED(number) \
    LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(kinds, numbered, kinds, numbered_##number, LTTNG_UST_TP_ARGS(int, n))
KINDS_EACH_NUMBER(KINDS_NUMBERED)

#endif
#include <lttng/tracepoint-event.h>
