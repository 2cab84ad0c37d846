"""Commands around the others: what is compiled, converted, completed by a shell, printed as a manual page."""
