qemu-system-x86_64 -smp 2 -m 4G -numa node,cpus=0,mem=1G -numa node,cpus=1,mem=3G -append "kernelcore=3G cma=256M"
