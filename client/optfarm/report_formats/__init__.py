"""Writes the measurements of a sweep in the report formats of other tools; see docs/report-formats.md."""
