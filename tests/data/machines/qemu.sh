#!/bin/sh
# A virtual machine of three nodes: two with CPUs, one with memory only; two CPUs can be added later.
exec /usr/bin/qemu-system-x86_64 -machine q35,accel=kvm -cpu host \
  -smp cpus=4,maxcpus=6,sockets=3,cores=2,threads=1 \
  -m 3G,slots=2,maxmem=8G \
  -object '{"qom-type":"memory-backend-ram","id":"ram0","size":1073741824}' \
  -object memory-backend-memfd,id=ram1,size=1G,share=on \
  -object memory-backend-file,id=ram2,mem-path=/dev/shm/a,,b,size=1024M \
  -numa node,nodeid=0,memdev=ram0 \
  -numa node,nodeid=1,memdev=ram1 \
  -numa node,nodeid=2,memdev=ram2 \
  -numa cpu,node-id=0,socket-id=0 -numa cpu,node-id=1,socket-id=1 \
  -numa cpu,node-id=0,socket-id=2,core-id=0 -numa cpu,node-id=1,socket-id=2,core-id=1 \
  -numa dist,src=0,dst=1,val=21 -numa dist,src=0,dst=2,val=17 -numa dist,src=1,dst=2,val=28 \
  -device virtio-net-pci,netdev=n0 -netdev user,id=n0 \
  -kernel bzImage -append "console=ttyS0 isolcpus=domain,managed_irq,3"
