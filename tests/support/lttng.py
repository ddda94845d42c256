"""LTTng's daemons for a test of their own: in a private mount namespace (root), where a
second lttng-sessiond may run beside the machine's; as another user, under LTTNG_HOME."""
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

MARK = "FORETRACE_TEST_ISOLATED"


def isolate():
    """Starts the script again in isolation. LTTng is required: a live test never skips."""
    for program in ("lttng", "lttng-sessiond", "lttng-relayd"):
        if not shutil.which(program):
            sys.exit("%s is not installed: the live tests cannot run (scripts/setup installs it)" % program)
    if os.environ.get(MARK):
        return
    os.environ[MARK] = "1"
    command = [sys.executable, *sys.argv]
    if os.geteuid() == 0:
        # In a chroot the root is no mount point, and cannot be made private; nor need it be where nothing is shared.
        script = ('if grep -q " shared:" /proc/self/mountinfo; then mount --make-rprivate /; fi && '
                  'mkdir -p /run/lttng && mount -t tmpfs tmpfs /run/lttng && '
                  # lttng-sessiond tells programs in a file there that it runs: that of another test, or one that was
                  # killed, makes a program try it, fail, and wait 5 s.
                  'mount -t tmpfs tmpfs /dev/shm && exec "$@"')
        command = ["unshare", "-m", "--propagation", "unchanged", "sh", "-c", script, "sh", *command]
    else:
        os.environ["LTTNG_HOME"] = tempfile.mkdtemp(prefix="foretrace-lttng-")
    os.execvp(command[0], command)


RESERVED = []


def free_port(count=1):
    """The first of so many in a row that nobody has. They are below those that the kernel gives, and as long as this process lives
    no other test is given them: each has a name of its own for them."""
    while True:
        first, taken = random.randrange(10000, 32000), []
        try:
            for port in range(first, first + count):
                taken.append(socket.socket(socket.AF_UNIX))
                taken[-1].bind("\0foretrace-test-port-%d" % port)
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(("127.0.0.1", port))
        except OSError:
            for s in taken:
                s.close()
            continue
        RESERVED.extend(taken)
        return first


def wait_for(what, condition, timeout=60):
    """Waits until condition() is true and returns what it gave; fails in words when it stays false."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %g s in vain for %s" % (timeout, what))
        time.sleep(0.02)


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Daemon:
    """A process that is stopped by its pid, whatever happens."""
    def __init__(self, *command, **kwargs):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **kwargs)
        self.pid = self.process.pid

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self, timeout=10):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout)
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def finish(self):
        """An emitter, between two operations: all that it wrote can be read."""
        self.signal(signal.SIGUSR2)
        self.process.wait(30)


class Sessiond(Daemon):
    def __init__(self):
        super().__init__("lttng-sessiond", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("lttng-sessiond", lambda: lttng("list", check=False).returncode == 0)


class Relayd(Daemon):
    def __init__(self, output, ports=None):
        self.output = output
        os.makedirs(output, exist_ok=True)
        self.ports = ports or [free_port() for _ in range(3)]
        urls = ["tcp://127.0.0.1:%d" % p for p in self.ports]
        super().__init__("lttng-relayd", "-C", urls[0], "-D", urls[1], "-L", urls[2], "-o", output,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("lttng-relayd", lambda: (listens(self.ports[2]) and listens(self.ports[0])) or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise AssertionError("lttng-relayd ended with status %d" % self.process.returncode)

    @property
    def url(self):
        return "net://127.0.0.1:%d" % self.ports[2]

    def session_url(self, session):
        return "%s/host/%s/%s" % (self.url, socket.gethostname(), session)


def lttng(*args, check=True, timeout=120):
    done = subprocess.run(["lttng", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError("lttng %s: %s" % (" ".join(args), done.stdout))
    return done


def live_session(relayd, name, timer_us=100000, events="emitter:*", start=True, channel=("--subbuf-size=128k", "--num-subbuf=16"),
                 contexts=("vtid", "vpid", "procname")):
    """Creates a live session that goes to a relayd. The usual room is in many sub-buffers: each period of the live timer takes one, and
    of four a consumer that is held up soon has none left."""
    lttng("create", name, "--live=%d" % timer_us, "-C", "tcp://127.0.0.1:%d" % relayd.ports[0], "-D",
          "tcp://127.0.0.1:%d" % relayd.ports[1])
    lttng("enable-channel", "-u", "ch", "--session", name, *channel)
    lttng("enable-event", "-u", "-c", "ch", "-s", name, events)
    if contexts:
        lttng("add-context", "-u", "-c", "ch", "-s", name, *(word for c in contexts for word in ("-t", c)))
    if start:
        lttng("start", name)
