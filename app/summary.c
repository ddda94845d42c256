/* summary.c - what a run came to, for programs and for people. */
#include "app/pipeline.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_time(FILE *f, const char *name, int64_t time_ns)
{
    if (time_ns == INT64_MIN)
        fprintf(f, ", \"%s\": null", name);
    else
        fprintf(f, ", \"%s\": %" PRId64, name, time_ns);
}

int pipeline_check_output(const char *path, struct error *err)
{
    FILE *f = path && strcmp(path, "-") != 0 ? fopen(path, "ae") : NULL;
    if (path && strcmp(path, "-") != 0 && !f)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (f)
        fclose(f);
    return 0;
}

int pipeline_write_summary(const struct pipeline *p, const char *path, bool complete, struct error *err)
{
    const struct stream_totals *t = &p->collect.totals;
    FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (!f)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    fprintf(f, "{\"events\": %" PRIu64 ", \"discarded_events\": %" PRIu64 ", \"lost_packets\": %" PRIu64, t->events,
            t->discarded_events, t->lost_packets);
    fprintf(f, ", \"windows\": %" PRIu64 ", \"samples\": %" PRIu64 ", \"series\": %" PRIu64, t->windows, t->samples,
            t->series);
    fprintf(f, ", \"alerts_fired\": %" PRIu64 ", \"alerts_resolved\": %" PRIu64, p->alert.totals.fired,
            p->alert.totals.resolved);
    put_time(f, "first_event_ns", t->first_event_ns);
    put_time(f, "last_event_ns", t->last_event_ns);
    fprintf(f, ", \"wall_ns\": %" PRId64 ", \"cpu_ns\": %" PRId64, clock_monotonic_ns() - p->started_ns,
            process_cpu_ns() - p->started_cpu_ns);
    fprintf(f, ", \"samples_judged\": %" PRIu64 ", \"verdicts\": %" PRIu64 ", \"dropped_windows\": %" PRIu64 ", \"undelivered\": %" PRIu64
               ", \"refused_messages\": %" PRIu64 ", \"repeated_messages\": %" PRIu64 ", \"told_again\": %" PRIu64 ", \"silences\": %" PRIu64,
            p->detect.totals.samples, p->detect.totals.verdicts, p->collect.delivered.dropped,
            p->collect.delivered.undelivered + p->detect.delivered.undelivered, p->detect.delivered.refused + p->alert.delivered.refused,
            p->detect.delivered.repeated + p->alert.delivered.repeated, p->detect.totals.again, p->detect.delivered.silences + p->alert.delivered.silences);
    fprintf(f, ", \"refused_connections\": %" PRIu64 ", \"strange_messages\": %" PRIu64,
            p->detect.delivered.connections_refused + p->alert.delivered.connections_refused, p->detect.delivered.strange + p->alert.delivered.strange);
    fprintf(f, ", \"discarded_at_least\": %s, \"outages\": %" PRIu64 ", \"delays\": %" PRIu64 ", \"late_events\": %" PRIu64 ", \"complete\": %s}\n",
            t->discarded_at_least ? "true" : "false", p->collect.outages, p->collect.delays, t->late_events, complete ? "true" : "false");
    int failed = ferror(f) | (f == stdout ? fflush(f) : fclose(f));
    return failed ? error_set(err, -EIO, "%s: cannot be written", path) : 0;
}

static void log_losses(const struct pipeline *p)
{
    const struct stream_totals *t = &p->collect.totals;
    if (t->discarded_events)
        log_warning("the tracer discarded %s%" PRIu64 " events; the windows concerned are marked",
                    t->discarded_at_least ? "at least " : "", t->discarded_events);
    if (t->lost_packets)
        log_warning("%" PRIu64 " packets are missing, with an unknown number of events; the windows concerned are marked",
                    t->lost_packets);
    if (p->collect.outages)
        log_warning("%" PRIu64 " outages: times at which nothing could be observed", p->collect.outages);
    if (t->late_events)
        log_warning("%" PRIu64 " events came too late for their window", t->late_events);
    if (p->detect.totals.refused)
        log_warning("%" PRIu64 " series were not watched for want of memory (detection.memory)", p->detect.totals.refused);
    if (p->detect.totals.forgotten)
        log_warning("%" PRIu64 " series that were in trouble when they were purged are forgotten", p->detect.totals.forgotten);
    if (p->alert.totals.refused)
        log_warning("%" PRIu64 " verdicts had no room for an alert (alerts.max_alerts)", p->alert.totals.refused);
    if (p->alert.failures)
        log_warning("%" PRIu64 " deliveries to sinks failed", p->alert.failures);
    if (p->detect.delivered.refused + p->alert.delivered.refused)
        log_warning("%" PRIu64 " messages between stages were refused", p->detect.delivered.refused + p->alert.delivered.refused);
    if (p->detect.delivered.connections_refused + p->alert.delivered.connections_refused)
        log_warning("%" PRIu64 " connections were refused: no key, a wrong one, or no ZeroMQ",
                    p->detect.delivered.connections_refused + p->alert.delivered.connections_refused);
    if (p->collect.delivered.dropped)
        log_warning("%" PRIu64 " windows could not be delivered and were dropped (delivery.buffer)", p->collect.delivered.dropped);
    if (p->collect.delivered.undelivered + p->detect.delivered.undelivered)
        log_warning("%" PRIu64 " messages to the detect stage and %" PRIu64 " to the alert stage were not delivered",
                    p->collect.delivered.undelivered, p->detect.delivered.undelivered);
}

void pipeline_log_summary(const struct pipeline *p)
{
    const struct stream_totals *t = &p->collect.totals;
    double seconds = (double)(clock_monotonic_ns() - p->started_ns) / 1e9;
    double cpu = (double)(process_cpu_ns() - p->started_cpu_ns) / 1e9;
    if (p->extent == PIPELINE_DETECT)
        log_info("%" PRIu64 " samples judged, %" PRIu64 " verdicts; %.1f s, %.2f s of cpu", p->detect.totals.samples, p->detect.totals.verdicts,
                 seconds, cpu);
    else if (p->extent == PIPELINE_ALERT)
        log_info("%" PRIu64 " alerts fired, %" PRIu64 " resolved; %.1f s, %.2f s of cpu", p->alert.totals.fired, p->alert.totals.resolved, seconds, cpu);
    else if (p->extent == PIPELINE_COLLECT)
        log_info("%" PRIu64 " events, %" PRIu64 " windows, %" PRIu64 " series; %.1f s, %.2f s of cpu", t->events, t->windows, t->series, seconds, cpu);
    else
        log_info("%" PRIu64 " events, %" PRIu64 " windows, %" PRIu64 " series; %" PRIu64 " alerts fired, %" PRIu64
                 " resolved; %.1f s, %.2f s of cpu",
                 t->events, t->windows, t->series, p->alert.totals.fired, p->alert.totals.resolved, seconds, cpu);
    log_losses(p);
}
