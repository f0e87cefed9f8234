"""Plans sweeps, decides what runs where, and tells people and workers about it over HTTP."""
