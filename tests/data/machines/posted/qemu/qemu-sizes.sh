qemu-system-x86_64 -smp 2 -m 0x800 \
 -object memory-backend-ram,id=a,size=0x20000000 -object memory-backend-ram,id=b,size=1.5g \
 -numa node,cpus=0,memdev=a -numa node,cpus=1,memdev=b,
