"""What stages share of buckets: addresses, conditional requests, what their errors mean."""
