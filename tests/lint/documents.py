#!/usr/bin/python3
"""Documentation that is true: examples that load, options that exist, output that is
what the program prints, links that lead somewhere, no path of somebody's machine.

    documents.py ROOT [--update]     --update writes the output of `foretrace list` into the reference
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(sys.argv[1])
FORETRACE = os.environ["FORETRACE"]
LISTED = re.compile(r"(<!-- output: foretrace list -->\n```\n)(.*?)(```)", re.S)
mistakes = []


def complain(where, what):
    mistakes.append("%s: %s" % (where, what))


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def run(*arguments):
    return subprocess.run([FORETRACE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)


def examples(documents):
    """Every YAML block loads; each analysis, detector and sink has one."""
    seen = set()
    for name in documents:
        text = read(name)
        for block in re.finditer(r"^```yaml\n(.*?)^```", text, re.S | re.M):
            line = text.count("\n", 0, block.start()) + 1
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(block.group(1))
                file.flush()
                result = run("check", file.name)
            # Keys are read last, and those of an example are not here.
            if result.returncode != 0 and not re.search(r": security\.\w+: /etc/foretrace/\S+: No such file or directory$", result.stdout.strip()):
                complain("%s:%d" % (name, line), result.stdout.strip())
            seen.update(re.findall(r"^\s+(?:- )?(\w+):", block.group(1), re.M))
    for kind in ("analyses", "detectors", "sinks"):
        for plugin in re.findall(r"^  (\w+): ", run("list", kind).stdout, re.M):
            if plugin not in seen:
                complain("docs/reference.md", "no example of %s, which is among the %s" % (plugin, kind))


def reference(update):
    text, listed = read("docs/reference.md"), run("list").stdout
    match = LISTED.search(text)
    if not match:
        complain("docs/reference.md", "has no place for the output of `foretrace list`")
    elif update:
        with open(os.path.join(ROOT, "docs/reference.md"), "w", encoding="utf-8") as file:
            file.write(text[:match.start(2)] + listed + text[match.end(2):])
    elif match.group(2) != listed:
        complain("docs/reference.md", "is not what `foretrace list` prints; tests/lint/documents.py --update renews it")


def manual():
    """Every command and every option of --help is in the manual page, and none that is not."""
    page = read("docs/man/foretrace.1").replace("\\-", "-")
    commands = re.findall(r"^  (\w+)  ", run("--help").stdout, re.M)
    known = set()
    for command in commands:
        if not re.search(r"^\.Ss .*\b%s\b" % command, page, re.M):
            complain("docs/man/foretrace.1", "does not have the command %s" % command)
        known.update(re.findall(r"--([a-z][a-z-]*)", run(command, "--help").stdout))
    told = set(re.findall(r"\.(?:It|Op) Fl (?:\w , )?-([a-z][a-z-]*)|Fl -([a-z][a-z-]*)", page))
    told = {name for pair in told for name in pair if name}
    for option in sorted(known - told):
        complain("docs/man/foretrace.1", "does not have --%s" % option)
    for option in sorted(told - known):
        complain("docs/man/foretrace.1", "has --%s, which does not exist" % option)


def pages():
    """Manual pages are well-formed, and the library's has every function of its header."""
    for name in ("docs/man/foretrace.1", "docs/man/libforetrace.3"):
        result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", os.path.join(ROOT, name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in result.stdout.splitlines():
            complain(name, line)
    functions = set(re.findall(r"^FORETRACE_API .*?(foretrace_\w+)\(", read("alerts/client/foretrace.h"), re.M))
    described = set(re.findall(r"^\.Fn (foretrace_\w+) (?:\"|void)", read("docs/man/libforetrace.3"), re.M))
    for name in sorted(functions ^ described):
        complain("docs/man/libforetrace.3", "%s is in only one of manual and header" % name)


def links(documents):
    for name in documents:
        text = re.sub(r"```.*?```", "", read(name), flags=re.S)
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in target and not os.path.exists(os.path.join(ROOT, os.path.dirname(name), target)):
                complain(name, "leads to %s, which is not there" % target)


def tour():
    readme = read("README.md")
    for folder in sorted(os.listdir(ROOT)):
        if os.path.isdir(os.path.join(ROOT, folder)) and folder[0] != "." and folder not in ("build",):
            if "](%s)" % folder not in readme:
                complain("README.md", "the tour leaves out %s/" % folder)


def places(files):
    """Nothing of one machine: no absolute path into a home or a work place."""
    for name in files:
        try:
            text = read(name)
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if re.search(r"(?<![\w.])/(work|farm|home|root|Users)/", line) and not name.endswith("documents.py"):
                complain("%s:%d" % (name, number), "a path of one machine: %s" % line.strip())


def main():
    files = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in (".git", "build", "__pycache__", "corpus")]
        files += [os.path.relpath(os.path.join(folder, n), ROOT) for n in names if n != ".git" and not n.endswith((".xz", ".pyc"))]
    documents = sorted(f for f in files if f.endswith(".md"))
    examples(documents)
    for name in sorted(f for f in files if f.endswith(".yaml") and not f.startswith(".")):
        result = run("check", os.path.join(ROOT, name))
        if result.returncode != 0:
            complain(name, result.stdout.strip())
    reference("--update" in sys.argv)
    manual()
    pages()
    links(documents)
    tour()
    places(files)
    for mistake in mistakes:
        print(mistake)
    print("documents: %s" % ("%d mistakes" % len(mistakes) if mistakes else "clean"))
    sys.exit(1 if mistakes else 0)


main()
