/* The detect stage: any bytes as messages of the stream stage. */
#include "detectors/host.h"
#include "messages.h"
#include <stdlib.h>
#include <zmq.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rules rules;
static struct link_sender out;
static struct link_receiver end;

static void ignore(void *self, const char *text)
{
    (void)self;
    (void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *zmq;
    struct wire_header h;
    struct wire_reader body;
    if (!zmq) {
        zmq = zmq_ctx_new();
        rules_init(&rules);
        if (link_receiver_open(&end, zmq, "inproc://end", NULL) < 0 || link_sender_open(&out, zmq, "inproc://end", 1, NULL) < 0)
            abort();
    }
    struct host_config config = { .memory.bytes = 1 << 20 };
    struct host *host = host_new(&config, &rules, &out, ignore, NULL);
    for (size_t at = 0, n; at < size; at += n) {
        n = message_size(data + at, size - at);
        if (wire_open(&body, data + at, n, &h))
            host_message(host, &h, body);
        while (link_receive(&end, &h, &body) != 0)
            ;
    }
    host_free(host);
    return 0;
}
