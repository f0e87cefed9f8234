"""The SDK and the command line of the farm."""
