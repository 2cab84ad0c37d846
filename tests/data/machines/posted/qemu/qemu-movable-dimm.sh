qemu-system-x86_64 -smp 2 -m 1G,slots=1,maxmem=4G -numa node,cpus=0-1,mem=1G -numa node,nodeid=1 \
 -object memory-backend-ram,id=r1,size=1G -device pc-dimm,id=d1,memdev=r1,node=1 \
 -append "console=ttyS0 memhp_default_state=online_movable"
