"""The words that client, scheduler and worker share, and the work itself: techniques, runtimes, benchmark, quality."""
