"""The bundled small models: their weights, and the scripts that trained them from scratch."""
