"""One file with everything that a sweep's numbers rest on, which anyone can check without the farm; docs/bundle.md."""
