/* crowd.c - many subscribers in one process, with one poll loop over their descriptors:
 * crowd ENDPOINT SUBSCRIBERS IDLE_SECONDS. Ends when nothing came for so long after
 * the first alert, or after a minute without any; prints one JSON object. */
#include "alerts/client/foretrace.h"
#include "base/bytes.h"
#include "base/clock.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { SUBSCRIBERS_MAX = 1000 };

struct member {
    struct foretrace_subscriber *s;
    uint64_t first, last, taken; /* sequences; taken: live or recovered */
};

static struct member members[SUBSCRIBERS_MAX];
static struct pollfd items[SUBSCRIBERS_MAX];
static int64_t *delays;
static size_t delay_count, delay_capacity;

/* The traced program says in the event when it emitted it. */
static void note_delay(const struct foretrace_alert *a)
{
    if (a->origin != FORETRACE_LIVE || a->state != FORETRACE_FIRING || a->evidence_count == 0)
        return;
    for (size_t i = 0; i < a->evidence[0]->field_count; i++) {
        if (strcmp(a->evidence[0]->fields[i].name, "sent_ns") != 0)
            continue;
        GROW(delays, delay_count, delay_capacity);
        delays[delay_count++] = clock_wall_ns() - strtoll(a->evidence[0]->fields[i].value, NULL, 10);
    }
}

static int take(struct member *m)
{
    const struct foretrace_alert *a;
    int taken = 0;
    while (foretrace_next(m->s, 0, &a) == 1) {
        taken++;
        if (a->sequence <= m->last) {
            fprintf(stderr, "%" PRIu64 " after %" PRIu64 "\n", a->sequence, m->last);
            exit(1);
        }
        m->last = a->sequence;
        note_delay(a);
        if (a->origin == FORETRACE_REPLAYED)
            continue;
        m->first = m->first ? m->first : a->sequence;
        m->taken++;
    }
    return taken;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double delay_ms(double share)
{
    size_t at = (size_t)(share * (double)delay_count);
    return delay_count ? (double)delays[at < delay_count ? at : delay_count - 1] / 1e6 : -1;
}

static void report(int count)
{
    qsort(delays, delay_count, sizeof(*delays), compare);
    printf("{\"delays\":%zu,\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"subscribers\":[", delay_count, delay_ms(0.5),
           delay_ms(0.9), delay_ms(0.99), delay_ms(1));
    for (int i = 0; i < count; i++) {
        const struct member *m = &members[i];
        printf("%s{\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"taken\":%" PRIu64 ",\"missed\":%" PRIu64 ",\"recovered\":%" PRIu64
               ",\"refused\":%" PRIu64 "}", i ? "," : "", m->first, m->last, m->taken, foretrace_missed(m->s), foretrace_recovered(m->s),
               foretrace_refused(m->s));
        foretrace_close(m->s);
    }
    printf("]}\n");
}

int main(int argc, char **argv)
{
    struct rlimit files;
    char why[256];
    int count = argc == 4 ? atoi(argv[2]) : 0;
    if (count < 1 || count > SUBSCRIBERS_MAX || getrlimit(RLIMIT_NOFILE, &files) < 0)
        return 2;
    files.rlim_cur = files.rlim_max; /* each has threads and descriptors of its own */
    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < count; i++) {
        if (foretrace_connect(argv[1], NULL, &members[i].s, why, sizeof(why)) < 0) {
            fprintf(stderr, "%s\n", why);
            return 1;
        }
        items[i] = (struct pollfd){ .fd = foretrace_fd(members[i].s), .events = POLLIN };
    }
    int64_t idle_ns = atoi(argv[3]) * INT64_C(1000000000), end_ns = clock_monotonic_ns() + INT64_C(60000000000);
    while (clock_monotonic_ns() < end_ns) {
        poll(items, (nfds_t)count, 100);
        for (int i = 0; i < count; i++)
            if (items[i].revents && take(&members[i]) > 0)
                end_ns = clock_monotonic_ns() + idle_ns;
    }
    report(count);
    free(delays);
    return 0;
}
