"""Our XML schemas and code lists, as importable data."""
