"""Where bytes live: an S3 bucket or a local folder, addressed by content."""
