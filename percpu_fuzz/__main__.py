"""`python -m percpu_fuzz` is `percpu-fuzz`."""

from percpu_fuzz.fuzz.entry import main

main()
