#!/usr/bin/python3
"""What people type by mistake, and what cannot be written: the message names it, and the status says so."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402


class Nothing(foretrace.Case):
    """Analyses that wait for what the trace does not have."""
    mistyped = "analyses: [rate: {name: a, events: 'sched_swich'}]\ndetectors: [{series: 'a.*', zscore: {}}]\n"

    def test_replay(self):
        done = foretrace.run("replay", "--config", self.config(self.mistyped), self.trace("slowdisk"))
        self.assertIn("rate 'a': there is no event 'sched_swich' in the trace (did you mean 'sched_switch'?)", done.stderr)
        self.assertIn("no series for the rule 'a.*'", done.stderr)

    def test_quiet(self):
        done = foretrace.run("replay", "-q", "--config", self.config(self.mistyped), self.trace("slowdisk"))
        self.assertIn("warning: nothing was measured: no event is one that an analysis waits for (sched_swich)", done.stderr)

    def test_backtest(self):
        done = foretrace.run("backtest", "--config", self.config(self.mistyped), self.trace("slowdisk"))
        self.assertIn("there is no event 'sched_swich'", done.stderr)

    def test_what_is_there(self):
        done = foretrace.run("replay", "-q", "--config", self.config("analyses: [rate: {events: sched_switch}]"), self.trace("slowdisk"))
        self.assertEqual(done.stderr, "")


class Operands(foretrace.Case):
    """One line that names the mistake, then how it is written."""
    def complains(self, text, *args, status=2):
        done = foretrace.run(*args, check=False)
        self.assertEqual(done.returncode, status, args)
        self.assertIn(text, done.stderr.splitlines()[0])
        self.assertLessEqual(len(done.stderr.splitlines()), 4, done.stderr)

    def test_missing(self):
        for command in "replay", "report", "events", "backtest":
            self.complains("no TRACE_DIR", command)

    def test_too_many(self):
        self.complains("'nosuch'", "alert", "nosuch")
        self.complains("'b.yaml'", "check", "a.yaml", "b.yaml")
        self.complains("'b.yaml'", "check", "-c", "a.yaml", "b.yaml")


class Words(foretrace.Case):
    """Commands and names that there are not, and help."""
    def test_command(self):
        done = foretrace.run("versoin", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean 'version'?", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 2)

    def test_help(self):
        self.assertEqual(foretrace.run("help", "run").stdout, foretrace.run("run", "--help").stdout)
        self.assertEqual(foretrace.run("help", "rnu", check=False).returncode, 2)

    def test_list(self):
        done = foretrace.run("list", "zscore", "publish").stdout
        self.assertIn("  zscore: ", done)
        self.assertIn("  publish: ", done)
        self.assertNotIn("iqr: ", done)
        done = foretrace.run("list", "analyses", "zscroe", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean 'zscore'?", done.stderr)


class Output(foretrace.Case):
    """Standard output that is full, or that nobody reads to its end."""
    def test_full(self):
        for args in ("list",), ("check",), ("--help",), ("events", self.trace("slowdisk")), ("report", self.trace("slowdisk")):
            with open("/dev/full", "w") as full:
                done = subprocess.run([foretrace.PROGRAM, *args], stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 1, args)
            self.assertIn("error: standard output: ", done.stderr)

    def test_full_alerts(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([foretrace.PROGRAM, "replay", "--publish", "none", "--config", self.config(
                "analyses: [rate: {events: sched_switch}]\ndetectors: [{series: 'rate.*', threshold: {warning: 1/s}}]\n"), self.trace("slowdisk")],
                stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "deliver(y|ies) to sinks failed")

    def test_reader_that_ends(self):
        for args in ("events", self.trace("slowdisk")), ("report", "--all", self.trace("slowdisk")), ("list",):
            process = subprocess.Popen([foretrace.PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            process.stdout.readline()
            process.stdout.close()
            errors = process.stderr.read()
            process.stderr.close()
            process.wait()
            self.assertNotIn("standard output", errors)


class Configurations(foretrace.Case):
    def test_key(self):
        path = self.config("window: 1s\nsecurity:\n  key: %s\n  allowed: %s\n" % (self.path("no.key"), self.dir))
        done = foretrace.run("check", path, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("config.yaml:3: security.key: ", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_beyond_this_machine_without_keys(self):
        for text, place in (("delivery:\n  verdicts: tcp://192.0.2.1:5000\n", "config.yaml:2: delivery.verdicts: "), ("sinks: [publish: {endpoint: 'tcp://*:5000'}]\n", "publish.endpoint: ")):
            done = foretrace.run("check", self.config(text), check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(place + "tcp://", done.stderr)
            self.assertIn("needs keys", done.stderr)
        foretrace.run("check", self.config("delivery: {verdicts: 'tcp://127.0.0.1:5000'}\n"))

    def test_second_configuration_first(self):
        for option, value in ("--against", self.path("nope.yaml")), ("--against-preset", "quite"):
            done = foretrace.run("backtest", option, value, self.trace("slowdisk"), check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertNotIn("windows", done.stderr)

    def test_status(self):
        """A mistake in the file is a failure, one on the command line a wrong command line; of every command."""
        bad, good = self.config("window: 5\n"), self.trace("slowdisk")
        for command in ("check",), ("replay", good), ("report", good), ("backtest", good), ("run", "--", "true"), ("detect",):
            done = foretrace.run(command[0], "--config", bad, *command[1:], check=False)
            self.assertEqual((command, done.returncode), (command, 1))
            self.assertIn("config.yaml:1: ", done.stderr)
            done = foretrace.run(command[0], "--set", "windou=1s", *command[1:], check=False)
            self.assertEqual((command, done.returncode), (command, 2))

    def test_option_as_typed(self):
        for option, value in ("--window", "10"), ("--live-timer", "5"), ("--reader", "x"):
            done = foretrace.run("run", option, value, "--", "true", check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("error: %s %s: " % (option, value), done.stderr)

    def test_what_to_watch(self):
        for url in "localhost", "net://localhost":
            done = foretrace.run("run", "--attach", url, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertNotIn("--replay", foretrace.run("run", "--name", "x", "--pid", "4", check=False).stderr)
        self.assertIn("--replay", foretrace.run("collect", "--name", "x", "--pid", "4", check=False).stderr)


class Counts(foretrace.Case):
    def test_one(self):
        path = self.config("analyses: [rate: {events: sched_switch}]\n"
                           "detectors: [{series: 'rate.events.rate{event=sched_switch}', threshold: {warning: 1/s}}]\n")
        done = foretrace.run("replay", "--publish", "none", "--format", "none", "--config", path, self.trace("slowdisk"))
        self.assertIn("; 1 alert fired, 0 resolved; ", done.stderr)


class Names(foretrace.Case):
    def rows(self, header):
        path = self.path("rows.csv")
        with open(path, "w") as f:
            f.write(header + "\n" + "".join("%d,%d\n" % (i, i % 7) for i in range(40)))
        return path

    def test_time_column(self):
        done = foretrace.run("score", self.rows("when,temp"), check=False)
        self.assertIn("no column is named as a time (timestamp, datetime, time, date or ds)", done.stderr)
        self.assertEqual(foretrace.run("score", self.rows("ds,temp")).stderr, "")

    def test_suggestions(self):
        done = foretrace.run("score", "-d", "zscroe", self.rows("time,temp"), check=False)
        self.assertIn("did you mean 'zscore'?", done.stderr)
        done = foretrace.run("report", "-a", "blok", self.trace("slowdisk"), check=False)
        self.assertIn("did you mean 'block'?", done.stderr)

    def test_procname(self):
        told = "no thread has that name"
        self.assertIn(told, foretrace.run("report", "--procname", "nope", self.trace("slowdisk")).stderr)
        self.assertNotIn(told, foretrace.run("report", "--procname", "fio", self.trace("slowdisk")).stderr)
        self.assertNotIn(told, foretrace.run("report", self.trace("slowdisk")).stderr)


class Signals(foretrace.Case):
    """GNU timeout signals its child and then the group: a daemon has two, one right behind the other."""
    def ends(self, command):
        process = self.keep(subprocess.Popen([foretrace.PROGRAM, command, "--set", "delivery.state=" + self.path(command)],
                                             stderr=subprocess.PIPE, text=True))
        with process.stderr:
            self.assertIn("listening", process.stderr.readline())
            process.send_signal(signal.SIGSTOP)      # so that both are there when it looks
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGCONT)
            errors = process.stderr.read()
        self.assertEqual(process.wait(), 0, errors)
        self.assertIn(" s of cpu", errors)

    def test_alert(self):
        self.ends("alert")

    def test_detect(self):
        self.ends("detect")


if __name__ == "__main__":
    foretrace.main()
