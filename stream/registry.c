#include "stream/analysis.h"
#include <string.h>

#define ANALYSIS(name) extern const struct analysis analysis_##name;
#include "stream/analyses/analyses.def"
#undef ANALYSIS

const struct analysis *const analyses[] = {
#define ANALYSIS(name) &analysis_##name,
#include "stream/analyses/analyses.def"
#undef ANALYSIS
    NULL
};

const struct analysis *analysis_find(const char *name)
{
    for (const struct analysis *const *a = analyses; *a; a++)
        if (strcmp((*a)->name, name) == 0)
            return *a;
    return NULL;
}
