"""The farm in one folder: broker, object store, scheduler and workers on loopback, started and stopped together."""
