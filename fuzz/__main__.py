"""`python -m fuzz` is `percpu-fuzz`."""

from fuzz.entry import main

main()
