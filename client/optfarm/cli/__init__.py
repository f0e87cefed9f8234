"""The `optfarm` command."""
