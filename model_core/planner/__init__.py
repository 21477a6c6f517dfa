"""From a prompt to a header: a small network fitted to the corpus, and the words that are obeyed to the letter."""
