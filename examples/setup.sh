# Sourced by setup_and_demo.sh and tests/run.sh: system packages through apt where it may, and a virtual environment in .venv.

set -euo pipefail
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 DEBIAN_FRONTEND=noninteractive

# need_system_packages PACKAGE…: installs those that are missing; where it may not, says what to type and goes on.
need_system_packages() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local become_root=""
  [ "$(id -u)" = 0 ] || become_root="sudo -n"
  if command -v apt-get >/dev/null && { [ -z "$become_root" ] || sudo -n true 2>/dev/null; }; then
    echo "installing ${missing[*]} …"
    { $become_root apt-get update && $become_root apt-get install -y --no-install-recommends "${missing[@]}"; } >/dev/null 2>&1 &&
      return
  fi
  echo "note: ${missing[*]} could not be installed here; type: sudo apt-get install ${missing[*]}" >&2
}

# make_environment PIP-ARGUMENT…: .venv with Python 3.11 or newer, and pip install with these arguments.
make_environment() {
  local python=""
  for candidate in python3.12 python3.11 python3.13 python3 python3.14; do # where all installs from wheels, first
    command -v "$candidate" >/dev/null && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
      2>/dev/null && python=$candidate && break
  done
  if [ -z "$python" ]; then
    echo "Python 3.11 or newer with venv is needed; type: sudo apt-get install python3 python3-venv" >&2
    exit 1
  fi
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  echo "installing rtspec into .venv (some minutes the first time) …"
  .venv/bin/python -m pip install -qq "$@"
}
