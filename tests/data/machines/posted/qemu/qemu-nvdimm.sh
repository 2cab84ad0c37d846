qemu-system-x86_64 -machine pc,nvdimm=on -smp 2 -m 1G,slots=2,maxmem=8G \
 -object memory-backend-file,id=nv,mem-path=/tmp/nv,size=2G -device nvdimm,id=n1,memdev=nv
