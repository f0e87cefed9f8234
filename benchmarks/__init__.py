"""Speed and memory of the farm against the bounds that it promises: `make bench`."""
