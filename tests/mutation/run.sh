#!/usr/bin/env bash
# Breaks one room in every way that Stryker knows and runs the room's tests against each: tests/mutation/run.sh sampling [options of dotnet stryker]
# The report is artifacts/mutation/ROOM/reports/ROOM.json.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root/tests/mutation"
if [ ! -f "${1:-}.json" ]; then
  echo "usage: $0 ROOM [options of dotnet stryker]; rooms: $(basename -s .json ./*.json | grep -v xunit | paste -sd ' ')" >&2
  exit 2
fi
room=$1
shift

# Tensors of the tests are tiny: more threads would only wait for one another.
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
# Read by MSBuild: the first failing test ends the run of a mutant.
export StopsOnFail=true
dotnet tool restore
exec nice -n 10 dotnet stryker --config-file "$room.json" --output "$root/artifacts/mutation/$room" --skip-version-check "$@"
