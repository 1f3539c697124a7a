#!/usr/bin/env bash
# Sets up (with what only tests need), builds, and runs all tests. Arguments go to ctest: test.sh -L fast runs the fast ones only.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
bash framework/cmake/setup.sh --tests || exit
log=build/release/tests.log
# One more than there are cores: several tests wait more than they compute.
ctest --test-dir build/release --output-on-failure --timeout 1200 -j $(($(nproc) + 1)) "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

# ctest's last summary in words that need no knowledge of ctest. A disabled or skipped test has "Not Run" or "Skipped".
passed=$(grep -cE ' Passed +[0-9.]+ sec' "$log")
skipped=$(grep -cE '\*\*\*(Skipped|Not Run \(Disabled\))' "$log")
failed=$(grep -cE '\*\*\*(Failed|Timeout|Exception|Not Run +[0-9])' "$log")
if [ "$passed" = 0 ] && [ "$failed" = 0 ]; then status=1; fi
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
