#!/bin/sh
# Runs a program that must not outlive its parent: end-with-parent.sh SECONDS LOCK PROGRAM [ARGUMENT...]
# The parent holds the other end of standard input. When it dies, however it dies, the program gets SIGKILL after SECONDS.
# A parent whose program has ended writes a line instead, so that no other process of that number gets a signal.
# LOCK is a file that the program keeps locked for as long as it lives, or empty.
seconds="$1" lock="$2"
shift 2
if [ -n "$lock" ]; then
  exec 9>"$lock"
  flock --nonblock 9 || { echo "$lock is locked by another process" >&2; exit 1; }
fi
exec 3<&0
(
  exec 9>&-
  read -r _ && exit
  while [ "$seconds" -gt 0 ] && kill -s 0 $$; do
    sleep 1
    seconds=$((seconds - 1))
  done
  kill -s KILL $$
) <&3 >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
