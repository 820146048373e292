"""The REST API of models, quotes, generations, files and use."""
