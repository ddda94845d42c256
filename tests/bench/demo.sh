#!/bin/sh
# scripts/demo so many times in a row (5 unless told), and only the tables.
set -eu
cd "$(dirname "$0")/../.."
failed=0
for i in $(seq "${1:-5}"); do
    echo "== demo $i"
    out=$(scripts/demo 2>&1) || failed=$((failed + 1))
    echo "$out" | sed -n '/^fault /,$p'
done
echo "failed: $failed"
[ "$failed" = 0 ]
