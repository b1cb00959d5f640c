"""Reading plain RTF, and writing it as pages, for the constructs that are proven (docs/internals/rtf.md)."""
