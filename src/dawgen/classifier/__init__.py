"""The frozen target model: scoring label words, training a soft prompt on it, predicting with it."""
