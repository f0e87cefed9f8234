"""Every technique on two models, and the table of what came of it."""
