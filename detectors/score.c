#include "detectors/score.h"
#include <math.h>

double score_normal_tail(double z)
{
    static const double c[] = { 0.34651971744405047,   0.13817765223511558,    0.016011803180910472, -0.002413387848494024,
                                0.00023300684539095335, -1.1222347996111875e-05, 1.1089340005884879e-07 };
    z = fabs(z);
    if (z < 5) { /* Estrin's scheme: three steps deep, where Horner's is six */
        double z2 = z * z;
        return z * ((c[0] + z * c[1]) + z2 * (c[2] + z * c[3]) + z2 * z2 * ((c[4] + z * c[5]) + z2 * c[6]));
    }
    double inverse = 1 / (z * z);
    return z * z * (0.5 * M_LOG10E) + log10(z * sqrt(M_PI / 2)) - log10(1 - inverse + 3 * inverse * inverse);
}

/* f log(1 + s/f); of most samples by a Pade approximant, relative error below 2e-5: log1p() would be half of what they cost. */
static double stretched_log(double s, double f)
{
    return s < 0.5 * f ? s * (f * (30 * f + 21 * s) + s * s) / (f * (30 * f + 36 * s) + 9 * s * s) : f * log1p(s / f);
}

double score_student_tail(double t, double freedom)
{
    return score_normal_tail((8 * freedom + 1) / (8 * freedom + 3) * sqrt(stretched_log(t * t, freedom)));
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

bool score_lasted(int64_t since_ns, const struct observation *o, struct duration relearn)
{
    static const int64_t least = 10;
    int64_t lasted_ns = o->end_ns - since_ns;
    return lasted_ns >= relearn.ns && lasted_ns >= least * (o->end_ns - o->begin_ns);
}
