#include "app/kallsyms.h"
#include "testing.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int read_text(const char *text, size_t size, struct kallsyms **ret, struct error *err)
{
    char path[] = "/tmp/foretrace-kallsyms-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
    int r = kallsyms_read(path, ret, err);
    unlink(path);
    return r;
}

static void assert_found(const struct kallsyms *k, uint64_t address, const char *name, uint64_t offset, const char *module)
{
    struct kernel_symbol s;
    assert_int_equal(kallsyms_find(k, address, &s), 0);
    assert_string_equal(s.name, name);
    assert_int_equal(s.offset, offset);
    if (module)
        assert_string_equal(s.module, module);
    else
        assert_null(s.module);
}

static void test_find(void **unused)
{
    static const char text[] = "0000000000000000 A fixed_percpu\n"
                               "ffffffff81002000 t second\n" /* not in order */
                               "ffffffff81001000 T first\n"
                               "ffffffff81001000 t first_again\n"
                               "\n"
                               "ffffffff81003000 D data\n"
                               "ffffffff81003000 T behind_data\r\n"
                               "ffffffff81004000 b more\n"
                               "ffffffffc0000000 w  weak\t[mod_x]"; /* no end of line */
    struct kallsyms *k;
    struct kernel_symbol s;
    struct error err;
    (void)unused;
    assert_int_equal(read_text(text, sizeof(text) - 1, &k, &err), 0);
    assert_int_equal(kallsyms_count(k), 8);
    assert_found(k, 0xffffffff81001000, "first", 0, NULL);
    assert_found(k, 0xffffffff81001fff, "first", 0xfff, NULL);
    assert_found(k, 0xffffffff81002001, "second", 1, NULL);
    assert_found(k, 0xffffffff81003010, "behind_data", 0x10, NULL);
    assert_found(k, 0xffffffffc0000008, "weak", 8, "[mod_x]");
    assert_int_equal(kallsyms_find(k, 0xffffffff81004001, &s), -ENOENT); /* data */
    assert_int_equal(kallsyms_find(k, 0xffffffff80ffffff, &s), -ENOENT);
    assert_int_equal(kallsyms_find(k, 5, &s), -ENOENT);
    assert_int_equal(kallsyms_find(k, UINT64_MAX, &s), -ENOENT); /* too far from the last */
    kallsyms_free(k);
}

static void test_bad(void **unused)
{
    static const struct {
        const char *text, *said;
        int code;
    } rows[] = { { "xyz T a\n", ":1: an address", -EINVAL },
                 { "10 T a\n-5 T b\n", ":2: an address", -EINVAL },
                 { "10000000000000000 T a\n", ":1: an address", -EINVAL },
                 { "10\n", ":1: a type", -EINVAL },
                 { "10 Tt a\n", ":1: a type", -EINVAL },
                 { "10 T\n", ":1: a name", -EINVAL },
                 { "10 T a\n\n\n20 t b [c\n", ":4: a [module]", -EINVAL },
                 { "10 T a []x\n", ":1: a [module]", -EINVAL },
                 { "10 T a [m] b\n", ":1: nothing", -EINVAL },
                 { "", "no symbols", -EINVAL },
                 { "\n\n", "no symbols", -EINVAL },
                 { "0 T a\n0000 t b\n", "kptr_restrict", -EACCES } };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct kallsyms *k;
        struct error err;
        assert_int_equal(read_text(rows[i].text, strlen(rows[i].text), &k, &err), rows[i].code);
        assert_null(k);
        assert_non_null(strstr(err.text, rows[i].said));
    }
    struct kallsyms *k;
    struct error err;
    assert_int_equal(read_text("10 T a\n20 T \0b\n", 16, &k, &err), -EINVAL);
    assert_non_null(strstr(err.text, ":2: there is a NUL"));
    assert_int_equal(kallsyms_read("/nowhere/kallsyms", &k, &err), -ENOENT);
    assert_int_equal(kallsyms_read("/", &k, &err), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_find), cmocka_unit_test(test_bad) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
