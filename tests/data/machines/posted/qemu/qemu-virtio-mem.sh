qemu-system-x86_64 -smp 2 -m 1G,maxmem=9G -numa node,cpus=0-1,mem=1G -numa node,nodeid=1 \
 -object memory-backend-ram,id=v0,size=8G -device virtio-mem-pci,id=vm0,memdev=v0,node=1,requested-size=512M
