/* config.h - the configuration of all stages: one YAML file, mapped onto the
 * option tables. Precedence: command line, file, preset, default. */
#ifndef FT_APP_CONFIG_H
#define FT_APP_CONFIG_H
#include "alerts/alert_stage.h"
#include "base/security.h"
#include "base/yaml.h"
#include "collector/session.h"
#include "detectors/host.h"
#include "stream/stream.h"

enum { CONFIG_SETS_MAX = 64, CONFIG_PRESETS_MAX = 64 };

enum { HISTORY_STATE, HISTORY_ALL, HISTORY_NONE }; /* attach_history */

struct reader_config {
    struct size read_ahead;      /* of a live session */
    struct choice reader; /* enum replay_reader */
    struct choice attach_history;
    struct duration look_back;
};
extern const struct option reader_options[];

/* The stages as daemons. */
struct delivery_config {
    struct text name;               /* of a collector; auto: the host's */
    struct text samples, verdicts;  /* endpoints; auto: ipc in the runtime directory */
    struct size buffer;
    struct duration silent_after;
    uint32_t collectors;
    struct text state;              /* directory; empty: the usual one */
    struct size journal;
};
extern const struct option delivery_options[];

struct config {
    struct delivery_config delivery;
    struct stream_config stream;
    struct reader_config reader;
    struct session_config session;
    struct host_config detection;
    struct life_config alerts;
    struct security_config security;
    uint32_t analysis_count;
    bool join_analyses;          /* while presets are read, all but the first: their analyses come to what is there */
    struct analysis_instance analyses[STREAM_ANALYSES_MAX];
    struct rules rules;
    bool sinks_given;
    uint32_t sink_count;
    struct {
        const struct sink *sink;
        void *config;
    } sinks[SINKS_MAX];
};

/* Where a configuration comes from; any part may be missing. */
struct config_sources {
    uint32_t preset_count;       /* one after the other; their analyses together */
    const char *presets[CONFIG_PRESETS_MAX];
    const char *file;
    uint32_t set_count;
    const char *sets[CONFIG_SETS_MAX]; /* "KEY=VALUE", as "session.live_timer=10ms" */
};

/* Fails with FILE:LINE and what was expected; *ret_config is then untouched. */
int config_load(const struct config_sources *sources, struct config **ret_config, struct error *err);
void config_free(struct config *config);

/* A section of scalars: "" is the top level. */
struct config_section {
    const char *name, *help;
    const struct option *options;
    size_t offset; /* of its struct in struct config */
    int (*check)(const void *section, struct error *err); /* relations between its options; may be NULL */
};
extern const struct config_section config_sections[]; /* ends with a NULL name */

/* For config_lists.c: the lists. A later source's list replaces an
 * earlier one's; its rules for detectors come before them, and so decide first; its groups are further ones. */
int config_take_analyses(struct config *config, struct yaml *y, const struct yaml_pair *pair, struct error *err);
int config_take_detectors(struct config *config, struct yaml *y, const struct yaml_pair *pair, struct error *err);
int config_take_groups(struct config *config, struct yaml *y, const struct yaml_pair *pair, struct error *err);
int config_take_sinks(struct config *config, struct yaml *y, const struct yaml_pair *pair, struct error *err);
int config_add_analysis(struct config *config, const char *name, struct error *err);
/* Adds to a list of the first analysis of that name, which is made where there is none: --probe. */
int config_add_to_analysis(struct config *config, const char *name, const char *option, const char *item, struct error *err);
int config_add_sink(struct config *config, const char *name, const char *option, const char *value, struct error *err);
void config_clear_analyses(struct config *config);
void config_clear_sinks(struct config *config);
/* The latest analysis has a name of its own. */
int config_check_name(const struct config *config, struct error *err);
/* The name an analysis's series go by; index counts the names of those that have several. NULL: no more. */
const char *analysis_instance_name(const struct analysis_instance *instance, uint32_t index);

/* What the detect and the alert stage's state depend on: a change makes it partly useless. */
uint64_t config_detection_hash(const struct config *config);
uint64_t config_alerts_hash(const struct config *config);

struct preset {
    const char *name, *summary, *yaml;
};
extern const struct preset presets[]; /* ends with a NULL name */

#endif
