"""What a concept or a class looks like to the model: pictures optimised for it (MACO)."""
