"""Measures a variant against its baseline in pairs of fresh processes; docs/measurement.md explains the method."""
