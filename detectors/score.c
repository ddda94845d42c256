#include "detectors/score.h"
#include <math.h>

double score_normal_tail(double z)
{
    static const double c[] = { 0.34651971744405047,   0.13817765223511558,    0.016011803180910472, -0.002413387848494024,
                                0.00023300684539095335, -1.1222347996111875e-05, 1.1089340005884879e-07 };
    z = fabs(z);
    if (z < 5)
        return z * (c[0] + z * (c[1] + z * (c[2] + z * (c[3] + z * (c[4] + z * (c[5] + z * c[6]))))));
    double inverse = 1 / (z * z);
    return z * z * (0.5 * M_LOG10E) + log10(z * sqrt(M_PI / 2)) - log10(1 - inverse + 3 * inverse * inverse);
}

double score_student_tail(double t, double freedom)
{
    double z = (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log1p(t * t / freedom));
    return score_normal_tail(z);
}

double score_student_quantile(double tail, double freedom)
{
    double low = 0, high = 1;
    while (score_student_tail(high, freedom) < tail && high < 1e6)
        high *= 2;
    for (int i = 0; i < 40; i++) {
        double middle = (low + high) / 2;
        if (score_student_tail(middle, freedom) < tail)
            low = middle;
        else
            high = middle;
    }
    return high;
}

double score_of_tail(double tail, double threshold)
{
    return tail / (tail + threshold);
}

enum severity score_severity(double tail, double threshold, double critical)
{
    if (tail >= threshold * critical)
        return SEVERITY_CRITICAL;
    return tail >= threshold ? SEVERITY_WARNING : SEVERITY_OK;
}
