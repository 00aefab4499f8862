#!/usr/bin/env bash
# Breaks a random part of a room: tests/mutation/sample.sh ROOM PLACES [SEED] draws as many stretches of ten lines of its code and runs
# run.sh on them alone.
set -euo pipefail
cd "$(dirname "$0")"
if [ $# -lt 2 ] || [ ! -f "$1.json" ]; then
  echo "usage: $0 ROOM PLACES [SEED]" >&2
  exit 2
fi
room=$1 places=$2 seed=${3:-1}
root=$(cd ../.. && pwd)

# The files of the room, from the globs of its configuration.
mapfile -t globs < <(sed -n '/"mutate"/,/\]/p' "$room.json" | grep -o '"\(!\|\*\*\)[^"]*"' | tr -d '"')
files() {
  for glob in "${globs[@]}"; do
    [ "${glob#!}" = "$glob" ] || continue      # files that are left out stay so below
    folder=${glob#\*\*/} folder=${folder%/*}
    find "$root" -path "$root/artifacts" -prune -o -regex ".*/$folder/[^/]*\.cs" -print
  done
}

# Stryker takes places in characters: {from..to} behind a file's name. A stretch begins at a line with code.
mapfile -t spans < <(files | sort -u | while read -r file; do
  awk -v name="**/$(basename "$(dirname "$file")")/$(basename "$file")" '
    { start[NR] = place; place += length($0) + 1 }
    /[;{(=>]/ && !/^ *(\/\/|using |namespace )/ { code[NR] = 1 }
    END { start[NR + 1] = place; for (n in code) { to = n + 10 <= NR ? n + 10 : NR + 1; printf "%s{%d..%d}\n", name, start[n], start[to] } }
  ' "$file" | sort
done | awk -v seed="$seed" 'BEGIN { srand(seed) } { print rand(), $0 }' | sort -n | head -n "$places" | cut -d ' ' -f 2)
if [ ${#spans[@]} -eq 0 ]; then
  echo "no place of $room was drawn" >&2
  exit 1
fi

arguments=()
for span in "${spans[@]}" $(printf '%s\n' "${globs[@]}" | grep '^!' || true); do
  arguments+=(--mutate "$span")
done
exec ./run.sh "$room" "${arguments[@]}"
