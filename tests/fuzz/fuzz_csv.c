/* A CSV file for `foretrace score`, of any bytes: what is read are numbers or missing, in as many columns as were told, and
 * windows that follow each other. */
#include "app/samples_csv.h"
#include "app/score_clock.h"
#include "app/score_csv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const char *path)
{
    static struct score_csv csv;
    struct score_clock clock = { 0 };
    struct error err;
    int64_t begin_ns, end_ns, last_ns = INT64_MIN;
    memset(&csv, 0, sizeof(csv));
    int r = score_csv_open(&csv, path, &err);
    while (r == 0 && (r = score_csv_next(&csv, &err)) > 0) {
        if (csv.columns == 0 || csv.columns > SCORE_COLUMNS_MAX || csv.columns > csv.fields)
            abort();
        for (uint32_t i = 0; i < csv.columns; i++)
            if (isinf(csv.values[i]) || strlen(csv.texts[i]) > csv.capacity)
                abort();
        score_clock_row(&clock, csv.time, &begin_ns, &end_ns);
        if (begin_ns >= end_ns || begin_ns < last_ns)
            abort();
        last_ns = end_ns;
        r = 0;
    }
    if (r < 0 && strstr(err.text, path) != err.text)
        abort();
    score_csv_close(&csv);
}

/* The same bytes as samples: what is read has names that are given again, windows in order, and finite values. */
static void read_samples(const char *path)
{
    static const struct config config;
    struct samples_csv csv = { 0 };
    struct meter_description d;
    struct error err;
    int64_t last_ns = 0;
    int r = samples_csv_open(&csv, path, &err);
    while (r == 0 && (r = samples_csv_next(&csv, &err)) > 0) {
        if (csv.window_ns <= 0 || csv.time_ns < last_ns || csv.meter >= csv.count || csv.sample.value_count > STATISTIC_KINDS)
            abort();
        last_ns = csv.time_ns;
        samples_csv_describe(&csv, csv.meter, &config, &d);
        if (d.label_count > LABELS_MAX || d.kind < METRIC_COUNTER || d.kind > METRIC_VALUE)
            abort();
        for (uint32_t i = 0; i < csv.sample.value_count; i++)
            if (isinf(csv.sample.values[i]))
                abort();
        r = 0;
    }
    if (r < 0 && strstr(err.text, path) != err.text)
        abort();
    samples_csv_close(&csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("csv", MFD_CLOEXEC);
    if (fd < 0)
        return 0;
    if (write(fd, data, size) == (ssize_t)size) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        read_all(path);
        read_samples(path);
    }
    close(fd);
    return 0;
}
