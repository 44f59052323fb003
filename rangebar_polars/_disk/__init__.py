"""What stages share of files on disk: locks, hashes, the cache folder."""
