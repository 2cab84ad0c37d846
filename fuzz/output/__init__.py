"""What goes out of a command: folders, claimed by one process at a time, and the streams that a person reads.

folder.py: an output folder, new or resumed; streams.py: standard output and standard error. May import the files of
fuzz/ that name errors. A single file is written by fuzz/files.py.
"""
