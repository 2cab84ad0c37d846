qemu-system-x86_64 -smp 2 -m 2G -numa node,cpus=0,mem=1G -numa node,cpus=1,mem=1G -append "numa=off"
