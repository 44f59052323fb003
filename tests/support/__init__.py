"""What several test files share: an oracle, entry points, servers, assertions."""
