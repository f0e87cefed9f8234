"""The paired measurement of a variant and its baseline in fresh processes; docs/measurement.md explains the method."""
