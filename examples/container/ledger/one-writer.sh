#!/bin/sh
# Starts Postgres as the one writer of its volume.
#
# Postgres's own guard, postmaster.pid, names a process: one in another container, whose process ids are its own, it takes
# for dead, and opens the folder beside it. A lock of the kernel on a file of the volume holds for all containers of a
# node, and is gone when the last process of its holder is: nothing stale can be left behind.
set -eu
volume=$(dirname "$PGDATA")
exec 9>>"$volume/writer.lock"
if ! flock --nonblock 9; then
  echo "the ledger on $volume is open: $(cat "$volume/writer" 2>/dev/null || echo 'by nobody who says so')" >&2
  exit 75
fi
echo "process $$ of $(hostname), since $(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$volume/writer"
exec docker-entrypoint.sh postgres "$@"
