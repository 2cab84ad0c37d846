#!/bin/sh
# sh machine.sh [OUT.tar.gz [TRACE [STATES]]]: what percpu-fuzz wants to know of this machine. Reads only; best as root.
# TRACE: a saved /sys/kernel/tracing/trace with percpu events; STATES: what snapshot.sh printed.
out=${1:-machine.tar.gz}; trace=${2:-}; states=${3:-}
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT || exit 1
keep() { mkdir -p "$dir/$(dirname "$2")" && cat "$1" >"$dir/$2" 2>/dev/null || { rm -f "$dir/$2"; echo "left out: $1" >&2; }; }
for name in possible online present isolated; do keep /sys/devices/system/cpu/$name sys/devices/system/cpu/$name; done
for file in /sys/devices/system/node/possible /sys/devices/system/node/online /sys/devices/system/node/has_* \
    /sys/devices/system/node/node[0-9]*/cpulist /sys/devices/system/node/node[0-9]*/distance \
    /sys/devices/system/node/node[0-9]*/meminfo /sys/devices/system/node/node[0-9]*/vmstat; do
  [ ! -e "$file" ] || keep "$file" "${file#/}"
done
for link in /sys/devices/system/node/node[0-9]*/cpu[0-9]*; do [ ! -e "$link" ] || : >"$dir/${link#/}"; done
keep /proc/zoneinfo zoneinfo
keep /sys/kernel/debug/percpu_stats percpu_stats
getconf PAGESIZE >"$dir/page_size"
uname -a >"$dir/uname.txt"
dmesg >"$dir/dmesg-boot.txt" 2>/dev/null || rm -f "$dir/dmesg-boot.txt"
[ -z "$trace" ] || keep "$trace" percpu.trace
[ -z "$states" ] || keep "$states" states.txt
tar czf "$out" -C "$dir" . && echo "$out: now percpu-fuzz topology import $out -o machine.json" >&2
