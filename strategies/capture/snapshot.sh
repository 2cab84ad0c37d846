#!/bin/sh
# sh snapshot.sh PHASE >>states.txt: percpu bytes of every cgroup, between two marks in the trace if one is being recorded
phase=${1:-now} root=${2:-/sys/fs/cgroup} marker=${3:-/sys/kernel/tracing/trace_marker}
mark() { [ ! -w "$marker" ] || echo "WL SNAP-$1 $phase" >"$marker"; }
mark BEGIN; echo "SNAPSHOT $phase"
find "$root" -name memory.stat | LC_ALL=C sort | cat -n | while read -r number stat; do
  dir=${stat%/memory.stat}; path=${dir#"$root"}
  percpu=$(sed -n 's/^percpu //p' "$stat"); current=$(cat "$dir/memory.current" 2>/dev/null)
  echo "CGROUP $number $(stat -c %i "$dir") ${percpu:--} ${current:--} ${path:-/}"
done
echo "END $phase"; mark END
