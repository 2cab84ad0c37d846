#!/bin/sh
# don't use -smp 64 \
CPUS=4 MEM="2G"
qemu-system-x86_64 -enable-kvm \
  -smp $CPUS `# sockets=9` \
  -m "${MEM}" -name 'a # b' # -m 64G \
echo "-smp 99 is not given"
