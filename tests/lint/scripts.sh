#!/bin/sh
# Every shell script passes shellcheck, every Python script compiles, every manual page is well-formed.
set -eu
cd "$1"
# shellcheck disable=SC2046 # names without spaces
shellcheck scripts/* .ci/run $(find tests -name '*.sh')
find tests examples -name '*.py' -exec /usr/bin/python3 -c '
import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name).read(), name)' {} +
mandoc -T lint -W warning docs/man/*
echo "scripts: clean"
