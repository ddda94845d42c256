/* kinds.c - a program for the live tests: events with every kind of field that lttng-ust has.
 *
 *   kinds WORD...     each in turn
 *     values          every kind of field, with values at the limits (test_kinds.py has the same values)
 *     shapes          events while the application's context is of one type after the other
 *     numbered        an event of each of 300 classes
 *     logs            tracef and tracelog
 *     burst=N         N small events, as fast as they come
 *     texts=N         N events with texts of 0 to 99 bytes
 *     paced=N/US      N events, with a pause after each
 *     threads=N       the next word in N threads at once
 *     children=N      the rest of the words in N processes at once
 *     sleep=MS        nothing
 *     say=TEXT        a line on standard output, and no event
 */
#include "kinds_context.h"
#include "kinds_tp.h"
#include <float.h>
#include <lttng/tracef.h>
#include <lttng/tracelog.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONG_TEXT = 9000, THREADS_MAX = 16 };

static const char long_pattern[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static void emit_numbers(void)
{
    static const struct integers values[] = { { 0, 0 },
                                              { 1, 1 },
                                              { -1, UINT64_MAX },
                                              { INT64_MIN, 0x8000000000000000 },
                                              { INT64_MAX, 0x7fffffffffffffff },
                                              { -0x0123456789abcdef, 0x0123456789abcdef },
                                              { 0x7f80ff7fff80ff80, 0xff00ff80ff80ff7f } };
    static const double reals[] = { 0.0,
                                    -0.0,
                                    1.0,
                                    -1.5,
                                    0.1,
                                    3.141592653589793,
                                    DBL_MAX,
                                    -DBL_MAX,
                                    DBL_MIN,
                                    5e-324,
                                    -2.2250738585072009e-308,
                                    1e15,
                                    1e16,
                                    123456789012345680.0 };
    static const float singles[] = { 0.0F,     -0.0F,   1.0F,   -1.5F,           0.1F, 3.1415927F,  FLT_MAX,
                                     -FLT_MAX, FLT_MIN, 1e-45F, -1.1754942e-38F, 1e7F, 16777216.0F, 1e-7F };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        lttng_ust_tracepoint(kinds, integers, &values[i]);
        lttng_ust_tracepoint(kinds, network, &values[i]);
    }
    for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++)
        lttng_ust_tracepoint(kinds, reals, reals[i], singles[i]);
    lttng_ust_tracepoint(kinds, reals, (double)NAN, NAN);
    lttng_ust_tracepoint(kinds, reals, (double)-NAN, -NAN);
    lttng_ust_tracepoint(kinds, reals, (double)INFINITY, -INFINITY);
    lttng_ust_tracepoint(kinds, reals, (double)-INFINITY, INFINITY);
}

static void emit_enumerations(void)
{
    static const struct integers values[] = { { 0, 0 },    { 1, 5 },      { 2, 6 },
                                              { -1, 12 },  { -3, 17 },    { 3, 22 },
                                              { 100, 99 }, { -100, 255 }, { INT64_MIN, UINT64_MAX } };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        lttng_ust_tracepoint(kinds, enumerations, values[i].i, values[i].u);
}

static void emit_lists(char *long_text)
{
    static const struct elements values = { .i8 = { -128, -1, 0, 127 },
                                            .i64 = { INT64_MIN, -1, 0, INT64_MAX },
                                            .u16 = { 0, 1, 0x8000, 0xffff },
                                            .n_u16 = { 0, 0x0100, 0x0080, 0xffff },
                                            .u32 = { 0, 1, 0x80000000, 0xffffffff },
                                            .n_u32 = { 0, 0x01000000, 0x00000080, 0xffffffff },
                                            .u64 = UINT64_MAX,
                                            .text = "wxyz" };
    lttng_ust_tracepoint(kinds, arrays, &values);
    for (size_t n = 0; n <= ELEMENTS; n++)
        lttng_ust_tracepoint(kinds, sequences, &values, n);
    lttng_ust_tracepoint(kinds, sequences, &values, 0);
    lttng_ust_tracepoint(kinds, bytes, long_text, LONG_TEXT);
    lttng_ust_tracepoint(kinds, bytes, "a\0b", 3);
    lttng_ust_tracepoint(kinds, bytes, "\0", 1);
    lttng_ust_tracepoint(kinds, bytes, "\xff\xfe\x80", 3);
    lttng_ust_tracepoint(kinds, bytes, NULL, 0);
    lttng_ust_tracepoint(kinds, hidden, &values, 7);
}

static void emit_strings(char *long_text)
{
    lttng_ust_tracepoint(kinds, strings, "abc", "def", 1);
    lttng_ust_tracepoint(kinds, strings, "", "", 2);
    lttng_ust_tracepoint(kinds, strings, "", "x", 3);
    lttng_ust_tracepoint(kinds, strings, "x", "", 4);
    lttng_ust_tracepoint(kinds, strings, NULL, "(null)", 5);
    lttng_ust_tracepoint(kinds, strings, "h\xc3\xa9", "\xe2\x82\xac\xf0\x9f\x98\x80", 6);
    lttng_ust_tracepoint(kinds, strings, "\xc3", "\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80", 7);
    lttng_ust_tracepoint(kinds, strings, "\"quoted\" \\ back\n\r\t\x01\x7f", "%s%n", 8);
    lttng_ust_tracepoint(kinds, strings, long_text, "", 9);
    long_text[4096] = '\0';
    lttng_ust_tracepoint(kinds, strings, "", long_text, 10);
}

static void emit_values(void)
{
    char long_text[LONG_TEXT + 1] = { 0 };
    for (size_t i = 0; i < LONG_TEXT; i++)
        long_text[i] = long_pattern[i % (sizeof(long_pattern) - 1)];
    lttng_ust_tracepoint(kinds, none);
    emit_numbers();
    emit_enumerations();
    emit_lists(long_text);
    emit_strings(long_text);
    lttng_ust_tracepoint(kinds, none);
}

static void emit_shapes(void)
{
    for (unsigned i = 0; i < 2 * CONTEXT_SHAPES; i++) {
        context_use_shape(i);
        lttng_ust_tracepoint(kinds, strings, "", "", (int)(i % CONTEXT_SHAPES));
    }
    context_use_shape(0);
}

static void emit_numbered(void)
{
    int n = 0;
#define EMIT(number) lttng_ust_tracepoint(kinds, numbered_##number, n++);
    KINDS_EACH_NUMBER(EMIT)
#undef EMIT
}

static void emit_logs(void)
{
    lttng_ust_tracef("tracef %d %s", 1, "one");
    lttng_ust_tracef("%s", "");
    lttng_ust_tracelog(LTTNG_UST_TRACEPOINT_LOGLEVEL_EMERG, "emerg %d", 2);
    lttng_ust_tracelog(LTTNG_UST_TRACEPOINT_LOGLEVEL_WARNING, "warning %d", 3);
    lttng_ust_tracelog(LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_LINE, "%s", "");
    lttng_ust_tracelog(LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG, "debug %s", "x");
}

static void pause_us(long us)
{
    struct timespec t = { us / 1000000, us % 1000000 * 1000 };
    if (us > 0)
        nanosleep(&t, NULL);
}

static void emit_burst(long count)
{
    static const struct integers values = { -1, 1 };
    for (long i = 0; i < count; i++)
        if (i % 8 == 7)
            lttng_ust_tracepoint(kinds, integers, &values);
        else
            lttng_ust_tracepoint(kinds, numbered_100, (int)i);
}

static void emit_texts(long count)
{
    char text[100];
    memset(text, 'a', sizeof(text));
    for (long i = 0; i < count; i++) {
        text[i % 100] = '\0';
        lttng_ust_tracepoint(kinds, strings, text, &text[i % 100], (int)i);
        text[i % 100] = 'a';
    }
}

static void emit_paced(long count, long us)
{
    for (long i = 0; i < count; i++) {
        lttng_ust_tracepoint(kinds, numbered_101, (int)i);
        pause_us(us);
    }
}

static void run_word(const char *word)
{
    long count, us;
    if (strcmp(word, "values") == 0)
        emit_values();
    else if (strcmp(word, "shapes") == 0)
        emit_shapes();
    else if (strcmp(word, "numbered") == 0)
        emit_numbered();
    else if (strcmp(word, "logs") == 0)
        emit_logs();
    else if (sscanf(word, "burst=%ld", &count) == 1)
        emit_burst(count);
    else if (sscanf(word, "texts=%ld", &count) == 1)
        emit_texts(count);
    else if (sscanf(word, "paced=%ld/%ld", &count, &us) == 2)
        emit_paced(count, us);
    else if (sscanf(word, "sleep=%ld", &us) == 1)
        pause_us(us * 1000);
    else if (strncmp(word, "say=", 4) == 0) {
        puts(word + 4);
        fflush(stdout);
    } else {
        fprintf(stderr, "kinds: what is %s?\n", word);
        exit(2);
    }
}

static void *run_thread(void *word)
{
    run_word(word);
    return NULL;
}

static void run_threads(long count, char *word)
{
    pthread_t threads[THREADS_MAX];
    for (long i = 0; i < count && i < THREADS_MAX; i++)
        if (pthread_create(&threads[i], NULL, run_thread, word) != 0)
            exit(3);
    for (long i = 0; i < count && i < THREADS_MAX; i++)
        pthread_join(threads[i], NULL);
}

/* What is behind argv[word], as words of programs of their own. */
static void run_children(long count, char **argv, int word)
{
    argv[word] = argv[0];
    for (long i = 0; i < count; i++)
        if (fork() == 0) {
            execv(argv[0], &argv[word]);
            _exit(127);
        }
    while (wait(NULL) > 0)
        ;
}

int main(int argc, char **argv)
{
    long count;
    context_register();
    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "children=%ld", &count) == 1) {
            run_children(count, argv, i);
            break;
        }
        if (sscanf(argv[i], "threads=%ld", &count) == 1 && i + 1 < argc)
            run_threads(count, argv[++i]);
        else
            run_word(argv[i]);
    }
    return 0;
}
