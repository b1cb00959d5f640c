"""THE WAY OUT: the search index and the read-only web pages."""
