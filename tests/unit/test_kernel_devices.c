#include "testing.h"
#include "stream/kernel_private.h"
#include <stdio.h>

static void test_names(void **unused)
{
    (void)unused;
    struct kernel *k = kernel_new(NULL, 8192);
    assert_null(kernel_disk(k, 254 << 20));
    device_add(k, DEVICE_DISK, 254 << 20, "vda", 3);
    device_add(k, DEVICE_INTERFACE, 0x7f000001, "lo", 2);
    device_add(k, DEVICE_INTERRUPT, 25, "virtio0-req.0", 13);
    assert_string_equal(kernel_disk(k, 254 << 20), "vda");
    assert_string_equal(kernel_interface(k, 0x7f000001), "lo");
    assert_string_equal(kernel_interrupt(k, 25), "virtio0-req.0");
    /* The same number of another kind is another thing. */
    assert_null(kernel_disk(k, 25));
    assert_null(kernel_interrupt(k, 0x7f000001));
    /* Unplugged, and another in its place: a later statedump says so. */
    device_add(k, DEVICE_DISK, 254 << 20, "sdx", 3);
    assert_string_equal(kernel_disk(k, 254 << 20), "sdx");
    /* No longer than there is room for, and nothing that is no text. */
    device_add(k, DEVICE_DISK, 1, "a-name-that-is-much-longer-than-a-name-of-a-disk-may-be", 54);
    assert_true(strlen(kernel_disk(k, 1)) < KERNEL_NAME_MAX);
    device_add(k, DEVICE_DISK, 2, "s\x01\x02", 3);
    assert_null(strchr(kernel_disk(k, 2), '\x01'));
    kernel_free(k);
}

static void test_many(void **unused)
{
    (void)unused;
    struct kernel *k = kernel_new(NULL, 8192);
    char name[16];
    for (uint32_t i = 0; i < DEVICES_MAX + 10; i++)
        device_add(k, DEVICE_INTERRUPT, i, name, (size_t)snprintf(name, sizeof(name), "irq%u", i));
    assert_int_equal(k->counts.refused_devices, 10);
    for (uint32_t i = 0; i < DEVICES_MAX; i++) {
        snprintf(name, sizeof(name), "irq%u", i);
        assert_string_equal(kernel_interrupt(k, i), name);
    }
    assert_null(kernel_interrupt(k, DEVICES_MAX));
    kernel_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_many) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
