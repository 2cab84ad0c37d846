"""QEMU's command line as a machine, and a machine as QEMU's command line.

words.py splits a text as a shell does and an option as QEMU does; reading.py takes option after option, as QEMU does;
devices.py has the memory that devices add; boot_words.py what the guest kernel's command line changes; export.py goes
the other way and reads back what it wrote.
"""
