"""Train a small classifier on a folder of images, on a CPU, for the demo and for tests."""
