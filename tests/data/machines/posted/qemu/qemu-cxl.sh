qemu-system-x86_64 -M q35,cxl=on,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G -smp 2 -m 1G \
 -device pxb-cxl,bus_nr=12,bus=pcie.0,id=cxl.1 -object memory-backend-ram,id=c0,size=4G \
 -device cxl-type3,bus=rp,volatile-memdev=c0,id=cxl0
