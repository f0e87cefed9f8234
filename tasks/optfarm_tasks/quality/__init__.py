"""Measures how good a variant is: its outputs against the baseline's and, with labels, against the truth.

`collapsed` says that a variant's outputs carry no information any more; collapse.py holds the rule, docs/quality.md
explains it.
"""
