"""What stages share of files on disk: locks, hashes, folders, what their errors mean."""
