"""Plans sweeps, decides what runs where, and serves people and workers over HTTP."""
