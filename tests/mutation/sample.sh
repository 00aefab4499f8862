#!/usr/bin/env bash
# Breaks a random part of a room: tests/mutation/sample.sh ROOM LINES [SEED] draws as many lines of its code and runs run.sh on them alone.
set -euo pipefail
cd "$(dirname "$0")"
if [ $# -lt 2 ] || [ ! -f "$1.json" ]; then
  echo "usage: $0 ROOM LINES [SEED]" >&2
  exit 2
fi
room=$1 lines=$2 seed=${3:-1}
root=$(cd ../.. && pwd)

# The files of the room, from the globs of its configuration.
mapfile -t globs < <(sed -n '/"mutate"/,/\]/p' "$room.json" | grep -o '"\(!\|\*\*\)[^"]*"' | tr -d '"')
files() {
  for glob in "${globs[@]}"; do
    [ "${glob#!}" = "$glob" ] || continue
    folder=${glob#\*\*/} folder=${folder%/*}
    find "$root" -path "$root/artifacts" -prune -o -regex ".*/$folder/[^/]*\.cs" -print
  done
}

# Stryker takes places in characters: {from..to} behind a file's name. Lines without code have nothing to break.
mapfile -t spans < <(files | sort -u | while read -r file; do
  awk -v name="**/$(basename "$(dirname "$file")")/$(basename "$file")" '
    { from = place; place += length($0) + 1 }
    /[;{(=>]/ && !/^ *(\/\/|using |namespace )/ { printf "%s{%d..%d}\n", name, from, place }' "$file"
done | shuf -n "$lines" --random-source=<(yes "$seed"))

arguments=()
for span in "${spans[@]}"; do
  arguments+=(--mutate "$span")
done
exec ./run.sh "$room" "${arguments[@]}"
