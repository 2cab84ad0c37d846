"""What is read first, in a kernel developer's words: each finding as a sentence, the summary of a terminal, the mail.

Made from the same figures as the sections, on whose words it builds; pages.py puts its section before all others.
"""
