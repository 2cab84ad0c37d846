"""`python -m fuzz` is `percpu-fuzz`."""

from fuzz.cli import main

main()
