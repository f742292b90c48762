#!/usr/bin/env bash
# Runs a job on the Spark cluster of the configuration: ./spark-submit.sh jobs/live_bars.py
# The same as `mdstream submit`, which `--help` explains.
set -euo pipefail
mdstream="$(dirname "$0")/.venv/bin/mdstream"
[ -x "$mdstream" ] || mdstream="$(command -v mdstream)" || { echo "mdstream is not installed: make setup" >&2; exit 1; }
exec "$mdstream" submit "$@"
