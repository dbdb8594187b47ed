"""Statistics and figures of exported data."""
