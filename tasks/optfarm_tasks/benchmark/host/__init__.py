"""What the machine says of itself while a clock runs: noise, energy, memory, hardware."""
