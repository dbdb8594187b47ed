"""The published programmes of experiments, each as one function from answers to its statistics."""
