"""Paths of files in a tree: one table for every check that keeps them inside, which all have to answer alike."""

PLAIN = ("a", "a/b.c", "variables/variables.data-00000-of-00001", ".hidden", "...", "a..b", "ä", "dense/kernel:0")
"""Taken as they are."""
ESCAPING = ("/etc/passwd", "//a", "..", "../up", "a/..", "a/../../b", "C:\\w", "a\\b", "..\\up", "nul\0", "", ".", "/")
"""Refused: they lead out of the folder, name no file in it, or do so on another system."""
NO_TEXT = ("\udcff", "a/\ud800")
"""Refused: a file system has such names, and nothing that is written in UTF-8 does."""
REDUNDANT = ("./a", "a//b", "a/", "a/./b")
"""Inside, but a second name for one file, so a tree refuses them and a reader of others' files takes them."""
