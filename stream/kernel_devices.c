/* kernel_devices.c - names of disks, network interfaces and interrupts, from the statedump. */
#include "base/text.h"
#include "stream/kernel_private.h"
#include <string.h>

static uint64_t device_hash(enum device_kind kind, uint64_t number)
{
    return hash_mix(hash_mix(HASH_START, (uint64_t)kind), number);
}

static struct device *find(const struct kernel_state *s, enum device_kind kind, uint64_t number)
{
    uint64_t hash = device_hash(kind, number);
    uint32_t at;
    for (uint32_t i = hash_index_first(&s->by_device, hash, &at); i != HASH_NONE; i = hash_index_next(&s->by_device, hash, &at))
        if (s->devices[i].kind == kind && s->devices[i].number == number)
            return (struct device *)&s->devices[i];
    return NULL;
}

void device_add(struct kernel *k, enum device_kind kind, uint64_t number, const char *name, size_t size)
{
    struct kernel_state *s = k->state;
    struct device *d = find(s, kind, number);
    if (!d && s->device_count == DEVICES_MAX) {
        k->counts.refused_devices++;
        return;
    }
    if (!d) {
        d = &s->devices[s->device_count];
        *d = (struct device){ .kind = (uint8_t)kind, .number = number };
        hash_index_insert(&s->by_device, device_hash(kind, number), s->device_count++);
    }
    struct text_out out = text_out_init(d->name, sizeof(d->name));
    text_put_clean(&out, name, size);
}

static const char *name_of(const struct kernel *k, enum device_kind kind, uint64_t number)
{
    const struct device *d = find(k->state, kind, number);
    return d ? d->name : NULL;
}

const char *kernel_disk(const struct kernel *k, uint64_t dev)
{
    return name_of(k, DEVICE_DISK, dev);
}

const char *kernel_interrupt(const struct kernel *k, int64_t irq)
{
    return name_of(k, DEVICE_INTERRUPT, (uint64_t)irq);
}

const char *kernel_interface(const struct kernel *k, uint32_t ipv4)
{
    return name_of(k, DEVICE_INTERFACE, ipv4);
}

static void add(void *self, void *data, const struct event *event, enum device_kind kind)
{
    struct kernel *k = self;
    struct value name = place_value(data, event, 1);
    if (name.kind == VALUE_TEXT)
        device_add(k, kind, (uint64_t)place_int(data, event, 0, -1), name.text, name.size);
}

static void on_disk(void *self, void *data, const struct event *event)
{
    add(self, data, event, DEVICE_DISK);
}

static void on_interface(void *self, void *data, const struct event *event)
{
    add(self, data, event, DEVICE_INTERFACE);
}

static void on_interrupt(void *self, void *data, const struct event *event)
{
    add(self, data, event, DEVICE_INTERRUPT);
}

const struct kernel_hook kernel_device_hooks[] = {
    KERNEL_HOOK("lttng_statedump_block_device", on_disk, "dev", "diskname"),
    KERNEL_HOOK("lttng_statedump_network_interface", on_interface, "address_ipv4", "name"),
    KERNEL_HOOK("lttng_statedump_interrupt", on_interrupt, "irq", "action"),
    KERNEL_HOOKS_END,
};
