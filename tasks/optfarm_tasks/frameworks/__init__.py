"""What techniques and runtimes share of each framework, a folder per framework."""
