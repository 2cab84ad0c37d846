qemu-system-x86_64 -smp 2 -m 1G -numa node,cpus=0-1,mem=1G -numa node -numa node \
 -device vfio-pci,host=0009:01:00.0,id=gpu -object acpi-generic-initiator,id=g1,pci-dev=gpu,node=1 \
 -object acpi-generic-initiator,id=g2,pci-dev=gpu,node=2
