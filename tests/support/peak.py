#!/usr/bin/python3
"""peak.py FILE PROGRAM [ARGS]: runs it, and writes the most memory it had (KiB, mapped files included) into FILE. A process of its own, and a small one: a child
is taken to have had all that its parent had when it was made."""
import resource
import subprocess
import sys

status = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as f:
    f.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
