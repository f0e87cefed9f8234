"""The worker of one device: lease, fetch, run the child, commit."""
