#!/usr/bin/env bash
# Command 2: sets everything up in .venv, checks style and types, and runs all tests, those on real JACK devices included.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source examples/setup.sh
need_system_packages jackd2 libportaudio2 pulseaudio pulseaudio-utils pipewire pipewire-jack pipewire-pulse \
  wireplumber dbus libasound2-plugins ffmpeg lame flac sox strace chromium gcc libc6-dev python3-dev # the compiler: pesq comes as source alone
make_environment -e '.[test]' -c tests/constraints.txt
status=0
check() { "$@" || { status=1; echo "FAILED: $*" >&2; }; }
check .venv/bin/ruff check .
check .venv/bin/ruff format --check --quiet .
types() { nice -n 10 .venv/bin/pyright --pythonpath .venv/bin/python; }
tests() { .venv/bin/python -m pytest -rfEs "$@" || status=1; } # what was skipped is told with its reason
if [ $# -gt 0 ]; then
  check types
  tests "$@"
else # what is not timed goes side by side, all devices in one process; then the rest, which has the machine to itself
  export REQUIRE_DEVICE_TESTS=1
  reports=$(mktemp -d)
  types > "$reports/types.txt" 2>&1 & # minutes of one processor, which the tests leave it at times
  typed=$!
  # Of their libraries each has one thread: three times all processors' wait for each other by spinning, a fourfold cost.
  OMP_NUM_THREADS=1 tests -n 3 -m "not alone" --junitxml="$reports/side_by_side.xml"
  wait $typed || { status=1; echo "FAILED: pyright" >&2; }
  cat "$reports/types.txt"
  tests -m alone --junitxml="$reports/alone.xml"
  .venv/bin/python tests/support/closing.py "$reports"/*.xml
  rm -r "$reports"
fi
exit $status
