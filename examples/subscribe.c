/* Prints alerts as they come: those that fire already first, those that were missed, too.
 *
 *     cc subscribe.c $(pkg-config --cflags --libs foretrace) -o subscribe
 *     ./subscribe [ENDPOINT] */
#include <foretrace.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct foretrace_subscriber *s;
    const struct foretrace_alert *a;
    char why[256];
    if (foretrace_connect(argc > 1 ? argv[1] : NULL, NULL, &s, why, sizeof(why)) < 0) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    while (foretrace_next(s, -1, &a) == 1) {
        printf("%s %s: %s\n", a->severity_text, a->state_text, a->summary);
        fflush(stdout);
    }
    foretrace_close(s);
    return 0;
}
