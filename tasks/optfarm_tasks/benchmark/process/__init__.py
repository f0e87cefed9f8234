"""What runs in the process that holds one variant while it is timed."""
