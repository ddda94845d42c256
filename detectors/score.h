/* score.h - one scale for all detectors.
 *
 * A detector works out how improbable a sample is if nothing is wrong: L is
 * -log10 of the tail probability. Its score is L / (L + L0), L0 being the alert
 * threshold: 0.5 is the threshold, nothing ever saturates, and scores of
 * different detectors compare. */
#ifndef FT_DETECTORS_SCORE_H
#define FT_DETECTORS_SCORE_H
#include "detectors/detector.h"

/* -log10 of the two-sided tail of the normal distribution at z: below 5 by a
 * polynomial fitted at Chebyshev's points (error below 2e-5), beyond by the first
 * terms of the asymptotic series (Abramowitz and Stegun 26.2.12), so that it goes
 * on rising where the probability underflows. */
double score_normal_tail(double z);

/* The same for Student's t with `freedom` degrees of freedom, through Wallace's
 * normal equivalent (Annals of Mathematical Statistics 30, 1959, section 4). */
double score_student_tail(double t, double freedom);
/* The |t| at which score_student_tail() is `tail`. */
double score_student_quantile(double tail, double freedom);

/* L / (L + L0). */
static inline double score_of_tail(double tail, double threshold)
{
    return tail / (tail + threshold);
}

/* Warning from the threshold on, critical from `critical` times it on. */
static inline enum severity score_severity(double tail, double threshold, double critical)
{
    if (tail >= threshold * critical)
        return SEVERITY_CRITICAL;
    return tail >= threshold ? SEVERITY_WARNING : SEVERITY_OK;
}

/* Whether what began then and is anomalous still has lasted so long that it is the new normal: in windows that are longer
 * than that, ten of them. */
bool score_lasted(int64_t since_ns, const struct observation *o, struct duration relearn);

#endif
