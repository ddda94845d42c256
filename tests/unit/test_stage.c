/* A stage that asks only whether it must end keeps the other words, in their order. */
#include "base/stage.h"
#include "testing.h"
#include <errno.h>
#include <zmq.h>

static char words[4096];

static int listen(struct stage_io *io, void *self, struct error *err)
{
    char text[STAGE_TEXT_MAX];
    bool busy = *(const bool *)self; /* as one that waits for its neighbour */
    (void)err;
    stage_notice(io, "before");
    stage_warning(io, "ready");
    stage_ready(io);
    while (busy && !stage_must_end(io))
        zmq_poll(&(zmq_pollitem_t){ .socket = stage_socket(io), .events = ZMQ_POLLIN }, 1, 10);
    for (;;) {
        while (stage_word(io, text)) {
            if (strcmp(text, STAGE_END_WORD) == 0)
                return 0;
            snprintf(words + strlen(words), sizeof(words) - strlen(words), "%.20s|", text);
        }
        zmq_poll(&(zmq_pollitem_t){ .socket = stage_socket(io), .events = ZMQ_POLLIN }, 1, -1);
    }
}

static void run(bool busy, const char *const *say, size_t count, const char *want)
{
    void *zmq = zmq_ctx_new();
    struct stage stage;
    struct error err;
    char text[STAGE_TEXT_MAX];
    words[0] = '\0';
    assert_int_equal(stage_start(&stage, zmq, "test", listen, &busy, &err), 0);
    assert_int_equal(stage_take(&stage, text), STAGE_NOTICE);
    assert_string_equal(text, "before\nready");
    for (size_t i = 0; i < count; i++)
        stage_tell(&stage, say[i]);
    stage_terminate(&stage);
    stage_tell(&stage, "late");
    stage_stop(&stage);
    assert_int_equal(stage.result, 0);
    assert_string_equal(words, want);
    zmq_ctx_term(zmq);
}

static void test_words_are_kept(void **unused)
{
    static char large[3000];
    static const char *const say[] = { "attach one", "", "attach two", large, "three" };
    (void)unused;
    memset(large, 'x', sizeof(large) - 1);
    run(true, say, COUNT(say), "attach one||attach two|xxxxxxxxxxxxxxxxxxxx|three|");
    run(false, say, COUNT(say), "attach one||attach two|xxxxxxxxxxxxxxxxxxxx|three|");
}

static int fail_early(struct stage_io *io, void *self, struct error *err)
{
    (void)io;
    (void)self;
    return error_set(err, -ENOSPC, "no room");
}

static void test_a_failure_before_it_is_ready(void **unused)
{
    void *zmq = zmq_ctx_new();
    struct stage stage;
    struct error err;
    (void)unused;
    assert_int_equal(stage_start(&stage, zmq, "test", fail_early, NULL, &err), -ENOSPC);
    assert_string_equal(err.text, "no room");
    stage_stop(&stage);
    zmq_ctx_term(zmq);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_words_are_kept), cmocka_unit_test(test_a_failure_before_it_is_ready) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
