"""What becomes of observed ops: their times summed by type, and a Chrome trace."""
