"""The language of the pages: English in the code, the others in catalogues beside it."""
