/* Any bytes as what lttng-relayd answers: a command, then its answer with what follows it, and so on. */
#include "collector/viewer_wire.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum;

static void see_list(enum viewer_command command, const uint8_t *list, uint32_t count)
{
    struct viewer_session session;
    struct viewer_stream stream;
    for (uint32_t i = 0; i < count; i++) {
        if (command == VIEWER_LIST_SESSIONS) {
            viewer_get_session(list + (size_t)i * VIEWER_SESSION_BYTES, &session);
            sum += session.id + strlen(session.hostname) + strlen(session.name);
        } else {
            viewer_get_stream(list + (size_t)i * VIEWER_STREAM_BYTES, &stream);
            sum += stream.id + strlen(stream.channel);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* so that reading beyond is noticed */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    for (size_t at = 0; at < size;) {
        enum viewer_command command = (enum viewer_command)(copy[at++] % (VIEWER_DETACH_SESSION + 2));
        struct viewer_answer a;
        struct error err;
        size_t head = viewer_answer_size(command);
        if (size - at < head || viewer_get_answer(command, copy + at, &a, &err) < 0)
            break;
        at += head;
        size_t each = command == VIEWER_LIST_SESSIONS ? VIEWER_SESSION_BYTES : VIEWER_STREAM_BYTES;
        if (a.count > (size - at) / each || a.size > size - at - a.count * each)
            break;
        see_list(command, copy + at, a.count);
        at += a.count * each + (size_t)a.size;
    }
    free(copy);
    return 0;
}
