"""Runtimes: one file each; the file name registers it."""
