"""
Records as they should not be: one small folder per attack, kept as an archive, with the verdict it must get.

`python -m tests.corpus.make` makes them all anew. When the schema of the record gets another version, these stay as
they are, and stay readable.
"""
