#!/bin/sh
# Data flows left to right; so do the includes. A folder may include itself, base/,
# and the output header of its left neighbour. app/ sees all. Only base/clock.c reads
# a clock, and what runs per event or per sample opens no files.
set -eu
cd "$1"
bad=0
complain() { # what was found, what is wrong about it
    [ -z "$1" ] || { echo "$1" | sed "s|$|    <- $2|"; bad=1; }
}
allow() { # folder, extended regex of what it may include
    complain "$(grep -rnE '^#include "' --include='*.[ch]' "$1" | grep -vE "#include \"($2)" || true)" "not its neighbour's output"
}
allow base 'base/'
allow collector 'base/|collector/'
allow stream 'base/|stream/|collector/event\.h"'
allow detectors 'base/|detectors/|stream/sample\.h"'
allow alerts 'base/|alerts/|detectors/verdict\.h"'
allow app 'base/|collector/|stream/|detectors/|alerts/|app/'
allow examples/shop 'shop_tp\.h"'

folders="base collector stream detectors alerts app"
# shellcheck disable=SC2086 # a list of words
complain "$(grep -rnE '\b(clock_gettime|gettimeofday|clock|time|nanosleep|usleep|sleep)\(' --include='*.c' $folders |
    grep -vE '^base/clock\.c:|->time\(' || true)" "only base/clock.c reads a clock"
complain "$(grep -rnE '\b(fopen|open|socket|malloc|calloc|realloc|strdup)\(' --include='*.c' stream detectors | grep -v -- '->open(' || true)" \
    "no input or output, and no unchecked allocation, in these stages"
# shellcheck disable=SC2086
complain "$(grep -rnE '\b(strcpy|strcat|sprintf|gets|strtok|atoi|atol|atof|system|popen)\(' --include='*.[ch]' $folders || true)" \
    "unbounded or unchecked"
# shellcheck disable=SC2086
complain "$(grep -rnE '^typedef struct|\bTODO\b|\bFIXME\b|\bXXX\b' --include='*.[ch]' $folders || true)" "house style"
[ $bad != 0 ] || echo "layers: clean"
exit $bad
