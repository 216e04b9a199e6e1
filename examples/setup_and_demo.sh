#!/usr/bin/env bash
# Command 1: sets everything up in .venv and runs the demo; a sound card is used if there is one, none is needed.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source examples/setup.sh
need_system_packages libportaudio2
make_environment -e .
exec .venv/bin/rtspec demo "$@"
