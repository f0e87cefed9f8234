"""Fixed work whose duration shows whether a device is still what it was; the scheduler keeps the control chart."""
