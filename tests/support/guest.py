"""The guest in which LTTng traces a kernel: FORETRACE_GUEST=DIR names a directory with run-guest (boots a machine whose /share is a
directory of ours, and runs job.sh in it); unset or 0: such tests are skipped. 1: ../shared/kernel-vm. IMAGE: where its image is."""
import os
import re
import subprocess

import foretrace

GUEST = os.environ.get("FORETRACE_GUEST", "0")
TOOLS = os.path.join(foretrace.SHARED, "kernel-vm") if GUEST == "1" else GUEST
IMAGE = os.environ.get("IMAGE", os.path.join(os.environ.get("TMPDIR", "/tmp"), "kernel-vm", "image"))
WANTED = GUEST not in ("", "0")


def needed(test):
    """A class that is skipped where there is no guest."""
    test = foretrace.unittest.skipUnless(WANTED, "needs a guest with lttng-modules: FORETRACE_GUEST=1")(test)
    return foretrace.unittest.skipUnless(not WANTED or os.path.exists(os.path.join(IMAGE, "root.ext4")),
                                         "no guest image in %s: build-image makes one" % IMAGE)(test)


def boot(share, job, seconds):
    """A process that runs the job in a guest, for so long at most."""
    with open(os.path.join(share, "job.sh"), "w") as f:
        f.write(job)
    return subprocess.Popen(["bash", os.path.join(TOOLS, "run-guest"), share, str(seconds)], stdin=subprocess.DEVNULL, env={**os.environ, "IMAGE": IMAGE})


def preset_events(preset):
    """{(kind, name)} of what `check` says is to be traced for a preset, kind tracepoint or syscall."""
    text = foretrace.run("check", "--preset", preset).stdout
    names = re.search(r"^ *events?:? +(.*)$", text, re.M).group(1)
    out = set()
    for pattern in re.split(r"[\s,]+", names.strip()):
        for name in pattern.split("|"):
            call = re.match(r"syscall_(?:entry|exit)_(.*)", name)
            if name:
                out.add(("syscall", call.group(1)) if call else ("tracepoint", name))
    return out
