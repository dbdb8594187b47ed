"""Studies that are being made in the console, until they are frozen and published."""
