"""Rules: values that define when a bar ends."""
