/* The parent of a reader child: any bytes from the pipe. */
#include "collector/batch.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum;

static void on_select(void *self, const struct event_class *class, struct event_selection *sel)
{
    (void)self;
    sum += (uint64_t)class->name[0];
    sel->count = class->field_count < EVENT_VALUES_MAX ? class->field_count : EVENT_VALUES_MAX;
    for (uint32_t i = 0; i < sel->count; i++)
        sel->fields[i] = (uint16_t)i;
}
static void on_event(void *self, const struct event *e)
{
    (void)self;
    sum += (uint64_t)e->time_ns + e->values[0].kind;
    if (e->values[0].kind == VALUE_TEXT)
        for (uint32_t i = 0; i < e->values[0].size; i++)
            sum += (uint64_t)e->values[0].text[i]; /* every byte of it is there */
}
static void on_number(void *self, uint64_t n)
{
    (void)self;
    sum += n;
}
static void on_watermark(void *self, int64_t t)
{
    (void)self;
    sum += (uint64_t)t;
}
static void on_loss(void *self, const struct loss *l)
{
    (void)self;
    sum += l->count;
}
static void on_status(void *self, enum reader_status status, const char *text)
{
    (void)self;
    sum += (uint64_t)status + (uint64_t)text[0];
}
static void on_time(void *self, int64_t t, bool events)
{
    (void)self;
    sum += (uint64_t)t + events;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int null = -1;
    struct batch_reader r;
    struct batch_events events = { .consumer = { NULL, on_select, on_event, on_number, on_watermark, on_loss },
                                   .status = on_status, .time = on_time };
    int fd = memfd_create("batch", 0);
    if (null < 0)
        null = open("/dev/null", O_WRONLY);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    batch_reader_init(&r, fd, null);
    while (batch_read(&r, &events) == 1)
        ;
    batch_reader_done(&r);
    close(fd);
    return 0;
}
