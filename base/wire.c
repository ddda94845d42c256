#include "base/wire.h"
#include "base/text.h"
#include <inttypes.h>
#include <msgpack.h>
#include <string.h>

static int append(void *self, const char *data, size_t size)
{
    bytes_append(self, data, size);
    return 0;
}

static msgpack_packer packer(struct bytes *b)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, b, append);
    return pk;
}

void wire_put_uint(struct bytes *b, uint64_t value)
{
    msgpack_packer pk = packer(b);
    msgpack_pack_uint64(&pk, value);
}

void wire_put_int(struct bytes *b, int64_t value)
{
    msgpack_packer pk = packer(b);
    msgpack_pack_int64(&pk, value);
}

void wire_put_double(struct bytes *b, double value)
{
    msgpack_packer pk = packer(b);
    msgpack_pack_double(&pk, value);
}

void wire_put_bool(struct bytes *b, bool value)
{
    msgpack_packer pk = packer(b);
    if (value)
        msgpack_pack_true(&pk);
    else
        msgpack_pack_false(&pk);
}

void wire_put_nil(struct bytes *b)
{
    msgpack_packer pk = packer(b);
    msgpack_pack_nil(&pk);
}

void wire_put_text(struct bytes *b, const char *text, size_t size)
{
    msgpack_packer pk = packer(b);
    msgpack_pack_str(&pk, size);
    msgpack_pack_str_body(&pk, text, size);
    /* msgpack says that text is UTF-8, and many decoders stop at what is not. */
    char *body = (char *)b->data + b->size - size;
    for (size_t i = 0, n; i < size; i += n ? n : 1) {
        n = text_utf8_length(body + i, size - i);
        if (n == 0)
            body[i] = '?';
    }
}

void wire_put_string(struct bytes *b, const char *text)
{
    wire_put_text(b, text, strlen(text));
}

void wire_put_array(struct bytes *b, uint32_t count)
{
    msgpack_packer pk = packer(b);
    msgpack_pack_array(&pk, count);
}

void wire_put_map(struct bytes *b, uint32_t count)
{
    msgpack_packer pk = packer(b);
    msgpack_pack_map(&pk, count);
}

void wire_put_header(struct bytes *b, enum wire_type type, uint64_t epoch, uint64_t sequence)
{
    wire_put_array(b, 5);
    wire_put_uint(b, WIRE_VERSION);
    wire_put_uint(b, type);
    wire_put_uint(b, epoch);
    wire_put_uint(b, sequence);
}

struct wire_reader wire_reader_init(const void *data, size_t size)
{
    return (struct wire_reader){ .at = data, .end = (const uint8_t *)data + size };
}

bool wire_ok(const struct wire_reader *r)
{
    return !r->failed;
}

bool wire_finished(const struct wire_reader *r)
{
    return !r->failed && r->at == r->end;
}

static size_t left(const struct wire_reader *r)
{
    return r->failed ? 0 : (size_t)(r->end - r->at);
}

/* The next n bytes as a big-endian number; fails when they are not there. */
static uint64_t take_be(struct wire_reader *r, size_t n)
{
    uint64_t value = 0;
    if (left(r) < n) {
        r->failed = true;
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        value = value << 8 | *r->at++;
    return value;
}

/* One header of the msgpack specification, whatever it introduces. */
enum item_kind { ITEM_BAD, ITEM_NIL, ITEM_BOOL, ITEM_UINT, ITEM_INT, ITEM_DOUBLE, ITEM_TEXT, ITEM_ARRAY, ITEM_MAP };

struct item {
    enum item_kind kind;
    union {
        uint64_t u; /* value, or size in bytes or elements */
        int64_t i;  /* ITEM_INT: below zero */
        double d;
    };
};

static struct item make_int(int64_t value)
{
    if (value >= 0)
        return (struct item){ .kind = ITEM_UINT, .u = (uint64_t)value };
    return (struct item){ .kind = ITEM_INT, .i = value };
}

static struct item make_float(uint64_t bits, bool is_double)
{
    struct item item = { .kind = ITEM_DOUBLE };
    uint32_t narrow = (uint32_t)bits;
    float f;
    memcpy(&f, &narrow, sizeof(f));
    memcpy(&item.d, &bits, sizeof(item.d));
    if (!is_double)
        item.d = (double)f;
    return item;
}

static struct item take_sized(struct wire_reader *r, uint8_t tag)
{
    switch (tag) {
    case 0xc0:
        return (struct item){ .kind = ITEM_NIL };
    case 0xc2:
    case 0xc3:
        return (struct item){ .kind = ITEM_BOOL, .u = tag & 1 };
    case 0xca:
    case 0xcb:
        return make_float(take_be(r, tag == 0xcb ? 8 : 4), tag == 0xcb);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return (struct item){ .kind = ITEM_UINT, .u = take_be(r, (size_t)1 << (tag - 0xcc)) };
    case 0xd0:
        return make_int((int8_t)take_be(r, 1));
    case 0xd1:
        return make_int((int16_t)take_be(r, 2));
    case 0xd2:
        return make_int((int32_t)take_be(r, 4));
    case 0xd3:
        return make_int((int64_t)take_be(r, 8));
    case 0xd9:
    case 0xda:
    case 0xdb:
        return (struct item){ .kind = ITEM_TEXT, .u = take_be(r, (size_t)1 << (tag - 0xd9)) };
    case 0xdc:
    case 0xdd:
        return (struct item){ .kind = ITEM_ARRAY, .u = take_be(r, (size_t)2 << (tag - 0xdc)) };
    case 0xde:
    case 0xdf:
        return (struct item){ .kind = ITEM_MAP, .u = take_be(r, (size_t)2 << (tag - 0xde)) };
    default: /* bin, ext and the reserved byte: nothing of ours uses them */
        return (struct item){ .kind = ITEM_BAD };
    }
}

static struct item take_item(struct wire_reader *r)
{
    if (left(r) == 0) {
        r->failed = true;
        return (struct item){ .kind = ITEM_BAD };
    }
    uint8_t tag = *r->at++;
    struct item item;
    if (tag < 0x80)
        item = (struct item){ .kind = ITEM_UINT, .u = tag };
    else if (tag < 0x90)
        item = (struct item){ .kind = ITEM_MAP, .u = tag & 0x0f };
    else if (tag < 0xa0)
        item = (struct item){ .kind = ITEM_ARRAY, .u = tag & 0x0f };
    else if (tag < 0xc0)
        item = (struct item){ .kind = ITEM_TEXT, .u = tag & 0x1f };
    else if (tag >= 0xe0)
        item = make_int((int8_t)tag);
    else
        item = take_sized(r, tag);
    /* An element takes at least a byte, a pair two: a count beyond that is a lie. */
    uint64_t least = item.kind == ITEM_MAP ? item.u * 2 : item.u;
    if ((item.kind == ITEM_TEXT || item.kind == ITEM_ARRAY || item.kind == ITEM_MAP) && least > left(r))
        item.kind = ITEM_BAD;
    if (item.kind == ITEM_BAD)
        r->failed = true;
    return item;
}

static struct item take_kind(struct wire_reader *r, enum item_kind kind)
{
    struct item item = take_item(r);
    if (item.kind != kind)
        r->failed = true;
    return r->failed ? (struct item){ .kind = ITEM_BAD } : item;
}

uint64_t wire_get_uint(struct wire_reader *r)
{
    return take_kind(r, ITEM_UINT).u;
}

uint32_t wire_get_uint32(struct wire_reader *r)
{
    uint64_t value = wire_get_uint(r);
    if (value > UINT32_MAX)
        r->failed = true;
    return r->failed ? 0 : (uint32_t)value;
}

int64_t wire_get_int(struct wire_reader *r)
{
    struct item item = take_item(r);
    if (item.kind == ITEM_INT)
        return item.i;
    if (item.kind != ITEM_UINT || item.u > INT64_MAX)
        r->failed = true;
    return r->failed ? 0 : (int64_t)item.u;
}

int64_t wire_get_time(struct wire_reader *r)
{
    const int64_t most = INT64_MAX / 2;
    int64_t value = wire_get_int(r);
    if (value > most || value < -most)
        r->failed = true;
    return r->failed ? 0 : value;
}

double wire_get_double(struct wire_reader *r)
{
    struct item item = take_item(r);
    if (item.kind == ITEM_DOUBLE)
        return item.d;
    if (item.kind == ITEM_UINT)
        return (double)item.u;
    if (item.kind == ITEM_INT)
        return (double)item.i;
    r->failed = true;
    return 0;
}

bool wire_get_bool(struct wire_reader *r)
{
    return take_kind(r, ITEM_BOOL).u != 0;
}

const char *wire_get_text(struct wire_reader *r, size_t max, size_t *ret_size)
{
    struct item item = take_kind(r, ITEM_TEXT);
    if (r->failed || item.u > max) {
        r->failed = true;
        *ret_size = 0;
        return "";
    }
    const char *text = (const char *)r->at;
    r->at += item.u;
    *ret_size = (size_t)item.u;
    return text;
}

void wire_get_string(struct wire_reader *r, char *buffer, size_t capacity)
{
    size_t size;
    const char *text = wire_get_text(r, capacity - 1, &size);
    if (memchr(text, '\0', size)) {
        r->failed = true;
        size = 0;
    }
    memcpy(buffer, text, size);
    buffer[size] = '\0';
}

static uint32_t take_count(struct wire_reader *r, enum item_kind kind, uint32_t max)
{
    struct item item = take_kind(r, kind);
    if (r->failed || item.u > max) {
        r->failed = true;
        return 0;
    }
    return (uint32_t)item.u;
}

uint32_t wire_get_array(struct wire_reader *r, uint32_t max)
{
    return take_count(r, ITEM_ARRAY, max);
}

uint32_t wire_get_map(struct wire_reader *r, uint32_t max)
{
    return take_count(r, ITEM_MAP, max);
}

bool wire_take_nil(struct wire_reader *r)
{
    if (left(r) == 0 || *r->at != 0xc0)
        return false;
    r->at++;
    return true;
}

static void skip_nested(struct wire_reader *r, unsigned depth)
{
    struct item item = take_item(r);
    if (item.kind == ITEM_TEXT && !r->failed)
        r->at += item.u;
    if (item.kind != ITEM_ARRAY && item.kind != ITEM_MAP)
        return;
    if (depth == WIRE_DEPTH_MAX) {
        r->failed = true;
        return;
    }
    uint64_t count = item.kind == ITEM_MAP ? item.u * 2 : item.u;
    for (uint64_t i = 0; i < count && !r->failed; i++)
        skip_nested(r, depth + 1);
}

void wire_skip(struct wire_reader *r)
{
    skip_nested(r, 0);
}

static void json_nested(struct wire_reader *r, struct text_out *out, unsigned depth);

static void json_elements(struct wire_reader *r, struct text_out *out, struct item item, unsigned depth)
{
    bool map = item.kind == ITEM_MAP;
    if (depth == WIRE_DEPTH_MAX) {
        r->failed = true;
        return;
    }
    text_puts(out, map ? "{" : "[");
    for (uint64_t i = 0; i < item.u && !r->failed; i++) {
        text_puts(out, i ? "," : "");
        if (map) {
            size_t size;
            const char *key = wire_get_text(r, WIRE_MESSAGE_MAX, &size);
            text_put_json(out, key, size);
            text_puts(out, ":");
        }
        json_nested(r, out, depth + 1);
    }
    text_puts(out, map ? "}" : "]");
}

static void json_nested(struct wire_reader *r, struct text_out *out, unsigned depth)
{
    struct item item = take_item(r);
    switch (item.kind) {
    case ITEM_BOOL:
        text_puts(out, item.u ? "true" : "false");
        break;
    case ITEM_UINT:
        text_printf(out, "%" PRIu64, item.u);
        break;
    case ITEM_INT:
        text_printf(out, "%" PRId64, item.i);
        break;
    case ITEM_DOUBLE:
        text_put_number(out, item.d);
        break;
    case ITEM_TEXT:
        text_put_json(out, (const char *)r->at, item.u);
        r->at += item.u;
        break;
    case ITEM_ARRAY:
    case ITEM_MAP:
        json_elements(r, out, item, depth);
        break;
    default:
        text_puts(out, "null");
        break;
    }
}

void wire_to_json(struct wire_reader *r, struct text_out *out)
{
    json_nested(r, out, 0);
}

bool wire_open(struct wire_reader *r, const void *data, size_t size, struct wire_header *ret_header)
{
    *r = wire_reader_init(data, size);
    *ret_header = (struct wire_header){ 0 };
    if (size > WIRE_MESSAGE_MAX || wire_get_array(r, 16) < 5) {
        r->failed = true;
        return false;
    }
    ret_header->version = wire_get_uint32(r);
    ret_header->type = wire_get_uint32(r);
    ret_header->epoch = wire_get_uint(r);
    ret_header->sequence = wire_get_uint(r);
    return !r->failed && ret_header->version == WIRE_VERSION;
}
