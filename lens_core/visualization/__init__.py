"""What a concept or a class looks like to the model: pictures made for it, and their quality."""
