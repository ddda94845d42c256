/* A connection to an lttng-relayd, against a socket that says what it likes. */
#include "collector/viewer.h"
#include "base/clock.h"
#include "testing.h"
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t patience_ns = 60000000000, brief_ns = 50000000;

struct peer {
    int listening, fd;
    struct relay_url url;
    struct viewer *viewer;
};

static void open_peer(struct peer *p, const char *address)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = { .any.sa_family = strchr(address, ':') ? AF_INET6 : AF_INET };
    bool v6 = a.any.sa_family == AF_INET6;
    socklen_t size = v6 ? sizeof(a.v6) : sizeof(a.v4);
    assert_int_equal(inet_pton(a.any.sa_family, address, v6 ? (void *)&a.v6.sin6_addr : (void *)&a.v4.sin_addr), 1);
    *p = (struct peer){ .listening = socket(a.any.sa_family, SOCK_STREAM, 0), .fd = -1 };
    assert_int_equal(bind(p->listening, &a.any, size), 0);
    assert_int_equal(listen(p->listening, 4), 0);
    assert_int_equal(getsockname(p->listening, &a.any, &size), 0);
    snprintf(p->url.address, sizeof(p->url.address), "%s", address);
    p->url.port = ntohs(v6 ? a.v6.sin6_port : a.v4.sin_port);
}

static void connect_peer(struct peer *p)
{
    struct error err;
    assert_int_equal(viewer_open(&p->url, &p->viewer, &err), 0);
    p->fd = accept(p->listening, NULL, NULL);
    assert_true(p->fd >= 0);
}

static void close_peer(struct peer *p)
{
    viewer_close(p->viewer);
    if (p->fd >= 0)
        close(p->fd);
    close(p->listening);
}

static void say(struct peer *p, const void *data, size_t size)
{
    assert_int_equal(write(p->fd, data, size), size);
}

static void say_numbers(struct peer *p, const uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t n = htobe32(numbers[i]);
        say(p, &n, sizeof(n));
    }
}
#define SAY(peer, ...) say_numbers(peer, (const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static void say_session(struct peer *p, uint32_t id, const char *host, const char *name)
{
    char names[VIEWER_HOST_SIZE + VIEWER_NAME_SIZE] = "";
    SAY(p, 0, id, 1000000, 1, 5);
    memcpy(names, host, strlen(host));
    memcpy(names + VIEWER_HOST_SIZE, name, strlen(name));
    say(p, names, sizeof(names));
}

static int take(struct peer *p, int64_t wait_ns, struct viewer_reply *reply, struct error *err)
{
    return viewer_wait(p->viewer, clock_monotonic_ns() + wait_ns, reply, err);
}

static void test_questions(void **unused)
{
    (void)unused;
    static const char *const addresses[] = { "127.0.0.1", "::1" };
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct peer p;
        struct viewer_reply reply;
        struct viewer_session s;
        struct error err;
        uint8_t asked[64];
        open_peer(&p, addresses[i]);
        connect_peer(&p);
        viewer_ask(p.viewer, VIEWER_CONNECT);
        viewer_ask(p.viewer, VIEWER_LIST_SESSIONS);
        assert_int_equal(viewer_pending(p.viewer), 2);
        SAY(&p, 0, 77, 2, 13, 1, 2);
        say_session(&p, 1, "here", "one");
        assert_int_equal(take(&p, patience_ns, &reply, &err), 0);
        assert_int_equal(reply.answer.minor, 13);
        assert_int_equal(take(&p, brief_ns, &reply, &err), -ETIMEDOUT); /* one of two is there */
        say_session(&p, 2, "there", "two");
        assert_int_equal(take(&p, patience_ns, &reply, &err), 0);
        assert_int_equal(reply.answer.count, 2);
        viewer_get_session(reply.list + VIEWER_SESSION_BYTES, &s);
        assert_int_equal(s.id, 2);
        assert_int_equal(s.timer_us, 1000000);
        assert_string_equal(s.hostname, "there");
        assert_string_equal(s.name, "two");
        assert_int_equal(recv(p.fd, asked, sizeof(asked), MSG_WAITALL | MSG_DONTWAIT), 16 + 20 + 16);
        assert_int_equal(asked[11], VIEWER_CONNECT);
        assert_int_equal(asked[16 + 20 + 11], VIEWER_LIST_SESSIONS);
        close_peer(&p);
    }
}

/* Bytes one by one make the same answers. */
static void test_pieces(void **unused)
{
    (void)unused;
    struct peer p;
    struct viewer_reply reply;
    struct error err;
    open_peer(&p, "127.0.0.1");
    connect_peer(&p);
    viewer_ask_of(p.viewer, VIEWER_GET_METADATA, 3);
    viewer_ask_packet(p.viewer, 4, 0, 5);
    viewer_ask_of(p.viewer, VIEWER_GET_NEXT_INDEX, 4);
    const uint8_t said[] = { 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1, 'a', 'b', 'c', 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 2, 'h', 'e', 'l', 'l', 'o' };
    uint8_t index[64] = { [7] = 9, [14] = 1, [59] = VIEWER_INDEX_OK, [63] = VIEWER_FLAG_NEW_METADATA };
    unsigned answers = 0;
    for (size_t i = 0; i < sizeof(said) + sizeof(index); i++) {
        say(&p, i < sizeof(said) ? &said[i] : &index[i - sizeof(said)], 1);
        int r = take(&p, 1000000, &reply, &err);
        if (r == -ETIMEDOUT)
            continue;
        assert_int_equal(r, 0);
        switch (answers++) {
        case 0:
            assert_int_equal(i, 14);
            assert_memory_equal(reply.data, "abc", 3);
            break;
        case 1:
            assert_int_equal(reply.answer.flags, VIEWER_FLAG_NEW_STREAM);
            assert_memory_equal(reply.data, "hello", 5);
            break;
        default:
            assert_int_equal(reply.answer.index.offset, 9);
            assert_int_equal(reply.answer.index.packet_bits, 256);
            assert_int_equal(reply.answer.flags, VIEWER_FLAG_NEW_METADATA);
        }
    }
    assert_int_equal(answers, 3);
    close_peer(&p);
}

static const struct {
    const char *what;
    enum viewer_command asked;
    uint32_t count, numbers[4];
    const char *said;
} lies[] = {
    { "another protocol", VIEWER_CONNECT, 4, { 0, 0, 3, 0 }, NULL },
    { "as many sessions as there are numbers", VIEWER_LIST_SESSIONS, 1, { UINT32_MAX }, "4294967295 sessions" },
    { "as many streams", VIEWER_ATTACH_SESSION, 2, { VIEWER_ATTACH_OK, 1000000 }, "1000000 streams" },
    { "a packet that is larger than memory", VIEWER_GET_PACKET, 3, { VIEWER_PACKET_OK, UINT32_MAX, 0 }, "4294967295 bytes of a packet" },
    { "metadata of 2^40 bytes", VIEWER_GET_METADATA, 3, { 256, 0, VIEWER_METADATA_OK }, "bytes of metadata" },
};

static void test_lies(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(lies); i++) {
        struct peer p;
        struct viewer_reply reply;
        struct error err = { "" };
        print_message("  %s\n", lies[i].what);
        open_peer(&p, "127.0.0.1");
        connect_peer(&p);
        viewer_ask(p.viewer, lies[i].asked);
        say_numbers(&p, lies[i].numbers, lies[i].count);
        if (lies[i].asked == VIEWER_CONNECT)
            SAY(&p, 1);
        assert_true(take(&p, patience_ns, &reply, &err) < 0);
        assert_non_null(strstr(err.text, lies[i].said ? lies[i].said : "version 3.0"));
        close_peer(&p);
    }
}

static void test_nobody_asked(void **unused)
{
    (void)unused;
    struct peer p;
    struct viewer_reply reply;
    struct error err;
    open_peer(&p, "127.0.0.1");
    connect_peer(&p);
    SAY(&p, 1);
    assert_int_equal(take(&p, patience_ns, &reply, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "nobody asked for"));
    close_peer(&p);
}

static void test_nobody_there(void **unused)
{
    (void)unused;
    struct peer p;
    struct viewer_reply reply;
    struct error err;
    open_peer(&p, "127.0.0.1");
    connect_peer(&p);
    viewer_ask(p.viewer, VIEWER_CONNECT);
    assert_int_equal(take(&p, brief_ns, &reply, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.text, "does not answer"));
    close(p.fd);
    p.fd = -1;
    assert_true(take(&p, patience_ns, &reply, &err) < 0);
    assert_null(strstr(err.text, "does not answer"));
    viewer_close(p.viewer);
    close(p.listening);
    int r = viewer_open(&p.url, &p.viewer, &err);
    if (r == 0) {
        r = take(&p, patience_ns, &reply, &err);
        viewer_close(p.viewer);
    }
    assert_int_equal(r, -ECONNREFUSED);
    assert_non_null(strstr(err.text, "no lttng-relayd answers at net://127.0.0.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_questions), cmocka_unit_test(test_pieces), cmocka_unit_test(test_lies),
                                        cmocka_unit_test(test_nobody_asked), cmocka_unit_test(test_nobody_there) };
    return cmocka_run_group_tests_name("viewer", tests, NULL, NULL);
}
