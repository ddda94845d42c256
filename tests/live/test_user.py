#!/usr/bin/python3
"""The stages as an ordinary user: sessions of one's own, and those of others; what is written, and where."""
import os
import shutil
import signal
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402
import stages  # noqa: E402

USER = 54321 if os.geteuid() == 0 else os.geteuid()
CONFIG = """
window: 100ms
analyses:
  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, threshold: 15ms }
alerts: { cool_down: 0s }
"""


class User(stages.Case):
    """Everything in defaults but HOME, and so below it; as another user when these tests run as root."""
    def setUp(self):
        super().setUp()
        self.home, self.runtime = self.path("home"), self.path("run")
        os.chmod(self.dir, 0o755)
        for path in (self.home, self.runtime):
            os.mkdir(path, 0o700)
            os.chown(path, USER, USER if os.geteuid() == 0 else -1)
        self.env = {"HOME": self.home, "LTTNG_HOME": self.home, "XDG_RUNTIME_DIR": self.runtime, "PATH": os.environ["PATH"]}
        self.prefix = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups"] if os.geteuid() == 0 else []
        # The tree may be where this user cannot look.
        program, self.emitter = (shutil.copy(p, self.dir) for p in (foretrace.PROGRAM, foretrace.EMITTER))
        self.as_user = {"env": self.env, "prefix": self.prefix, "program": program}
        self.text = CONFIG
        self.before = self.owned()

    def owned(self):
        """What is the user's outside of HOME and the runtime directory."""
        places = [p for p in ("/tmp", "/var/tmp", "/run", "/var/lib") if os.path.isdir(p)]
        command = ["find", *places, "-xdev", "-path", self.dir, "-prune", "-o", "-uid", str(USER), "-print"]
        return set(subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60).stdout.split())

    def run_all(self, *args):
        """The three of them, and the alerts that they made by the end of collect."""
        config = self.config(self.text)
        os.chmod(config, 0o644)
        log = os.path.join(self.runtime, "alerts.json")
        out = ["--publish", "none", "--format", "json", "--output", log]
        alert = self.stage("alert", "-c", config, "--once", *out, **self.as_user).start().listening()
        detect = self.stage("detect", "-c", config, "--once", **self.as_user).start().listening()
        collect = self.stage("collect", "-c", config, *args, **self.as_user).start()
        return collect, detect, alert, log

    def check_files(self):
        state, runtime = os.path.join(self.home, ".local/state/foretrace"), os.path.join(self.runtime, "foretrace")
        for path in (state, state + "/detect", state + "/alert", runtime):
            status = os.stat(path)
            self.assertEqual((path, stat.S_IMODE(status.st_mode), status.st_uid), (path, 0o700, USER))
        self.assertEqual(self.owned() - self.before, set())
        found = {os.path.relpath(os.path.join(top, f), self.home) for top, _, files in os.walk(self.home) for f in files}
        strange = {f for f in found if not f.startswith((".local/state/foretrace/", ".lttng"))}
        self.assertEqual(strange, set())

    def firing(self, path):
        with open(path) as f:
            return [a for a in foretrace.alerts_of(f.read()) if a["analysis"] == "op" and a["state"] == "firing"]

    def test_own_session(self):
        collect, detect, alert, log = self.run_all("--", self.emitter, "1500", "1000", "work=1000", "slow=500/30000")
        self.assertEqual([s.wait(60) for s in (collect, detect, alert)], [0, 0, 0], collect.said() + detect.said())
        self.assertGreaterEqual(len(self.firing(log)), 1, collect.said())
        self.check_files()

    def test_session_of_somebody_else(self):
        sessiond, relayd = lttng.Sessiond(), lttng.Relayd(self.path("relayd"))
        emitter = None
        try:
            lttng.live_session(relayd, "work")
            emitter = lttng.Daemon(foretrace.EMITTER, "1000000", "1000", "work=1000", "slow=500/30000")
            collect, detect, alert, log = self.run_all("--attach", relayd.session_url("work"))
            lttng.wait_for("an alert", lambda: self.firing(log))
            collect.kill(signal.SIGINT)
            self.assertEqual([s.wait(60) for s in (detect, alert)], [0, 0], collect.said() + detect.said())
            self.assertGreaterEqual(len(self.firing(log)), 1, collect.said())
            self.check_files()
        finally:
            for daemon in (emitter, relayd, sessiond):
                if daemon:
                    daemon.kill()


if __name__ == "__main__":
    foretrace.main()
