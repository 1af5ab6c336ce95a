"""Other ways to train on the same proteins, each in our own words and code."""
