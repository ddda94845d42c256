/* summary.c - what a run came to, for programs and for people. */
#include "app/pipeline.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
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
    fprintf(f, ", \"restarted_states\": %" PRIu64, p->detect.totals.restarted);
    fprintf(f, ", \"refused_connections\": %" PRIu64 ", \"strange_messages\": %" PRIu64,
            p->detect.delivered.connections_refused + p->alert.delivered.connections_refused, p->detect.delivered.strange + p->alert.delivered.strange);
    fprintf(f, ", \"discarded_at_least\": %s, \"outages\": %" PRIu64 ", \"delays\": %" PRIu64 ", \"late_events\": %" PRIu64 ", \"complete\": %s}\n",
            t->discarded_at_least ? "true" : "false", p->collect.outages, p->collect.delays, t->late_events, complete ? "true" : "false");
    int failed = ferror(f) | (f == stdout ? fflush(f) : fclose(f));
    return failed ? error_set(err, -EIO, "%s: cannot be written", path) : 0;
}

static void log_undelivered(uint64_t count, const char *stage)
{
    if (count)
        log_warning("%" PRIu64 " message%s not delivered to the %s stage", count, count == 1 ? " was" : "s were", stage);
}

static void log_losses(const struct pipeline *p)
{
    const struct stream_totals *t = &p->collect.totals;
    uint64_t messages = p->detect.delivered.refused + p->alert.delivered.refused, dropped = p->collect.delivered.dropped;
    uint64_t connections = p->detect.delivered.connections_refused + p->alert.delivered.connections_refused;
    if (t->discarded_events)
        log_warning("the tracer discarded %s%" PRIu64 " event%s; the windows concerned are marked",
                    t->discarded_at_least ? "at least " : "", t->discarded_events, text_s(t->discarded_events));
    if (t->lost_packets)
        log_warning("%" PRIu64 " packet%s missing, with an unknown number of events; the windows concerned are marked",
                    t->lost_packets, t->lost_packets == 1 ? " is" : "s are");
    if (p->collect.outages)
        log_warning("%" PRIu64 " outage%s: times at which nothing, or not all, could be observed", p->collect.outages, text_s(p->collect.outages));
    if (t->late_events)
        log_warning("%" PRIu64 " event%s too late for the window", t->late_events, t->late_events == 1 ? " was" : "s were");
    if (p->detect.totals.refused)
        log_warning("%" PRIu64 " series %s not watched for want of memory (detection.memory)", p->detect.totals.refused, p->detect.totals.refused == 1 ? "was" : "were");
    if (p->detect.totals.left_out)
        log_warning("%" PRIu64 " series had no place in a group (its members, or detection.memory)", p->detect.totals.left_out);
    if (p->detect.totals.forgotten)
        log_warning("%" PRIu64 " series in trouble %s purged and forgotten", p->detect.totals.forgotten, p->detect.totals.forgotten == 1 ? "was" : "were");
    if (p->alert.totals.refused)
        log_warning("%" PRIu64 " verdict%s had no room for an alert (alerts.max_alerts)", p->alert.totals.refused, text_s(p->alert.totals.refused));
    if (p->alert.failures)
        log_warning("%" PRIu64 " deliver%s to sinks failed", p->alert.failures, p->alert.failures == 1 ? "y" : "ies");
    if (messages)
        log_warning("%" PRIu64 " message%s between stages refused", messages, messages == 1 ? " was" : "s were");
    if (connections)
        log_warning("%" PRIu64 " connection%s refused: no key, a wrong one, or no ZeroMQ", connections, connections == 1 ? " was" : "s were");
    if (dropped)
        log_warning("%" PRIu64 " window%s dropped, since nobody took %s in time (delivery.buffer)", dropped, dropped == 1 ? " was" : "s were",
                    dropped == 1 ? "it" : "them");
    log_undelivered(p->collect.delivered.undelivered, "detect");
    log_undelivered(p->detect.delivered.undelivered, "alert");
}

void pipeline_log_summary(const struct pipeline *p)
{
    const struct stream_totals *t = &p->collect.totals;
    double seconds = (double)(clock_monotonic_ns() - p->started_ns) / 1e9;
    double cpu = (double)(process_cpu_ns() - p->started_cpu_ns) / 1e9;
    char alerts[96];
    snprintf(alerts, sizeof(alerts), "%" PRIu64 " alert%s fired, %" PRIu64 " resolved", p->alert.totals.fired, text_s(p->alert.totals.fired),
             p->alert.totals.resolved);
    if (p->extent == PIPELINE_DETECT)
        log_info("%" PRIu64 " sample%s judged, %" PRIu64 " verdict%s; %.1f s, %.2f s of cpu", p->detect.totals.samples, text_s(p->detect.totals.samples),
                 p->detect.totals.verdicts, text_s(p->detect.totals.verdicts), seconds, cpu);
    else if (p->extent == PIPELINE_ALERT)
        log_info("%s; %.1f s, %.2f s of cpu", alerts, seconds, cpu);
    else
        log_info("%" PRIu64 " event%s, %" PRIu64 " window%s, %" PRIu64 " series%s%s; %.1f s, %.2f s of cpu", t->events, text_s(t->events), t->windows,
                 text_s(t->windows), t->series, p->extent == PIPELINE_COLLECT ? "" : "; ", p->extent == PIPELINE_COLLECT ? "" : alerts, seconds, cpu);
    log_losses(p);
}
