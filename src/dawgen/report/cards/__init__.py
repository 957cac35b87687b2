"""The cards that go with what is published: of a dataset, of a model."""
